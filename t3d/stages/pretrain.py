"""Solution 2, first part: an image encoder that knows different views of one shape as one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from t3d.pipeline.stage import Each, Facts, Parts, Progress, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """Encoder, heads and schedule of pre-training; "seed" is the project that the method's report describes.

    The seed's schedule (1,200 to 2,400 steps of SGD without momentum) is not kept: AdamW, cosine, more steps.
    """

    backbone: str = "resnet"
    """Architecture by its name in transformers; "resnet" is built from `widths` and `depths`."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the four groups of the ResNet (ResNet-18, as the seed)."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Basic blocks in each (ResNet-18, as the seed)."""
    pretrained: str = "none"
    """Weights to start from, a name known to transformers or a folder; they bring the settings of their
    architecture (seed: ImageNet)."""
    input_size: int = 224
    """Side of the images that the encoder sees, in pixels (seed)."""
    levels: tuple[str, ...] = ("easy", "hard")
    """Views to learn from: "easy", "hard" or both (seed: both)."""
    iterations: int = 20_000
    """Steps of the optimiser."""
    batch: int = 256
    """Pairs of views per iteration, each of another shape, all shapes when there are fewer (seed)."""
    lr: float = 1e-3
    """First learning rate of AdamW; it falls to zero as a cosine."""
    weight_decay: float = 1e-4
    """Decoupled weight decay (seed's value)."""
    hidden: int = 512
    """Width of the hidden layer of projection and predictor (seed)."""
    projection: int = 128
    """Numbers in an embedding, which the losses compare (seed)."""
    temperature: float = 0.1
    """Divides the cosines in `simclr` (Chen et al. 2020: 0.1) and `moco` (v2: 0.2); seed: 0.07."""
    queue: int = 8_192
    """Keys that `moco` remembers (seed; paper: 65,536)."""
    norm_groups: int = 8
    """Groups of a batch with batch norms of their own in `moco`: the GPUs of its paper."""
    moco_momentum: float = 0.999
    """Share of the slow network of `moco` that each step keeps (He et al. 2020; seed: 0.99)."""
    byol_momentum: float = 0.996
    """The same for `byol` at first; it rises to 1 as a cosine (Grill et al. 2020)."""
    jitter: float = 0.4
    """Brightness, contrast and saturation of the object vary by this share (seed's ColorJitter)."""
    hue: float = 0.4
    """Hues of the object turn by up to this share of the circle (seed's ColorJitter)."""
    gray: float = 0.2
    """Share of the images made gray (Chen et al. 2020): else shapes are told apart by their colours."""
    shift: float = 0.1
    """Images move by up to this share of their side (seed: none)."""
    zoom: float = 0.2
    """Sizes in images vary by up to this share (seed: none)."""
    validate_every: int = 200
    """Iterations per line of `curves.csv` and per measurement on validation shapes."""
    patience: int = 0
    """Measurements without a new best after which training stops; 0: never."""
    gpu: bool = False
    """Train on the machine's GPUs where it has some, by accelerate."""
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision of accelerate: "no" or "bf16"."""


@stage(
    per="set",
    version=1,
    variants=("s2-simclr", "s2-moco", "s2-byol", "s2-simsiam", "s2-none"),
    files=("encoder.safetensors", "config.json", "curves.csv"),
    resource="train",
    timeout=None,
)
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
    from t3d.models.encoder import encoder_config
    from t3d.models.fitting import summary
    from t3d.models.training import chosen, thread_count, write_curves
    from t3d.models.views import load_views

    config, plan = encoder_config(params), chosen(pretraining.PretrainPlan, params)
    method = variant.removeprefix("s2-")
    with thread_count(threads):
        train, val = (
            load_views(shapes, params.levels, config.input_size, scratch / part)
            for part, shapes in learned(views).items()
        )
        encoder, rows = pretraining.pretrain(
            method, (train, val), (config, params.pretrained), plan, train_seed, scratch, progress
        )
    network.save_encoder(out, encoder)
    write_curves(out / "curves.csv", rows)
    found = summary(rows[1:] or rows, "retrieval", -1)  # row 0 is before any training
    return {**found, "validation_untrained": rows[0].get("retrieval"), "views": len(train)}
