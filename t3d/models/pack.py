"""A data set in one file: samples, views, cameras and splits, mapped into memory where training reads them.

Layout: the eight bytes `MAGIC`; the arrays `samples` (float32 rows x, y, z, distance), `views` (uint8, four
planes: RGB on white and coverage) and `cameras` (float64), each from a multiple of 64 bytes on,
little-endian, in C order, the rows of a shape together; a JSON index; and a trailer of the index's length
(uint64), its CRC-32 (uint32) and the four bytes `END`. The index comes last, so that sets larger than memory
can be written as they are read, and a torn file has no end.
"""

import itertools
import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from t3d.datasets.cameras import read_cameras
from t3d.datasets.formats import open_samples
from t3d.errors import DataError
from t3d.geometry.cameras import Camera
from t3d.models.encoder import to_input
from t3d.models.samples import Pair
from t3d.models.views import Views, read_views
from t3d.pipeline.stage import Shapes

MAGIC = b"t3dpack1"
END = b"t3d."
TRAILER = struct.Struct("<QI4s")
ALIGNMENT = 64
CAMERA = 19
"""Numbers of a camera: camera-to-world matrix by rows, focal length and principal point in image sides."""

Parts = Mapping[str, Sequence[str]]
"""Shape ids by part of the split."""


@dataclass(frozen=True)
class Extent:
    """How much of every shape a pack holds.

    samples: at most, evenly out of its file, outside and inside in the file's proportion. views: of a level
    at most, evenly over its list. size: side of the images in pixels. levels: difficulties of the views.
    """

    samples: int
    views: int
    size: int
    levels: tuple[str, ...]


def write_pack(path: Path, category: str, split: Parts, sdf: Shapes, views: Shapes, extent: Extent) -> None:
    """Write what there is of the shapes of a split to one file; a shape may have samples, views, or both.

    Nothing stands at `path` before all of it does; raises `DataError` where an artifact cannot be read.
    """
    split = {part: sorted(split[part]) for part in sorted(split)}
    shapes = [shape for ids in split.values() for shape in ids]
    size, draft = extent.size, path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as file:
            file.write(MAGIC)
            arrays: dict[str, Any] = {}
            add = _appender(file, arrays)
            sampled, viewed = ([folders.get(shape) for shape in shapes] for folders in (sdf, views))
            rows = [add("samples", _thinned(one, extent.samples), "<f4", (4,)) or (0, 0) for one in sampled]
            counts = [add("views", _pictures(one, extent), "|u1", (4, size, size)) for one in viewed]
            angles = [add("cameras", _cameras(one, extent), "<f8", (CAMERA,)) for one in viewed]
            if counts != angles:
                raise DataError(f"{path}: views and cameras.json of a shape differ in number; render again")
            index = {"category": category, "levels": list(extent.levels), "split": split, "arrays": arrays}
            text = json.dumps({**index, "rows": rows, "views": counts}).encode()
            file.write(text + TRAILER.pack(len(text), zlib.crc32(text), END))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _appender(file: BinaryIO, arrays: dict[str, Any]) -> Any:
    """A function that appends parts of the array `name`, and says how many rows each of them had."""

    def add(name: str, parts: Iterable[Any], dtype: str, row: tuple[int, ...]) -> tuple[int, ...]:
        if name not in arrays:
            file.write(bytes(-file.tell() % ALIGNMENT))
            arrays[name] = {"offset": file.tell(), "shape": [0, *row], "dtype": dtype, "crc": 0}
        array, counts = arrays[name], []
        for part in parts:
            content = np.ascontiguousarray(part, dtype=dtype).tobytes()
            file.write(content)
            array["crc"] = zlib.crc32(content, array["crc"])
            array["shape"][0] += len(part)
            counts.append(len(part))
        return tuple(counts)

    return add


