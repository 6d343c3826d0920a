"""Files named by a mesh file: found beside it, never elsewhere."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from t3d.datasets.beside import MOST_NAMES, Beside, names, sidecars

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
    assert "is not in the shape's folder" in beside.warnings[0]


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
    assert "gone.png is not in the shape's folder" in beside.warnings[0]
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
    assert beside.warnings == ["material library gone.mtl is not in the shape's folder: drawn untextured"]


def read(path, name, compute):
    """A memo without memory."""
    return compute(path)


@pytest.fixture
def full(tmp_path):
    """An OBJ with an MTL in a subfolder and a texture two levels up, all within the shape's folder."""
    folder = tmp_path / "shape"
    (folder / "models" / "mats").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "models" / "model.obj").write_bytes(b"# x\nmtllib mats/a.mtl\r\nv 0 0 0\n")
    (folder / "models" / "mats" / "a.mtl").write_bytes(b"newmtl m\nmap_Kd -s 1 1 1 ../../images/wood.png\n")
    (folder / "images" / "wood.png").write_bytes(b"png")
    return folder


def test_an_obj_leads_to_its_mtl_and_textures(full):
    mesh = full / "models" / "model.obj"
    assert sidecars(mesh, full, read, looks=False) == ()
    assert sidecars(mesh, full, read) == (full / "models/mats/a.mtl", full / "images/wood.png")


def test_a_missing_texture_counts_from_when_it_appears(full):
    texture = full / "images" / "wood.png"
    texture.unlink()
    remembered = {}

    def memo(path, name, compute):
        if (path, name) not in remembered:
            remembered[path, name] = compute(path)
        return remembered[path, name]

    mesh = full / "models" / "model.obj"
    assert sidecars(mesh, full, memo) == (full / "models/mats/a.mtl",)
    texture.write_bytes(b"png")
    assert texture in sidecars(mesh, full, memo)


def test_names_are_asked_of_the_memo_only(full):
    asked = []

    def memo(path, name, compute):
        asked.append((path.name, name))
        return compute(path)

    sidecars(full / "models" / "model.obj", full, memo)
    assert asked == [("model.obj", "obj"), ("a.mtl", "mtl")]


@pytest.mark.parametrize(
    "name", ["../../outside.png", "/etc/hostname", "https://host/wood.png", "C:\\textures\\wood2.png"]
)
def test_names_that_lead_out_of_the_folder_are_not_followed(full, tmp_path, name):
    (tmp_path / "outside.png").write_bytes(b"png")
    (full / "models" / "mats" / "a.mtl").write_text(f"map_Kd {name}\n")
    assert sidecars(full / "models" / "model.obj", full, read) == (full / "models/mats/a.mtl",)


def test_the_base_name_beside_counts_as_loaders_fall_back_to_it(full):
    beside = full / "models" / "mats" / "oak.png"
    beside.write_bytes(b"png")
    (full / "models" / "mats" / "a.mtl").write_text("map_Kd D:\\work\\oak.png\n")
    assert beside in sidecars(full / "models" / "model.obj", full, read)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("map_Kd wood.png", "wood.png"),
        ("\tmap_kd  my wood (1).png ", "my wood (1).png"),
        ("map_Kd -s 1 1 1 -o 0.5 0 0 -clamp on wood.png", "wood.png"),
        ("map_Bump -bm 0.2 bump map.jpg", "bump map.jpg"),
        ("bump -imfchan r b.png", "b.png"),
        ("norm n.png", "n.png"),
        ("map_d -mm 0 1e-3 a-b -c.png", "a-b -c.png"),
    ],
)
def test_texture_lines_of_an_mtl(tmp_path, line, name):
    path = tmp_path / "a.mtl"
    path.write_text(f"newmtl m\nKd 1 1 1\n{line}\n")
    assert names("mtl", path) == [name]


def test_a_library_line_may_name_one_file_with_spaces_or_several(tmp_path):
    path = tmp_path / "a.obj"
    path.write_bytes(b"mtllib my mats.mtl\nv 0 0 0\r  mtllib b.mtl\n#mtllib no.mtl\nusemtl mtllib\n")
    assert names("obj", path) == ["my mats.mtl", "my", "mats.mtl", "b.mtl"]


@pytest.mark.parametrize(("encoding", "name"), [("utf-8", "été 木.mtl"), ("latin-1", "été.mtl")])
def test_names_in_any_encoding(tmp_path, encoding, name):
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "a.obj").write_bytes(f"mtllib {name}\n".encode(encoding))
    assert sidecars(tmp_path / "a.obj", tmp_path, read) == (tmp_path / name,)


def test_gltf_buffers_are_geometry_and_images_are_not(tmp_path):
    content = {
        "buffers": [{"uri": "data/my%20mesh.bin"}, {"uri": "data:application/octet-stream;base64,AAAA"}]
    }
    content["images"] = [{"uri": "tex.PNG"}, {"uri": "missing.png"}]
    (tmp_path / "data").mkdir()
    for name in ("data/my mesh.bin", "tex.PNG"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.gltf").write_text(json.dumps(content))
    found = sidecars(tmp_path / "a.gltf", tmp_path, read)
    assert found == (tmp_path / "data/my mesh.bin", tmp_path / "tex.PNG")
    assert sidecars(tmp_path / "a.gltf", tmp_path, read, looks=False) == found[:1]
    chunk = json.dumps(content).encode()
    (tmp_path / "a.glb").write_bytes(
        b"glTF" + struct.pack("<III", 2, 0, len(chunk)) + b"JSON" + chunk + bytes(99)
    )
    assert sidecars(tmp_path / "a.glb", tmp_path, read) == found


def test_a_ply_names_its_texture_in_the_header(tmp_path):
    path = tmp_path / "a.ply"
    path.write_bytes(b"ply\ncomment TextureFile skin 1.png\nend_header\n\xff\xfe")
    assert names("ply", path) == ["skin 1.png"]


def test_other_formats_and_empty_files_name_nothing(tmp_path):
    for name in ("a.stl", "a.obj", "a.gltf", "a.ply"):
        (tmp_path / name).write_bytes(b"")
        assert sidecars(tmp_path / name, tmp_path, read) == ()


def test_only_so_many_names_are_read(tmp_path):
    path = tmp_path / "a.mtl"
    path.write_bytes(b"map_Kd a.png\n" * (MOST_NAMES + 5))
    assert len(names("mtl", path)) == MOST_NAMES


@given(content=st.binary(max_size=300), start=st.sampled_from([b"", b"mtllib ", b"map_Kd ", b'{"uri": "']))
def test_no_content_breaks_the_reading(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("any") / "a"
    path.write_bytes(start + content)
    for kind in ("obj", "mtl", "gltf", "ply"):
        assert all(isinstance(name, str) for name in names(kind, path))
