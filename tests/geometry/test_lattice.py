"""Spots of a picture that can see a shape, against testing every spot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from t3d.geometry.cameras import centred, look_at, project
from t3d.geometry.lattice import lattice


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5]))
def test_all_spots_within_the_outline_count_and_few_others(seed, first):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(12, 3)) * rng.uniform(0.05, 1.2) + rng.normal(size=3) * 0.3
    view = centred(look_at((0, 0.5, 6.0), (0, 0, 0)), 64.0, 64)
    grid = lattice(points, view, first)
    hull = ConvexHull(project(points, view)).equations
    along = np.arange(first, 64.5)
    everywhere = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    outside = (everywhere @ hull[:, :2].T + hull[:, 2]).max(axis=1)
    found = {tuple(spot) for spot in grid.at(grid.near)[:, :2].tolist()}
    inside, everything = everywhere[outside <= 0], {tuple(spot) for spot in everywhere.tolist()}
    for step in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)):
        assert found >= {tuple(spot) for spot in (inside + step).tolist()} & everything
    assert found <= everything
    spare = [spot for spot, far in zip(everywhere.tolist(), outside, strict=True) if far > 8]
    assert not found & {tuple(spot) for spot in spare}


def test_numbers_count_row_by_row_within_the_window():
    view = centred(look_at((0, 0, 4.0), (0, 0, 0)), 32.0, 32)
    grid = lattice(np.array([[-0.3, -0.2, 0], [0.4, 0.1, 0], [0, 0.3, 0.1]]), view, 0)
    assert np.array_equal(np.sort(grid.near), np.unique(grid.near))
    assert grid.near.max() < grid.width * grid.height
    corner = grid.at(np.array([0, grid.width, grid.width * grid.height - 1]))
    assert corner[0].tolist() == [grid.left, grid.top, 1]
    assert corner[1].tolist() == [grid.left, grid.top + 1, 1]
    assert corner[2].tolist() == [grid.left + grid.width - 1, grid.top + grid.height - 1, 1]


@pytest.mark.parametrize(("first", "count"), [(0.0, 33 * 33), (0.5, 32 * 32)])
def test_all_spots_count_where_the_shape_reaches_behind_the_camera(first, count):
    view = centred(look_at((0, 0, 4.0), (0, 0, 0)), 32.0, 32)
    grid = lattice(np.array([[0.0, 0, 0], [1, 0, 9], [0, 1, 0]]), view, first)
    assert len(grid.near) == count
    assert grid.at(grid.near).min(axis=0).tolist() == [first, first, 1]
    assert grid.at(grid.near).max(axis=0).tolist() == [32 - first, 32 - first, 1]


def test_no_spot_counts_beside_the_picture():
    view = centred(look_at((0, 0, 4.0), (0, 0, 0)), 32.0, 32)
    assert len(lattice(np.array([[90.0, 0, 0], [91, 0, 0], [90, 1, 0]]), view, 0).near) == 0
