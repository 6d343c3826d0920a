"""Which point of one shape is which of another, by where both stand in a frame that they share.

A network's warp brings every shape of a category into the template's frame; points with one place there
correspond (Deep Implicit Templates, section 4.3). Places in the unit frame itself are the baseline.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from t3d.geometry.mesh import Array, Indices
from t3d.geometry.metrics import intersection_over_union, nearest


@dataclass(frozen=True, eq=False)
class Placed:
    """Points (N, 3) on a shape, where they stand in the shared frame (N, 3), and labels (N,), -1: none."""

    points: Array
    places: Array
    labels: Indices


def counterparts(source: Placed, places: npt.NDArray[np.floating]) -> Indices:
    """For each of `places` (M, 3) in the shared frame the index (M,) of the source's point nearest to it."""
    return nearest(places, source.places)[1]


def label_agreement(source: Placed, target: Placed) -> float | None:
    """Share of the target's points that get their own label when each takes its counterpart's.

    Only points count whose label occurs on the source: no transfer could find the others. None without any.
    """
    asked = (target.labels >= 0) & np.isin(target.labels, source.labels)
    if not asked.any():
        return None
    carried = source.labels[counterparts(source, target.places[asked])]
    return float((carried == target.labels[asked]).mean())


def cycle_error(source: Placed, target: Placed) -> float:
    """Mean distance between the source's points and where they come back to by way of the target.

    In lengths of the points: the unit frame's. 0 where both have the same places, in any order.
    """
    there = counterparts(target, source.places)
    back = counterparts(source, target.places[there])
    return float(np.linalg.norm(source.points[back] - source.points, axis=1).mean())


def overlap(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Intersection over union of the insides of two shapes, from signed distances (N,) at the same points.

    1 where neither has an inside.
    """
    return intersection_over_union(one < 0, other < 0)


def lattice(resolution: int) -> npt.NDArray[np.float32]:
    """Centres (resolution^3, 3) of the cells of the box [-1, 1]^3."""
    axis = (np.arange(resolution, dtype=np.float32) + 0.5) * (2 / resolution) - 1
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
