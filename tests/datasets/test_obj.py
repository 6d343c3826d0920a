"""OBJ files made fit for reading: absolute indices, one material library."""

import io

import numpy as np
import pytest
import trimesh

from t3d.datasets.obj import geometry_only, with_materials

QUAD = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
TRIANGLE = b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def test_geometry_has_relative_indices_counted_from_where_they_stand():
    text = TRIANGLE + b"f -3 -2 -1\nv 5 0 0\nv 6 0 0\nv 5 1 0\nf -3/-3 -2 -1\nf 1 2 -1\n"
    lines = geometry_only(text).split(b"\n")
    assert [line for line in lines if line.startswith(b"f")] == [b"f 1 2 3", b"f 4 5 6", b"f 1 2 6"]


def loaded(content, library=b""):
    return trimesh.load(
        io.BytesIO(with_materials(content, library)),
        file_type="obj",
        process=False,
        force="mesh",
        resolver={},
    )


def test_relative_indices_count_from_where_they_stand():
    """v, vt and vn apart, with vertices after the face; spaces and continued lines as files have them."""
    absolute = loaded(QUAD + b"vn 0 0 1\nf 1/1/1 2/2/1 3/3/1\nv 9 9 9\nvt 5 5\nvn 1 0 0\n")
    relative = loaded(QUAD + b"vn 0 0 1\n  f\t-4/-4/-1 -3/2/-1 \\\n 3/-2/-1\nv 9 9 9\nvt 5 5\nvn 1 0 0\n")
    assert np.array_equal(absolute.triangles, relative.triangles)
    assert np.array_equal(absolute.visual.uv[absolute.faces], relative.visual.uv[relative.faces])
    assert np.array_equal(absolute.triangles[0], [[0, 0, 0], [1, 0, 0], [1, 1, 0]])


def test_a_single_unused_material_is_used():
    text = with_materials(
        b"mtllib x.mtl\n" + QUAD + b"f 1/1 2/2 3/3\nf 1/1 3/3 4/4\n", b"newmtl only \nKd 1 0 0\n"
    )
    assert text.count(b"usemtl only\n") == 1
    assert text.index(b"usemtl only") < text.index(b"f 1/1 2/2")
    assert text.count(b"mtllib") == 1


@pytest.mark.parametrize("library", [b"", b"newmtl a\nnewmtl b\n"])
def test_no_material_is_guessed_from_none_or_two(library):
    assert b"usemtl" not in with_materials(QUAD + b"f 1 2 3\n", library)
