"""Spots of a picture that can see a shape: those within its hull's outline, and their neighbours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t3d.geometry.cameras import Camera, project

Reals = NDArray[np.float64]

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
        row, column = np.divmod(numbers, max(self.width, 1))
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


def _across(pixels: Reals, rows: Reals) -> tuple[Reals, Reals]:
    """Where (H,) the hull of pixels (N, 2) begins near each row (H,), and where it ends, with the margin."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        outline = pixels[ConvexHull(pixels).vertices]
    except QhullError:  # seen edge on: a line, which its ends enclose
        outline = pixels
    (ax, ay), (bx, by) = outline.T[:, :, None], np.roll(outline, -1, axis=0).T[:, :, None]
    level = ay == by
    slope = (bx - ax) / np.where(level, 1.0, by - ay)
    ends = [np.clip(rows + step, np.minimum(ay, by), np.maximum(ay, by)) for step in (-_MARGIN, _MARGIN)]
    beside = (np.maximum(ay, by) < rows - _MARGIN) | (np.minimum(ay, by) > rows + _MARGIN)
    x = [np.where(level, end, ax + (y - ay) * slope) for y, end in zip(ends, (ax, bx), strict=True)]
    start = np.where(beside, np.inf, np.minimum(*x)).min(axis=0) - _MARGIN
    end = np.where(beside, -np.inf, np.maximum(*x)).max(axis=0) + _MARGIN
    return start, end
