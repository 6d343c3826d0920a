"""Phase 1: a decoder (warp and template) and one code per training shape."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t3d.datasets.start import check_start
from t3d.models.plans import CodesPlan, DecoderConfig, FitPlan, LossPlan
from t3d.pipeline import Each, Facts, Parts, Progress, stage
from t3d.stages import TRAINING


@dataclass(frozen=True, kw_only=True)
class Params(CodesPlan, FitPlan, LossPlan, DecoderConfig):
    """Sizes, losses and schedule of phase 1; defaults are those of the published training of chairs."""

    start: tuple[Path, ...] = ()
    """Files of a trained network to go on from, `--init` names them; its decoder, and its mean code for
    every shape. None: begin anew."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_start(self.start, self)


@stage(version=2, files=("decoder.safetensors", "config.json", "codes.npz", "curves.csv"), **TRAINING)
def codes(
    sdf: Annotated[Parts, Each("train", "virtual", "val")],
    *,
    out: Path,
    params: Params,
    train_seed: int,
    scratch: Path,
    progress: Progress,
    threads: int,
) -> Facts:
    """Learn the category's template, its warp, and a code for every training shape."""
    from t3d.datasets.virtual import learned
    from t3d.models import codes as phase
    from t3d.models.network import read_start, save_codes
    from t3d.models.samples import Samples
    from t3d.models.training import device_of, thread_count, write_curves

    train, val = (Samples(shapes) for shapes in learned(sdf).values())
    with thread_count(threads):
        start = read_start(params.start)
        plans = (params, params)
        trained = phase.train_codes(train, params.alone(), plans, train_seed, scratch, progress, start)
        decoder = trained.decoder.to(device_of(params.gpu))
        val_codes, val_loss = phase.fit_codes(decoder, val, params, train_seed)
    save_codes(out, decoder.cpu(), (train.ids, trained.codes), (val.ids, val_codes))
    write_curves(out / "curves.csv", trained.rows)
    last = trained.rows[-1]
    return {
        "iterations": params.iterations,
        "loss": last["loss"],
        "reconstruction": last["rec"],
        "validation": val_loss if len(val) else None,
        "seconds_per_step": last["seconds"] / last["step"],
        "parameters": sum(p.numel() for p in trained.decoder.parameters()),
        "shapes": len(train),
        **trained.facts,
    }