def _thinned(folder: Path | None, most: int) -> Iterator[Any]:
    """`pos` and `neg` of a shape, every so many-th row, `most` together."""
    pair = open_samples(folder / "samples.npz") if folder else ()
    total = sum(map(len, pair))
    for rows in pair:
        count = len(rows) if total <= most else max(len(rows) * most // total, min(1, len(rows)))
        yield rows[_evenly(len(rows), count)]


def _evenly(there: int, count: int) -> NDArray[np.int64]:
    """`count` places out of `there`, as far apart as can be; all of them where there are fewer."""
    count = min(there, count)
    return np.arange(count) * there // max(count, 1)


def _pictures(folder: Path | None, extent: Extent) -> Iterator[Any]:
    if folder is None:
        return
    for level in extent.levels:
        there = sorted(int(path.stem) for path in (folder / level).glob("*.png"))
        numbers = [there[place] for place in _evenly(len(there), extent.views)]
        pair = read_views(folder, level, numbers) if numbers else ()
        planes = [to_input(pictures, extent.size).numpy() for pictures in pair]
        yield np.concatenate(planes, axis=1) if planes else []


def _cameras(folder: Path | None, extent: Extent) -> Iterator[Any]:
    found = read_cameras(folder / "cameras.json") if folder else {}
    for level in extent.levels if folder else ():
        there = found.get(level, [])
        cameras = [there[place] for place in _evenly(len(there), extent.views)]
        yield [[*c.c2w.ravel(), c.fl / c.width, c.cx / c.width, c.cy / c.height] for c in cameras]


class Pack:
    """A data set that stays in its file; build it with `open_pack`.

    `category` is t3d's name of it; `split` has the ids of each part, sorted; `levels` the difficulties;
    `size` is the images' side in pixels.
    """

    def __init__(self, path: Path, index: Mapping[str, Any]) -> None:
        self.path = path
        self.category: str = index["category"]
        self.split: dict[str, list[str]] = index["split"]
        self.levels: tuple[str, ...] = tuple(index["levels"])
        self._index = index["arrays"]
        self._arrays = {name: _mapped(path, array) for name, array in self._index.items()}
        self.size: int = self._arrays["views"].shape[2]
        shapes = [shape for ids in self.split.values() for shape in ids]
        self._spans = {"sdf": _spans(shapes, index["rows"]), "views": _spans(shapes, index["views"])}

    def __reduce__(self) -> tuple[Any, ...]:
        return open_pack, (self.path,)

    def has(self, shape: str, stage: str) -> bool:
        """Whether there is anything of what a stage makes, "sdf" or "views", of a shape."""
        return any(start < end for start, end in self._spans.get(stage, {}).get(shape, ()))

    def samples(self, ids: Iterable[str]) -> dict[str, Pair]:
        """`pos` and `neg` (N, 4) of those of the shapes that have any: what `Samples` takes for folders."""
        rows, spans = self._arrays["samples"], self._spans["sdf"]
        there = {
            shape: [rows[slice(*span)] for span in spans[shape]] for shape in ids if self.has(shape, "sdf")
        }
        return {shape: (pos, neg) for shape, (pos, neg) in there.items()}

    def views(self, ids: Iterable[str], levels: Sequence[str]) -> Views:
        """Views of the given levels of those of the shapes that have any, as `load_views` orders them."""
        ids = tuple(shape for shape in sorted(ids) if self.has(shape, "views"))
        rows = [self._rows(shape, levels) for shape in ids]
        every = np.concatenate([np.zeros(0, np.int64), *rows])
        together = len(every) and (np.diff(every) == 1).all()  # a slice stays in the file
        stored = self._arrays["views"][slice(every[0], every[-1] + 1) if together else every]
        planes, owners = torch.from_numpy(stored), np.repeat(np.arange(len(ids)), list(map(len, rows)))
        return Views(ids, planes[:, :3], planes[:, 3:], torch.from_numpy(owners))

    def cameras(self, shape: str) -> dict[str, list[Camera]]:
        """Cameras of a shape's views by level, in the unit frame, for images of the pack's size."""
        cameras: dict[str, list[Camera]] = {}
        for level in self.levels if self.has(shape, "views") else ():
            numbers = self._arrays["cameras"][self._rows(shape, [level])]
            cameras[level] = [
                Camera(row[:16].reshape(4, 4), fl, cx, cy, self.size, self.size)
                for row, (fl, cx, cy) in zip(numbers, (numbers[:, 16:] * self.size).tolist(), strict=True)
            ]
        return cameras

    def check(self) -> None:
        """Read everything once; raises `DataError` where an array is not what was written."""
        for name, array in self._index.items():
            if zlib.crc32(self._arrays[name].data) != array["crc"]:
                raise DataError(f"{self.path}: its {name} are damaged; make it again with t3d export")

    def _rows(self, shape: str, levels: Sequence[str]) -> NDArray[np.int64]:
        if unknown := sorted({*levels} - {*self.levels}):
            raise DataError(f"{self.path}: has no {unknown[0]} views, only {', '.join(self.levels)}")
        spans = dict(zip(self.levels, self._spans["views"][shape], strict=True))
        return np.concatenate([np.arange(*spans[level]) for level in levels])


def _spans(shapes: Sequence[str], counts: Sequence[Sequence[int]]) -> dict[str, list[tuple[int, int]]]:
    """Where the parts of each shape begin and end in an array, given how many rows they have."""
    spans = itertools.pairwise(itertools.accumulate(itertools.chain(*counts), initial=0))
    return {shape: [next(spans) for _ in parts] for shape, parts in zip(shapes, counts, strict=True)}


def pack_of(sources: Mapping[str, Any]) -> Pack | None:
    """The pack that artifacts are read from where it stands, all of them; None where they have folders."""
    paths = {one for one in sources.values() if isinstance(one, os.PathLike)}
    path = Path(paths.pop()) if len(paths) == 1 else None
    return open_pack(path) if path and path.is_file() else None


def open_pack(path: Path) -> Pack:
    """A pack, opened in the time that its index takes to read; raises `DataError` for any other file."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError("of another kind")
            file.seek(-TRAILER.size, 2)
            length, crc, end = TRAILER.unpack(file.read(TRAILER.size))
            file.seek(-TRAILER.size - length, 2)
            text = file.read(length)
        if end != END or zlib.crc32(text) != crc:
            raise ValueError("torn or damaged")
        return Pack(path, json.loads(text))
    except (OSError, ArithmeticError, ValueError, LookupError, TypeError, struct.error) as error:
        raise DataError(
            f"{path}: no pack ({error}); name one that t3d export made, or a folder of meshes"
        ) from error


def _mapped(path: Path, array: Mapping[str, Any]) -> NDArray[Any]:
    """Copy on write: torch wants writable arrays, and nobody is to write to the file."""
    shape, kind = tuple(array["shape"]), np.dtype(array["dtype"])
    if kind.kind not in "biuf":  # objects would be addresses, taken from the file
        raise ValueError(f"an array of {kind}")
    if 0 in shape:
        return np.zeros(shape, array["dtype"])
    return np.memmap(path, array["dtype"], "c", array["offset"], shape)
