"""Solution 2: decoder and image encoder trained end to end, from a pre-trained encoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t3d.datasets.start import check_start
from t3d.models.plans import DecoderConfig, EndToEndPlan, LossPlan
from t3d.pipeline import Each, Facts, Parts, Progress, stage
from t3d.stages import SOLUTION_2, TRAINING


@dataclass(frozen=True, kw_only=True)
class Params(EndToEndPlan, LossPlan, DecoderConfig):
    """Decoder, losses and schedule; the encoder's architecture is the stage `pretrain`'s."""

    start: tuple[Path, ...] = ()
    """Files of a trained network to go on from, `--init` names them; its decoder, and its encoder as far
    as it fits. None: begin anew."""
    levels: tuple[str, ...] = ("easy", "hard")
    """Views to learn from: "easy", "hard" or both (seed v1: easy, v2: both)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_start(self.start, self)


@stage(
    version=6,
    makes="network",
    command="train",
    variants=SOLUTION_2,
    files=("model.safetensors", "config.json", "curves.csv", "curves-pretrain.csv"),
    **TRAINING,
)
def network_s2(
    pretrain: Path,
    sdf: Annotated[Parts, Each("train", "virtual", "val")],
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
    """Train decoder and image encoder together, from single views to signed distances."""
    from t3d.datasets.virtual import learned
    from t3d.models import endtoend, looks, network
    from t3d.models.training import summary, thread_count, write_curves

    start = network.read_start(params.start)
    encoder, taken = network.load_encoder(pretrain, params.code, train_seed, start)
    first, plans = start.decoder if start else params.alone(), (params, params)
    with thread_count(threads):
        read = zip(learned(sdf).values(), learned(views).items(), strict=True)
        train, val = (
            endtoend.scenes(samples, seen, params.levels, encoder.config.input_size, scratch / part)
            for samples, (part, seen) in read
        )
        data = (train, val)
        model, rows = endtoend.train_end_to_end(data, encoder, first, plans, train_seed, scratch, progress)
        codes = endtoend.shape_codes(model.encoder, train.views)
        known = looks.measure(model.encoder, train.views, val.views)
    network.save(out, variant, model.decoder, model.encoder, codes, known)
    write_curves(out / "curves.csv", rows)
    (out / "curves-pretrain.csv").write_bytes((pretrain / "curves.csv").read_bytes())
    return {
        **summary(rows, params.patience),
        "shapes": len(train.samples),
        "tensors_transferred": len(taken.matched),
        "tensors_new": list(taken.missing),
    }
