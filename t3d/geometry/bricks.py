"""Values on integer lattices of which only the part near a surface is kept, in bricks."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.geometry.mesh import Array, Indices

PART = 2**13
"""Cells worked on at a time, for memory."""

_DIRECTIONS = np.array([d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)])
_BRICK = 4


def parts(rows: npt.NDArray[Any], size: int = PART) -> Iterator[npt.NDArray[Any]]:
    """A few thousand rows at a time, views of them."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class Bricks:
    """A number `known` and a byte `state` for some integer points, in bricks of 4^3 made when needed.

    The first point of each brick has its slot even without the brick: coarse lattices need no bricks.
    """

    def __init__(self, extent: int) -> None:
        self._side = extent // _BRICK + 1
        self._table = np.full(self._side**3, -1)
        self._corners = np.zeros(0, dtype=np.int64)
        self.known = np.zeros(len(self._table))
        self.state = np.zeros(len(self._table), dtype=np.uint8)

    def slots(self, cells: Indices, stride: int, count: int) -> Indices:
        """(N, count^3): where the points cells (N, 3) + stride * {0 .. count - 1}^3 are kept."""
        axes = cells.T[:, :, None] + stride * np.arange(count)
        slots, inner = _joined(axes // _BRICK, self._side), _joined(axes % _BRICK, _BRICK)
        within = inner > 0
        bricks = slots[within]
        if (self._table[bricks] < 0).any():
            self._allocate(bricks)
        slots[within] = len(self._table) + self._table[bricks] * _BRICK**3 + inner[within]
        return slots

    def points(self, slots: Indices) -> Indices:
        """The points (N, 3) kept at slots (N,)."""
        places, inner = np.divmod(slots - len(self._table), _BRICK**3)
        inner[places < 0] = 0
        bricks = np.where(places < 0, slots, 0)
        bricks[places >= 0] = self._corners[places[places >= 0]]
        corner = np.stack(np.unravel_index(bricks, (self._side,) * 3), axis=-1)
        return _BRICK * corner + np.stack(np.unravel_index(inner, (_BRICK,) * 3), axis=-1)

    def _allocate(self, bricks: Indices) -> None:
        self._table[bricks[self._table[bricks] < 0]] = -2
        fresh = np.flatnonzero(self._table == -2)
        self._table[fresh] = len(self._corners) + np.arange(len(fresh))
        self._corners = np.concatenate([self._corners, fresh])
        for array in (self.known, self.state):  # in place where possible: a copy would double the memory
            array.resize(len(self._table) + len(self._corners) * _BRICK**3, refcheck=False)


def _joined(axes: Indices, base: int) -> Indices:
    """(N, K^3): one number for each combination of coordinates (3, N, K) below `base`."""
    x, y, z = axes
    joined = (x[:, :, None, None] * base + y[:, None, :, None]) * base + z[:, None, None, :]
    return joined.reshape(len(x), -1)


def of_parts(function: Callable[[Array, Array], Array], known: Array) -> Array:
    """(N, 2, 2, 2): least or greatest at the corners of the eight parts of cells with points (N, 3, 3, 3)."""
    known = function(known[:, :-1], known[:, 1:])
    known = function(known[:, :, :-1], known[:, :, 1:])
    return function(known[..., :-1], known[..., 1:])


def largest(array: Array, width: int) -> Array:
    """Maximum of each cube of width^3 elements."""
    return np.lib.stride_tricks.sliding_window_view(array, (width,) * 3).max(axis=(3, 4, 5))


def slopes(grid: Array, spacing: float) -> Array:
    """Steepest change per length around each cell of a grid of values, in 13 directions.

    Nowhere less than at half of the points from which zero may be near: a pattern that repeats with the
    grid looks flat.
    """
    steep, count = np.zeros(grid.shape), len(grid)
    for direction in _DIRECTIONS:
        ahead = tuple(slice(max(d, 0), count + min(d, 0)) for d in direction)
        behind = tuple(slice(max(-d, 0), count + min(-d, 0)) for d in direction)
        change = np.abs(grid[ahead] - grid[behind]) / (float(np.linalg.norm(direction)) * spacing)
        for end in (ahead, behind):
            steep[end] = np.maximum(steep[end], change)
    near = steep[np.abs(grid) <= np.sqrt(3.0) * spacing * steep]
    return np.maximum(largest(steep, 2), np.median(near) if len(near) else steep.max())
