from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from t3d.geometry.metrics import (
    FEWEST,
    chamfer,
    earth_mover,
    f_score,
    hausdorff,
    intersection_over_union,
    median_interval,
    nearest,
    normal_consistency,
    sampling_floor,
    tree,
)

numbers = st.floats(-10, 10, width=32)
clouds = st.integers(1, 12).flatmap(lambda n: arrays(np.float64, (n, 3), elements=numbers))


def directions(count, seed=0):
    """Unit vectors on a spiral: even to a few percent of their spacing."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k + seed
    r = np.sqrt(1 - z**2)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)


def chamfer_l2(a, b):
    a, b = tree(a), tree(b)
    return chamfer(nearest(a, b)[0], nearest(b, a)[0], 2)


def squared_distances(points, target):
    return np.square(nearest(points, target)[0])


def slow_chamfer(a, b):
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return squared.min(axis=1).mean() + squared.min(axis=0).mean()


@settings(deadline=None)
@given(clouds, clouds)
def test_equals_the_table_of_all_pairs(a, b):
    assert chamfer_l2(a, b) == pytest.approx(slow_chamfer(a, b), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(
        squared_distances(a, b), ((a[:, None] - b[None]) ** 2).sum(axis=-1).min(axis=1), rtol=1e-9, atol=1e-12
    )


@settings(deadline=None)
@given(clouds, clouds, st.integers(1, 2), st.booleans())
def test_every_distance_agrees_with_its_slow_twin(a, b, power, half):
    table = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=-1))
    (there, target), (back, _) = nearest(a, b), nearest(b, a)
    np.testing.assert_allclose(there, np.linalg.norm(a - b[target], axis=1), atol=1e-9)
    directions = [(table.min(axis=1) ** power).mean(), (table.min(axis=0) ** power).mean()]
    expected = np.mean(directions) if half else sum(directions)
    assert chamfer(there, back, power, half) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    farthest = max(table.min(axis=1).max(), table.min(axis=0).max())
    assert hausdorff(there, back) == pytest.approx(farthest, abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: arrays(np.float64, (2, n, 3), elements=numbers)))
def test_the_earth_mover_is_the_best_of_all_matchings(both):
    a, b = both
    table = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=-1))
    best = min(table[range(len(a)), order].mean() for order in map(list, permutations(range(len(a)))))
    assert earth_mover(a, b) == pytest.approx(best, rel=1e-7, abs=1e-7)


def test_the_earth_mover_of_a_shift_is_its_length():
    d = directions(300)
    assert earth_mover(d, d[::-1] + np.array([0.03, 0, 0.04])) == pytest.approx(0.05)


def test_f_is_the_harmonic_mean_and_never_a_division_by_zero():
    assert f_score(0.5, 1.0) == pytest.approx(2 / 3)
    assert f_score(0.0, 0.0) == 0


def test_flipped_normals_are_consistent_and_perpendicular_ones_are_not():
    d = directions(50)
    across = np.stack([-d[:, 1], d[:, 0], np.zeros(50)], axis=1)
    assert normal_consistency(d, -d) == pytest.approx(1)
    assert normal_consistency(d, across) == pytest.approx(0, abs=1e-12)


def test_intersection_over_union_counts_points():
    a, b = np.array([1, 1, 1, 0, 0], dtype=bool), np.array([0, 1, 1, 1, 0], dtype=bool)
    assert intersection_over_union(a, b) == 0.5
    assert intersection_over_union(a, ~a) == 0
    assert intersection_over_union(a & ~a, a & ~a) == 1


@settings(deadline=None)
@given(clouds, clouds, st.floats(0.01, 100))
def test_scales_with_the_square_of_length_and_ignores_order_and_place(a, b, s):
    expected = s**2 * chamfer_l2(a, b)
    assert chamfer_l2(s * a + 3, s * b[::-1] + 3) == pytest.approx(expected, rel=1e-6, abs=1e-9 * s**2)
    assert chamfer_l2(a, b) == pytest.approx(chamfer_l2(b, a))


def test_concentric_spheres():
    d = directions(4000)
    assert chamfer_l2(0.9 * d, 0.7 * d) == pytest.approx(2 * 0.2**2, rel=1e-9)
    other = chamfer_l2(0.9 * d, 0.7 * directions(7000, seed=1))
    assert other == pytest.approx(2 * 0.2**2, rel=0.02)


def test_shifted_plates_of_unequal_counts():
    grid = np.stack(np.meshgrid([0.0], np.arange(20.0), np.arange(20.0), indexing="ij"), -1).reshape(-1, 3)
    few = grid[:7] + np.array([0.5, 0, 0])
    assert chamfer_l2(grid, grid + np.array([0.25, 0, 0])) == pytest.approx(2 * 0.25**2)
    assert chamfer_l2(grid, few) == pytest.approx(slow_chamfer(grid, few))
    assert squared_distances(few, grid) == pytest.approx(np.full(7, 0.25))
    assert chamfer_l2(np.repeat(grid, 3, axis=0), few) == pytest.approx(chamfer_l2(grid, few))


def test_a_tree_stands_for_its_points():
    a, b = directions(100), directions(150)
    assert chamfer_l2(tree(a), b) == chamfer_l2(a, tree(b)) == chamfer_l2(a, b) > 0
    assert chamfer_l2(a.astype(np.float32), a.astype(np.float32)) == 0


def test_the_floor_is_that_of_two_independent_samplings():
    rng = np.random.default_rng(0)

    def sphere(count):
        p = rng.normal(size=(count, 3))
        return p / np.linalg.norm(p, axis=1, keepdims=True)

    n = 20_000
    floor = sampling_floor(sphere(n), rng)
    assert floor == pytest.approx(chamfer_l2(sphere(n), sphere(n)), rel=0.03)
    assert floor == pytest.approx(2 * 4 * np.pi / (np.pi * n), rel=0.03)
    assert sampling_floor(2 * sphere(n), rng) == pytest.approx(4 * floor, rel=0.03)
    there, back = (nearest(sphere(n), sphere(n))[0] for _ in range(2))
    assert sampling_floor(sphere(n), rng, 1) == pytest.approx(chamfer(there, back, 1), rel=0.03)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = median_interval(rng.exponential(size=30), rng, 300)
        hits += low <= np.log(2) <= high
    assert 0.90 <= hits / 200 <= 0.99


def test_few_values_have_no_interval():
    rng = np.random.default_rng(0)
    assert median_interval(np.arange(FEWEST - 1), rng, 100) is None
    low, high = median_interval(np.arange(float(FEWEST)), rng, 1000)
    assert 0 <= low < 4.5 < high <= 9
    assert median_interval(np.full(20, 3.0), rng, 100) == (3.0, 3.0)
