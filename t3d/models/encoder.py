"""The image encoder: a backbone of transformers, average pooling and one linear layer to the code."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t3d.errors import DataError, UsageError
from t3d.models.plans import EncoderPlan

MEAN = (0.485, 0.456, 0.406)
"""Mean colour of ImageNet, which pretrained backbones expect to be subtracted."""

DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of its colours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """A backbone by its name in transformers with its settings there, and the images' side in pixels."""

    backbone: str = "resnet"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    input_size: int = 224


def encoder_config(plan: EncoderPlan) -> EncoderConfig:
    """The backbone that a training is told to use."""
    settings = resnet_settings(plan.widths, plan.depths) if plan.backbone == "resnet" else {}
    return EncoderConfig(backbone=plan.backbone, settings=settings, input_size=plan.input_size)


AT_ONCE = 64
"""Images that pass an encoder together, where it does not learn."""


class Backbone(nn.Module):
    """Images (B, 3, S, S) float in [0, 1] -> features (B, F), for any B."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: EncoderConfig, backbone: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone or _backbone(config)
        self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        self.width = _features(self)

    def features(self, images: Tensor) -> Tensor:
        """The backbone's last map, averaged over positions or tokens: (B, F)."""
        normal = (images - self.mean) / self.deviation
        normal = normal.contiguous(memory_format=torch.channels_last)  # a quarter faster on CPUs
        last: Tensor = self.backbone(normal).last_hidden_state
        return last.flatten(2).mean(-1) if last.ndim == 4 else last.mean(1)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        return self.features(images)


class Encoder(Backbone):
    """Images (B, 3, S, S) float in [0, 1] -> codes (B, C), for any B; no bound on the codes."""

    def __init__(self, config: EncoderConfig, code: int, backbone: nn.Module | None = None) -> None:
        super().__init__(config, backbone)
        self.to_code = nn.Linear(self.width, code)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        return self.to_code(self.features(images))


def set_training(network: nn.Module, norms: str) -> None:
    """Training mode, batch norms aside: "batch" normalises by each batch and keeps running statistics,
    "fixed" normalises by the running statistics that came with the weights and leaves them alone.
    """
    network.train()
    if norms == "fixed":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def resnet_settings(widths: tuple[int, ...], depths: tuple[int, ...]) -> dict[str, Any]:
    """Settings of a ResNet of basic blocks; ResNet-18 is widths 64, 128, 256, 512 and depths 2, 2, 2, 2."""
    sizes = {"embedding_size": widths[0], "hidden_sizes": list(widths), "depths": list(depths)}
    return {**sizes, "layer_type": "basic"}


def build_encoder(config: EncoderConfig, code: int, pretrained: str, seed: int) -> Encoder:
    """An encoder with random weights from `seed`, or the backbone of `pretrained` (a name or a folder).

    Raises `UsageError` when the pretrained weights are not on this machine and cannot be fetched.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config, backbone = _start(config, pretrained)
        return Encoder(config, code, backbone)


def build_backbone(config: EncoderConfig, pretrained: str, seed: int) -> Backbone:
    """The same without the layer that gives codes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Backbone(*_start(config, pretrained))


def _start(config: EncoderConfig, pretrained: str) -> tuple[EncoderConfig, nn.Module]:
    """The backbone, and the config with the settings that build it again."""
    from transformers import AutoModel

    if pretrained == "none":
        return config, _backbone(config)
    with _told(f"pretrained weights {pretrained!r}", "Use pretrained=none, or a folder that holds them"):
        backbone = AutoModel.from_pretrained(pretrained)
    kind, every = backbone.config.model_type, backbone.config.to_dict()
    if kind != config.backbone:
        what = f"pretrained weights {pretrained!r} are of backbone {kind!r}"
        raise UsageError(f"{what}, not {config.backbone!r}")
    told = {k: v for k, v in backbone.config.to_diff_dict().items() if k not in _NOT_SETTINGS}
    told |= {k: every[k] for k in ("image_size",) if k in every}
    return dataclasses.replace(config, settings=told), backbone


_NOT_SETTINGS = "model_type transformers_version architectures torch_dtype dtype id2label label2id".split()


def _backbone(config: EncoderConfig) -> nn.Module:
    """Random weights; a transformer is built for images of the encoder's size."""
    from transformers import AutoConfig, AutoModel

    with _told(f"backbone {config.backbone!r}: transformers cannot build it"):
        settings = AutoConfig.for_model(config.backbone, **config.settings)
        if hasattr(settings, "image_size") and "image_size" not in config.settings:
            settings.image_size = config.input_size
        return AutoModel.from_config(settings)


@torch.no_grad()
def _features(network: Backbone) -> int:
    """How many features the backbone gives, found by one black image; leaves no trace in batch norms."""
    size = network.config.input_size
    with _told(f"backbone {network.config.backbone!r} takes no images of {size} pixels"):
        count = network.eval().features(torch.zeros(1, 3, size, size)).shape[1]
    network.train()
    return count


@contextlib.contextmanager
def _told(what: str, advice: str = "") -> Iterator[None]:
    """Whatever transformers raises, in one line."""
    try:
        yield
    except (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{what}: {reason} {advice}".rstrip()) from error


def to_input(images: NDArray[np.uint8], size: int) -> Tensor:
    """Square images (B, H, H, 3) or masks (B, H, H) uint8 -> (B, 3 or 1, size, size) uint8, by area.

    The one way by which images reach an encoder, in training and afterwards.
    """
    from PIL import Image

    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)):
        raise DataError(f"images must be uint8 of shape (B, H, H, 3), not {images.dtype} {images.shape}")
    if images.shape[1] != images.shape[2]:
        raise DataError(f"images must be square, not {images.shape[2]} x {images.shape[1]}: crop them first")
    small = np.empty((len(images), size, size, *images.shape[3:]), np.uint8)
    for image, place in zip(images, small, strict=True):
        place[...] = (
            image if len(image) == size else Image.fromarray(image).resize((size, size), Image.Resampling.BOX)
        )
    tensor = torch.from_numpy(small)
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2).contiguous()


def to_float(images: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1]."""
    return images.to(torch.float32) / 255.0


@torch.no_grad()
def seen_by(encoder: Backbone, images: Tensor, see: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """What an encoder as it is, or `see`, its `features`, makes of images (M, 3, S, S) uint8; on the CPU."""
    see, device = see or encoder, next(encoder.parameters()).device
    return torch.cat([see(to_float(part.to(device))).cpu() for part in torch.split(images, AT_ONCE)])
