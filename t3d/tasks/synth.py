"""The procedural data set: `t3d synth DEST`, and what runs when no data set is named."""

import json
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from t3d.datasets.catalogue import RECORD
from t3d.datasets.categories import SYNSETS, canonical, plural
from t3d.datasets.procedural import CATEGORIES, VERSION, write_shape
from t3d.errors import UsageError
from t3d.tasks.layouts import new_folder

log = logging.getLogger(__name__)

COUNT = 120
"""Shapes per category unless told."""


def synthesize(
    dest: Path, categories: Iterable[str] = tuple(CATEGORIES), count: int = COUNT, seed: int = 0
) -> dict[str, Path]:
    """Make `count` shapes of each category under `dest`, in ShapeNet's layout; class folder by category.

    Each class folder is written aside and renamed, so a killed run leaves none half-made; one that is already
    there with the same settings is kept. Raises UsageError for other categories than the procedural ones, and
    where a class folder holds something else.
    """
    made = {name: Path(dest) / SYNSETS[name] for name in map(_procedural_name, categories)}
    for name, folder in made.items():
        settings = _settings(name, count, seed)
        if not _is_same(folder, settings):
            _make(folder, settings)
    return made


def procedural_set(work: Path, category: str, seed: int = 0, count: int = COUNT) -> Path:
    """Data set folder with the procedural shapes of one category under `work`, made on first use."""
    name = _procedural_name(category)
    dest = work / "procedural" / f"seed{seed}-{count}"
    folder = dest / SYNSETS[name]
    if folder.is_dir() and not _is_same(folder, _settings(name, count, seed)):
        log.info("%s: made by another version, making it anew", folder)
        shutil.rmtree(folder)
    synthesize(dest, [name], count, seed)
    return dest


def _procedural_name(category: str) -> str:
    name = canonical(category)
    if name not in CATEGORIES:
        known = ", ".join(CATEGORIES)
        raise UsageError(f"no procedural {plural(name)}, only {known}: name a data set with --data")
    return name


def _settings(name: str, count: int, seed: int) -> dict[str, Any]:
    return {"category": name, "count": count, "seed": seed, "version": VERSION}


def _is_same(folder: Path, settings: dict[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / RECORD).read_text()) == settings)
    except (OSError, ValueError):
        return False


def _make(folder: Path, settings: dict[str, Any]) -> None:
    """Make a class folder; who comes second in a race keeps the first one's, which is the same."""
    if folder.exists():
        raise UsageError(f"{folder}: holds other shapes already; choose another folder, or remove it")
    try:
        with new_folder(folder) as draft:
            for index in range(settings["count"]):
                write_shape(draft, settings["category"], index, settings["seed"])
            (draft / RECORD).write_text(json.dumps(settings, sort_keys=True) + "\n")
    except OSError:
        if not _is_same(folder, settings):
            raise
