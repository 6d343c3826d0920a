"""`t3d.load`: what a run made, or a pack holds, as plain torch data sets for anybody's network.

All coordinates are of the unit frame (docs/conventions.md), all tensors float32 on the CPU. `shape` is a
shape's place in `Data.split[part]`, the same in every data set of that part. Items are named tuples, which
torch's `DataLoader` makes batches of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from t3d.datasets.cameras import read_cameras
from t3d.datasets.formats import read_normalization
from t3d.datasets.meshes import read_points
from t3d.errors import UsageError
from t3d.geometry.cameras import Camera, resized
from t3d.models.encoder import to_float, to_input
from t3d.models.pack import open_pack, pack_of
from t3d.models.samples import Samples
from t3d.models.views import Views, read_views
from t3d.pipeline.runs import latest_run

PARTS = ("train", "val", "test")
STAGES = ("views", "sdf", "surface")
"""Whose artifacts can be loaded."""

Item = TypeVar("Item")
_Row = tuple[int, Path, str, int, Camera]
"""Shape, folder, level, number and camera of a view."""


class View(NamedTuple):
    """A picture on white (3, S, S) and how much of each pixel the shape covers (1, S, S), both in [0, 1]."""

    image: Tensor
    mask: Tensor
    shape: int


class Pose(NamedTuple):
    """A view's camera: `c2w` (4, 4), camera to unit frame, OpenGL axes; `intrinsics` (3, 3), in pixels."""

    c2w: Tensor
    intrinsics: Tensor
    shape: int


class Draw(NamedTuple):
    """Points (N, 3) and signed distances (N,), negative inside: half of them outside, then those inside."""

    points: Tensor
    distances: Tensor
    shape: int


class Surface(NamedTuple):
    """Points (N, 3) with normals (N, 3) on the ground truth; original frame = unit / `scale` - `offset`."""

    points: Tensor
    normals: Tensor
    offset: Tensor
    scale: Tensor
    shape: int


class Items(Dataset[Item]):
    """An item for each of some rows, made of it when it is asked for.

    >>> squares = Items(range(3), lambda number: number**2)
    >>> len(squares), squares[-1], list(squares)
    (3, 4, [0, 1, 4])
    """

    def __init__(self, rows: Sequence[Any], make: Callable[[Any], Item]) -> None:
        self._rows, self._make = rows, make

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Item:
        return self._make(self._rows[number])


@dataclass(frozen=True)
class Data:
    """The shapes of one category; build it with `load`.

    split: ids of "train", "val" and "test" that have all that any shape of their part has (surfaces count for
    testing only). lost: the others, and why. artifacts: folders, or the pack, by stage and id. Methods raise
    `UsageError` for what is not there, `DataError` for a broken file.
    """

    split: Mapping[str, tuple[str, ...]]
    lost: Mapping[str, str]
    artifacts: Mapping[str, Mapping[str, Path]]

    def views(self, part: str, levels: Sequence[str] = ("easy",), size: int | None = None) -> Items[View]:
        """The views of every shape, in the order of shape, level and number; size: pixels a side, reduced by
        area. Pictures of a run are read one by one; those of a pack are mapped and have its size.
        """
        rows, pack = self._rows(part, levels), pack_of(self._of("views", part))
        if pack is None:
            return Items(rows, partial(_read_view, size))
        if size not in (None, pack.size):
            raise UsageError(f"{pack.path}: its images have {pack.size} pixels a side, not {size}")
        return Items(range(len(rows)), partial(_stored_view, pack.views(self._of("views", part), levels)))

    def cameras(self, part: str, levels: Sequence[str] = ("easy",), size: int | None = None) -> Items[Pose]:
        """The cameras of `views` with the same arguments, in the same order."""
        return Items(self._rows(part, levels), partial(_pose, size))

    def samples(self, part: str, points: int) -> Items[Draw]:
        """An item per shape: `points` of its samples, others each time, drawn by torch's own generator."""
        samples = Samples(self._of("sdf", part))
        return Items(range(len(samples)), partial(_draw, samples, points))

    def surfaces(self, part: str) -> Items[Surface]:
        """An item per shape that has a surface: 30,000 points by default."""
        folders = self._of("surface", part).items()
        return Items([(self.split[part].index(shape), folder) for shape, folder in folders], _surface)

    def _of(self, stage: str, part: str) -> dict[str, Path]:
        """Artifacts of a stage by id, in the order of the split."""
        there = self.artifacts.get(stage, {})
        found = {shape: there[shape] for shape in self.split.get(part, ()) if shape in there}
        if not found:
            named = part if part in PARTS else f"{part}; there are {', '.join(PARTS)}"
            raise UsageError(f"no {stage} of {named}: make them with `t3d {stage}`")
        return found

    def _rows(self, part: str, levels: Sequence[str]) -> list[_Row]:
        folders, rows = self._of("views", part), list[_Row]()
        pack = pack_of(folders)
        for place, (shape, folder) in enumerate(folders.items()):
            found = pack.cameras(shape) if pack else read_cameras(folder / "cameras.json")
            if lacking := [level for level in levels if not found.get(level)]:
                raise UsageError(f"shape {shape}: no {lacking[0]} views, only {', '.join(sorted(found))}")
            rows += [(place, folder, level, n, one) for level in levels for n, one in enumerate(found[level])]
        return rows


