"""Marching cubes of scattered cells: no grid around them, joined into one mesh."""

import itertools

import numpy as np
import numpy.typing as npt

from t3d.geometry.bricks import PART, parts
from t3d.geometry.mesh import Array, Indices

CORNERS = np.array(list(itertools.product((0, 1), repeat=3)), dtype=np.int64)
"""(8, 3): corners of a unit cell; corner values are in this order everywhere."""

_NEAREST = 1e-4  # share of an edge: vertices stay this far from its ends, so that no two coincide


def marching_cubes(cells: Indices, values: Array) -> tuple[Array, Indices]:
    """Zero level in cells (N, 3), N > 0, given values (N, 8) at their corners, negative inside.

    Cells are named by their lower corner, in lattice steps below 2^20. Returns vertices (V, 3) in
    lattice steps and faces (F, 3) that wind outward. A vertex belongs to the lattice edge that it lies
    on, so cells that are neighbours share it.
    """
    middle = float(np.median(np.abs(values[:: -(-len(values) // PART)])))
    middle = max(middle, np.finfo(np.float64).tiny)
    found, count = [], 0
    for some, at_corners in zip(parts(cells, 8 * PART), parts(values, 8 * PART), strict=True):
        keys, vertices, faces = _part(some, at_corners, middle)
        found.append((keys, vertices, (faces + count).astype(np.int32)))
        count += len(keys)
    keys, vertices, faces = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    del found
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    return vertices[first], index.reshape(-1)[faces]


def _part(cells: Indices, values: Array, middle: float) -> tuple[Indices, Array, Indices]:
    """The surface in some of the cells: a number for each vertex, in order, positions, faces."""
    vertices, faces = _cell_by_cell(values, middle)
    slot = np.floor((vertices + 0.5) / 2).astype(np.int64)
    local = vertices - 2 * slot
    row = np.ravel_multi_index(tuple(slot.T), (_side(len(cells)),) * 3)
    off = np.abs(local - np.rint(local))
    axis = off.argmax(axis=1)
    axis[np.sort(off, axis=1)[:, 1] > 1e-3] = 3  # not on an edge: a vertex in the middle of its cell
    along = np.eye(4, 3, dtype=np.int64)[axis]
    low = np.where(axis[:, None] == 3, 0, np.rint(local).astype(np.int64)) * (1 - along)
    start = cells[row] + low
    keys = ((start[:, 0] << 20 | start[:, 1]) << 20 | start[:, 2]) << 2 | axis
    keys, first, index = np.unique(keys, return_index=True, return_inverse=True)
    row, low, along, axis = row[first], low[first], along[first], axis[first]
    share = _crossings(values[row, low @ (4, 2, 1)], values[row, (low + along) @ (4, 2, 1)])
    offset = np.where(axis[:, None] == 3, local[first], low + along * share[:, None])
    return keys, cells[row] + offset, index.reshape(-1)[faces]


def _crossings(a: Array, b: Array) -> Array:
    """(V,): where the value is zero between two points with values a and b, as a share of the way."""
    share = np.divide(a, a - b, out=np.full(len(a), 0.5), where=a != b)
    return np.clip(share, _NEAREST, 1.0 - _NEAREST)


def _cell_by_cell(values: Array, middle: float) -> tuple[Array, Indices]:
    """Marching cubes of cells given by corner values (N, 8), each in its own 2x2x2 slot of one volume.

    Only topology is taken from the result, so values are squeezed away from zero: vertices then lie
    well inside their edges and can be told apart. The squeezing is one function for all cells, so cells
    agree about faces that they share; `middle` is the size of a value squeezed half-way.
    """
    from skimage.measure import marching_cubes as lewiner

    count, side = len(values), _side(len(values))
    size = np.abs(values)
    blocks = np.ones((side**3, 8), dtype=np.float32)
    blocks[:count] = np.where(values < 0, -1.0, 1.0) * (0.05 + size / (size + middle))
    wanted = np.zeros((side**3, 8), dtype=bool)
    wanted[:count, 7] = True  # scikit-image's mask names a cell by its upper corner
    vertices, faces, _, _ = lewiner(_volume(blocks, side), 0.0, mask=_volume(wanted, side))
    return vertices.astype(np.float64), faces.astype(np.int64)


def _side(count: int) -> int:
    """Side of the smallest cube of slots that holds so many."""
    return int(np.ceil(np.cbrt(count) - 1e-9))


def _volume(blocks: npt.NDArray[np.generic], side: int) -> npt.NDArray[np.generic]:
    """Blocks (side^3, 8) side by side in an array of (2 side)^3."""
    shape = (side, side, side, 2, 2, 2)
    return np.ascontiguousarray(blocks.reshape(shape).transpose(0, 3, 1, 4, 2, 5).reshape((2 * side,) * 3))
