"""Which trained network a training goes on from, found and checked before anything is made."""

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
        theirs = json.loads((folder / "config.json").read_text(encoding="utf-8"))["decoder"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"start: no network in {folder} ({type(error).__name__})") from error
    if other := [f"{name}={theirs[name]}" for name in SIZES if theirs[name] != getattr(sizes, name)]:
        raise ValueError(f"start: the decoder in {folder} has {' '.join(other)}; set these too")


def start_values(init: str) -> dict[str, dict[str, list[str]]]:
    """Parameters by stage that make trainings go on from `init`.

    init: a run file, a category's folder in a store (its latest run), or the folder of a network or of
    phase 1. Each solution goes on from its own network where there is one. UsageError where there is none.
    """
    found = _networks(Path(init))
    s1, codes = found.get("s1"), found.get("codes")
    s2 = next((folder for variant, folder in found.items() if variant.startswith("s2")), None)
    wanted = {"codes": s1 or codes or s2, "network_s1": s1 or s2, "network_s2": s2 or s1}
    if not any(wanted.values()):
        raise UsageError(f"--init {init}: no trained network in it; name a run file or a network's folder")
    return {stage: {"start": _files(folder)} for stage, folder in wanted.items() if folder}


def _networks(path: Path) -> Mapping[str, Path]:
    """Folders by variant; "codes" is phase 1."""
    if (path / "config.json").is_file():
        config = _config(path)
        return {"codes" if config["format"] == "t3d-codes" else config["variant"]: path}
    try:
        run = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else latest_run(path)
        artifacts = run["artifacts"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"--init {path}: neither a run file nor a network's folder") from error
    root, found = path.parent.parent if path.is_file() else path, {}
    for name, of in artifacts.items():
        kind = of.get("", "").partition("/")[0]
        if kind in ("network", "codes"):
            found[name.partition("[")[2].rstrip("]") or kind] = root / of[""]
    return found


def _files(folder: Path) -> list[str]:
    names = _FILES[_config(folder)["format"]]
    return [str((folder / name).absolute()) for name in names]


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--init {folder}: its config.json cannot be read; train it again") from error
    if config.get("format") not in _FILES:
        raise UsageError(f"--init {folder}: holds {config.get('format')}, not a network")
    return config
