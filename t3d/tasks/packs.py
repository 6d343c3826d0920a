"""A pack as a data set to train on, and how much of a set goes into one of a given size."""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t3d.datasets.cameras import read_cameras
from t3d.datasets.categories import canonical, plural, same
from t3d.datasets.formats import open_samples, write_json
from t3d.errors import DataError, UsageError
from t3d.models.pack import CAMERA, Extent, Pack, open_pack, write_pack
from t3d.pipeline.sources import Given, Memo, Source
from t3d.tasks.layouts import PARTS, Artifacts, summary

INDEX_BYTES = (4_096, 256)
"""Most that head, index and padding take, and what a shape adds to them."""


@dataclass(frozen=True)
class PackSet:
    """The shapes of a pack; satisfies `t3d.pipeline.sources.Catalogue`. Its arrays stay in the file."""

    pack: Pack
    name: str
    title: str
    ids: tuple[str, ...]
    procedural: bool = False
    roles: tuple[str, ...] = ("geometry", "appearance", "photo")

    def source(self, shape: str, role: str, memo: Memo) -> Source:
        """Raises DataError: a pack holds no source files."""
        raise DataError(f"{self.pack.path.name}: not in the pack, and there is no mesh to make it from")

    def given(self, shape: str, makes: str) -> Given | None:
        """The split, as an artifact; samples and views of a shape, where they stand."""
        if makes == "split" and not shape:
            return Given(self.pack.path, take_split)
        there = shape and self.pack.has(shape, makes)
        return Given(self.pack.path, None) if there else None


def find_pack(path: Path, category: str) -> PackSet:
    """The pack at `path` as a data set; DataError where it is none, UsageError for another category."""
    pack = open_pack(path.absolute())
    if not same(pack.category, category):
        raise UsageError(f"{path}: holds {plural(pack.category)}; say --category {pack.category}")
    ids = sorted(shape for part in pack.split.values() for shape in part)
    return PackSet(pack, canonical(category), f"pack {path.name}", tuple(ids))


def take_split(path: Path, out: Path) -> Mapping[str, Any]:
    """Write the split of a pack, all of which is read once; raises DataError where it is damaged."""
    pack = open_pack(path)
    pack.check()
    parts = {part: pack.split.get(part, []) for part in PARTS}
    write_json(out / "split.json", {**parts, "excluded": {}, "source": "the pack's", "train_scored": []})
    return {part: len(ids) for part, ids in parts.items()}


def export_pack(artifacts: Artifacts, dest: Path, training: Sequence[Any], budget: int) -> list[str]:
    """Write a pack of at most `budget` bytes (0: of all there is); lines on what it holds.

    training: parameters of the stages that will read it, whose images it holds: their size and levels. Raises
    UsageError where nothing is there, where a useful share of it would not fit, and for several sizes.
    """
    sdf, views = artifacts.folders["sdf"], artifacts.folders["views"]
    if not (sdf or views):
        raise UsageError("nothing is made yet with these settings: run `t3d sample-sdf`, `t3d render`")
    size, *more = sorted({one.input_size for one in training if hasattr(one, "input_size")})
    if more:
        raise UsageError(f"a pack has images of one size, the networks take {[size, *more]}: set input_size")
    levels = tuple(sorted({level for one in training for level in getattr(one, "levels", ())}))
    parts = {part: artifacts.parts[part] for part in PARTS}
    cameras = [read_cameras(folder / "cameras.json") for folder in views.values()]
    rows = _Share([sum(map(len, open_samples(one / "samples.npz"))) for one in sdf.values()], 16, 1_000)
    seen = [len(one.get(level, ())) for one in cameras for level in levels]
    images = _Share(seen, 4 * size**2 + 8 * CAMERA, 2)
    index = INDEX_BYTES[0] + INDEX_BYTES[1] * sum(map(len, parts.values()))
    taken = _fitting(rows, images, budget - index) if budget else (rows.most, images.most)
    dest.absolute().parent.mkdir(parents=True, exist_ok=True)
    write_pack(dest, artifacts.category, parts, sdf, views, Extent(*taken, size, levels))
    counts = f"{taken[0]:,} of {rows.most:,} samples, {taken[1]} of {images.most}"
    counts += f" {' and '.join(levels)} views"
    whole = f"{dest}: {dest.stat().st_size / 2**20:.1f} MiB; of a shape at most {counts}, each level"
    return [f"{whole}, {size} pixels a side", *summary(artifacts)]


@dataclass(frozen=True)
class _Share:
    """How many there are of something, by shape; bytes of one; how many of a shape are needed to train."""

    counts: Sequence[int]
    size: int
    few: int

    @property
    def most(self) -> int:
        return max(self.counts, default=0)

    def cost(self, most: int) -> int:
        return self.size * sum(min(most, count) for count in self.counts)

    def within(self, room: int) -> int:
        """The most of a shape with which all shapes fit; never too few."""
        fits = bisect.bisect_right(range(self.most + 1), room, key=self.cost) - 1
        return max(fits, min(self.few, self.most))


def _fitting(rows: _Share, images: _Share, room: int) -> tuple[int, int]:
    """Samples of a shape, and views of a level: half the room for each, or what the other leaves."""
    needed = rows.cost(rows.few) + images.cost(images.few)
    if needed > room:
        raise UsageError(f"--budget: too small by {(needed - room) / 2**20:.2f} MiB for anything to train on")
    spare = max(room // 2, room - rows.cost(rows.most))
    views = images.within(min(spare, room - rows.cost(rows.few)))
    return rows.within(room - images.cost(views)), views
