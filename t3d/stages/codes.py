"""Phase 1: a decoder (warp and template) and one code per training shape."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from t3d.datasets.start import check_start
from t3d.pipeline.stage import Each, Facts, Parts, Progress, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """Sizes, losses and schedule of phase 1.

    Defaults are those of the published training of chairs (3,281 shapes: an epoch is 136 iterations); "seed"
    is the project that the method's report describes, DIT its ancestor Deep Implicit Templates.
    """

    code: int = 256
    """Numbers in a code (report, section 3)."""
    hidden: int = 512
    """Hidden size of the warp's LSTM (DIT `deep_implicit_template_decoder.py`)."""
    steps: int = 8
    """Steps of the warp; a multiple of 4 (DIT, same file)."""
    width: int = 256
    """Width of the template's layers (DIT, same file)."""
    depth: int = 5
    """Hidden layers of the template (DIT, same file)."""
    dropout: float = 0.05
    """Share of the template's hidden values dropped in training (DIT specs)."""
    init: Literal["published", "intended"] = "published"
    """First weights of the LSTM: "published" (torch's default, as DIT really ran) or "intended"."""
    start: tuple[Path, ...] = ()
    """Files of a trained network to go on from, `--init` names them; its decoder, and its mean code for
    every shape. None: begin anew."""
    clamp: float = 0.1
    """Distances beyond this, in unit-frame lengths, count as this (DIT specs, ClampingDistance)."""
    pointwise: float = 0.005
    """Weight of the point-wise loss, after its ramp (seed and DIT specs; the report's Eq. 9 swaps it)."""
    pointpair: float = 0.0109375
    """Weight of the mean over point pairs, after its ramp: the seed's 2e-5 of a sum at 5,000 points."""
    pointpair_limit: float = 5.0
    """Most that one pair counts (seed `deep_sdf/loss.py`; DIT has no limit: 0)."""
    code_weight: float = 1e-4
    """Weight of the mean length of the codes, after its ramp (seed and DIT specs)."""
    ramp: int = 13_600
    """Iterations over which the weights reach their value: 100 epochs (seed and DIT `train_*.py`)."""
    iterations: int = 272_136
    """Steps of the optimiser: 2,001 epochs (seed and DIT specs)."""
    scenes: int = 24
    """Shapes per iteration, all of them when there are fewer (seed and DIT specs)."""
    points: int = 5_000
    """Samples per shape and iteration, half outside and half inside (seed specs)."""
    batch_split: int = 1
    """Parts in which an iteration is computed one by one, to need less memory (seed, DIT specs: 2). It
    doubles by itself when memory runs out; the result is the same but for rounding and dropout's draws."""
    lr_warp: float = 5e-4
    """First learning rate of the warp (seed and DIT specs)."""
    lr_template: float = 1e-3
    """First learning rate of the template (seed specs; DIT: 5e-4)."""
    lr_codes: float = 1e-3
    """First learning rate of the codes (seed and DIT specs)."""
    schedule: Literal["halving", "cosine"] = "halving"
    """How the learning rates fall: "halving" (seed and DIT) or "cosine", down to zero at the end."""
    decay_every: int = 68_000
    """Iterations between halvings: 500 epochs (seed and DIT specs)."""
    code_start: float = 1.0
    """Length of the codes at first, about: they are drawn from N(0, code_start^2 / code) (seed and DIT). What
    little training does not undo of it is noise to phase 2."""
    code_bound: float = 1.0
    """Greatest length of a code (seed and DIT specs, CodeBound)."""
    fit_iterations: int = 800
    """Iterations to find the code of a validation shape (DIT `reconstruct_deep_implicit_templates.py`)."""
    fit_points: int = 8_000
    """Samples per iteration for it (same file)."""
    fit_lr: float = 5e-3
    """First learning rate for it, a tenth from half of the iterations on (same file)."""
    log_every: int = 50
    """Iterations per line of `curves.csv`."""
    gpu: bool = False
    """Train on the machine's GPUs where it has some, by accelerate."""
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision of accelerate: "no" or "bf16"."""

    def __post_init__(self) -> None:
        check_start(self.start, self)


@stage(
    per="set",
    version=2,
    files=("decoder.safetensors", "config.json", "codes.npz", "curves.csv"),
    resource="train",
    timeout=None,
)
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
    from t3d.models.decoder import DecoderConfig
    from t3d.models.network import read_start, save_codes
    from t3d.models.samples import Samples
    from t3d.models.training import chosen, thread_count, write_curves

    train, val = (Samples(shapes) for shapes in learned(sdf).values())
    plans = (chosen(phase.CodesPlan, params), chosen(phase.LossPlan, params))
    with thread_count(threads):
        start = read_start(params.start)
        first = start and (start.decoder, start.mean_code)
        trained = phase.train_codes(
            train, chosen(DecoderConfig, params), plans, train_seed, scratch, progress, first
        )
        val_codes, val_loss = phase.fit_codes(trained.decoder, val, chosen(phase.FitPlan, params), train_seed)
    save_codes(out, trained.decoder, (train.ids, trained.codes), (val.ids, val_codes))
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
