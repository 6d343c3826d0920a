"""Meshes made ready, and what is said about them."""

import numpy as np
import pytest
import trimesh

from t3d.errors import DataError
from t3d.geometry.inspection import prepare
from t3d.geometry.mesh import Mesh, concatenate, corners, flipped, volume


def box(low=(0, 0, 0), high=(1, 2, 3)):
    made = trimesh.creation.box(bounds=[low, high])
    return Mesh(np.array(made.vertices), np.array(made.faces))


def found(mesh):
    return prepare(mesh, np.random.default_rng(0))[2]


def test_a_good_box_is_described_in_the_units_of_its_file():
    facts = found(box())
    assert facts["watertight"] is True
    assert facts["consistent_winding"] is True
    assert facts["volume"] == pytest.approx(6)
    assert facts["bounds"] == [[0, 0, 0], [1, 2, 3]]
    assert facts["diagonal"] == pytest.approx(14**0.5)
    assert [facts[key] for key in ("vertices", "faces", "components", "flipped_faces")] == [8, 12, 1, 0]
    assert facts["sign_reason"].startswith("closed")


def test_damage_is_counted_and_undone():
    good = box()
    sliver = [[0, 0, 1]]
    faces = np.concatenate([good.faces[:, ::-1], good.faces[:3], sliver])
    torn = corners(Mesh(good.vertices, faces)).reshape(-1, 3)  # no shared vertices, as in STL
    unit, transform, facts = prepare(Mesh(torn, np.arange(48).reshape(-1, 3)), np.random.default_rng(0))
    assert (facts["degenerate_dropped"], facts["duplicates_dropped"], facts["flipped_faces"]) == (1, 3, 12)
    assert facts["watertight"] is True
    assert volume(Mesh(transform.invert(unit.vertices), unit.faces)) == pytest.approx(6)
    assert np.linalg.norm(unit.vertices, axis=1).max() == pytest.approx(1 / 1.03)


def test_holes_parts_and_walls_are_named():
    holed = found(Mesh(box().vertices, box().faces[2:]))
    assert (holed["watertight"], holed["volume"], holed["open_edges"]) == (False, None, 4)
    assert "23.5% of the edges are open" in holed["sign_reason"]
    assert found(concatenate([box(), box((5, 0, 0), (6, 1, 1))]))["components"] == 2
    walled = found(concatenate([box((0, 0, 0), (1, 1, 1)), box((1, 1, 0), (2, 2, 1))]))
    assert (walled["open_edges"], walled["nonmanifold_edges"], walled["components"]) == (0, 1, 1)
    assert "overlaps count as inside" in walled["sign_reason"]


def test_inconsistent_winding_is_told_as_the_file_has_it():
    facts = found(flipped(box(), np.arange(12) == 3))
    assert facts["consistent_winding"] is False
    assert facts["flipped_faces"] == 1


def test_vertices_that_no_face_uses_do_not_count():
    stray = Mesh(np.concatenate([box().vertices, [[50.0, 60, 70]]]), box().faces)
    unit, transform, facts = prepare(stray, np.random.default_rng(0))
    assert (len(unit.vertices), facts["vertices"]) == (8, 8)
    assert np.array_equal(transform.offset, [-0.5, -1, -1.5])
    assert (transform.scale, transform.mode) == (pytest.approx(2 / (1.03 * 14**0.5)), "unit-sphere")


def test_nothing_but_slivers_is_an_error():
    line = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    with pytest.raises(DataError, match="no face with an area"):
        prepare(Mesh(line, np.array([[0, 1, 2]])), np.random.default_rng(0))


def test_bits_do_not_depend_on_the_order_of_vertices():
    mesh = flipped(box(), np.arange(12) % 2 == 0)
    shuffle = np.random.default_rng(5).permutation(8)
    shuffled = Mesh(mesh.vertices[shuffle], np.argsort(shuffle)[mesh.faces])
    one, other = (prepare(given, np.random.default_rng(0))[0] for given in (mesh, shuffled))
    assert one.vertices.tobytes() == other.vertices.tobytes()
    assert one.faces.tobytes() == other.faces.tobytes()
