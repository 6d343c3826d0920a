"""Shapes made of a shape: stretched by pieces along each axis, and mirrored."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from t3d.geometry.mesh import Array, Mesh, bounds


@dataclass(frozen=True, eq=False)
class Stretch:
    """A map of space that is linear between cuts along each axis, and continuous."""

    before: Array
    """(3, P + 1): where the cuts are along x, y and z, rising; the outer ones bound the shape."""
    after: Array
    """(3, P + 1): where they come to lie; falling along a mirrored axis."""

    @property
    def mirrored(self) -> bool:
        """Whether it turns left into right, and so the winding of faces round."""
        return bool(np.prod(self.after[:, -1] - self.after[:, 0]) < 0)

    def apply(self, points: npt.ArrayLike) -> Array:
        """(N, 3) points, moved; those beyond the outer cuts come to lie on them."""
        rows = np.asarray(points, dtype=np.float64)
        axes = zip(rows.T, self.before, self.after, strict=True)
        return np.stack([np.interp(row, *cuts) for row, *cuts in axes], axis=1)

    def slopes(self, points: npt.ArrayLike) -> Array:
        """(N, 3): by how much lengths along each axis grow at points (N, 3); normals are divided by it."""
        rows, steep = np.asarray(points, dtype=np.float64), np.diff(self.after) / np.diff(self.before)
        axes = zip(rows.T, self.before, steep, strict=True)
        return np.stack([slope[np.searchsorted(cuts[1:-1], row)] for row, cuts, slope in axes], axis=1)

    def stretched(self, mesh: Mesh) -> Mesh:
        """A mesh with its vertices moved; its edges stay straight."""
        return Mesh(self.apply(mesh.vertices), mesh.faces[:, ::-1] if self.mirrored else mesh.faces)


def draw_stretch(mesh: Mesh, most: float, pieces: int, rng: np.random.Generator) -> Stretch:
    """A random stretch of a mesh: each of `pieces` along each axis by exp(U(-m, m)), m = log(1 + most).

    Cuts are even, give or take a quarter of a piece; x, across the symmetry of most made things, is mirrored
    half of the time.
    """
    low, high = bounds(mesh)
    even = np.tile(np.arange(pieces + 1.0), (3, 1))
    even[:, 1:-1] += rng.uniform(-0.25, 0.25, (3, pieces - 1))
    before = low[:, None] + even / pieces * np.maximum(high - low, 1e-9)[:, None]
    lengths = np.diff(before) * np.exp(rng.uniform(-1, 1, (3, pieces)) * np.log1p(most))
    after = np.concatenate([np.zeros((3, 1)), np.cumsum(lengths, axis=1)], axis=1)
    after[0] *= rng.choice([-1.0, 1.0])
    return Stretch(before, after)
