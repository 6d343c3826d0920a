"""Solution 2, first part: an image encoder that knows different views of one shape as one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t3d.models.plans import PretrainPlan
from t3d.pipeline import Each, Facts, Parts, Progress, stage
from t3d.stages import SOLUTION_2, TRAINING


@dataclass(frozen=True, kw_only=True)
class Params(PretrainPlan):
    """Encoder, heads and schedule of pre-training."""

    levels: tuple[str, ...] = ("easy", "hard")
    """Views to learn from: "easy", "hard" or both (seed: both)."""


@stage(version=2, variants=SOLUTION_2, files=("encoder.safetensors", "config.json", "curves.csv"), **TRAINING)
def pretrain(
    views: Annotated[Parts, Each("train", "virtual", "val")],
    *,
    out: Path,
    params: Params,
    variant: str,
    train_seed: int,
    scratch: Path,
    progress: Progress,
    threads: int,
) -> Facts:
    """Train an image encoder by contrast; for `s2-none` write it as it is before any training."""
    from t3d.datasets.virtual import learned
    from t3d.models import network, pretraining
    from t3d.models.training import summary, thread_count, write_curves
    from t3d.models.views import load_views

    method = variant.removeprefix("s2-")
    with thread_count(threads):
        train, val = (
            load_views(shapes, params.levels, params.input_size, scratch / part)
            for part, shapes in learned(views).items()
        )
        encoder, rows = pretraining.pretrain(method, (train, val), params, train_seed, scratch, progress)
    network.save_encoder(out, encoder)
    write_curves(out / "curves.csv", rows)
    found = summary(rows[1:] or rows, params.patience, "retrieval", -1)  # row 0 is before
    return {**found, "validation_untrained": rows[0].get("retrieval"), "views": len(train)}
