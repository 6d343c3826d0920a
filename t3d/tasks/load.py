"""`t3d.load`: what a run made, or a pack holds, as plain torch data sets for anybody's network.

All coordinates are of the unit frame (docs/conventions.md), all tensors float32 on the CPU. `shape` is a
shape's place in `Data.split[part]`, the same in every data set of that part. Items are named tuples, which
torch's `DataLoader` makes batches of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

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
COMMANDS = {"views": "render", "sdf": "sample-sdf", "surface": "surface"}
"""What can be loaded, by stage, and the command that makes it."""

Item = TypeVar("Item")


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
    """`count` items, each made when it is asked for.

    >>> squares = Items(3, lambda number: number**2)
    >>> len(squares), squares[-1], list(squares)
    (3, 4, [0, 1, 4])
    """

    def __init__(self, count: int, item: Callable[[int], Item]) -> None:
        self._numbers, self._item = range(count), item

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Item:
        return self._item(self._numbers[number])


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
        folders = self._of("views", part)
        if pack := pack_of(folders):
            if size not in (None, pack.size):
                raise UsageError(f"{pack.path}: its images have {pack.size} pixels a side, not {size}")
            stored = pack.views(folders, levels)
            return Items(len(stored), partial(_stored_view, stored))
        listed = [(shape, level, number) for shape, level, number, _ in self._cameras(part, levels)]
        return Items(len(listed), partial(_read_view, list(folders.values()), listed, size))

    def cameras(self, part: str, levels: Sequence[str] = ("easy",), size: int | None = None) -> Items[Pose]:
        """The cameras of `views` with the same arguments, in the same order."""
        found = self._cameras(part, levels)
        return Items(len(found), lambda number: _pose(found[number][0], found[number][3], size))

    def samples(self, part: str, points: int) -> Items[Draw]:
        """An item per shape: `points` of its samples, others each time, drawn by torch's own generator."""
        samples = Samples(self._of("sdf", part))
        return Items(len(samples), partial(_draw, samples, points))

    def surfaces(self, part: str) -> Items[Surface]:
        """An item per shape that has a surface: 30,000 points by default."""
        folders = self._of("surface", part)
        places = [(self.split[part].index(shape), folder) for shape, folder in folders.items()]
        return Items(len(places), lambda number: _surface(*places[number]))

    def _of(self, stage: str, part: str) -> dict[str, Path]:
        """Artifacts of a stage by id, in the order of the split."""
        there = self.artifacts.get(stage, {})
        found = {shape: there[shape] for shape in self.split.get(part, ()) if shape in there}
        if not found:
            named = part if part in PARTS else f"{part}; there are {', '.join(PARTS)}"
            raise UsageError(f"no {stage} of {named}: make them with `t3d {COMMANDS[stage]}`")
        return found

    def _cameras(self, part: str, levels: Sequence[str]) -> list[tuple[int, str, int, Camera]]:
        """Shape, level, number and camera of every view."""
        folders = self._of("views", part)
        pack = pack_of(folders)
        rows = []
        for place, (shape, folder) in enumerate(folders.items()):
            found = pack.cameras(shape) if pack else read_cameras(folder / "cameras.json")
            for level in levels:
                if not found.get(level):
                    raise UsageError(f"shape {shape}: no {level} views, only {', '.join(sorted(found))}")
                rows += [(place, level, number, camera) for number, camera in enumerate(found[level])]
        return rows


def load(path: str | Path = "work") -> Data:
    """The data sets of a category's latest run in a work folder, or of a pack (`t3d export --layout pack`).

    path: `work/sofa`; `work` itself, where it holds one category; or the file. Raises `UsageError` where
    there is no run, `DataError` for a file that is no pack.
    """
    path = Path(path)
    if path.is_file():
        pack = open_pack(path)
        ids = [shape for part in pack.split.values() for shape in part]
        kinds = {kind: {one: path for one in ids if pack.has(one, kind)} for kind in ("views", "sdf")}
        return _data(pack.split, kinds, {})
    categories = sorted(one.parent for one in path.glob("*/runs"))
    if not (path / "runs").is_dir() and len(categories) > 1:
        raise UsageError(f"{path}: holds {', '.join(one.name for one in categories)}; name one of them")
    root = path if (path / "runs").is_dir() or not categories else categories[0]
    run = latest_run(root)
    artifacts = {
        kind: {shape: root / folder for shape, folder in run["artifacts"].get(kind, {}).items()}
        for kind in COMMANDS
    }
    return _data(run["parts"], artifacts, {one["shape"]: one["reason"] for one in run["failures"]})


def _data(
    parts: Mapping[str, Sequence[str]],
    artifacts: Mapping[str, Mapping[str, Path]],
    reasons: Mapping[str, str],
) -> Data:
    split: dict[str, tuple[str, ...]] = {}
    lost: dict[str, str] = {}
    for part in PARTS:
        kinds = [kind for kind in artifacts if part == "test" or kind != "surface"]
        ids = sorted(parts.get(part, ()))
        needed = [kind for kind in kinds if any(shape in artifacts[kind] for shape in ids)]
        missing = {shape: [kind for kind in needed if shape not in artifacts[kind]] for shape in ids}
        split[part] = tuple(shape for shape in ids if not missing[shape])
        lost |= {
            shape: reasons.get(shape, f"no {', '.join(kinds)}") for shape, kinds in missing.items() if kinds
        }
    return Data(split, lost, artifacts)


def _stored_view(stored: Views, number: int) -> View:
    return View(to_float(stored.images[number]), to_float(stored.masks[number]), int(stored.shapes[number]))


def _read_view(
    folders: Sequence[Path], listed: Sequence[tuple[int, str, int]], size: int | None, number: int
) -> View:
    shape, level, view = listed[number]
    pair = read_views(folders[shape], level, [view])
    image, mask = (to_float(to_input(one, size or one.shape[1])[0]) for one in pair)
    return View(image, mask, shape)


def _pose(shape: int, camera: Camera, size: int | None) -> Pose:
    seen = resized(camera, size or camera.width)
    intrinsics = [[seen.fl, 0.0, seen.cx], [0.0, seen.fl, seen.cy], [0.0, 0.0, 1.0]]
    return Pose(torch.from_numpy(seen.c2w).float(), torch.tensor(intrinsics), shape)


def _draw(samples: Samples, points: int, shape: int) -> Draw:
    seed = int(torch.randint(2**62, ()))
    batch = samples.of(np.array([shape]), points, np.random.default_rng(seed))
    return Draw(batch.points[0], batch.distances[0], shape)


def _surface(shape: int, folder: Path) -> Surface:
    points, normals = read_points(folder / "surface.ply")
    transform = read_normalization(folder / "normalization.npz")
    offset, scale = torch.from_numpy(transform.offset), torch.tensor(transform.scale)
    unit, facing = torch.from_numpy(transform.apply(points)), torch.from_numpy(normals)
    return Surface(unit.float(), facing.float(), offset.float(), scale.float(), shape)
