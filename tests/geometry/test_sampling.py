"""Points on and around surfaces follow the distributions they claim; hidden parts get none where asked."""

import numpy as np
import pytest
import trimesh
from made_meshes import as_mesh, box

from t3d.errors import DataError
from t3d.geometry import sampling
from t3d.geometry.distance import Solid
from t3d.geometry.mesh import Mesh, concatenate, corners, face_areas, face_normals
from t3d.geometry.sampling import (
    PRESETS,
    Group,
    points_on_faces,
    seen,
    sharp_edges,
    spatial_points,
    surface_points,
    view_directions,
    visible_points,
)

FLAT = Mesh(np.array([[-9.0, -9, 0], [9, -9, 0], [0, 9, 0]]), np.array([[0, 1, 2]]))
NOISE = {  # what each preset's source says of the noise on surface points: variances, and the share of them
    "deepsdf": ((0.005, 0.0005), 47 / 50),
    "deepsdf-paper": ((0.0025, 0.00025), 20 / 21),
    "mesh-to-sdf": ((0.0025**2, 0.00025**2), 47 / 50),
}


def slab():
    """Faces of areas that differ by 64 to 1."""
    return as_mesh(trimesh.creation.box(extents=(1.6, 0.05, 0.8)))


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


@pytest.mark.parametrize("name", NOISE)
def test_presets_have_the_variances_and_shares_of_their_sources(name):
    variances, share = NOISE[name]
    near = [group for group in PRESETS[name] if group.origin == "surface"]
    total = sum(group.weight for group in PRESETS[name])
    assert sum(group.weight for group in near) / total == pytest.approx(share)
    # heights above a plane are the noise itself: a mixture of two Gaussians
    heights = spatial_points(FLAT, 100_000, tuple(near), np.random.default_rng(0))[:, 2].astype(np.float64)
    assert np.var(heights) == pytest.approx(np.mean(variances), rel=0.03)
    assert np.mean(heights**4) == pytest.approx(3 * np.mean(np.square(variances)), rel=0.06)


@pytest.mark.parametrize("name", PRESETS)
def test_shares_are_those_of_the_weights(name):
    far = Mesh(
        FLAT.vertices + np.array([0, 0, 50.0]), FLAT.faces
    )  # what starts on the surface is far from the rest
    points = spatial_points(far, 10_000, PRESETS[name], np.random.default_rng(0))
    total = sum(group.weight for group in PRESETS[name])
    there = sum(group.weight for group in PRESETS[name] if group.origin in ("surface", "sharp edges"))
    assert (points[:, 2] > 25).mean() == pytest.approx(there / total, abs=1e-4)
    rest = points[points[:, 2] < 25]
    assert np.abs(rest).max(initial=0) <= 1


@pytest.mark.parametrize(("origin", "variance"), [("cube", 1 / 3), ("ball", 1 / 5)])
def test_the_rest_is_uniform(origin, variance):
    points = spatial_points(slab(), 50_000, (Group(origin, 1),), np.random.default_rng(0))
    reach = np.abs(points).max(axis=1) if origin == "cube" else np.linalg.norm(points, axis=1)
    assert np.mean(reach.astype(np.float64) ** 3) == pytest.approx(0.5, abs=0.01)  # uniform by volume
    assert reach.max() <= 1
    assert np.allclose(points.var(axis=0), variance, rtol=0.03)


def test_sharp_points_lie_around_the_twelve_edges_of_a_box_by_length():
    mesh = as_mesh(trimesh.creation.box(extents=(1.6, 0.4, 0.8)))
    assert len(sharp_edges(mesh)) == 12
    points = spatial_points(mesh, 100_000, (Group("sharp edges", 1, 0.004),), np.random.default_rng(0))
    beyond = np.abs(np.abs(points) - [0.8, 0.2, 0.4])
    off = np.sort(beyond, axis=1)[:, :2]  # across an edge: the noise along two axes
    assert np.percentile(off, 99) < 4 * 0.004
    along = beyond.argmax(axis=1)
    assert np.allclose(np.bincount(along, minlength=3) / 1e5, [1.6 / 2.8, 0.4 / 2.8, 0.8 / 2.8], atol=0.015)
    dora = spatial_points(mesh, 100_000, PRESETS["sharp"], np.random.default_rng(0))
    near = (np.sort(np.abs(np.abs(dora) - [0.8, 0.2, 0.4]), axis=1)[:, 1] < 0.03).mean()
    plain = spatial_points(mesh, 100_000, PRESETS["deepsdf"], np.random.default_rng(0))
    assert near > 0.18 + 0.5 * (np.sort(np.abs(np.abs(plain) - [0.8, 0.2, 0.4]), axis=1)[:, 1] < 0.03).mean()


def test_a_round_shape_has_no_sharp_edge_and_is_sampled_all_the_same():
    ball = as_mesh(trimesh.creation.icosphere(4, radius=0.9))
    assert len(sharp_edges(ball)) == 0
    points = spatial_points(ball, 5_000, (Group("sharp edges", 1, 0.01),), np.random.default_rng(0))
    assert np.abs(np.linalg.norm(points, axis=1) - 0.9).max() < 0.06


def test_open_edges_and_flat_ones_are_not_sharp():
    assert len(sharp_edges(FLAT)) == 0
    square = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))
    assert len(sharp_edges(square)) == 0
    bent = Mesh(np.concatenate([square.vertices[:3], [[0, 1, 0.3]]]), square.faces)
    assert np.array_equal(np.sort(sharp_edges(bent)[0], axis=0), [[0, 0, 0], [1, 1, 0]])


def test_any_stretch_is_a_sample_of_the_whole():
    groups = (Group("surface", 47, 1e-3), Group("surface", 47, 1e-4), Group("cube", 6))
    points = spatial_points(slab(), 60_000, groups, np.random.default_rng(0))
    at_surface = np.abs(np.abs(points[:, 1]) - 0.025) < 0.004
    shares = at_surface.reshape(6, -1).mean(axis=1)
    assert np.ptp(shares) < 0.02
    assert len(np.unique(points, axis=0)) == 60_000


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("count", [0, 1, 10, 499])
def test_counts_are_kept_and_the_seed_decides(name, count):
    one, same, other = (
        spatial_points(slab(), count, PRESETS[name], np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one.shape == (count, 3)
    assert one.dtype == np.float32
    assert np.array_equal(one, same)
    assert count == 0 or not np.array_equal(one, other)


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
    assert seen(Solid(sheet), np.zeros((1, 3)), np.array([[0, 0, 1.0]]), lower).tolist() == [True]


def test_a_mesh_that_nobody_sees_is_an_error(monkeypatch):
    monkeypatch.setattr(
        sampling, "seen", lambda solid, points, normals, directions: np.arange(len(points)) == 0
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


def test_the_seed_decides_what_is_seen():
    mesh = box((-0.5,) * 3, (0.5,) * 3)
    one, same, other = (
        visible_points(mesh, 50, 100, np.random.default_rng(seed), 1)[0] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
