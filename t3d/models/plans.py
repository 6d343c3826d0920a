"""What every training is told: sizes, losses, schedules, each with its published value and source.

The parameters of the stages that train are made of these classes, so that each is said once. No torch here:
`t3d --help` reads them. "Seed" is the project that the method's report describes, DIT its ancestor Deep
Implicit Templates; an epoch of the published training of chairs (3,281 shapes) is 136 iterations.
"""

from dataclasses import dataclass, fields
from typing import Literal

from t3d.errors import UsageError

STAGES = 4
"""Supervised depths of the warp: steps 2, 4, 6 and 8 of 8 (Deep Implicit Templates, section 3.3)."""


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Sizes of the decoder."""

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

    def __post_init__(self) -> None:
        if self.steps < STAGES or self.steps % STAGES:
            raise UsageError(f"warp steps: {self.steps} is no multiple of {STAGES}; use 4, 8, 12, ...")
        if min(self.code, self.hidden, self.width, self.depth) < 1 or not 0 <= self.dropout < 1:
            raise UsageError("decoder: sizes must be positive and 0 <= dropout < 1")

    def alone(self) -> "DecoderConfig":
        """Of what has more parameters than these, these."""
        return DecoderConfig(**{field.name: getattr(self, field.name) for field in fields(DecoderConfig)})


@dataclass(frozen=True, kw_only=True)
class LossPlan:
    """Weights of the losses of decoders."""

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


@dataclass(frozen=True, kw_only=True)
class DevicePlan:
    """What a training runs on."""

    gpu: bool = False
    """Train on the machine's GPUs where it has some, by accelerate."""
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision of accelerate: "no" or "bf16"."""


@dataclass(frozen=True, kw_only=True)
class SamplePlan(DevicePlan):
    """How a decoder is optimised, with a code book or an encoder."""

    iterations: int = 272_136
    """Steps of the optimiser at most: 2,001 epochs (seed and DIT specs; the seed's end-to-end training
    counted 40 passes over all images instead, 50 times as slow)."""
    scenes: int = 24
    """Shapes per iteration, one view of each end to end; all when there are fewer (seed and DIT specs)."""
    points: int = 5_000
    """Samples per shape and iteration, half outside and half inside (seed specs)."""
    code_start: float = 1.0
    """Length of the codes at first, about: they are drawn from N(0, code_start^2 / code) (seed and DIT), or
    the encoder's last layer is scaled to it. What little training does not undo of it is noise."""
    code_bound: float = 1.0
    """Greatest length of a code of the code book (seed and DIT specs, CodeBound)."""
    lr_codes: float = 1e-3
    """First learning rate of the code book (seed and DIT specs)."""
    lr_warp: float = 5e-4
    """First learning rate of the warp (seed and DIT specs)."""
    lr_template: float = 1e-3
    """First learning rate of the template (seed specs; DIT: 5e-4)."""
    schedule: Literal["halving", "cosine"] = "halving"
    """How the learning rates fall: "halving" (seed and DIT) or "cosine", down to zero at the end."""
    decay_every: int = 68_000
    """Iterations between halvings: 500 epochs (seed and DIT specs)."""


@dataclass(frozen=True, kw_only=True)
class CodesPlan(SamplePlan):
    """How phase 1 optimises decoder and code book."""

    batch_split: int = 1
    """Parts in which an iteration is computed one by one, to need less memory (seed, DIT specs: 2). It
    doubles by itself when memory runs out; the result is the same but for rounding and dropout's draws."""
    log_every: int = 50
    """Iterations per line of `curves.csv`."""


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """How to find the code of a shape that was not trained on."""

    fit_iterations: int = 800
    """Iterations to find the code of a validation shape (DIT `reconstruct_deep_implicit_templates.py`)."""
    fit_points: int = 8_000
    """Samples per iteration for it (same file)."""
    fit_lr: float = 5e-3
    """First learning rate for it, a tenth from half of the iterations on (same file)."""
    clamp: float = LossPlan.clamp
    """As in `LossPlan`."""


