"""Only what can be seen from outside is sampled."""

import numpy as np
import pytest
import trimesh

from t3d.errors import DataError
from t3d.geometry import surface
from t3d.geometry.mesh import Mesh, concatenate
from t3d.geometry.surface import view_directions, visible_points


def box(low, high):
    made = trimesh.creation.box(bounds=[low, high])
    return Mesh(np.array(made.vertices), np.array(made.faces))


def test_a_part_within_another_gets_no_point():
    mesh = concatenate([box((-0.5,) * 3, (0.5,) * 3), box((-0.3,) * 3, (0.3,) * 3)])
    points, normals = visible_points(mesh, 5_000, 100, np.random.default_rng(0))
    assert points.shape == normals.shape == (5_000, 3)
    assert np.allclose(np.abs(points).max(axis=1), 0.5, atol=1e-9)


def test_normals_are_those_of_the_faces():
    points, normals = visible_points(box((-0.5,) * 3, (0.5,) * 3), 2_000, 100, np.random.default_rng(0))
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    assert np.allclose(np.einsum("ij,ij->i", points, normals), 0.5)


def test_buried_overlap_is_cut_out_in_proportion():
    # the bar's middle fifth is inside the block
    mesh = concatenate([box((-0.1, -0.2, -0.2), (0.1, 0.2, 0.2)), box((-0.5, -0.1, -0.1), (0.5, 0.1, 0.1))])
    points, _ = visible_points(mesh, 20_000, 100, np.random.default_rng(0))
    assert not ((np.abs(points[:, 0]) < 0.1 - 1e-3) & (np.abs(points[:, 1:]).max(axis=1) < 0.2 - 1e-3)).any()
    block = 4 * 0.2 * 0.4 + 2 * (0.4**2 - 0.2**2)
    bar = 4 * 0.8 * 0.2 + 2 * 0.2**2
    on_bar = np.abs(points[:, 0]) > 0.1 + 1e-9
    assert on_bar.mean() == pytest.approx(bar / (bar + block), abs=0.02)


def test_the_back_of_a_sheet_is_seen_too():
    sheet = Mesh(np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0, 0.5, 0.0]]), np.array([[0, 1, 2]]))
    lower = np.array([[0, 0, -1.0]], dtype=np.float32)
    seen = surface._seen(surface.Solid(sheet), np.zeros((1, 3)), np.array([[0, 0, 1.0]]), lower)
    assert seen.tolist() == [True]


def test_a_mesh_that_nobody_sees_is_an_error(monkeypatch):
    monkeypatch.setattr(
        surface, "_seen", lambda solid, points, normals, directions: np.arange(len(points)) == 0
    )
    with pytest.raises(DataError, match="only 50 of 5000 surface points can be seen"):
        visible_points(box((-0.5,) * 3, (0.5,) * 3), 100, 100, np.random.default_rng(0))


def test_views_are_spread_evenly():
    directions = view_directions(100)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)
    closeness = directions @ directions.T - 2 * np.eye(100)
    nearest = np.degrees(np.arccos(closeness.max(axis=1)))
    assert nearest.min() > 14  # an even grid of 100 has its neighbours about 20 degrees away
    assert nearest.max() < 24


def test_the_seed_decides():
    mesh = box((-0.5,) * 3, (0.5,) * 3)
    one, same, other = (
        visible_points(mesh, 50, 100, np.random.default_rng(seed), 1)[0] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
