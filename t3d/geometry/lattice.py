"""Spots of a picture that can see a shape: those within its hull's outline, and their neighbours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t3d.geometry.cameras import Camera, project
from t3d.geometry.mesh import Array

_MARGIN = 1.0  # pixels around the outline, across and down, that count too


@dataclass(frozen=True)
class Lattice:
    """A window of spots, one pixel apart, numbered row by row; `near`: those near a shape, sorted."""

    left: int
    top: int
    width: int
    height: int
    first: float
    near: NDArray[np.int64]

    def at(self, numbers: NDArray[np.integer]) -> NDArray[np.float32]:
        """Spots (N, 3) in pixels: x, y, 1."""
        row, column = np.divmod(numbers, self.width)
        spots = (column + self.left + self.first, row + self.top + self.first, np.ones(len(row)))
        return np.stack(spots, axis=1).astype(np.float32)


def lattice(points: ArrayLike, camera: Camera, first: float) -> Lattice:
    """Spots at `first`, `first` + 1, ... pixels that can see the hull of points (N, 3); all if too near."""
    size = np.array([camera.width, camera.height]) + (first == 0)
    pixels = project(points, camera)
    if not np.isfinite(pixels).all():
        return Lattice(0, 0, int(size[0]), int(size[1]), first, np.arange(size.prod()))
    low = np.clip(np.floor(pixels.min(axis=0) - first - _MARGIN), 0, size).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0) - first + _MARGIN) + 1, low, size).astype(int)
    (left, top), (width, height) = low.tolist(), (high - low).tolist()
    start, end = _across(pixels, np.arange(height) + top + first)
    columns = np.arange(width) + left + first
    near = np.flatnonzero((columns >= start[:, None]) & (columns <= end[:, None]))
    return Lattice(left, top, width, height, first, near)


def _across(pixels: Array, rows: Array) -> tuple[Array, Array]:
    """Where (H,) the hull of pixels (N, 2) begins in each row (H,), and where it ends, with the margin."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        x, y, offset = ConvexHull(pixels).equations.T  # x and y are the normals of its sides
    except QhullError:  # seen edge on: a line, and its whole box counts
        return np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        side = (_MARGIN * (np.abs(x) + np.abs(y)) - offset - np.outer(rows, y)) / x
    return np.where(x < 0, side, -np.inf).max(axis=1), np.where(x > 0, side, np.inf).min(axis=1)
