"""Distances between shapes given as points, and how well such figures are known."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from t3d.geometry.mesh import Array

Cloud: TypeAlias = Any
"""Points (N, 3), N > 0, or the `tree` of them."""

FEWEST = 10
"""Fewer values than this say too little about their spread for an interval."""


def tree(cloud: Cloud) -> Any:
    """The `scipy.spatial.cKDTree` of a cloud, worth keeping where it is compared several times."""
    from scipy.spatial import cKDTree

    if isinstance(cloud, cKDTree):
        return cloud
    return cKDTree(np.asarray(cloud, dtype=np.float64), leafsize=64)  # fastest for 30,000 points a side


def squared_distances(cloud: Cloud, target: Cloud) -> Array:
    """(N,): squared distance from every point of `cloud` (N, 3) to the nearest point of `target`."""
    cloud = tree(cloud)
    order = cloud.indices  # neighbours in space after each other: the target's nodes stay in the cache
    squared = np.empty(len(order))
    squared[order] = np.square(tree(target).query(cloud.data[order])[0])
    return squared


def chamfer_l2(a: Cloud, b: Cloud) -> float:
    """Mean squared nearest distance from `a` to `b`, plus that from `b` to `a`, in squared units.

    Source: DeepSDF `deep_sdf/metrics/chamfer.py`.
    """
    a, b = tree(a), tree(b)
    return float(squared_distances(a, b).mean() + squared_distances(b, a).mean())


def sampling_floor(points: npt.NDArray[np.floating], rng: np.random.Generator) -> float:
    """What `chamfer_l2` of two independent samplings of one surface comes to, N points (N, 3) each.

    Measured between random halves of the points. The squared distance to the nearest of N random points
    falls as 1/N (it is about A / (pi N) on a surface of area A), so halves are twice as far apart.
    """
    order = rng.permutation(len(points))
    half = len(points) // 2
    return chamfer_l2(points[order[:half]], points[order[half : 2 * half]]) / 2


def median_interval(
    values: npt.ArrayLike, rng: np.random.Generator, resamples: int
) -> tuple[float, float] | None:
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
