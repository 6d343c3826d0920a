"""The procedural data set: `t3d synth DEST`, and what runs when no data set is named."""

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from t3d.datasets.catalogue import RECORD
from t3d.datasets.categories import SYNSETS, canonical, plural
from t3d.datasets.procedural import CATEGORIES, VERSION, write_shape
from t3d.errors import UsageError

log = logging.getLogger(__name__)

COUNT = 120
"""Shapes per category unless told."""

Settings = dict[str, str | int]
_DRAFT = ".draft-"


def synthesize(
    dest: Path | str,
    categories: Iterable[str] = tuple(CATEGORIES),
    count: int = COUNT,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Path]:
    """Make `count` shapes of each category under `dest`, in ShapeNet's layout; class folder by category.

    Each class folder is written aside and renamed, so a killed run leaves none half-made; one that is already
    there with the same settings is kept. `progress(done, total)` is called after each shape. Raises
    UsageError for other categories than the procedural ones, and where a class folder holds something else.
    """
    names = list(dict.fromkeys(_procedural_name(category) for category in categories))
    if not names or count < 1 or seed < 0:
        raise UsageError("synth: give at least one category, a count of at least 1 and a seed of at least 0")
    if not str(dest):
        raise UsageError("synth: the destination is an empty string; name a folder")
    made = {}
    for position, name in enumerate(names):
        report = partial(_report, progress, position * count, len(names) * count)
        made[name] = _class_folder(Path(dest), _settings(name, count, seed), report)
    return made


def _report(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def procedural_set(work: Path, category: str, count: int = COUNT, seed: int = 0) -> Path:
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


def _settings(name: str, count: int, seed: int) -> Settings:
    return {"category": name, "count": count, "seed": seed, "version": VERSION}


def _is_same(folder: Path, settings: Settings) -> bool:
    try:
        return bool(json.loads((folder / RECORD).read_text()) == settings)
    except (OSError, ValueError):
        return False


def _class_folder(dest: Path, settings: Settings, report: Callable[[int], None]) -> Path:
    """The class folder `dest/<synset>`, found or made."""
    name, count, seed = str(settings["category"]), int(settings["count"]), int(settings["seed"])
    folder = dest / SYNSETS[name]
    if _is_same(folder, settings):
        return folder
    if folder.exists():
        raise UsageError(f"{folder}: holds other shapes already; choose another folder, or remove it")
    dest.mkdir(parents=True, exist_ok=True)
    _sweep(dest)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=dest))
    try:
        for index in range(count):
            write_shape(draft, name, index, seed)
            report(index + 1)
        (draft / RECORD).write_text(json.dumps(settings, sort_keys=True) + "\n")
        _publish(draft, folder, settings)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _sweep(dest: Path) -> None:
    """Remove drafts of killed runs: those that nobody has written to for an hour."""
    for draft in dest.glob(f"{_DRAFT}*"):
        if time.time() - draft.stat().st_mtime > 3600:
            shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, folder: Path, settings: Settings) -> None:
    """Rename the finished draft; who comes second in a race keeps the first one's, which is the same."""
    draft.chmod(0o755)
    try:
        os.rename(draft, folder)
    except OSError:
        if not _is_same(folder, settings):
            raise
