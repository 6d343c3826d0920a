"""Distances between shapes given as points, and how well such figures are known."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from t3d.geometry.mesh import Array, Flags, Indices

PointSet: TypeAlias = Any
"""Points (N, 3), N > 0, or the `tree` of them."""

FEWEST = 10
"""Fewer values than this say too little about their spread for an interval."""


def tree(points: PointSet) -> Any:
    """The `scipy.spatial.cKDTree` of points, worth keeping where they are compared several times."""
    from scipy.spatial import cKDTree

    if isinstance(points, cKDTree):
        return points
    return cKDTree(np.asarray(points, dtype=np.float64), leafsize=64)  # fastest for 30,000 points a side


def nearest(points: PointSet, target: PointSet) -> tuple[Array, Indices]:
    """From each of `points` (N, 3) to the nearest point of `target`: distance (N,) and its index (N,)."""
    points = tree(points)
    order = points.indices  # neighbours in space after each other: the target's nodes stay in the cache
    distance, index = np.empty(len(order)), np.empty(len(order), dtype=np.int64)
    distance[order], index[order] = tree(target).query(points.data[order])
    return distance, index


def chamfer(there: Array, back: Array, power: int, half: bool = False) -> float:
    """Mean nearest distance of one set (N,) plus that of the other (M,), each distance to a power.

    power 1 is what the field calls Chamfer-L1 (the distance itself is Euclidean all the same), 2 is
    Chamfer-L2 (DeepSDF `deep_sdf/metrics/chamfer.py`). half: the mean of the two directions instead of their
    sum. N and M may differ.
    """
    total = float((there**power).mean() + (back**power).mean())
    return 0.5 * total if half else total


def f_score(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall; 0 where both are.

    precision: share of predicted points nearer to the truth than a threshold; recall: share of true points
    nearer to the prediction. Knapitsch et al., Tanks and Temples (2017), section 5.
    """
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def normal_consistency(ours: Array, theirs: Array) -> float:
    """Mean absolute cosine between unit normals (N, 3) and those at their nearest points (N, 3).

    Blind to flipped normals. Occupancy Networks `im2mesh/eval.py`.
    """
    return float(np.abs(np.einsum("ij,ij->i", ours, theirs)).mean())


def intersection_over_union(a: Flags, b: Flags) -> float:
    """Share of the points (N,) inside either shape that are inside both; 1 where both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def hausdorff(there: Array, back: Array) -> float:
    """The farthest that a point of either set is from the other set, from the nearest distances of both."""
    return float(max(there.max(), back.max()))


def earth_mover(a: Array, b: Array) -> float:
    """Least mean distance over which points a (N, 3) can be carried to points b (N, 3), one to one; exact."""
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    table = cdist(a, b)
    return float(table[linear_sum_assignment(table)].mean())


def sampling_floor(points: Array, rng: Generator, power: int = 2, half: bool = False) -> float:
    """What the `chamfer` of two independent samplings of one surface comes to, N points (N, 3) each.

    Measured between random halves of the points, N > 1. The squared distance to the nearest of N random
    points falls as 1/N (it is about A / (pi N) on a surface of area A), so halves are twice as far apart.
    """
    order = rng.permutation(len(points))
    count = len(points) // 2
    a, b = tree(points[order[:count]]), tree(points[order[count : 2 * count]])
    return chamfer(nearest(a, b)[0], nearest(b, a)[0], power, half) / 2.0 ** (power / 2)


def median_interval(values: npt.ArrayLike, rng: Generator, resamples: int) -> tuple[float, float] | None:
    """95 % interval of the median of values (N,), by the percentile bootstrap; None for N < `FEWEST`.

    Efron, Tibshirani: An Introduction to the Bootstrap (1993), chapter 13. For two methods on the same
    shapes give the differences: resampling them resamples the shapes, in pairs.
    """
    known = np.asarray(values, dtype=np.float64)
    if len(known) < FEWEST:
        return None
    picks = (rng.integers(len(known), size=(100, len(known))) for _ in range(-(-resamples // 100)))
    medians = np.concatenate([np.median(known[pick], axis=1) for pick in picks])
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
