"""Distance and sign against closed forms and slow twins."""

import os
from pathlib import Path

import igl
import numpy as np
import pytest
import trimesh
from made_meshes import as_mesh, box

from t3d.datasets.meshes import load_geometry
from t3d.geometry.distance import Solid, sphere_directions, triangle_distance
from t3d.geometry.inspection import prepare
from t3d.geometry.mesh import Mesh, concatenate, flipped
from t3d.geometry.sampling import PRESETS, spatial_points

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))
REAL = sorted(MESHES.glob("0*/*/models/*.obj"))[4::40]


def box_distance(points, low, high):
    """Signed distance to a box (Quilez)."""
    low, high = np.array(low), np.array(high)
    beyond = np.abs(points - (low + high) / 2) - (high - low) / 2
    return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)


def around(mesh, count=20_000, seed=1):
    return spatial_points(mesh, count, PRESETS["deepsdf"], np.random.default_rng(seed))


@pytest.mark.parametrize("thickness", [0.8, 0.05, 0.002], ids=["block", "board", "sheet metal"])
def test_box_has_its_closed_form_signed_distance(thickness):
    low, high = (-0.5, -thickness / 2, -0.4), (0.5, thickness / 2, 0.4)
    mesh = box(low, high)
    points = around(mesh)
    signed = Solid(mesh).signed_distance(points)
    truth = box_distance(points.astype(np.float64), low, high)
    assert np.abs(np.abs(signed) - np.abs(truth)).max() < 1e-6
    clear = np.abs(truth) > 1e-6
    assert (np.sign(signed) == np.sign(truth))[clear].all()
    assert (truth < 0).sum() > 100


def test_sphere_is_within_the_error_of_its_facets():
    mesh = as_mesh(trimesh.creation.icosphere(5, radius=0.9))
    points = around(mesh)
    truth = np.linalg.norm(points, axis=1) - 0.9
    error = Solid(mesh).signed_distance(points) - truth
    sagitta = 0.9 - np.linalg.norm(mesh.vertices[mesh.faces].mean(axis=1), axis=1).min()
    assert error.min() > -1e-6
    assert error.max() < sagitta + 1e-6


def test_torus_agrees_with_double_precision_twins():
    mesh = as_mesh(trimesh.creation.torus(0.6, 0.25, major_sections=48, minor_sections=24))
    points = around(mesh, 4_000)
    signed = Solid(mesh).signed_distance(points)
    squared, _, _ = igl.point_mesh_squared_distance(points.astype(np.float64), mesh.vertices, mesh.faces)
    winding = igl.winding_number(mesh.vertices, mesh.faces, points.astype(np.float64))  # exact, not fast
    assert np.allclose(np.abs(signed), np.sqrt(squared), atol=1e-6)
    assert ((signed < 0) == (winding > 0.5))[np.abs(signed) > 1e-6].all()


def test_overlaps_of_parts_are_inside():
    parts = [((-0.6, -0.3, -0.3), (0.2, 0.3, 0.3)), ((-0.2, -0.2, -0.2), (0.6, 0.2, 0.2))]
    mesh = concatenate([box(*part) for part in parts])
    points = around(mesh)
    union = np.min([box_distance(points.astype(np.float64), *part) for part in parts], axis=0)
    assert ((Solid(mesh).signed_distance(points) < 0) == (union < 0))[np.abs(union) > 1e-6].all()


@pytest.mark.parametrize("hollow", [False, True])
def test_nested_boxes_are_a_cavity_or_a_solid_by_their_winding(hollow):
    outer, inner = box((-0.5,) * 3, (0.5,) * 3), box((-0.2,) * 3, (0.2,) * 3)
    mesh = concatenate([outer, flipped(inner, np.full(12, hollow))])
    points = around(mesh)
    within = box_distance(points.astype(np.float64), (-0.5,) * 3, (0.5,) * 3)
    cavity = box_distance(points.astype(np.float64), (-0.2,) * 3, (0.2,) * 3)
    truth = (within < 0) & ((cavity > 0) | (not hollow))
    clear = (np.abs(within) > 1e-6) & (np.abs(cavity) > 1e-6)
    assert ((Solid(mesh).signed_distance(points) < 0) == truth)[clear].all()


def test_what_is_seen_through_a_hole_is_not_taken_for_the_same_side():
    ball = as_mesh(trimesh.creation.icosphere(2, radius=0.9))
    mesh = Mesh(ball.vertices, ball.faces[np.arange(len(ball.faces)) % 8 > 0])
    solid, points = Solid(mesh), around(mesh, 60_000)
    wrong = (solid.signed_distance(points) < 0) != (solid.winding(points) > 0.5)
    assert wrong.mean() < 0.002


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.2], ids=["closed", "pierced", "in tatters"])
def test_asking_a_few_points_gives_the_signs_of_asking_all(missing):
    parts = [as_mesh(trimesh.creation.icosphere(3, radius=0.5)), box((-0.8, -0.05, -0.8), (0.8, 0.0, 0.8))]
    mesh = concatenate(parts)
    mesh = Mesh(mesh.vertices, mesh.faces[np.random.default_rng(0).random(len(mesh.faces)) >= missing])
    solid, points = Solid(mesh), around(mesh)
    twin = solid.winding(points) > 0.5
    same = (solid.signed_distance(points) < 0) == twin
    assert same.mean() >= (1.0 if missing == 0 else 0.9995 if missing < 0.1 else 0.98)


