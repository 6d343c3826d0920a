"""Weights and settings on disk: read whole or refused, taken over by name or refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from t3d.datasets.formats import read_json, write_json
from t3d.errors import StoreError

FORMAT_VERSION = 1


class Transfer(NamedTuple):
    """Names of the tensors that were taken over, of those that the weights lack, and of those left over."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]


def transfer(module: nn.Module, weights: Mapping[str, Tensor]) -> Transfer:
    """Take over the tensors whose name and shape fit, whatever `module.` a wrapper put before the names.

    Raises `StoreError` when none fits: training would start from random weights unnoticed.
    """
    found = {name.replace("module.", ""): value for name, value in weights.items()}
    wanted = module.state_dict()
    fits = {k: v for k, v in found.items() if k in wanted and wanted[k].shape == v.shape}
    if not fits:
        raise StoreError(f"none of the {len(found)} tensors to start from is one of the {len(wanted)} wanted")
    module.load_state_dict(wanted | fits, strict=True)
    names = (fits, wanted.keys() - fits, found.keys() - fits)
    return Transfer(*(tuple(sorted(one)) for one in names))


def read_config(folder: Path, kind: str) -> dict[str, Any]:
    """`config.json` of a folder of the given format, or that of a bundle; `StoreError` for anything else."""
    path = folder / "config.json" if folder.is_dir() else folder
    try:
        if path != folder:
            config: dict[str, Any] = read_json(path)
        else:
            with safe_open(path, "pt") as file:
                config = json.loads((file.metadata() or {}).get("t3d", "{}"))
    except (OSError, ValueError, SafetensorError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); train again") from error
    if (config.get("format"), config.get("format_version")) != (kind, FORMAT_VERSION):
        raise StoreError(
            f"{path}: is {config.get('format')!r} version {config.get('format_version')}, "
            f"not {kind!r} version {FORMAT_VERSION}; train again or use the t3d that made it"
        )
    return config


def write_weights(path: Path, tensors: Mapping[str, Tensor], kind: str, settings: Mapping[str, Any]) -> None:
    """Write tensors as safetensors, on the CPU, each with its own memory, and `config.json` beside them."""
    save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, path)
    write_json(path.with_name("config.json"), {"format": kind, "format_version": FORMAT_VERSION, **settings})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file; `StoreError` when it cannot be read."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); train again") from error


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill a module; `StoreError` names missing, unknown and misshapen tensors of the file they are from."""
    wanted = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    found = {k: tuple(v.shape) for k, v in tensors.items()}
    wrong = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
    if wrong:
        raise StoreError(
            f"{path}: {len(wrong)} tensors do not fit config.json beside it ({', '.join(wrong[:3])}, ...)"
        )
    module.load_state_dict(tensors, strict=True)