@dataclass(frozen=True, kw_only=True)
class LoopPlan(DevicePlan):
    """How long a training that is judged on validation shapes goes on."""

    iterations: int = 16_000
    """Steps of the optimiser at most."""
    validate_every: int = 200
    """Iterations per line of `curves.csv` and per validation."""
    patience: int = 20
    """Validations without a new best after which training stops and goes back to the best weights; 0: never,
    and the last weights count (seed). A decoder that hedges has a small error: see docs/few-shapes.md."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training images vary; only the object's colours and its place, on a white that stays white."""

    jitter: float = 0.4
    """Brightness, contrast and saturation of the object are multiplied by U(1 - jitter, 1 + jitter) (seed's
    ColorJitter)."""
    hue: float = 0.4
    """Hues of the object turn by U(-hue, hue) of the circle (seed's ColorJitter)."""
    gray: float = 0.0
    """Share of the images whose object is gray (seed: none)."""
    shift: float = 0.0
    """Greatest move along each axis, as a share of the side (seed: none)."""
    zoom: float = 0.0
    """Sizes are multiplied by U(1 - zoom, 1 + zoom) (seed: none)."""


@dataclass(frozen=True, kw_only=True)
class EncoderPlan:
    """Architecture of an image encoder and where its weights come from."""

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


@dataclass(frozen=True, kw_only=True)
class TuningPlan:
    """What of an image encoder learns."""

    weight_decay: float = 0.0
    """Decoupled weight decay of the encoder (seed: none)."""
    freeze: bool = False
    """Leave the backbone as it came; only the last layer learns (seed: in phase 2 all learns, end to end
    the backbone is frozen)."""
    norms: Literal["batch", "fixed"] = "batch"
    """Batch norms: "batch" normalises by each batch and keeps running statistics (seed, even when frozen),
    "fixed" normalises by the running ones that came with the weights and leaves them alone."""


@dataclass(frozen=True, kw_only=True)
class RegressionPlan(TuningPlan, Augmentation, EncoderPlan, LoopPlan):
    """How phase 2 trains an encoder to give codes."""

    iterations: int = 16_000
    """Steps of the optimiser at most: 50 epochs of 164,050 chair views, where the seed's rate has died."""
    batch: int = 512
    """Views per iteration (seed)."""
    lr: float = 1e-3
    """First learning rate (seed)."""
    schedule: Literal["cosine", "halving"] = "cosine"
    """How the learning rate falls: "cosine" down to zero, or "halving" (seed: every 5 epochs)."""
    decay_every: int = 1_600
    """Iterations between halvings: 5 epochs of chair views."""


@dataclass(frozen=True, kw_only=True)
class EndToEndPlan(TuningPlan, Augmentation, SamplePlan, LoopPlan):
    """How decoder and encoder are optimised together."""

    lr_encoder: float = 1e-3
    """First learning rate of the encoder (seed `train_deep_implicit_templates*.py`)."""
    book_iterations: int = 0
    """First iterations, in which the decoder learns with a code book, as in phase 1, and the encoder to give
    its codes; 0 (seed): none. Where shapes are few, codes that come from an encoder alone fill few of their
    dimensions: see docs/few-shapes.md. None, too, with a decoder that is trained already."""
    book_weight: float = 0.1
    """Weight, in these, of the L1 distance of the encoder's codes from the book's (as phase 2's loss)."""


@dataclass(frozen=True, kw_only=True)
class PretrainPlan(Augmentation, EncoderPlan, LoopPlan):
    """How an encoder is pre-trained by contrast.

    The seed's schedule (1,200 to 2,400 steps of SGD without momentum) is not kept: AdamW, cosine, more steps.
    """

    iterations: int = 20_000
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
    gray: float = 0.2
    """Share of the images whose object is gray (Chen et al. 2020): else shapes are told apart by colours."""
    shift: float = 0.1
    zoom: float = 0.2
    patience: int = 0