def test_few_points_are_asked(monkeypatch):
    mesh = as_mesh(trimesh.creation.torus(0.6, 0.25))
    solid, points, asked = Solid(mesh), around(mesh, 100_000), []
    winding = solid.winding
    monkeypatch.setattr(solid, "winding", lambda queries: asked.append(len(queries)) or winding(queries))
    solid.signed_distance(points)
    assert 0 < sum(asked) < 25_000


@pytest.mark.parametrize("count", [0, 1, 2])
def test_any_number_of_points(count):
    points = np.full((count, 3), 0.1, dtype=np.float32)
    signed = Solid(box((-0.5,) * 3, (0.5,) * 3)).signed_distance(points)
    assert signed.dtype == np.float32
    assert np.allclose(signed, [-0.4] * count)


def test_rays_are_blocked_by_what_is_within_their_reach():
    solid = Solid(box((-0.5,) * 3, (0.5,) * 3))
    origins, directions = [[0, 0, 2.0], [0, 0, 2.0], [0, 0, 2.0]], [[0, 0, -1.0], [0, 0, 1.0], [0, 0, -0.5]]
    assert solid.unblocked(origins, directions).tolist() == [False, True, False]
    assert solid.unblocked(origins, directions, reach=1.6).tolist() == [False, True, True]


def needles(count, width, seed):
    """Loose triangles up to 0.6 long and `width` high."""
    rng = np.random.default_rng(seed)
    start, along, across = rng.uniform(-0.5, 0.5, (count, 3)), *rng.normal(size=(2, count, 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    end = start + along * rng.uniform(0.1, 0.6, (count, 1))
    tip = start + (end - start) * rng.random((count, 1)) + width * across
    vertices = np.stack([start, end, tip], axis=1).reshape(-1, 3)
    return Mesh(vertices, np.arange(3 * count).reshape(-1, 3))


def fan():
    """A disc of 600 triangles from one point of its rim."""
    angles = np.linspace(0, 2 * np.pi, 600, endpoint=False)
    vertices = np.stack([0.8 * np.cos(angles), 0 * angles, 0.8 * np.sin(angles)], axis=1)
    number = np.arange(1, 599)
    return Mesh(vertices, np.stack([0 * number, number, number + 1], axis=1))


def true_distance(mesh, points):
    squared, _, _ = igl.point_mesh_squared_distance(points.astype(np.float64), mesh.vertices, mesh.faces)
    return np.sqrt(squared)


@pytest.mark.parametrize("width", [1e-2, 1e-3, 1e-4, 1e-6, "fan"])
def test_distance_is_exact_beside_needles(width):
    mesh = fan() if width == "fan" else needles(300, width, 1)
    solid, points = Solid(mesh), around(mesh, 12_000)
    distance, faces = solid.nearest(points)
    assert np.abs(distance - true_distance(mesh, points)).max() < 1e-6
    named, _ = triangle_distance(mesh.vertices[mesh.faces[faces]], points.astype(np.float64))
    assert np.abs(distance - named).max() < 1e-6  # the face named is one that is so near
    if width == "fan":  # what single precision alone makes of it
        single = solid._triangles[0].compute_distance(points).numpy()
        assert np.abs(single - true_distance(mesh, points)).max() > 1e-5


@pytest.mark.skipif(not REAL, reason="no folder of real meshes; name it in T3D_TEST_MESHES")
@pytest.mark.parametrize("source", REAL, ids=lambda path: path.parent.parent.name[:8])
def test_distance_is_exact_on_real_meshes(source):
    mesh = prepare(load_geometry(source), np.random.default_rng(0), 1)[0]
    points = around(mesh, 25_000)
    assert np.abs(Solid(mesh).distance(points) - true_distance(mesh, points)).max() < 1e-6


def test_distances_to_a_triangle_are_libigls_and_heights_have_a_side():
    rng = np.random.default_rng(0)
    triangles, points = rng.normal(size=(500, 3, 3)), 2 * rng.normal(size=(500, 3))
    distance, height = triangle_distance(triangles, points)
    pairs = zip(triangles, points, strict=True)
    face = np.array([[0, 1, 2]])
    twin = [igl.point_mesh_squared_distance(point[None], corner, face)[0][0] for corner, point in pairs]
    assert np.allclose(distance, np.sqrt(twin), atol=1e-12)
    over = ~np.isnan(height)
    assert 20 < over.sum() < 300
    assert np.allclose(np.abs(height[over]), distance[over])
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    front = np.einsum("ij,ij->i", points - triangles[:, 0], normals) > 0
    assert ((height > 0) == front)[over].all()


def test_crossings_are_counted():
    solid = Solid(concatenate([box((-0.5,) * 3, (0.5,) * 3), box((-0.2,) * 3, (0.2,) * 3)]))
    origins, directions = (
        [[0.01, 0.02, 2.0], [0.01, 0.02, 0], [0, 0, 2.0]],
        [[0, 0, -1.0]] * 2 + [[0, 0, 1.0]],
    )
    assert solid.crossings(origins, directions).tolist() == [4, 2, 0]


def test_directions_cover_the_sphere():
    directions = sphere_directions(20_000, np.random.default_rng(0))
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)
    assert np.abs(directions.mean(axis=0)).max() < 0.02
    assert np.allclose(np.abs(directions).mean(axis=0), 0.5, atol=0.01)  # Archimedes: uniform along any axis
