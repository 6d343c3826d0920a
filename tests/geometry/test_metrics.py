import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from t3d.geometry.metrics import (
    FEWEST,
    chamfer_l2,
    median_interval,
    sampling_floor,
    squared_distances,
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