def load(path: str | Path) -> Data:
    """The data sets of a category's latest run, `work/sofa`, or of a pack (`t3d export --layout pack`).

    Raises `UsageError` where there is no run, `DataError` for a file that is no pack.
    """
    path, split, lost = Path(path), dict[str, tuple[str, ...]](), dict[str, str]()
    if path.is_file():
        pack = open_pack(path)
        parts, reasons, ids = pack.split, {}, [shape for part in pack.split.values() for shape in part]
        made = {stage: {one: path for one in ids if pack.has(one, stage)} for stage in STAGES}
    else:
        run = latest_run(path)
        parts, reasons = run["parts"], {one["shape"]: one["reason"] for one in run["failures"]}
        there = {stage: run["artifacts"].get(stage, {}).items() for stage in STAGES}
        made = {stage: {one: path / to for one, to in pairs} for stage, pairs in there.items()}
    for part in PARTS:
        ids = sorted(parts.get(part, ()))
        needed = [made[stage].keys() for stage in STAGES[: 3 if part == "test" else 2]]
        whole = {*ids}.intersection(*(there for there in needed if there & {*ids}))
        split[part] = tuple(shape for shape in ids if shape in whole)
        lost |= {one: reasons.get(one, "not all of it is made") for one in ids if one not in whole}
    return Data(split, lost, made)


def _stored_view(stored: Views, number: int) -> View:
    return View(to_float(stored.images[number]), to_float(stored.masks[number]), int(stored.shapes[number]))


def _read_view(size: int | None, row: _Row) -> View:
    pair = read_views(row[1], row[2], [row[3]])
    image, mask = (to_float(to_input(one, size or one.shape[1])[0]) for one in pair)
    return View(image, mask, row[0])


def _pose(size: int | None, row: _Row) -> Pose:
    seen = resized(row[4], size or row[4].width)
    intrinsics = [[seen.fl, 0.0, seen.cx], [0.0, seen.fl, seen.cy], [0.0, 0.0, 1.0]]
    return Pose(torch.from_numpy(seen.c2w).float(), torch.tensor(intrinsics), row[0])


def _draw(samples: Samples, points: int, shape: int) -> Draw:
    rng = np.random.default_rng(int(torch.randint(2**62, ())))
    batch = samples.of(np.array([shape]), points, rng)
    return Draw(batch.points[0], batch.distances[0], shape)


def _surface(place: tuple[int, Path]) -> Surface:
    points, normals = read_points(place[1] / "surface.ply")
    transform = read_normalization(place[1] / "normalization.npz")
    arrays = (transform.apply(points), normals, transform.offset, np.array(transform.scale))
    unit, facing, offset, scale = (torch.from_numpy(one).float() for one in arrays)
    return Surface(unit, facing, offset, scale, place[0])
