"""Points on and around surfaces follow the distributions they claim."""

import numpy as np
import pytest
import trimesh

from t3d.geometry.mesh import Mesh, corners, face_areas, face_normals
from t3d.geometry.sampling import deepsdf_points, points_on_faces, surface_points


def slab():
    """Faces of areas that differ by 64 to 1."""
    made = trimesh.creation.box(extents=(1.6, 0.05, 0.8))
    return Mesh(np.array(made.vertices), np.array(made.faces))


def test_surface_points_lie_on_their_faces_in_proportion_to_area():
    mesh = slab()
    points, faces = surface_points(mesh, 100_000, np.random.default_rng(0))
    heights = np.einsum("ij,ij->i", points - corners(mesh)[faces, 0], face_normals(mesh)[faces])
    assert np.abs(heights).max() < 1e-12
    assert (np.abs(points) <= np.array([0.8, 0.025, 0.4]) + 1e-12).all()
    expected = 100_000 * face_areas(mesh) / face_areas(mesh).sum()
    found = np.bincount(faces, minlength=12)
    assert ((found - expected) ** 2 / expected).sum() < 31.3  # chi-square, 11 degrees, 0.1 %


def test_a_face_without_area_gets_no_point():
    mesh = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 1], [0, 1, 2], [2, 2, 2]]))
    _, faces = surface_points(mesh, 1_000, np.random.default_rng(0))
    assert (faces == 1).all()


def test_points_are_uniform_within_a_face():
    mesh = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]]))
    points = points_on_faces(mesh, np.zeros(40_000, dtype=np.int64), np.random.default_rng(0))
    near = points[:, :2].sum(axis=1) < 0.5  # a quarter of the triangle's area
    assert near.mean() == pytest.approx(0.25, abs=0.01)
    assert np.allclose(points.mean(axis=0), [1 / 3, 1 / 3, 0], atol=0.005)


def test_deepsdf_points_have_the_named_variances_and_shares():
    flat = Mesh(np.array([[-9.0, -9, 0], [9, -9, 0], [0, 9, 0]]), np.array([[0, 1, 2]]))
    near = deepsdf_points(flat, 100_000, (0.005, 0.0005), 1.0, np.random.default_rng(0))
    # heights above a plane are the noise itself: a mixture of two Gaussians
    fourth = 3 * (0.005**2 + 0.0005**2) / 2
    assert np.var(near[:, 2]) == pytest.approx((0.005 + 0.0005) / 2, rel=0.03)
    assert np.mean(near[:, 2].astype(np.float64) ** 4) == pytest.approx(fourth, rel=0.05)


def test_the_rest_fills_the_cube():
    points = deepsdf_points(slab(), 50_000, (0.005, 0.0005), 0.0, np.random.default_rng(0))
    assert np.abs(points).max() <= 1
    assert np.allclose(points.var(axis=0), 1 / 3, rtol=0.03)


def test_any_stretch_is_a_sample_of_the_whole():
    points = deepsdf_points(slab(), 60_000, (1e-6, 1e-8), 0.94, np.random.default_rng(0))
    at_surface = np.abs(np.abs(points[:, 1]) - 0.025) < 0.004
    shares = at_surface.reshape(6, -1).mean(axis=1)
    assert np.ptp(shares) < 0.02
    assert len(np.unique(points, axis=0)) == 60_000


@pytest.mark.parametrize("count", [1, 10, 499_999 // 1000])
def test_counts_are_kept_and_the_seed_decides(count):
    one, same, other = (
        deepsdf_points(slab(), count, (0.005, 0.0005), 0.94, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert one.shape == (count, 3)
    assert one.dtype == np.float32
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
