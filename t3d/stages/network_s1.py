"""Solution 1, phase 2: an image encoder trained to give the codes of phase 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t3d.models.plans import RegressionPlan
from t3d.pipeline import Each, Facts, Parts, Progress, stage
from t3d.stages import TRAINING


@dataclass(frozen=True, kw_only=True)
class Params(RegressionPlan):
    """Encoder and schedule of phase 2."""

    start: tuple[Path, ...] = ()
    """Files of a trained network to go on from, `--init` names them; its encoder as far as it fits. None:
    begin anew."""
    levels: tuple[str, ...] = ("easy",)
    """Views to learn from: "easy", "hard" or both (seed `train_solution1.py`: easy)."""


@stage(
    version=4,
    makes="network",
    command="train",
    variants=("s1",),
    files=("model.safetensors", "config.json", "curves.csv", "curves-codes.csv"),
    **TRAINING,
)
def network_s1(
    codes: Path,
    views: Annotated[Parts, Each("train", "virtual", "val")],
    *,
    out: Path,
    params: Params,
    train_seed: int,
    scratch: Path,
    progress: Progress,
    threads: int,
) -> Facts:
    """Train an image encoder to give the codes of phase 1; with the decoder it is a network."""
    from t3d.datasets.virtual import learned
    from t3d.models import looks, network, regression
    from t3d.models.training import summary, thread_count, write_curves

    decoder, *named = network.load_codes(codes)
    with thread_count(threads):
        read = zip(learned(views).items(), named, strict=True)
        train, val = (
            regression.targets(shapes, of, params.levels, params.input_size, scratch / part)
            for (part, shapes), of in read
        )
        start = network.read_start(params.start)
        first = start and start.encoder
        encoder, rows = regression.train_encoder((train, val), params, train_seed, scratch, progress, first)
        known = looks.measure(encoder, train.views, val.views)
    network.save(out, "s1", decoder, encoder, named[0], known)
    write_curves(out / "curves.csv", rows)
    (out / "curves-codes.csv").write_bytes((codes / "curves.csv").read_bytes())
    return {
        **summary(rows, params.patience),
        "validation_of_mean_code": regression.mean_code_loss(train, val) if len(val.views) else None,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "views": len(train.views),
    }
