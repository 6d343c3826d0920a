"""The zero level of any function as a closed mesh, evaluating it near the surface only.

A function that changes by at most `slope` per length keeps its sign within |value| / slope of a point.
From a few points far apart down to all points of the lattice, those are evaluated whose sign does not
follow in this way from points evaluated before. So all that a dense grid would find is found (thin plates
too, unlike the rule of DIT `deep_sdf/mesh.py`, which looks at the spread of corner values), for some 2
to 4 values per cell of the surface. Only lattice edges that the surface crosses need both their values.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError
from t3d.geometry.bricks import Bricks, largest, of_parts, parts, slopes
from t3d.geometry.marching import CORNERS, marching_cubes
from t3d.geometry.mesh import Array, Flags, Indices, Mesh

Values = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.floating]]
"""Signed values (N,), negative inside, at points (N, 3) float32."""

SAFETY = 1.2
"""How much steeper the function may be than the steepest slope seen nearby before parts are lost."""

_UNSEEN, _SEEN, _EXACT = range(3)
_BLOCK = np.array(list(itertools.product((0, 1, 2), repeat=3)))
_CORNERS, _MIDDLE = np.flatnonzero((_BLOCK != 1).all(axis=1)), np.array([13])  # places in `_BLOCK`


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
    """Greatest bound on the function's change per length by which points were passed over (0: none were)."""
    capped: bool
    """Whether the inside reaches the wall of the box and was closed there."""

    def facts(self) -> dict[str, float | int | bool]:
        """Everything but the mesh."""
        return {name: getattr(self, name) for name in ("evaluations", "cells", "slope", "capped")}


def extract(values: Values, resolution: int) -> Mesh:
    """The mesh of `find_surface` alone."""
    return find_surface(values, resolution).mesh


def find_surface(
    values: Values, resolution: int, *, slope: float | None = None, start: int = 32, batch: int = 2**17
) -> Extraction:
    """Zero level of `values` in the box [-1, 1]^3 cut into resolution^3 cells.

    slope: a known Lipschitz constant; the result is then that of the dense grid. None: estimated for each
    of the largest cells from differences of values around it, times `SAFETY`, raised where the surface
    turns out steeper. That finds whatever can be told at the largest cells' corners; a spike between
    them, in a function that is flat around it, cannot. start: about how many cells to begin with along an
    axis; functions clamped to +-c need cells with a half diagonal below c. batch: points per call.

    NoSurface, with the range of values, where all lattice points have one sign; DataError where values
    are not finite.
    """
    stride = 2 ** max(0, round(np.log2(resolution / start)))
    lattice = _Lattice(values, resolution, batch, stride)
    if slope is not None:
        lattice.limits[:] = slope
    while True:
        cells = _closed(lattice, _crossed(lattice, stride))
        if slope is not None or not lattice.raise_limits(cells):
            break
    if not len(cells):
        low, high = lattice.range
        raise NoSurface(f"no surface: {low:.4g} to {high:.4g} are the values found at {resolution}^3")
    positions, faces = marching_cubes(cells, lattice.taken(cells))
    mesh = Mesh(lattice.place(positions), faces)
    limit = float(lattice.limits.max()) if stride > 1 else 0.0
    return Extraction(mesh, lattice.evaluations, len(cells), limit, lattice.capped)


def _crossed(lattice: "_Lattice", stride: int) -> Indices:
    """Cells of the lattice (N, 3) with corners of both signs, from the largest cells, `stride` wide."""
    cells: Indices = np.argwhere(np.ones(lattice.limits.shape, dtype=bool)) * stride
    cells = cells[lattice.undecided(cells, stride)]
    while stride > 1:
        cells = lattice.refined(cells, stride)
        stride //= 2
    return cells


def _closed(lattice: "_Lattice", cells: Indices) -> Indices:
    """The cells, both values known of each edge that the surface crosses, and all that it reaches from them.

    Where the slope was underestimated, cells are missing beside some points. All around those are looked at:
    the surface is followed until it closes.
    """
    while len(points := lattice.pin(cells)):
        around = (points[:, None] - CORNERS).reshape(-1, 3)
        around = around[((around >= 0) & (around < lattice.resolution)).all(axis=1)]
        lattice.look(around)
        cells = np.unique(np.concatenate([cells, around]), axis=0)
        cells = cells[lattice.undecided(cells, 1)]
    return cells


