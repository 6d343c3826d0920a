"""The zero level of any function as a closed mesh, evaluating it near the surface only.

The box is cut into few large cells. A cell whose centre is farther from zero than the function can
change on the way to its corners cannot matter and is dropped; the others are cut in eight, down to
the resolution. What a dense grid would find is found (thin plates too, unlike the rule of DIT
`deep_sdf/mesh.py`, which looks at the spread of corner values), for some 4 values per surface cell.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError
from t3d.geometry.marching import CORNERS, marching_cubes
from t3d.geometry.mesh import Array, Flags, Indices, Mesh

Values = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.floating]]
"""Signed values (N,), negative inside, at points (N, 3) float32."""

SAFETY = 1.2
"""How much steeper the function may be than the steepest slope seen before cells are lost."""

_DIRECTIONS = np.array([d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)])


class NoSurface(DataError):  # noqa: N818 - the established word for it, and not always an error
    """The function has one sign at all points looked at."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """A surface and what finding it took."""

    mesh: Mesh
    """Closed, outward oriented, no two vertices alike; in the frame of the points."""
    evaluations: int
    """Points at which the function was evaluated."""
    cells: int
    """Cells of the lattice that the surface passes through."""
    slope: float
    """Bound on the function's change per length by which cells were dropped (0: none were)."""
    capped: bool
    """Whether the inside reaches the wall of the box and was closed there."""

    def facts(self) -> dict[str, float | int | bool]:
        """Everything but the mesh."""
        return {name: getattr(self, name) for name in ("evaluations", "cells", "slope", "capped")}


def extract(values: Values, resolution: int, *, bound: float = 1.0) -> Mesh:
    """The mesh of `find_surface` alone."""
    return find_surface(values, resolution, bound=bound).mesh


