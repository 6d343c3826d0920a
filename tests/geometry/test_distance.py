"""Distance and sign against closed forms and slow twins."""

import subprocess
import sys

import igl
import numpy as np
import pytest
import trimesh

from t3d.geometry.distance import Solid, agreement, hidden, sphere_directions
from t3d.geometry.mesh import Mesh, concatenate, flipped
from t3d.geometry.sampling import deepsdf_points


def as_mesh(made):
    return Mesh(np.array(made.vertices, dtype=float), np.array(made.faces, dtype=np.int64))


def box(low, high):
    return as_mesh(trimesh.creation.box(bounds=[low, high]))


def box_distance(points, low, high):
    """Signed distance to a box (Quilez)."""
    low, high = np.array(low), np.array(high)
    beyond = np.abs(points - (low + high) / 2) - (high - low) / 2
    return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)


def around(mesh, count=20_000, seed=1):
    return deepsdf_points(mesh, count, (0.005, 0.0005), 0.94, np.random.default_rng(seed))


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


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.2], ids=["closed", "pierced", "in tatters"])
def test_asking_a_few_points_gives_the_signs_of_asking_all(missing):
    parts = [as_mesh(trimesh.creation.icosphere(3, radius=0.5)), box((-0.8, -0.05, -0.8), (0.8, 0.0, 0.8))]
    mesh = concatenate(parts)
    mesh = Mesh(mesh.vertices, mesh.faces[np.random.default_rng(0).random(len(mesh.faces)) >= missing])
    solid, points = Solid(mesh), around(mesh)
    twin = solid.winding(points) > 0.5
    same = (solid.signed_distance(points) < 0) == twin
    assert same.mean() >= (1.0 if missing == 0 else 0.995 if missing < 0.1 else 0.97)


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


def test_a_second_opinion_confirms_right_signs_and_denies_wrong_ones():
    mesh = as_mesh(trimesh.creation.torus(0.6, 0.25))
    solid, points = Solid(mesh), around(mesh)
    signed = solid.signed_distance(points)
    assert agreement(solid, points, signed, np.random.default_rng(0)) > 0.999
    assert agreement(solid, points, -signed, np.random.default_rng(0)) < 0.001
    assert agreement(solid, points[:0], signed[:0], np.random.default_rng(0)) == 1.0


def test_a_small_hole_does_not_let_the_inside_out():
    mesh = as_mesh(trimesh.creation.icosphere(3, radius=0.9))
    pierced = Mesh(mesh.vertices, mesh.faces[20:])
    points = np.array([[0, 0, 0], [0.3, 0.2, 0.1], [0.95, 0, 0], [0, 1.5, 0]], dtype=np.float32)
    assert hidden(Solid(pierced), points, np.random.default_rng(0)).tolist() == [True, True, False, False]


def test_directions_cover_the_sphere():
    directions = sphere_directions(20_000, np.random.default_rng(0))
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)
    assert np.abs(directions.mean(axis=0)).max() < 0.02
    assert np.allclose(np.abs(directions).mean(axis=0), 0.5, atol=0.01)  # Archimedes: uniform along any axis


PROGRAM = """
import hashlib, sys, numpy as np, trimesh
from t3d.geometry.distance import Solid
from t3d.geometry.mesh import Mesh
from t3d.geometry.sampling import deepsdf_points
made = trimesh.creation.icosphere(3, radius=0.9)
mesh = Mesh(np.array(made.vertices), np.array(made.faces)[30:])
points = deepsdf_points(mesh, 30_000, (0.005, 0.0005), 0.94, np.random.default_rng(4))
print(hashlib.sha256(Solid(mesh, int(sys.argv[1])).signed_distance(points).tobytes()).hexdigest())
"""


def test_bits_depend_on_neither_process_nor_threads(monkeypatch):
    digests = []
    for threads in (1, 2):
        monkeypatch.setenv("IGL_NUM_THREADS", str(threads))
        monkeypatch.setenv("PYTHONHASHSEED", str(threads))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(threads)], capture_output=True, text=True, check=True
        )
        digests.append(done.stdout.strip())
    assert len(digests[0]) == 64
    assert digests[0] == digests[1]
