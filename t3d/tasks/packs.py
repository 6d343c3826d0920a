"""A pack as a data set to train on, and how much of a set goes into one of a given size."""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from t3d.datasets.cameras import read_cameras
from t3d.datasets.categories import plural, same
from t3d.datasets.formats import open_samples, write_json
from t3d.errors import DataError, UsageError
from t3d.models.pack import CAMERA, Extent, Folders, Pack, open_pack, write_pack
from t3d.pipeline.sources import Given, Memo, Source

PARTS = ("train", "val", "test")

LEAST = (1_000, 2)
"""Samples of a shape and views of a level; less is nothing to train on, and a contrast needs two views."""

INDEX_BYTES = (4_096, 256)
"""Most that head, index and padding take, and what a shape adds to them."""


@dataclass(frozen=True)
class PackSet:
    """The shapes of a pack; satisfies `t3d.pipeline.sources.Catalogue`. Its arrays stay in the file."""

    pack: Pack
    procedural: bool = False
    roles: tuple[str, ...] = ("geometry", "appearance", "photo")

    @property
    def name(self) -> str:
        """The category."""
        return self.pack.category

    @property
    def title(self) -> str:
        """Name of the file."""
        return f"pack {self.pack.path.name}"

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Every shape id, sorted."""
        return tuple(sorted(shape for ids in self.pack.split.values() for shape in ids))

    def source(self, shape: str, role: str, memo: Memo) -> Source:
        """Raises DataError: a pack holds no source files."""
        raise DataError(f"{self.pack.path.name}: not in the pack, and there is no mesh to make it from")

    def given(self, shape: str, makes: str) -> Given | None:
        """The split, as an artifact; samples and views of a shape, where they stand."""
        if makes == "split" and not shape:
            return Given(self.pack.path, take_split)
        there = makes in ("sdf", "views") and self.pack.has(shape, makes)
        return Given(self.pack.path, None) if there else None


def find_pack(path: Path, category: str) -> PackSet:
    """The pack at `path` as a data set; DataError where it is none, UsageError for another category."""
    pack = open_pack(path.absolute())
    if not same(pack.category, category):
        raise UsageError(f"{path}: holds {plural(pack.category)}; say --category {pack.category}")
    return PackSet(pack)


def take_split(path: Path, out: Path) -> Mapping[str, Any]:
    """Write the split of a pack, all of which is read once; raises DataError where it is damaged."""
    pack = open_pack(path)
    pack.check()
    parts = {part: pack.split.get(part, []) for part in PARTS}
    write_json(out / "split.json", {**parts, "excluded": {}, "source": "the pack's", "train_scored": []})
    return {part: len(ids) for part, ids in parts.items()}


def export_pack(
    dest: Path,
    category: str,
    split: Mapping[str, Sequence[str]],
    folders: Mapping[str, Folders],
    images: tuple[int, tuple[str, ...]],
    budget: int,
) -> str:
    """Write a pack of at most `budget` bytes (0: of all there is); a line on what it holds.

    folders: of "sdf" and "views". images: side in pixels, and levels. Raises UsageError where nothing is
    there, or where a useful share of it would not fit.
    """
    sdf, views = folders["sdf"], folders["views"]
    if not (sdf or views):
        raise UsageError("nothing is made yet with these settings: run `t3d sample-sdf`, `t3d render`")
    parts = {part: split[part] for part in PARTS}
    there = _There.found(sdf, views, *images)
    rows, count = there.fitting(budget, sum(map(len, parts.values()))) if budget else there.most
    dest.absolute().parent.mkdir(parents=True, exist_ok=True)
    write_pack(dest, category, parts, sdf, views, Extent(rows, count, *images))
    taken = (
        f"{rows:,} of {there.most[0]:,} samples, {count} of {there.most[1]} {' and '.join(images[1])} views"
    )
    size = dest.stat().st_size / 2**20
    return f"{dest}: {size:.1f} MiB; of a shape at most {taken}, each level, {images[0]} pixels a side"


@dataclass(frozen=True)
class _There:
    """How many samples each shape has, and how many views each shape and level, of `size` pixels a side."""

    rows: list[int]
    views: list[int]
    size: int

    @classmethod
    def found(cls, sdf: Folders, views: Folders, size: int, levels: tuple[str, ...]) -> "_There":
        rows = [sum(map(len, open_samples(folder / "samples.npz"))) for folder in sdf.values()]
        cameras = [read_cameras(folder / "cameras.json") for folder in views.values()]
        return cls(rows, [len(found.get(level, ())) for found in cameras for level in levels], size)

    @property
    def most(self) -> tuple[int, int]:
        """Samples of the shape that has most, and views likewise."""
        return max(self.rows, default=0), max(self.views, default=0)

    def fitting(self, budget: int, shapes: int) -> tuple[int, int]:
        """Samples of a shape, and views of a level, that fit: half the room for each, or what is left."""
        room = budget - INDEX_BYTES[0] - INDEX_BYTES[1] * shapes
        least = [min(pair) for pair in zip(LEAST, self.most, strict=True)]
        needed = self._samples(least[0]) + self._views(least[1])
        if needed > room:
            total = (budget - room + needed) / 2**20
            raise UsageError(f"--budget: too small, {total:.2f} MiB are needed for something to train on")
        for_views = min(max(room // 2, room - self._samples(self.most[0])), room - self._samples(least[0]))
        views = max(least[1], _largest(self._views, self.most[1], for_views))
        return _largest(self._samples, self.most[0], room - self._views(views)), views

    def _samples(self, most: int) -> int:
        return 16 * sum(min(most, count) for count in self.rows)

    def _views(self, most: int) -> int:
        return (4 * self.size**2 + 8 * CAMERA) * sum(min(most, count) for count in self.views)


def _largest(cost: Callable[[int], int], most: int, room: int) -> int:
    return bisect.bisect_right(range(most + 1), room, key=cost) - 1
