"""How others find the zero level of a network: all of a lattice, or DIT's octree rule, vectorised."""

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Values = Callable[[Floats], Floats]

START, CLAMP, BATCH = 64, 0.1, 2**17


def evaluate(values: Values, points: npt.NDArray[np.int64], resolution: int) -> Floats:
    """Values (N,) at lattice points (N, 3), 0 to resolution on each axis of [-1, 1]^3, batch by batch."""
    where = points.astype(np.float32) * np.float32(2 / resolution) - np.float32(1)
    return np.concatenate([values(where[i : i + BATCH]) for i in range(0, len(where), BATCH)])


def slab(resolution: int, share: float) -> npt.NDArray[np.int64]:
    """The lattice points (N, 3) of the middle planes, `share` of all planes."""
    count = max(1, round(share * (resolution + 1)))
    first = (resolution + 1 - count) // 2
    planes = np.indices((count, resolution + 1, resolution + 1)).reshape(3, -1).T
    return planes + np.array([first, 0, 0])


def octree(values: Values, resolution: int) -> tuple[Floats, int]:
    """Lattice of values by the rule of DIT `deep_sdf/mesh.py`, and how many of them were evaluated.

    From coarse to fine: points not settled yet are evaluated; a cell whose corners' values spread by less
    than a quarter of 2 / resolution is filled with their middle and settled.
    """
    grid = np.zeros((resolution + 1,) * 3, dtype=np.float32)
    settled = np.zeros(grid.shape, dtype=bool)
    evaluations, stride = 0, resolution // START
    while stride:
        points = np.argwhere(~settled[::stride, ::stride, ::stride]) * stride
        at = tuple(points.T)
        grid[at] = np.clip(evaluate(values, points, resolution), -CLAMP, CLAMP)
        settled[at] = True
        evaluations += len(points)
        if stride > 1:
            _settle(grid, settled, stride, 2 / resolution / 4)
        stride //= 2
    return grid, evaluations


def _settle(grid: Floats, settled: npt.NDArray[np.bool_], stride: int, threshold: float) -> None:
    """Fill the cells, `stride` wide, that are open and flat."""
    low, high = _extremes(grid[::stride, ::stride, ::stride])
    middle = settled[stride // 2 :: stride, stride // 2 :: stride, stride // 2 :: stride]
    flat = np.argwhere((high - low < threshold) & ~middle)
    fill = (low + high)[tuple(flat.T)] / 2
    for offset in itertools.product(range(stride), repeat=3):
        at = tuple((flat * stride + np.array(offset)).T)
        grid[at] = fill
        settled[at] = True


def _extremes(corners: Floats) -> tuple[Floats, Floats]:
    """Least and greatest corner of each cell of a lattice."""
    low = high = corners
    for axis in range(3):
        ahead = tuple(slice(1, None) if i == axis else slice(None) for i in range(3))
        behind = tuple(slice(None, -1) if i == axis else slice(None) for i in range(3))
        low, high = np.minimum(low[ahead], low[behind]), np.maximum(high[ahead], high[behind])
    return low, high


def crossed(grid: Floats) -> int:
    """Cells with corners of both signs, where all walls count as outside, as t3d has it."""
    closed = np.ones_like(grid)
    inner = (slice(1, -1),) * 3
    closed[inner] = grid[inner]
    low, high = _extremes(closed)
    return int(((low < 0) & (high >= 0)).sum())
