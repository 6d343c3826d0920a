"""What borders the outside, against unions of boxes built exactly."""

import itertools
import os
from pathlib import Path

import igl
import numpy as np
import pytest
import trimesh
from made_meshes import as_mesh, box

from t3d.datasets.meshes import load_geometry
from t3d.geometry.distance import Solid
from t3d.geometry.exposed import exposed
from t3d.geometry.inspection import prepare
from t3d.geometry.mesh import Mesh, concatenate, face_areas, face_normals, flipped, weld
from t3d.geometry.sampling import PRESETS, spatial_points, surface_points
from t3d.geometry.signs import SIGNS, measured

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))
SOFAS = sorted(MESHES.glob("04256520/*/models/*.obj"))[4::12]


def ball(radius, center=(0.0, 0, 0)):
    mesh = as_mesh(trimesh.creation.icosphere(4, radius=radius))
    return Mesh(mesh.vertices + np.array(center), mesh.faces)


def union(boxes):
    """The boundary of a union of boxes (B, 2, 3), exactly: the sides of grid cells between in and out."""
    boxes = np.asarray(boxes, dtype=float)
    lines = [np.unique([*boxes[:, :, axis].ravel(), -9, 9]) for axis in range(3)]
    middles = np.stack(np.meshgrid(*[(line[1:] + line[:-1]) / 2 for line in lines], indexing="ij"), axis=-1)
    within = (middles[None] > boxes[:, 0, None, None, None]) & (middles[None] < boxes[:, 1, None, None, None])
    filled = within.all(axis=-1).any(axis=0)
    quads = []
    for axis in range(3):
        for cell in np.argwhere(np.diff(filled.astype(int), axis=axis)):
            ends = [lines[k][[cell[k], cell[k] + 1]] for k in range(3)]
            ends[axis] = lines[axis][[cell[axis] + 1]]
            quads.append(np.array(list(itertools.product(*ends))))
    vertices = np.concatenate(quads)
    first = 4 * np.arange(len(quads))[:, None]
    return Mesh(vertices, np.concatenate([first + np.array([0, 1, 2]), first + np.array([1, 3, 2])]))


def true_distance(mesh, points):
    squared, _, _ = igl.point_mesh_squared_distance(points.astype(np.float64), mesh.vertices, mesh.faces)
    return np.sqrt(squared)


def part_of(mesh, threads=1):
    return exposed(Solid(mesh, threads), np.random.default_rng(0))


BOXES = {
    "arm in seat": [((-0.6, -0.3, -0.3), (0.2, 0.3, 0.3)), ((-0.2, -0.2, -0.2), (0.6, 0.2, 0.2))],
    "cross": [((-0.7, -0.1, -0.1), (0.7, 0.1, 0.1)), ((-0.1, -0.7, -0.1), (0.1, 0.7, 0.1))],
    "flush": [((-0.5, 0.0, -0.5), (0.5, 0.2, 0.5)), ((-0.1, -0.5, -0.1), (0.1, 0.0, 0.1))],
    "sunk": [((-0.5, 0.0, -0.5), (0.5, 0.2, 0.5)), ((-0.45, 0.1, -0.45), (0.45, 0.205, 0.45))],
}


@pytest.mark.parametrize("name", BOXES)
def test_overlapping_boxes_have_the_distances_of_their_union(name):
    mesh, truth = concatenate([box(*one) for one in BOXES[name]]), union(BOXES[name])
    assert face_areas(truth).sum() < face_areas(mesh).sum()
    solid = Solid(mesh)
    surface, lost = exposed(solid, np.random.default_rng(0))
    points = spatial_points(truth, 20_000, PRESETS["deepsdf"], np.random.default_rng(1))
    signed, ambiguous = measured(solid, Solid(surface), lost, points, SIGNS["auto"], np.random.default_rng(2))
    exact = true_distance(truth, points)
    inside = np.any([((points > low) & (points < high)).all(axis=1) for low, high in BOXES[name]], axis=0)
    assert ((signed < 0) == inside)[exact > 1e-5].all()
    error = np.abs(np.abs(signed) - exact)
    assert error[~inside].max() < 1e-6
    assert error[inside].max() < 0.015  # where a piece is still partly hidden
    assert np.mean(error[inside] < 1e-6) > 0.93
    assert ambiguous.mean() < 0.01
    before = np.abs(solid.distance(points) - exact)[inside]
    assert before.max() > 0.05
    assert before.mean() > 10 * error[inside].mean()


def test_the_exposed_area_of_a_ball_half_sunk_in_a_box_is_known():
    mesh = concatenate([box((-0.6, -0.4, -0.6), (0.6, 0.0, 0.6)), ball(0.3)])
    surface, _ = part_of(mesh)
    square = 2 * 1.2**2 + 4 * 1.2 * 0.4
    expected = square - np.pi * 0.3**2 + 2 * np.pi * 0.3**2
    assert face_areas(surface).sum() == pytest.approx(expected, rel=0.015)
    middles = surface.vertices[surface.faces].mean(axis=1)
    assert np.linalg.norm(middles, axis=1).min() > 0.28  # nothing is left deep within