def find_surface(
    values: Values,
    resolution: int,
    *,
    bound: float = 1.0,
    slope: float | None = None,
    start: int = 32,
    batch: int = 2**17,
) -> Extraction:
    """Zero level of `values` in the box [-bound, bound]^3 cut into resolution^3 cells.

    slope: a known Lipschitz constant; the result is then that of the dense grid. None: estimated from
    the values of the largest cells and of those along the surface, times `SAFETY`. start: about how many
    cells to begin with along an axis; functions clamped to +-c need cells with a half diagonal below c.
    batch: points per call of `values`.

    NoSurface, with the range of values, where all lattice points have one sign; DataError where values
    are not finite.
    """
    lattice = _Lattice(values, resolution, bound, batch)
    stride = 2 ** max(0, round(np.log2(resolution / start)))
    coarse = np.indices((-(-resolution // stride),) * 3).reshape(3, -1).T * stride
    limit = slope if slope is not None else SAFETY * _steepest_between(lattice, coarse, stride)
    while True:
        cells = _crossed(lattice, _candidates(lattice, coarse, stride, limit))
        seen = SAFETY * _steepest_along(lattice, cells, stride)
        if slope is not None or seen <= limit:
            break
        limit = SAFETY * seen
    if not len(cells):
        low, high = lattice.range()
        raise NoSurface(f"no surface: {low:.4g} to {high:.4g} are the values found at {resolution}^3")
    positions, faces = marching_cubes(cells, lattice.at(cells[:, None] + CORNERS))
    mesh = Mesh(lattice.place(positions), faces)
    return Extraction(mesh, len(lattice), len(cells), limit if stride > 1 else 0.0, lattice.capped)


class _Lattice:
    """Values at integer points (0..resolution on each axis), each evaluated once and kept by its key."""

    def __init__(self, values: Values, resolution: int, bound: float, batch: int) -> None:
        self.resolution, self.bound, self.step = resolution, bound, 2.0 * bound / resolution
        self.capped = False
        self._values, self._batch = values, batch
        self._keys = np.zeros(0, dtype=np.int64)
        self._known = np.zeros(0)

    def __len__(self) -> int:
        return len(self._keys)

    def at(self, points: Indices) -> Array:
        """Values (...) at lattice points (..., 3); none is negative at the walls of the box or beyond.

        Beyond them values are those of the nearest point of the box: as steep as the function.
        """
        keys = _keys(points)
        missing = np.unique(keys)
        missing = missing[~_among(missing, self._keys)]
        if len(missing):
            where = np.searchsorted(self._keys, missing)
            self._known = np.insert(self._known, where, self._evaluated(_points(missing)))
            self._keys = np.insert(self._keys, where, missing)
        return self._known[np.searchsorted(self._keys, keys)]

    def place(self, positions: npt.NDArray[np.floating] | Indices) -> Array:
        """Positions (N, 3) in lattice steps as coordinates."""
        return np.asarray(positions * self.step - self.bound, dtype=np.float64)

    def range(self) -> tuple[float, float]:
        """Least and greatest value so far."""
        return float(self._known.min()), float(self._known.max())

    def _evaluated(self, points: Indices) -> Array:
        where = self.place(np.clip(points, 0, self.resolution)).astype(np.float32)
        parts = [self._values(where[i : i + self._batch]) for i in range(0, len(where), self._batch)]
        found = np.concatenate(parts).astype(np.float64)
        if not np.isfinite(found).all():
            raise DataError(f"{int((~np.isfinite(found)).sum())} of {len(found)} values are NaN or infinite")
        cut = ((points <= 0) | (points >= self.resolution)).any(axis=1) & (found < 0)
        self.capped |= bool(cut.any())
        return np.where(cut, 0.0, found)


def _keys(points: Indices) -> Indices:
    """One integer for each lattice point (..., 3), in lexicographic order."""
    return (points[..., 0] << 40) | (points[..., 1] << 20) | points[..., 2]


def _points(keys: Indices) -> Indices:
    return np.stack([keys >> 40, (keys >> 20) & 0xFFFFF, keys & 0xFFFFF], axis=-1)


def _among(keys: Indices, pool: Indices) -> Flags:
    """Which keys are in the sorted pool."""
    if not len(pool):
        return np.zeros(len(keys), dtype=bool)
    return pool[np.minimum(np.searchsorted(pool, keys), len(pool) - 1)] == keys


def _steepest_between(lattice: _Lattice, cells: Indices, stride: int) -> float:
    """Greatest change per length between the centres of neighbouring cells, in 13 directions."""
    if stride == 1:
        return 0.0
    count = round(len(cells) ** (1 / 3))
    centres = lattice.at(cells + stride // 2).reshape((count,) * 3)
    steepest = 0.0
    for direction in _DIRECTIONS:
        ahead = tuple(slice(max(d, 0), count + min(d, 0)) for d in direction)
        behind = tuple(slice(max(-d, 0), count + min(-d, 0)) for d in direction)
        change = float(np.abs(centres[ahead] - centres[behind]).max())
        steepest = max(steepest, change / (float(np.linalg.norm(direction)) * stride * lattice.step))
    return steepest


def _steepest_along(lattice: _Lattice, cells: Indices, stride: int) -> float:
    """Greatest value per half diagonal at the centres of cells of every size that hold the surface.

    This is the quantity that decides whether a cell is dropped: were it near the bound, cells beyond
    the bound may have been lost.
    """
    steepest = 0.0
    while stride > 1 and len(cells):
        holding = _points(np.unique(_keys(cells - cells % stride)))
        values = lattice.at(holding + stride // 2)
        values = np.abs(values[~_walled(lattice, holding, stride, values)])
        steepest = max(steepest, float(values.max(initial=0.0)) / (np.sqrt(0.75) * stride * lattice.step))
        stride //= 2
    return steepest


def _candidates(lattice: _Lattice, cells: Indices, stride: int, slope: float) -> Indices:
    """Cells of the lattice (N, 3) that the surface passes through, from cells `stride` steps wide.

    A cell is cut into eight parts; each has one corner, `a`, in the cell's middle and the opposite one,
    `b`, at the cell's own corner. Near both or far from one the sign cannot change any more: all points
    of a part are within sqrt(5)/2 of its side from `a` or `b`, and within sqrt(3) of either.
    """
    while stride > 1:
        values = lattice.at(cells + stride // 2)
        near = np.abs(values) <= slope * lattice.step * stride * np.sqrt(0.75)
        near |= _walled(lattice, cells, stride, values)
        a = np.repeat(cells[near] + stride // 2, 8, axis=0)
        b = (cells[near][:, None] + stride * CORNERS).reshape(-1, 3)
        within = (np.minimum(a, b) < lattice.resolution).all(axis=1)
        a, b, stride = a[within], b[within], stride // 2
        if stride == 1:
            return np.minimum(a, b)[_mixed(lattice, a, b, slope * lattice.step)]
        reach = slope * lattice.step * stride
        cells = np.minimum(a, b)[
            _open(lattice.at(a), lattice.at(b), np.sqrt(1.25) * reach, np.sqrt(3.0) * reach)
        ]
    return cells


def _walled(lattice: _Lattice, cells: Indices, stride: int, values: Array) -> Flags:
    """Which cells are inside in the middle and reach a wall, where everything counts as outside."""
    return ((cells <= 0) | (cells + stride >= lattice.resolution)).any(axis=1) & (values < 0)


def _open(at_a: Array, at_b: Array, both: float, either: float) -> Flags:
    """Whether the sign may change between two points: not if both values or one of them are large."""
    a, b = np.abs(at_a), np.abs(at_b)
    return ((at_a < 0) != (at_b < 0)) | ((np.minimum(a, b) <= both) & (np.maximum(a, b) <= either))


def _mixed(lattice: _Lattice, a: Indices, b: Indices, reach: float) -> Flags:
    """Which cells have corners of both signs, from two opposite corners (N, 3); reach: change in a step.

    Each of the other six is one step from one of the two and sqrt(2) steps from the other. Often this
    tells its sign; if not it is looked at.
    """
    at_a, at_b = lattice.at(a), lattice.at(b)
    mixed = (at_a < 0) != (at_b < 0)
    open_ = ~mixed & _open(at_a, at_b, reach, np.sqrt(2.0) * reach)
    for corner, other, value in ((a, b, at_a), (b, a, at_b)):
        ask = open_ & (np.abs(value) <= reach)
        beside = corner[ask, None] + (other - corner)[ask, None] * np.eye(3, dtype=np.int64)
        mixed[ask] |= ((lattice.at(beside) < 0) != (value[ask] < 0)[:, None]).any(axis=1)
    return mixed


def _crossed(lattice: _Lattice, cells: Indices) -> Indices:
    """The cells with corners of both signs, and all that the surface reaches from them, sorted.

    Following the surface through shared faces closes it even where the slope was underestimated.
    """
    seen, found = np.unique(_keys(cells)), [np.zeros(0, dtype=np.int64)]
    new = seen
    while len(new):
        cells = _points(new)
        inside = (lattice.at(cells[:, None] + CORNERS) < 0).reshape(-1, 2, 2, 2)
        mixed = inside.any(axis=(1, 2, 3)) & ~inside.all(axis=(1, 2, 3))
        found.append(new[mixed])
        new = np.unique(_keys(_across(cells[mixed], inside[mixed])))
        new = new[~_among(new, seen)]
        seen = np.union1d(seen, new)
    return _points(np.sort(np.concatenate(found)))


def _across(cells: Indices, inside: Flags) -> Indices:
    """Neighbours of cells on the other side of faces with both signs; `inside` is (N, 2, 2, 2).

    The surface never passes through the walls of the box, because all values there count as outside.
    """
    neighbours = []
    for axis, side in itertools.product(range(3), (0, 1)):
        face = inside.take(side, axis=1 + axis).reshape(-1, 4)
        mixed = face.any(axis=1) & ~face.all(axis=1)
        neighbours.append(cells[mixed] + (2 * side - 1) * np.eye(3, dtype=np.int64)[axis])
    return np.concatenate(neighbours)
