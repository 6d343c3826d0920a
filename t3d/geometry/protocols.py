"""Named, versioned ways to score a predicted mesh. Figures of two protocols are never comparable."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError
from t3d.geometry.mesh import Array, Mesh
from t3d.geometry.metrics import chamfer_l2, tree
from t3d.geometry.sampling import surface_points


@dataclass(frozen=True)
class Protocol:
    """Everything that has to be equal before two figures may share a column."""

    name: str
    version: int
    frame: str
    """The frame in which distances are taken."""
    points: int
    """Points on the prediction; the ground truth brings its own."""
    distance: str
    """What is computed between the two."""
    failures: str
    """What a missing prediction counts as."""
    factor: float
    """By what figures are multiplied when they are printed."""

    @property
    def label(self) -> str:
        """Name and version, for headers of tables."""
        return f"{self.name} v{self.version}"


DEEPSDF = Protocol(
    name="deepsdf",
    version=1,
    frame="original",
    points=30_000,
    distance="sum of both mean squared nearest distances; visible ground truth, area-uniform prediction",
    failures="one point at the centre of the ground truth's box",
    factor=1000.0,
)
"""DeepSDF's evaluation (`deep_sdf/metrics/chamfer.py`, `src/SampleVisibleMeshSurface.cpp`).

There a missing mesh stops the evaluation, in code built on it it is skipped; here it is penalised.
"""


@dataclass(frozen=True, eq=False)
class Truth:
    """A ground truth ready to be compared with several predictions; build it with `truth`."""

    tree: Any
    """`scipy.spatial.cKDTree` of its points."""
    centre: Array
    """(3,): middle of its box."""


def truth(points: npt.NDArray[np.floating]) -> Truth:
    """Prepare the ground truth's surface points (N, 3); DataError where there are none."""
    if not len(points):
        raise DataError("the ground truth has no points; make its surface again")
    return Truth(tree(points), 0.5 * (points.min(axis=0) + points.max(axis=0)))


def deepsdf(true: Truth, prediction: Mesh, rng: np.random.Generator) -> float:
    """Score of a prediction with area under `DEEPSDF`, in squared original units."""
    points, _ = surface_points(prediction, DEEPSDF.points, rng)
    return chamfer_l2(points, true.tree)


def deepsdf_failed(true: Truth) -> float:
    """Score under `DEEPSDF` where there is no prediction: never zero unless the truth is one point."""
    return chamfer_l2(true.centre[None], true.tree)
