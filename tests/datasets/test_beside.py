"""Files named by a mesh file: found beside it, never elsewhere; OBJ files made fit for reading."""

import io

import numpy as np
import pytest
import trimesh
from PIL import Image

from t3d.datasets.beside import Beside, complete_obj

QUAD = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"


@pytest.fixture
def shape(tmp_path):
    """A shape's folder within a folder that has a secret."""
    (tmp_path / "shape").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    mesh = tmp_path / "shape" / "m.obj"
    mesh.write_bytes(QUAD)
    return mesh


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "sub/../../secret.png",
        "..\\secret.png",
        "/etc/hostname",
        "C:\\textures\\secret.png",
        "https://example.org/secret.png",
        "file:///etc/hostname",
    ],
)
def test_names_outside_the_folder_are_refused(shape, name):
    beside = Beside(shape)
    with pytest.raises(FileNotFoundError):
        beside.get(name)
    assert len(beside.warnings) == 1
    assert "outside the shape's folder" in beside.warnings[0]


@pytest.mark.parametrize(
    "name",
    [
        "wood.png",
        " wood.png ",
        "-s 1 1 1 wood.png",
        "-clamp on -bm 0.5 wood.png",
        "C:\\x\\wood.png",
        "wood%2Epng",
    ],
)
def test_names_are_found_in_all_their_spellings(shape, name):
    Image.new("RGB", (2, 2)).save(shape.parent / "wood.png")
    beside = Beside(shape)
    assert beside.get(name) == (shape.parent / "wood.png").read_bytes()
    assert beside.warnings == []


def test_missing_and_broken_pictures_are_noted(shape):
    (shape.parent / "noise.png").write_bytes(b"noise")
    beside = Beside(shape)
    with pytest.raises(FileNotFoundError):
        beside["gone.png"]
    with pytest.raises(ValueError, match="not a picture"):
        beside["noise.png"]
    assert "gone.png is missing" in beside.warnings[0]
    assert "noise.png cannot be read" in beside.warnings[1]


def test_shapenet_pictures_stand_beside_the_models_folder(tmp_path):
    for folder in ("id/models", "id/images"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "id/images/texture0.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    mesh = tmp_path / "id/models/model_normalized.obj"
    mesh.write_bytes(QUAD)
    assert Beside(mesh).get("../images/texture0.png")
    with pytest.raises(FileNotFoundError):
        Beside(mesh).get("../../secret.png")


def test_all_material_libraries_are_read_and_their_comments_dropped(shape):
    shape.write_bytes(b"mtllib one.mtl two.mtl\nmtllib three.mtl\n" + QUAD)
    (shape.parent / "one.mtl").write_bytes(b"newmtl a\nKd 1 0 0 # red\n")
    (shape.parent / "three.mtl").write_bytes(b"newmtl b # best\nmap_Kd wood #3.png\n")
    beside = Beside(shape)
    text = beside.library()
    assert b"Kd 1 0 0 \n" in text
    assert b"wood #3.png" in text
    assert b"newmtl b # best" in text
    assert beside.warnings == []


def test_a_missing_material_library_is_noted(shape):
    shape.write_bytes(b"mtllib gone.mtl\n" + QUAD)
    beside = Beside(shape)
    assert beside.library() == b""
    assert beside.warnings == ["material library gone.mtl is missing: drawn untextured"]


def loaded(content, library=b""):
    return trimesh.load(
        io.BytesIO(complete_obj(content, library)), file_type="obj", process=False, force="mesh", resolver={}
    )


def test_relative_indices_count_from_where_they_stand():
    """v, vt and vn apart, with vertices after the face; spaces and continued lines as files have them."""
    absolute = loaded(QUAD + b"vn 0 0 1\nf 1/1/1 2/2/1 3/3/1\nv 9 9 9\nvt 5 5\nvn 1 0 0\n")
    relative = loaded(QUAD + b"vn 0 0 1\n  f\t-4/-4/-1 -3/2/-1 \\\n 3/-2/-1\nv 9 9 9\nvt 5 5\nvn 1 0 0\n")
    assert np.array_equal(absolute.triangles, relative.triangles)
    assert np.array_equal(absolute.visual.uv[absolute.faces], relative.visual.uv[relative.faces])
    assert np.array_equal(absolute.triangles[0], [[0, 0, 0], [1, 0, 0], [1, 1, 0]])


def test_a_single_unused_material_is_used():
    text = complete_obj(
        b"mtllib x.mtl\n" + QUAD + b"f 1/1 2/2 3/3\nf 1/1 3/3 4/4\n", b"newmtl only \nKd 1 0 0\n"
    )
    assert text.count(b"usemtl only\n") == 1
    assert text.index(b"usemtl only") < text.index(b"f 1/1 2/2")
    assert text.count(b"mtllib") == 1


@pytest.mark.parametrize("library", [b"", b"newmtl a\nnewmtl b\n"])
def test_no_material_is_guessed_from_none_or_two(library):
    assert b"usemtl" not in complete_obj(QUAD + b"f 1 2 3\n", library)
