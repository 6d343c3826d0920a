"""A trained network as others use it: a folder to load, NumPy arrays in, NumPy arrays out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from t3d.datasets.formats import write_npz
from t3d.errors import StoreError, UsageError
from t3d.models.decoder import Decoder, fold
from t3d.models.encoder import Backbone, Encoder, EncoderConfig, build_encoder, seen_by, to_input
from t3d.models.looks import Looks
from t3d.models.plans import DecoderConfig
from t3d.models.training import device_of
from t3d.models.weights import Transfer, fill, read_config, read_weights, transfer, write_weights

FORMAT = "t3d-network"
CODES_FORMAT = "t3d-codes"
ENCODER_FORMAT = "t3d-encoder"

Floats = NDArray[np.float32]
Codes = dict[str, Floats]
"""Codes (C,) by shape id."""

GATES_AT_ONCE = 1 << 22
"""Gates evaluated together: enough for the matrix products, little enough for the caches."""


class Network:
    """Decoder and image encoder for inference; build it with `load`."""

    def __init__(
        self, variant: str, decoder: Decoder, encoder: Encoder, codes: Mapping[str, Floats], looks: Looks
    ) -> None:
        self.variant = variant
        """How it was trained: "s1" (codes, then regression), "s2-simclr", ..."""
        self.codes = codes
        """Of the training shapes, virtual ones among them: (C,) float32 by id."""
        self.looks = looks
        """What its training pictures looked like to it."""
        self.decoder = fold(decoder).eval().requires_grad_(False)
        """Folded and without gradients of its weights, for those who look for a code."""
        self.encoder = encoder.eval().requires_grad_(False)
        """From images to codes."""

    @property
    def mean_code(self) -> Floats:
        """Mean of the training shapes' codes, (C,) float32."""
        return _mean(self.codes)

    @property
    def input_size(self) -> int:
        """Side of the square images that the encoder sees, in pixels."""
        return self.encoder.config.input_size

    @property
    def encoder_parameters(self) -> int:
        """Numbers in the image encoder that training changes."""
        return sum(weight.numel() for weight in self.encoder.parameters())

    @property
    def steps(self) -> int:
        """Steps of the warp."""
        return self.decoder.config.steps

    def encode(self, images: NDArray[np.uint8]) -> Floats:
        """Square RGB images on white, (B, H, H, 3) uint8 of any size -> codes (B, C) float32."""
        return seen_by(self.encoder, to_input(images, self.input_size)).numpy()

    def features(self, images: NDArray[np.uint8]) -> Floats:
        """What codes are read off: images as for `encode` -> features (B, F) float32 of the backbone."""
        return seen_by(self.encoder, to_input(images, self.input_size), self.encoder.features).numpy()

    def sdf(self, points: NDArray[Any], code: NDArray[Any]) -> Floats:
        """Points (N, 3) of the unit frame, a code (C,) -> signed distances (N,) float32, negative inside."""
        at = self._code(code)
        return self._chunked(points, lambda chunk: [self.decoder.values(chunk, at)])[0]

    def template_sdf(self, points: NDArray[Any]) -> Floats:
        """Points (N, 3) of the template's frame -> the template's signed distances (N,) float32."""
        return self._chunked(points, lambda chunk: [self.decoder.template.values(chunk)])[0]

    def warp(self, points: NDArray[Any], code: NDArray[Any]) -> Floats:
        """Points (N, 3) of an instance -> where they lie in the template's frame, (N, 3) float32."""
        return self.warp_steps(points, code)[-1]

    def warp_steps(self, points: NDArray[Any], code: NDArray[Any]) -> list[Floats]:
        """The same at the four supervised depths of the warp: four arrays (N, 3); the last is `warp`."""
        at = self._code(code)
        return self._chunked(points, lambda chunk: self.decoder.warp.stages(chunk, at))

    def _code(self, code: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.array(code, np.float32)).to(self.decoder.device)[None]

    @torch.inference_mode()
    def _chunked(self, points: NDArray[Any], compute: Callable[[Tensor], list[Tensor]]) -> list[Floats]:
        """`compute` over parts (1, n, 3) of the points, its outputs joined: memory stays bounded."""
        rows = torch.from_numpy(np.array(points, np.float32).reshape(1, -1, 3))
        count = max(1, GATES_AT_ONCE // (4 * self.decoder.config.hidden))
        parts = [
            [x.cpu() for x in compute(chunk.to(self.decoder.device))] for chunk in torch.split(rows, count, 1)
        ]
        return [torch.cat(columns, 1)[0].numpy() for columns in zip(*parts, strict=True)]


def save(
    folder: Path, variant: str, decoder: Decoder, encoder: Encoder, codes: Mapping[str, Floats], looks: Looks
) -> None:
    """Write `model.safetensors` and `config.json`: everything `load` needs; codes (C,) of training shapes."""
    weights = nn.ModuleDict({"decoder": decoder, "encoder": encoder})
    known = {"codes": np.stack([*codes.values()]), **{f"looks.{k}": v for k, v in vars(looks).items()}}
    tensors = weights.state_dict() | {name: torch.from_numpy(value) for name, value in known.items()}
    sizes = {"decoder": asdict(decoder.config), "encoder": asdict(encoder.config)}
    settings = {"variant": variant, "shapes": list(codes), **sizes}
    write_weights(folder / "model.safetensors", tensors, FORMAT, settings)


def load(path: Path, gpu: bool = False) -> Network:
    """Read a network folder, or a bundle; `StoreError` when keys or shapes are not exactly as expected.

    gpu: compute on a GPU, if there is one; arrays go in and come out all the same.
    """
    variant, decoder, encoder, codes, looks = _read(path)
    device = device_of(gpu)
    return Network(variant, decoder.to(device), encoder.to(device), codes, looks)


class Start(NamedTuple):
    """What a training goes on from: decoder, mean code (C,), the encoder where there is one; their folder."""

    decoder: Decoder
    mean_code: Floats
    encoder: Encoder | None
    folder: Path


def _read(path: Path) -> tuple[str, Decoder, Encoder, Codes, Looks]:
    weights_file = path / "model.safetensors" if path.is_dir() else path
    config = read_config(path, FORMAT)
    decoder = Decoder(DecoderConfig(**config["decoder"]))
    encoder = Encoder(EncoderConfig(**config["encoder"]), decoder.config.code)
    weights = nn.ModuleDict({"decoder": decoder, "encoder": encoder})
    tensors = read_weights(weights_file)
    try:
        codes = dict(zip(config["shapes"], tensors.pop("codes").numpy(), strict=True))
        looks = Looks(**{name: tensors.pop(f"looks.{name}").numpy() for name in Looks.__dataclass_fields__})
    except (KeyError, ValueError) as error:
        what = "lacks codes or looks of its training shapes; train again"
        raise StoreError(f"{weights_file}: {what}") from error
    fill(weights, tensors, weights_file)
    return config["variant"], decoder, encoder, codes, looks


def _mean(codes: Mapping[str, Floats]) -> Floats:
    return np.asarray(np.mean([*codes.values()], axis=0, dtype=np.float64), np.float32)


def write_bundle(path: Path, folder: Path) -> None:
    """Write a network folder as one file: its weights, with `config.json` as the text `t3d` of their header.

    Nothing stands at `path` before all does. Reading it, by `load`, runs no code that it brings.
    """
    draft = path.with_name(path.name + ".part")
    config = json.dumps(read_config(folder, FORMAT))
    draft.write_bytes(to_bytes(read_weights(folder / "model.safetensors"), {"t3d": config}))
    draft.replace(path)


def read_start(files: Sequence[Path]) -> Start | None:
    """The network that `files` are of, in a folder of a network or of phase 1; None without files.

    Raises `StoreError` as `load` does.
    """
    if not files:
        return None
    folder = files[0].parent
    if (folder / "decoder.safetensors").exists():
        decoder, named, _ = load_codes(folder)
        return Start(decoder, _mean(named), None, folder)
    _, decoder, encoder, codes, _ = _read(folder)
    return Start(decoder, _mean(codes), encoder, folder)


Named = tuple[Sequence[str], NDArray[np.float32]]
"""Shape ids (K) and their codes (K, C)."""


def save_codes(folder: Path, decoder: Decoder, train: Named, val: Named) -> None:
    """Write what phase 1 leaves: `decoder.safetensors`, `config.json`, `codes.npz`."""
    settings = {"decoder": asdict(decoder.config)}
    write_weights(folder / "decoder.safetensors", decoder.state_dict(), CODES_FORMAT, settings)
    ids, val_ids = np.array(train[0]), np.array(val[0], np.str_)
    arrays = {"ids": ids, "codes": train[1], "val_ids": val_ids, "val_codes": val[1]}
    write_npz(folder / "codes.npz", arrays)


def load_codes(folder: Path) -> tuple[Decoder, Codes, Codes]:
    """The decoder of a phase 1 folder, and the codes by shape id of training and of validation shapes."""
    decoder = Decoder(DecoderConfig(**read_config(folder, CODES_FORMAT)["decoder"]))
    fill(decoder, read_weights(folder / "decoder.safetensors"), folder)
    with np.load(folder / "codes.npz", allow_pickle=False) as kept:
        train = dict(zip(kept["ids"].tolist(), kept["codes"], strict=True))
        val = dict(zip(kept["val_ids"].tolist(), kept["val_codes"], strict=True))
    return decoder, train, val


def save_encoder(folder: Path, encoder: Backbone) -> None:
    """Write what pre-training leaves: `encoder.safetensors` and `config.json`."""
    settings = {"encoder": asdict(encoder.config)}
    write_weights(folder / "encoder.safetensors", encoder.state_dict(), ENCODER_FORMAT, settings)


def load_encoder(folder: Path, code: int, seed: int, start: Start | None = None) -> tuple[Encoder, Transfer]:
    """A pre-trained encoder with a new last layer, from `seed`, that gives codes of `code` numbers.

    start: a network of whose encoder it takes over what fits. Raises `StoreError` when the folder lacks
    anything but the last layer, `UsageError` for a start without an encoder.
    """
    config = EncoderConfig(**read_config(folder, ENCODER_FORMAT)["encoder"])
    encoder = build_encoder(config, code, "none", seed)
    done = transfer(encoder, read_weights(folder / "encoder.safetensors"))
    if done.missing != ("to_code.bias", "to_code.weight") or done.unused:
        raise StoreError(f"{folder}: lacks {done.missing}, has {done.unused} too many; pre-train again")
    if start is None:
        return encoder, done
    if start.encoder is None:
        raise UsageError(f"{start.folder}: phase 1 alone, without an encoder; name a network")
    return encoder, transfer(encoder, start.encoder.state_dict())