class _Lattice(Bricks):
    """What is known at integer points: nothing, the sign and a bound of the size of the value, or the value.

    Points reach from 0 to `resolution` on each axis, and beyond it to a multiple of `stride`. No value is
    negative at the walls of the box or beyond; beyond, values are those of the nearest point of the box.
    `limits` bound the function's change per length in each of the largest cells, `stride` wide.
    """

    def __init__(self, values: Values, resolution: int, batch: int, stride: int) -> None:
        super().__init__(resolution + stride)
        self.resolution, self.step = resolution, 2.0 / resolution
        self.evaluations, self.range, self.capped = 0, (np.inf, -np.inf), False
        self._values, self._batch, self._stride = values, batch, stride
        count = -(-resolution // stride) + 1
        coarse = self.slots(np.zeros((1, 3), dtype=np.int64), stride, count).ravel()
        raw = self._evaluate(coarse).reshape((count,) * 3)
        self.limits = SAFETY * slopes(raw, stride * self.step)

    def taken(self, cells: Indices) -> Array:
        """(N, 8): values at the corners of cells, or bounds of those not needed. All else is forgotten."""
        corners = np.empty((len(cells), 8))
        for part, rows in zip(parts(cells), parts(corners), strict=True):
            rows[:] = self.known[self.slots(part, 1, 2)]
        self.known, self.state = np.zeros(0), np.zeros(0, dtype=np.uint8)
        return corners

    def place(self, positions: npt.NDArray[np.floating] | Indices) -> Array:
        """Positions (N, 3) in lattice steps as coordinates."""
        return np.asarray(positions * self.step - 1.0, dtype=np.float64)

    def undecided(self, cells: Indices, stride: int) -> Flags:
        """Which cells have corners of both signs, or may have another sign at a lattice point inside."""
        known, near = self.known[self.slots(cells, stride, 2)], self._near(cells, stride)
        return np.logical_and(known.min(axis=1) < near, known.max(axis=1) >= -near)

    def refined(self, cells: Indices, stride: int) -> Indices:
        """Parts (N, 3) of cells, half as wide, that the surface may pass through; their corners are settled.

        The middles of the cells come first, because they tell most about the other points.
        """
        half = stride // 2
        found = [part[~self._spread(part, stride, _CORNERS)] for part in parts(cells)]
        cells = np.concatenate([cells[:0], *found])
        middles = [self.slots(part + half, 1, 1)[:, 0] for part in parts(cells)]
        self._settle(np.concatenate([cells[:0, 0], *middles]))
        for part in parts(cells):
            self._spread(part, stride, _MIDDLE)
        self._settle()
        found = [cells[:0]]
        for part in parts(cells):
            known = self.known[self.slots(part, half, 3)].reshape(-1, 3, 3, 3)
            near = self._near(part, half)[:, None, None, None]
            low, high = of_parts(np.minimum, known), of_parts(np.maximum, known)
            row, *place = np.nonzero((low < near) & (high >= -near))
            smaller = part[row] + half * np.stack(place, axis=-1)
            found.append(smaller[(smaller < self.resolution).all(axis=1)])
        return np.concatenate(found)

    def look(self, cells: Indices) -> None:
        """Evaluate the corners of which nothing is known."""
        slots = self.slots(cells, 1, 2)
        self.state[slots] = np.maximum(self.state[slots], _SEEN)
        self._settle()

    def pin(self, cells: Indices) -> Indices:
        """Evaluate both ends of edges with a change of sign; points (N, 3) beside which cells are missing.

        These are points whose sign was wrong, and ends of edges that are not in all their four cells.
        """
        ends, shared = np.zeros(len(self.state), dtype=bool), np.zeros(len(self.state), dtype=np.uint16)
        for part in parts(cells):
            slots = self.slots(part, 1, 2).reshape(-1, 2, 2, 2)
            inside = self.known[slots] < 0
            for axis in range(3):
                change = np.diff(inside, axis=1 + axis)
                low, high = (slots.take([side], 1 + axis)[change] for side in (0, 1))
                ends[low] = ends[high] = True
                np.add.at(shared, low, np.uint16(8**axis))  # an octal digit for each axis
        unknown = np.flatnonzero(ends & (self.state != _EXACT))
        expected = self.known[unknown] < 0
        self._evaluate(unknown)
        wrong = unknown[(self.known[unknown] < 0) != expected]
        return self.points(np.concatenate([wrong, np.flatnonzero(shared & 0o333)]))  # neither 0 nor 4

    def raise_limits(self, cells: Indices) -> bool:
        """Whether the surface is steeper somewhere than `limits`; these are raised, the bounds forgotten."""
        steepest = np.zeros(self.limits.shape)
        for part in parts(cells):
            slots = self.slots(part, 1, 2)
            exact, known = self.state[slots] == _EXACT, self.known[slots]
            exact[self._walled(part, 1)] = False
            for a, b in itertools.combinations(range(8), 2):
                change = np.abs(known[:, a] - known[:, b]) / np.linalg.norm(CORNERS[a] - CORNERS[b])
                change[~(exact[:, a] & exact[:, b])] = 0
                np.maximum.at(steepest, tuple((part // self._stride).T), change / self.step)
        if (steepest <= self.limits).all():
            return False
        self.limits = np.maximum(self.limits, SAFETY * largest(np.pad(steepest, 1), 3))
        self.known[self.state == _SEEN] = 0
        self.state[self.state == _SEEN] = _UNSEEN
        return True

    def _change(self, cells: Indices) -> Array:
        """(N,): how much the function may change over one step in the largest cells around `cells`."""
        return self.step * self.limits[tuple((cells // self._stride).T)]

    def _walled(self, cells: Indices, stride: int) -> Flags:
        return np.any((cells <= 0) | (cells + stride >= self.resolution), axis=1)

    def _near(self, cells: Indices, stride: int) -> Array:
        """(N,): corner values with which no point of the lattice in the cells can have another sign."""
        return np.sqrt(0.75) * stride * self._change(cells) * (stride > 1)

    def _spread(self, cells: Indices, stride: int, sources: Indices) -> Flags:
        """Bound the points at half the stride by what is known at `sources` among them, places in `_BLOCK`.

        Returns which cells are settled by that. At the walls nothing may be taken to be inside, because
        values change without a limit there.
        """
        block, reach = self.slots(cells, stride // 2, 3), stride // 2 * self._change(cells)
        above, below = np.full(block.shape, -np.inf), np.full(block.shape, -np.inf)
        for source in sources:
            known = self.known[block[:, source], None]
            away = reach[:, None] * np.linalg.norm(_BLOCK - _BLOCK[source], axis=1)
            np.maximum(above, known - away, out=above)
            np.maximum(below, -known - away, out=below)
        below[self._walled(cells, stride)] = 0
        near, state = self._near(cells, stride // 2), self.state[block]
        clash = (above > 0) & (below > 0)  # the slope was underestimated
        settled = ((above.min(axis=1) > near) | (below.min(axis=1) > near)) & ~clash.any(axis=1)
        self.state[block] = np.maximum(state, _SEEN)
        above[clash | (state == _EXACT)] = below[clash | (state == _EXACT)] = 0
        np.maximum.at(self.known, block[above > 0], above[above > 0])
        np.minimum.at(self.known, block[below > 0], -below[below > 0])
        return settled

    def _settle(self, slots: Indices | slice = slice(None)) -> None:
        """Evaluate those of which nothing is known."""
        unknown = np.flatnonzero((self.state[slots] == _SEEN) & (self.known[slots] == 0))
        self._evaluate(unknown if isinstance(slots, slice) else slots[unknown])

    def _evaluate(self, slots: Indices) -> Array:
        """Store and count the values at `slots` (N,), no two alike; returns them as they were."""
        raw = [np.zeros(0)]
        for start in range(0, len(slots), self._batch):
            chosen = slots[start : start + self._batch]
            points = self.points(chosen)
            found = self._values(self.place(np.clip(points, 0, self.resolution)).astype(np.float32))
            if not np.isfinite(found).all():
                bad = np.count_nonzero(~np.isfinite(found))
                raise DataError(f"{bad} of {len(found)} values are NaN or infinite: no surface can be found")
            cut = ((points <= 0) | (points >= self.resolution)).any(axis=1) & (found < 0)
            self.known[chosen], self.state[chosen] = np.where(cut, 0.0, found), _EXACT
            self.capped |= bool(cut.any())
            raw.append(np.asarray(found, dtype=np.float64))
        values = np.concatenate(raw)
        self.evaluations += len(values)
        self.range = values.min(initial=self.range[0]), values.max(initial=self.range[1])
        return values
