"""Spots of a picture that can see a shape.

STAND-IN: the original of this file was overwritten by mistake and is to be put back by its author. This one
was written from tests/geometry/test_lattice.py and the calls in raycast.py alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t3d.geometry.cameras import Camera, project

_MARGIN = 1.5  # pixels around the outline: every spot beside one within it counts


@dataclass(frozen=True)
class Lattice:
    """A window of spots, one pixel apart, numbered row by row, and those near a shape, sorted."""

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
    window = Lattice(left, top, width, height, first, np.arange(width * height))
    near = window.near[_outside(pixels, window.at(window.near)[:, :2]) <= _MARGIN]
    return Lattice(left, top, width, height, first, near)


def _outside(pixels: NDArray[np.float64], spots: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,): how far spots (N, 2) are beyond the lines around the pixels' hull; 0 where it has no area."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        lines = ConvexHull(pixels).equations
    except QhullError:
        return np.zeros(len(spots))
    beyond = np.full(len(spots), -np.inf)
    for line in lines:
        np.maximum(beyond, spots @ line[:2] + line[2], out=beyond)
    return beyond
