"""The unit frame, and the ways to bring shapes there: by default each fills a ball of nearly radius 1."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError

Array = npt.NDArray[np.float64]

BUFFER = 1.03
"""Room left between the shape and the unit sphere (DeepSDF `src/PreprocessMesh.cpp`)."""


@dataclass(frozen=True, eq=False)
class Transform:
    """A shift and a uniform scale from the original frame to the unit frame.

    `unit = (original + offset) * scale`, as in DeepSDF's `NormalizationParameters`.
    """

    offset: Array
    """(3,), in original units: minus the centre."""
    scale: float
    """Unit lengths per original length."""
    mode: str = "unit-sphere"
    """Name of the rule that chose offset and scale."""

    def apply(self, points: npt.ArrayLike) -> Array:
        """(N, 3) points of the original frame, in the unit frame."""
        return (np.asarray(points, dtype=np.float64) + self.offset) * self.scale

    def invert(self, points: npt.ArrayLike) -> Array:
        """(N, 3) points of the unit frame, in the original frame."""
        return np.asarray(points, dtype=np.float64) / self.scale - self.offset

    def matrix(self) -> Array:
        """(4, 4) homogeneous matrix that does what `apply` does to column vectors."""
        matrix = np.eye(4)
        matrix[:3, :3] *= self.scale
        matrix[:3, 3] = self.offset * self.scale
        return matrix


def unit_sphere(vertices: Array, faces: npt.NDArray[np.int64]) -> Transform:
    """Centre the box of the *used* vertices and bring the farthest of them to radius 1/1.03.

    vertices: (V, 3); faces: (F, 3), F > 0 and not all in one point. Stray vertices that no face uses
    would shift and shrink the shape, so they do not count. Source: DeepSDF `src/PreprocessMesh.cpp`.
    """
    return in_ball(_used(vertices, faces)[0])


def in_ball(points: Array) -> Transform:
    """Centre the box of points (N, 3), not all in one place, and bring the farthest to radius 1/1.03."""
    centre = _centre(points)
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    return Transform(offset=-centre, scale=1.0 / (BUFFER * radius))


def unit_cube(vertices: Array, faces: npt.NDArray[np.int64]) -> Transform:
    """Centre the box and bring its longest side to 2/1.03: as large as the cube [-1, 1]^3 allows."""
    used, centre = _used(vertices, faces)
    return Transform(-centre, 2.0 / (BUFFER * float(np.ptp(used, axis=0).max())), "unit-cube")


def fixed(vertices: Array, faces: npt.NDArray[np.int64], scale: float) -> Transform:
    """Centre the box and scale by the same number for every shape, so that they keep their relative sizes.

    DataError where the shape leaves [-1, 1]^3, in which distances are sampled and surfaces extracted.
    """
    used, centre = _used(vertices, faces)
    return _within(Transform(-centre, scale, "fixed"), used)


def unchanged(vertices: Array, faces: npt.NDArray[np.int64]) -> Transform:
    """Leave everything where it is; DataError where the shape leaves [-1, 1]^3."""
    return _within(Transform(np.zeros(3), 1.0, "none"), _used(vertices, faces)[0])


def _used(vertices: Array, faces: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """The vertices that faces use, and the centre of their box."""
    used = vertices[np.unique(faces)]
    return used, _centre(used)


def _centre(points: Array) -> Array:
    """Middle of a box, without overflow."""
    return 0.5 * points.min(axis=0) + 0.5 * points.max(axis=0)


def _within(transform: Transform, used: Array) -> Transform:
    reach = float(np.abs(transform.apply(used)).max())
    if reach > 1.0:
        raise DataError(
            f"reaches {reach:.3g} from the origin, where 1 is the limit; scale by"
            f" {transform.scale / (BUFFER * reach):.3g} or less, or use mesh.normalization=unit-sphere"
        )
    return transform
