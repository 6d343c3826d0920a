"""Solution 2: decoder and image encoder trained end to end, from a pre-trained encoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from t3d.datasets.start import check_start
from t3d.pipeline.stage import Each, Facts, Parts, Progress, stage

if TYPE_CHECKING:
    from t3d.models.decoder import Decoder, DecoderConfig
    from t3d.models.encoder import Encoder
    from t3d.models.weights import Transfer


@dataclass(frozen=True, kw_only=True)
class Params:
    """Decoder, losses and schedule; the encoder's architecture is the stage `pretrain`'s.

    Sizes and losses are those of the stage `codes`, with their sources there. "seed" is the project that the
    method's report describes; it counted its schedules in passes over all images, 50 times as slow.
    """

    code: int = 256
    """Numbers in a code, as `codes.code`."""
    hidden: int = 512
    """Hidden size of the warp's LSTM, as `codes.hidden`."""
    steps: int = 8
    """Steps of the warp, a multiple of 4, as `codes.steps`."""
    width: int = 256
    """Width of the template's layers, as `codes.width`."""
    depth: int = 5
    """Hidden layers of the template, as `codes.depth`."""
    dropout: float = 0.05
    """Share of the template's hidden values dropped in training, as `codes.dropout`."""
    init: Literal["published", "intended"] = "published"
    """First weights of the LSTM, as `codes.init`."""
    start: tuple[Path, ...] = ()
    """Files of a trained network to go on from, `--init` names them; its decoder, and its encoder as far
    as it fits. None: begin anew."""
    clamp: float = 0.1
    """Distances beyond this, in unit-frame lengths, count as this, as `codes.clamp`."""
    pointwise: float = 0.005
    """Weight of the point-wise loss, after its ramp, as `codes.pointwise`."""
    pointpair: float = 0.0109375
    """Weight of the mean over point pairs, after its ramp, as `codes.pointpair`."""
    pointpair_limit: float = 5.0
    """Most that one pair counts, as `codes.pointpair_limit`."""
    code_weight: float = 1e-4
    """Weight of the mean length of what the encoder says, after its ramp (seed specs)."""
    ramp: int = 13_600
    """Iterations over which the weights reach their value, as `codes.ramp`."""
    iterations: int = 272_136
    """Steps of the optimiser at most, as `codes.iterations` (seed: 40 passes over the chairs' images)."""
    scenes: int = 24
    """Shapes per iteration, one view of each; all of them when there are fewer (seed specs)."""
    points: int = 5_000
    """Samples per shape and iteration, half outside and half inside (seed specs)."""
    code_start: float = 1.0
    """Length of the codes at first, about, their mean being zero, as `codes.code_start`."""
    lr_warp: float = 5e-4
    """First learning rate of the warp (seed specs)."""
    lr_template: float = 1e-3
    """First learning rate of the template (seed specs)."""
    lr_encoder: float = 1e-3
    """First learning rate of the encoder (seed `train_deep_implicit_templates*.py`)."""
    weight_decay: float = 0.0
    """Decoupled weight decay of the encoder (seed: none)."""
    schedule: Literal["halving", "cosine"] = "halving"
    """How the learning rates fall: "halving" or "cosine", down to zero at the end."""
    decay_every: int = 68_000
    """Iterations between halvings, as `codes.decay_every`."""
    freeze: bool = False
    """Leave the backbone as it was pre-trained; only its last layer learns (seed: frozen)."""
    norms: Literal["batch", "fixed"] = "batch"
    """Batch norms of the encoder: "batch" normalises by each batch and keeps running statistics (seed, even
    when frozen), "fixed" normalises by the running ones that came with the weights and leaves them alone."""
    levels: tuple[str, ...] = ("easy", "hard")
    """Views to learn from: "easy", "hard" or both (seed v1: easy, v2: both)."""
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

    def __post_init__(self) -> None:
        check_start(self.start, self)


@stage(
    per="set",
    version=1,
    makes="network",
    command="train",
    variants=("s2-simclr", "s2-moco", "s2-byol", "s2-simsiam", "s2-none"),
    files=("model.safetensors", "config.json", "curves.csv", "curves-pretrain.csv"),
    resource="train",
    timeout=None,
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
    from t3d.models.codes import LossPlan
    from t3d.models.fitting import summary
    from t3d.models.training import chosen, thread_count, write_curves

    encoder, first, transfer = _begun(pretrain, params, train_seed)
    plans = (chosen(endtoend.EndToEndPlan, params), chosen(LossPlan, params))
    with thread_count(threads):
        read = zip(learned(sdf).values(), learned(views).items(), strict=True)
        train, val = (
            endtoend.scenes(samples, seen, params.levels, encoder.config.input_size, scratch / part)
            for samples, (part, seen) in read
        )
        parts = (train, val)
        model, rows = endtoend.train_end_to_end(parts, encoder, first, plans, train_seed, scratch, progress)
        mean = endtoend.mean_code(model.encoder, train.views)
        known = looks.measure(model.encoder, train.views, val.views)
    network.save(out, variant, model.decoder, model.encoder, mean, known)
    write_curves(out / "curves.csv", rows)
    (out / "curves-pretrain.csv").write_bytes((pretrain / "curves.csv").read_bytes())
    return {
        **summary(rows),
        "shapes": len(train.samples),
        "tensors_transferred": len(transfer.matched),
        "tensors_new": list(transfer.missing),
    }


def _begun(pretrain: Path, params: Params, seed: int) -> "tuple[Encoder, Decoder | DecoderConfig, Transfer]":
    """The encoder, the decoder or its sizes, and what the encoder took over: of the network to go on from as
    far as it fits, else of the pre-training.
    """
    from t3d.errors import UsageError
    from t3d.models import network
    from t3d.models.decoder import DecoderConfig
    from t3d.models.training import chosen
    from t3d.models.weights import transfer

    encoder, done = network.load_encoder(pretrain, params.code, seed)
    start = network.read_start(params.start)
    if start is None:
        return encoder, chosen(DecoderConfig, params), done
    if start.encoder is None:
        raise UsageError(f"{params.start[0].parent}: phase 1 alone, without an encoder; name a network")
    return encoder, start.decoder, transfer(encoder, start.encoder.state_dict())