def test_an_inner_shell_is_hidden_as_a_part_and_exposed_as_a_cavity():
    outer, inner = ball(0.9), ball(0.4)
    solid, _ = part_of(concatenate([outer, inner]))
    assert len(solid.faces) == len(outer.faces)
    assert np.linalg.norm(solid.vertices, axis=1).min() > 0.89
    hollow = concatenate([outer, flipped(inner, np.ones(len(inner.faces), dtype=bool))])
    surface, lost = part_of(hollow)
    assert surface is hollow
    assert not lost.any()


def below(height):
    """The part of a ball of radius 0.9 below a height: an open mesh."""
    mesh = ball(0.9)
    return Mesh(mesh.vertices, mesh.faces[mesh.vertices[mesh.faces][:, :, 1].max(axis=1) < height])


TEETH = [((x, 0.0, 0.0), (x + 0.004, 0.5, 0.4)) for x in (0, 0.006)]
FOOT = ((-0.5, 0.0, -0.5), (0.5, 0.1, 0.5))
SQUARE = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
UNHIDDEN = {
    "torus": as_mesh(trimesh.creation.torus(0.6, 0.25)),
    "comb": union([FOOT, *TEETH]),
    "square": Mesh(SQUARE, np.array([[0, 1, 2], [0, 2, 3]])),
    "bowl": below(0.01),
    "cup": below(0.7),
    "bowl inside out": flipped(below(0.01), np.ones(len(below(0.01).faces), dtype=bool)),
    "cup inside out": flipped(below(0.7), np.ones(len(below(0.7).faces), dtype=bool)),
}


@pytest.mark.parametrize("name", UNHIDDEN)
def test_where_nothing_is_hidden_the_mesh_comes_back_as_it_was(name):
    surface, lost = part_of(UNHIDDEN[name])
    assert surface is UNHIDDEN[name]
    assert not lost.any()


def test_a_fine_tooth_between_two_others_is_kept():
    """Gaps of 0.002 are seen; the same comb as overlapping boxes gives the same surface."""
    boxes = [FOOT, *[((x, 0.05, z), high) for (x, _, z), high in TEETH]]
    surface, _ = part_of(concatenate([box(*one) for one in boxes]))
    assert face_areas(surface).sum() == pytest.approx(face_areas(union(boxes)).sum(), rel=0.01)


def test_a_hole_in_the_outside_does_not_expose_what_is_within():
    whole = concatenate([ball(0.9), ball(0.4)])
    pierced = Mesh(whole.vertices, whole.faces[30:])
    surface, _ = part_of(weld(pierced))
    assert np.linalg.norm(surface.vertices, axis=1).min() > 0.89


def test_a_dense_mesh_is_judged_face_by_face_and_not_divided():
    dense = trimesh.util.concatenate([trimesh.creation.icosphere(6, 0.5), trimesh.creation.icosphere(6, 0.5)])
    dense.vertices[len(dense.vertices) // 2 :, 0] += 0.4
    surface, lost = part_of(as_mesh(dense))
    assert 0.5 * len(dense.faces) < len(surface.faces) == len(dense.faces) - lost.sum()
    cap = 2 * np.pi * 0.5 * (0.5 - 0.2)
    assert face_areas(surface).sum() == pytest.approx(2 * (4 * np.pi * 0.25 - cap), rel=0.01)


def test_the_number_of_pieces_is_limited():
    boxes = [box((x, -0.5, -0.5), (x + 0.3, 0.5 + x / 9, 0.5)) for x in np.linspace(-0.6, 0.3, 20)]
    surface, _ = part_of(concatenate(boxes))
    assert len(surface.faces) <= 20 * 12 + 10_000


def test_the_same_seed_gives_the_same_surface_with_any_number_of_threads():
    mesh = concatenate([box(*one) for one in BOXES["arm in seat"]])
    one, two = part_of(mesh, 1)[0], part_of(mesh, 2)[0]
    assert np.array_equal(one.vertices, two.vertices)
    assert np.array_equal(one.faces, two.faces)


@pytest.mark.skipif(not SOFAS, reason="no folder of real meshes; name it in T3D_TEST_MESHES")
@pytest.mark.parametrize("source", SOFAS, ids=lambda path: path.parent.parent.name[:8])
def test_real_sofas_keep_all_that_can_be_seen(source):
    mesh = prepare(load_geometry(source), np.random.default_rng(0), 1)[0]
    solid = Solid(mesh, 1)
    surface, lost = exposed(solid, np.random.default_rng(0))
    points, faces = surface_points(mesh, 20_000, np.random.default_rng(1))
    normals = face_normals(mesh)[faces]
    origins = points + 1e-4 * normals
    seen = solid.unblocked(origins, normals) & (solid.winding(origins) < 0.5)
    away = true_distance(surface, points[seen])
    assert np.mean(away < 1e-6) > 0.998
    assert away.max() < 0.02
    if lost.any():
        assert face_areas(surface).sum() < face_areas(mesh).sum()
