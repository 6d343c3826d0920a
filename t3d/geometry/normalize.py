"""The unit frame: every shape box-centred and inside a ball a little smaller than the unit ball."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BUFFER = 1.03
"""Room left between the shape and the unit sphere (DeepSDF `src/PreprocessMesh.cpp`)."""


@dataclass(frozen=True, eq=False)
class Transform:
    """A shift and a uniform scale from the original frame to the unit frame.

    `unit = (original + offset) * scale`, as in DeepSDF's `NormalizationParameters`.
    """

    offset: npt.NDArray[np.float64]
    """(3,), in original units: minus the centre."""
    scale: float
    """Unit lengths per original length."""
    mode: str = "unit-sphere"
    """Name of the rule that chose offset and scale."""

    def apply(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(N, 3) points of the original frame, in the unit frame."""
        return (np.asarray(points, dtype=np.float64) + self.offset) * self.scale

    def invert(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(N, 3) points of the unit frame, in the original frame."""
        return np.asarray(points, dtype=np.float64) / self.scale - self.offset

    def matrix(self) -> npt.NDArray[np.float64]:
        """(4, 4) homogeneous matrix that does what `apply` does to column vectors."""
        matrix = np.eye(4)
        matrix[:3, :3] *= self.scale
        matrix[:3, 3] = self.offset * self.scale
        return matrix


def unit_sphere(vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int64]) -> Transform:
    """Centre the box of the *used* vertices and bring the farthest of them to radius 1/1.03.

    vertices: (V, 3); faces: (F, 3), F > 0 and not all in one point. Stray vertices that no face uses
    would shift and shrink the shape, so they do not count. Source: DeepSDF `src/PreprocessMesh.cpp`.
    """
    used = vertices[np.unique(faces)]
    centre = 0.5 * used.min(axis=0) + 0.5 * used.max(axis=0)
    radius = float(np.linalg.norm(used - centre, axis=1).max())
    return Transform(offset=-centre, scale=1.0 / (BUFFER * radius))
