"""The unit frame, and the ways to bring shapes there: by default each fills a ball of nearly radius 1."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError
from t3d.geometry.mesh import Array

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


def normalize(points: Array, mode: str = "unit-sphere", scale: float = 1.0) -> Transform:
    """The transform into the unit frame of a shape by its points (N, 3), not all in one place.

    `unit-sphere`: the centre of the box to the origin, the farthest point to radius 1/1.03 (DeepSDF
    `src/PreprocessMesh.cpp`). `unit-cube`: its longest side to 2/1.03, as large as the cube [-1, 1]^3 allows.
    `fixed`: centred and times `scale`, so that shapes keep their relative sizes. `none`: as it is. DataError
    where the last two leave [-1, 1]^3, in which distances are sampled and surfaces extracted.
    """
    centre = 0.5 * points.min(axis=0) + 0.5 * points.max(axis=0)  # without overflow
    if mode == "unit-sphere":
        return Transform(-centre, 1.0 / (BUFFER * float(np.linalg.norm(points - centre, axis=1).max())))
    if mode == "unit-cube":
        return Transform(-centre, 2.0 / (BUFFER * float(np.ptp(points, axis=0).max())), mode)
    transform = Transform(-centre, scale, mode) if mode == "fixed" else Transform(np.zeros(3), 1.0, mode)
    reach = float(np.abs(transform.apply(points)).max())
    if reach > 1.0:
        raise DataError(
            f"reaches {reach:.3g} from the origin, where 1 is the limit; scale by"
            f" {transform.scale / (BUFFER * reach):.3g} or less, or use mesh.normalization=unit-sphere"
        )
    return transform
