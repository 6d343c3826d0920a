"""Faces, edges and cleaning of meshes as arrays."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.geometry.mesh import (
    Mesh,
    adjacency,
    bounds,
    cleaned,
    components,
    concatenate,
    corners,
    face_areas,
    face_normals,
    flipped,
    volume,
    weld,
)


def box(low=(0, 0, 0), high=(1, 1, 1)):
    made = trimesh.creation.box(bounds=[low, high])
    return Mesh(np.array(made.vertices, dtype=float), np.array(made.faces, dtype=np.int64))


def soup(mesh):
    """Every face with vertices of its own, as STL has it."""
    return Mesh(corners(mesh).reshape(-1, 3), np.arange(mesh.faces.size).reshape(-1, 3))


def test_box_has_its_closed_form_area_normals_volume_and_bounds():
    mesh = box((1, 2, 3), (2, 4, 6))
    assert face_areas(mesh).sum() == pytest.approx(2 * (1 * 2 + 2 * 3 + 1 * 3))
    assert volume(mesh) == pytest.approx(6)
    assert volume(flipped(mesh, np.ones(12, dtype=bool))) == pytest.approx(-6)
    assert np.array_equal(bounds(mesh), [[1, 2, 3], [2, 4, 6]])
    outward = corners(mesh).mean(axis=1) - [1.5, 3, 4.5]
    assert (np.einsum("ij,ij->i", face_normals(mesh), outward) > 0).all()
    assert np.allclose(np.linalg.norm(face_normals(mesh), axis=1), 1)


def test_volume_does_not_depend_on_where_the_mesh_is():
    assert volume(box((1e6, 1e6, 1e6), (1e6 + 1, 1e6 + 1, 1e6 + 1))) == pytest.approx(1, rel=1e-9)


def test_normal_of_a_face_without_area_is_zero():
    mesh = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.array([[0, 1, 2]]))
    assert np.array_equal(face_normals(mesh), [[0, 0, 0]])


def test_bounds_ignore_vertices_that_no_face_uses():
    mesh = box()
    stray = Mesh(np.concatenate([mesh.vertices, [[99.0, 99, 99]]]), mesh.faces)
    assert np.array_equal(bounds(stray), bounds(mesh))


def test_concatenate_keeps_every_triangle():
    both = concatenate([box(), box((5, 0, 0), (6, 1, 1))])
    assert np.array_equal(corners(both)[12:], corners(box()) + np.array([5, 0, 0]))
    assert both.faces.max() == 15


@pytest.mark.parametrize(
    ("mesh", "counts"),
    [
        (box(), {2: 18}),
        (Mesh(box().vertices, box().faces[1:]), {2: 15, 1: 3}),
        (weld(concatenate([box(), box((1, 1, 0), (2, 2, 1))])), {2: 34, 4: 1}),
    ],
    ids=["closed", "one face missing", "boxes touching along an edge"],
)
def test_adjacency_counts_faces_at_edges(mesh, counts):
    joined = adjacency(mesh)
    values, numbers = np.unique(joined.counts, return_counts=True)
    assert dict(zip(values.tolist(), numbers.tolist(), strict=True)) == counts
    assert joined.coherent.all()
    assert len(joined.pairs) == counts[2]
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert np.array_equal(np.unique(edges, axis=0), joined.edges)


def test_adjacency_sees_the_neighbours_of_a_flipped_face_disagree():
    mesh = box()
    flips = np.arange(12) == 4
    joined = adjacency(flipped(mesh, flips))
    assert (~joined.coherent).sum() == 3
    assert (joined.pairs[~joined.coherent] == 4).any(axis=1).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_weld_does_not_depend_on_the_order_of_vertices(seed):
    mesh = soup(box())
    shuffle = np.random.default_rng(seed).permutation(len(mesh.vertices))
    shuffled = Mesh(mesh.vertices[shuffle], np.argsort(shuffle)[mesh.faces])
    one, other = weld(mesh), weld(shuffled)
    assert len(one.vertices) == 8
    assert np.array_equal(one.vertices, other.vertices)
    assert np.array_equal(one.faces, other.faces)
    assert np.array_equal(corners(one), corners(mesh))


def test_weld_joins_positive_and_negative_zero_and_drops_strays():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.0, 0, 0], [7, 7, 7], [1, 1, 0]])
    welded = weld(Mesh(vertices, np.array([[0, 1, 2], [3, 1, 5]])))
    assert len(welded.vertices) == 4
    assert welded.faces[0, 0] == welded.faces[1, 0]


def test_degenerate_faces_go_and_thin_ones_stay():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0.5, 0, 0], [0.5, 1e-6, 0], [0, 1, 0]])
    faces = np.array([[0, 1, 4], [0, 1, 2], [0, 0, 4], [0, 1, 3]])
    kept, degenerate, doubled = cleaned(Mesh(vertices, faces))
    assert (degenerate, doubled) == (2, 0)
    assert np.array_equal(corners(kept), vertices[[[0, 1, 4], [0, 1, 3]]])


def test_doubled_faces_go_whatever_their_winding_and_first_corner():
    mesh = box()
    doubled = np.concatenate([mesh.faces, mesh.faces[:5, ::-1], np.roll(mesh.faces[7:9], 1, axis=1)])
    kept, degenerate, dropped = cleaned(Mesh(mesh.vertices, doubled))
    assert (degenerate, dropped) == (0, 7)
    assert np.array_equal(corners(kept), corners(mesh))


def test_components_share_a_number():
    found = components(6, np.array([[4, 1], [1, 0], [3, 5]]))
    assert len(set(found)) == 3
    assert found[0] == found[1] == found[4]
    assert found[3] == found[5]
