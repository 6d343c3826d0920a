"""Checkpoints of DeepSDF's and Deep Implicit Templates' code, and code books of the method's authors.

Nothing in a file is run: `.pth` files are read by torch's `weights_only`, `.pkl` files by an unpickler that
knows NumPy arrays alone.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from t3d.errors import DataError
from t3d.models.decoder import Decoder, DecoderConfig

_MAKERS: dict[str, Any] = {"ndarray": np.ndarray, "dtype": np.dtype}
for _protocol in (4, 5):
    _maker: Any = np.zeros(1).__reduce_ex__(_protocol)[0]
    _MAKERS[_maker.__name__] = _maker
"""All that a pickled array calls; NumPy 1 and 2 have them in different modules."""


class _Unpickler(pickle.Unpickler):
    """Finds what makes NumPy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if not re.match(r"numpy(\.|$)", module) or name not in _MAKERS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which makes no array")
        return _MAKERS[name]


def read_pickle(path: Path) -> dict[str, NDArray[np.float32]]:
    """Codes (C,) by shape id: the authors' `<class>_embedding.pkl`; raises DataError for anything else."""
    try:
        with path.open("rb") as file:
            found = _Unpickler(file).load()
        return {str(shape): np.asarray(code, np.float32).reshape(-1) for shape, code in found.items()}
    except Exception as error:  # a broken pickle makes its reader raise anything
        raise DataError(f"{path}: no codes by shape ({_words(error)})") from error


def read_checkpoint(path: Path, key: str) -> Any:
    """What a `.pth` file holds under `key`, on the CPU; raises DataError for a file that is no such thing."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)[key]
    except Exception as error:  # likewise
        raise DataError(f"{path}: no checkpoint with {key!r} ({_words(error)})") from error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def read_codes(path: Path) -> NDArray[np.float32]:
    """Codes (K, C) of `LatentCodes/*.pth`: an embedding's weight, or, of older code, a tensor (K, 1, C).

    Raises DataError for others, such as those of an image encoder, which the authors save there too.
    """
    held = read_checkpoint(path, "latent_codes")
    codes = held.get("weight") if isinstance(held, Mapping) else held
    if not isinstance(codes, Tensor) or codes.ndim not in (2, 3) or not torch.isfinite(codes).all():
        raise DataError(f"{path}: no finite codes (K, C) in it; an image encoder's weights, perhaps")
    return codes.reshape(len(codes), -1).float().numpy()


def published_name(name: str, depth: int) -> str:
    """The published name (`networks/deep_implicit_template_decoder.py`) of a tensor of t3d's decoder, with
    `depth` hidden layers in the template.

    >>> published_name("template.hidden.1.parametrizations.weight.original0", 5)
    'sdf_decoder.lin1.weight_g'
    """
    name = name.replace("warp.cell.", "warper.lstm.").replace("warp.head.", "warper.out_layer_coord_affine.")
    name = name.replace("template.last.", f"sdf_decoder.lin{depth}.").replace(
        "template.hidden.", "sdf_decoder.lin"
    )
    name = name.replace("parametrizations.weight.original0", "weight_g")
    return name.replace("parametrizations.weight.original1", "weight_v")


def read_decoder(path: Path, config: DecoderConfig) -> Decoder:
    """The decoder of `ModelParameters/*.pth`, whatever `module.` wrappers have put before its names.

    Raises DataError that names what is missing, not known, or of another shape than `config` says.
    """
    held = dict(read_checkpoint(path, "model_state_dict"))
    found = {re.sub(r"^(module\.)+", "", name): value for name, value in held.items()}
    decoder = Decoder(config)
    names = {published_name(ours, config.depth): ours for ours in decoder.state_dict()}
    wanted = {theirs: decoder.state_dict()[ours] for theirs, ours in names.items()}
    shapes = [{name: tuple(value.shape) for name, value in one.items()} for one in (found, wanted)]
    has, wants = ({name: str(one.get(name, "not there")) for name in found | wanted} for one in shapes)
    faults = [f"{name} is {has[name]}, wanted {wants[name]}" for name in has if has[name] != wants[name]]
    if faults:
        raise DataError(f"{path}: does not fit specs.json: {'; '.join(sorted(faults)[:3])}")
    decoder.load_state_dict({ours: found[theirs] for theirs, ours in names.items()})
    return decoder
