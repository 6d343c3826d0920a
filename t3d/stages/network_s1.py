"""Solution 1, phase 2: an image encoder trained to give the codes of phase 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from t3d.pipeline.stage import Each, Facts, Parts, Progress, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """Encoder and schedule of phase 2; "seed" is the project that the method's report describes."""

    backbone: str = "resnet"
    """Architecture by its name in transformers; "resnet" is built from `widths` and `depths`."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the four groups of the ResNet (ResNet-18, as the seed)."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Basic blocks in each (ResNet-18, as the seed)."""
    pretrained: str = "none"
    """Weights to start from, a name known to transformers or a folder; they bring the settings of their
    architecture (seed: ImageNet)."""
    start: tuple[Path, ...] = ()
    """Files of a trained network to go on from, `--init` names them; its encoder as far as it fits. None:
    begin anew."""
    freeze: bool = False
    """Leave the backbone as it came; only the last layer learns (seed: all learns)."""
    norms: Literal["batch", "fixed"] = "batch"
    """Batch norms: "batch" normalises by each batch and keeps running statistics (seed), "fixed" normalises
    by the running ones that came with the weights and leaves them alone."""
    input_size: int = 224
    """Side of the images that the encoder sees, in pixels (seed)."""
    levels: tuple[str, ...] = ("easy",)
    """Views to learn from: "easy", "hard" or both (seed `train_solution1.py`: easy)."""
    iterations: int = 16_000
    """Steps of the optimiser at most: 50 epochs of 164,050 chair views, where the seed's rate has died."""
    batch: int = 512
    """Views per iteration (seed)."""
    lr: float = 1e-3
    """First learning rate (seed)."""
    weight_decay: float = 0.0
    """Decoupled weight decay (seed: none)."""
    schedule: Literal["cosine", "halving"] = "cosine"
    """How the learning rate falls: "cosine" down to zero, or "halving" (seed: every 5 epochs)."""
    decay_every: int = 1_600
    """Iterations between halvings: 5 epochs of chair views."""
    jitter: float = 0.4
    """Brightness, contrast and saturation of the object vary by this share (seed's ColorJitter)."""
    hue: float = 0.4
    """Hues of the object turn by up to this share of the circle (seed's ColorJitter)."""
    gray: float = 0.0
    """Share of the images made gray (seed: none)."""
    shift: float = 0.0
    """Images move by up to this share of their side (seed: none)."""
    zoom: float = 0.0
    """Sizes in images vary by up to this share (seed: none)."""
    validate_every: int = 200
    """Iterations per line of `curves.csv` and per validation."""
    patience: int = 20
    """Validations without a new best after which training stops; 0: never."""
    gpu: bool = False
    """Train on the machine's GPUs where it has some, by accelerate."""
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision of accelerate: "no" or "bf16"."""


@stage(
    per="set",
    version=1,
    makes="network",
    command="train",
    variants=("s1",),
    files=("model.safetensors", "config.json", "curves.csv", "curves-codes.csv"),
    resource="train",
    timeout=None,
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
    from t3d.models.encoder import encoder_config
    from t3d.models.fitting import summary
    from t3d.models.training import chosen, thread_count, write_curves

    decoder, *named = network.load_codes(codes)
    config, plan = encoder_config(params), chosen(regression.RegressionPlan, params)
    with thread_count(threads):
        read = zip(learned(views).items(), named, strict=True)
        train, val = (
            regression.targets(shapes, of, params.levels, config.input_size, scratch / part)
            for (part, shapes), of in read
        )
        start = network.read_start(params.start)
        encoder, rows = regression.train_encoder(
            (train, val), config, plan, train_seed, scratch, progress, start and start.encoder
        )
        known = looks.measure(encoder, train.views, val.views)
    network.save(out, "s1", decoder, encoder, train.codes.mean(0).numpy(), known)
    write_curves(out / "curves.csv", rows)
    (out / "curves-codes.csv").write_bytes((codes / "curves.csv").read_bytes())
    return {
        **summary(rows),
        "validation_of_mean_code": regression.mean_code_loss(train, val) if len(val.views) else None,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "views": len(train.views),
    }
