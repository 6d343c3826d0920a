"""Trained networks in a store: the one that a command uses, and those that a training goes on from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from t3d.errors import UsageError
from t3d.pipeline.runs import latest_run

SIZES = ("code", "hidden", "steps", "width", "depth")
"""Sizes of a decoder that must be those of the training."""

_FILES = {
    "t3d-network": ("model.safetensors", "config.json"),
    "t3d-codes": ("decoder.safetensors", "config.json", "codes.npz"),
}
"""What makes a network, by the format in its `config.json`."""


def check_start(files: Sequence[Path], sizes: Any) -> None:
    """Raise ValueError, one line, where the decoder that `files` are of has other `SIZES` than `sizes`."""
    if not files:
        return
    folder = files[0].parent
    try:
        theirs = _config(folder)["decoder"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"start: no network in {folder} ({type(error).__name__})") from error
    if other := [f"{name}={theirs[name]}" for name in SIZES if theirs[name] != getattr(sizes, name)]:
        raise ValueError(f"start: the decoder in {folder} has {' '.join(other)}; set these too")


def network_folder(root: Path, variant: str = "") -> Path:
    """Where a category's store has a network of its newest run that trained one.

    variant: "s1", "s2-simclr", ...; empty: the run's first. UsageError where there is none.
    """
    networks = _networks(root, latest_run(root, "network"))
    networks.pop("codes", None)
    if variant and variant not in networks:
        raise UsageError(f"{root}: no variant {variant!r} in its latest run; it has {', '.join(networks)}")
    return networks[variant or min(networks)]


def start_values(init: str) -> dict[str, dict[str, list[str]]]:
    """Parameters by stage that make trainings go on from `init`.

    init: a run file, a category's folder in a store (its latest run), or the folder of a network or of
    phase 1. Each solution goes on from its own network where there is one. UsageError where there is none.
    """
    path = Path(init)
    try:
        if (path / "config.json").is_file():
            config = _config(path)
            found = {"codes" if config["format"] == "t3d-codes" else config["variant"]: path}
        elif path.is_file():
            found = _networks(path.parent.parent, json.loads(path.read_text(encoding="utf-8")))
        else:
            found = _networks(path, latest_run(path))
        s1, codes = found.get("s1"), found.get("codes")
        s2 = next((folder for variant, folder in found.items() if variant.startswith("s2")), None)
        wanted = {"codes": s1 or codes or s2, "network_s1": s1 or s2, "network_s2": s2 or s1}
        values = {stage: {"start": _files(folder)} for stage, folder in wanted.items() if folder}
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"--init {init}: neither a run file nor a network's folder ({error!r})") from error
    if not values:
        raise UsageError(f"--init {init}: no trained network in it; name a run file or a network's folder")
    return values


def _networks(root: Path, run: Mapping[str, Any]) -> dict[str, Path]:
    """Folders of a run's networks by variant; "codes" is phase 1."""
    found = {}
    for name, of in run["artifacts"].items():
        kind = of.get("", "").partition("/")[0]
        if kind in ("network", "codes"):
            found[name.partition("[")[2].rstrip("]") or kind] = root / of[""]
    return found


def _files(folder: Path) -> list[str]:
    """The files that make the network in a folder; KeyError where it is none."""
    return [str((folder / name).absolute()) for name in _FILES[_config(folder)["format"]]]


def _config(folder: Path) -> Any:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))
