"""Mesh files of every kind: what is read, what is refused, what is written."""

import base64
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from t3d.datasets.meshes import load_geometry, read_ply, read_points, write_ply, write_points
from t3d.errors import DataError
from t3d.geometry.mesh import Mesh, corners, volume, weld

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))
HARD = sorted(
    path for path in (MESHES / "hard").rglob("*") if path.suffix.lower() not in ("", ".mtl", ".png")
)

BOX = trimesh.creation.box(bounds=[(0, 0, 0), (1, 2, 3)])
TRIANGLE = b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def triangles(mesh):
    """The faces as a set of corner positions, whatever the order of vertices and faces."""
    return {tuple(sorted(map(tuple, np.round(triangle, 6)))) for triangle in corners(mesh)}


def exported(kind, **options):
    content = BOX.export(file_type=kind, **options)
    return content if isinstance(content, bytes) else content.encode()


def write(path, content):
    path.write_bytes(content)
    return path


def refusal(path):
    with pytest.raises(DataError) as caught:
        load_geometry(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["obj", "off", "ply", "stl", "glb", "OBJ", "STL"])
def test_every_format_gives_the_same_triangles(tmp_path, suffix):
    path = tmp_path / f"box.{suffix}"
    mesh = load_geometry(write(path, exported(suffix.lower())))
    assert mesh.vertices.dtype == np.float64
    assert mesh.faces.dtype == np.int64
    assert triangles(mesh) == triangles(Mesh(np.array(BOX.vertices), np.array(BOX.faces)))
    assert volume(weld(mesh)) == pytest.approx(6)


@pytest.mark.parametrize("kind", ["stl", "ply"])
def test_text_variants_are_read(tmp_path, kind):
    content = exported("stl_ascii") if kind == "stl" else exported("ply", encoding="ascii")
    mesh = load_geometry(write(tmp_path / f"box.{kind}", content))
    assert volume(weld(mesh)) == pytest.approx(6)


# OBJ


@pytest.mark.parametrize(
    "text",
    [
        b"mtllib not there.mtl\nusemtl gone\n" + TRIANGLE + b"f 1 2 3\n",
        TRIANGLE + b"vt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1\n",
        TRIANGLE + b"vn 0 0 1\nf 1//1 2//1 3//1\n",
        TRIANGLE + b"f 1// 2// 3//",
        TRIANGLE.replace(b"\n", b"\r\n") + b"f 1 2 3\r\n",
        TRIANGLE + b"f 1 \\\n2 3\n",
        b"# caf\xe9, Latin-1\no st\xfchl\n" + TRIANGLE + b"g a\xa0b\nf 1 2 3 # f\xfcr\n",
        b"v 0 0 0 1 0 0\nv 1 0 0 1 0 0\nv 0 1 0 1 0 0\nf 1 2 3\n",
        b"  v 0 0 0\n\tv 1 0 0\nv\t0 1 0\n f 1\t2 3\n",
        TRIANGLE + b"s off\nl 1 2\np 1\nf -3 -2 -1\n",
    ],
    ids=[
        "no MTL",
        "v/vt/vn",
        "v//vn",
        "v//",
        "CRLF",
        "continued",
        "Latin-1",
        "colours",
        "blanks",
        "lines, points",
    ],
)
def test_obj_is_read_for_its_triangles_alone(tmp_path, text):
    mesh = load_geometry(write(tmp_path / "shape.obj", text))
    assert np.array_equal(corners(mesh), [[[0, 0, 0], [1, 0, 0], [0, 1, 0]]])


def test_obj_with_texture_seams_keeps_its_vertices_shared(tmp_path):
    text = TRIANGLE + b"v 1 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nvt 1 1\nf 1/1 2/2 3/3\nf 2/4 4/1 3/2\n"
    assert len(load_geometry(write(tmp_path / "seam.obj", text)).vertices) == 4


def test_polygons_become_fans(tmp_path):
    text = TRIANGLE + b"v 1 1 0\nv 2 2 0\nv 3 0 0\nf 1 2 4 3\nf 1 2 4 5 6\nf 1 2 3\n"
    assert len(load_geometry(write(tmp_path / "mixed.obj", text)).faces) == 2 + 3 + 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no faces"),
        (TRIANGLE, "no faces"),
        (TRIANGLE + b"f 0 1 2\n", "face index '0'"),
        (TRIANGLE + b"f 1 2 x\n", "face index 'x'"),
        (TRIANGLE + b"f 1 2 3\nf 1 nan 3\n", "face index 'nan'"),
        (TRIANGLE + b"f 1 2 1.5\n", "face index '1.5'"),
        (TRIANGLE + b"f 1 2 4\n", "cannot be read as OBJ"),
        (TRIANGLE + b"f -1 -2 -4\n", "face index '0'"),
        (b"v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n", "1 vertices are NaN"),
        (b"v 0 0 0\nv 1 0 0\nv 0 inf 0\nf 1 2 3\n", "1 vertices are NaN or infinite"),
        (b"v 0,0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "cannot be read as OBJ"),
        (b"v 0 0\nv 1 0\nv 0 1\nf 1 2 3\n", "no faces in three dimensions"),
        (b"v 5 5 5\nv 5 5 5\nv 5 5 5\nf 1 2 3\n", "all vertices are in one point"),
        (b"v 0 0 0\nv 1 1 1\nv 2 2 2\nf 1 2 3\n", "no face has an area"),
        (b"v 0 0 0\nv 1e30 0 0\nv 0 1 0\nf 1 2 3\n", "scale it"),
        (b"v 1e12 0 0\nv 1000000000001 0 0\nv 1e12 1 0\nf 1 2 3\n", "scale it"),
        (b"v 0 0 0\nv 1e-20 0 0\nv 0 1e-20 0\nf 1 2 3\n", "scale it"),
    ],
)
def test_obj_without_usable_triangles_is_refused_with_its_reason(tmp_path, text, reason):
    message = refusal(write(tmp_path / "broken.obj", text))
    assert any(part in message for part in reason.split("|"))


def test_an_unused_nan_vertex_does_no_harm(tmp_path):
    text = TRIANGLE + b"v nan nan nan\nf 1 2 3\n"
    assert len(load_geometry(write(tmp_path / "stray.obj", text)).faces) == 1


# Other text and binary formats


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cut.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n", "cannot be read as OFF"),
        ("range.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "outside the range"),
        ("empty.stl", b"", "no faces|cannot be read"),
        ("text.stl", b"solid nothing\nendsolid nothing", "no faces"),
        ("noise.stl", bytes(range(256)) * 3, "no faces"),
        ("noise.ply", b"ply\nformat what 1.0\nend_header\n", "PLY|no faces"),
        ("noise.glb", b"glTF" + bytes(3), "cannot be read as GLB"),
        ("text.glb", b"this is not a model at all", "no glTF mark"),
        ("list.gltf", b"[]", "JSON is no object"),
        ("chair.fbx", b"Kaydara", ".fbx suffix"),
        ("chair", b"", "no suffix"),
    ],
)
def test_other_broken_files_are_refused(tmp_path, name, content, reason):
    message = refusal(write(tmp_path / name, content))
    assert any(part in message for part in reason.split("|"))


def test_a_face_beyond_the_vertices_of_a_ply_is_refused(tmp_path):
    path = tmp_path / "range.ply"
    write_ply(path, Mesh(np.eye(3), np.array([[0, 1, 9]])))
    assert "uses vertex 9 of 3" in refusal(path)


def test_a_missing_file_is_refused(tmp_path):
    refusal(tmp_path / "nowhere.obj")


# glTF


def gltf(uri=None, nodes=None, **extra):
    """One triangle, and the scene it is in."""
    data = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype="<f4").tobytes()
    uri = uri or "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    nodes = nodes or [{"mesh": 0}]
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36, "uri": uri}],
        **extra,
    }


def test_instances_are_placed_by_their_nodes(tmp_path):
    nodes = [{"mesh": 0, "translation": [10, 0, 0]}, {"mesh": 0, "scale": [2, 2, 2]}]
    mesh = load_geometry(write(tmp_path / "two.gltf", json.dumps(gltf(nodes=nodes)).encode()))
    moved, grown = [[10, 0, 0], [11, 0, 0], [10, 1, 0]], [[0, 0, 0], [2, 0, 0], [0, 2, 0]]
    assert np.allclose(sorted(corners(mesh).tolist()), [grown, moved])


def test_a_mirroring_node_turns_the_winding(tmp_path):
    nodes = [{"mesh": 0, "scale": [-1, 1, 1]}]
    mesh = load_geometry(write(tmp_path / "mirror.gltf", json.dumps(gltf(nodes=nodes)).encode()))
    a, b, c = corners(mesh)[0]
    assert np.cross(b - a, c - a)[2] > 0


def test_a_buffer_beside_the_file_is_read(tmp_path):
    (tmp_path / "part.bin").write_bytes(np.eye(3, dtype="<f4").tobytes())
    mesh = load_geometry(write(tmp_path / "two files.gltf", json.dumps(gltf(uri="part.bin")).encode()))
    assert np.array_equal(corners(mesh), [np.eye(3)])


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "http://127.0.0.1:9/a.bin", "file:///etc/passwd", "/etc/passwd"]
)
def test_references_out_of_the_folder_are_not_followed(tmp_path, uri):
    (tmp_path / "secret.bin").write_bytes(np.eye(3, dtype="<f4").tobytes())
    folder = tmp_path / "shape"
    folder.mkdir()
    refusal(write(folder / "thief.gltf", json.dumps(gltf(uri=uri)).encode()))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.bin").write_bytes(np.eye(3, dtype="<f4").tobytes())
    folder = tmp_path / "shape"
    folder.mkdir()
    (folder / "part.bin").symlink_to(tmp_path / "secret.bin")
    refusal(write(folder / "thief.gltf", json.dumps(gltf(uri="part.bin")).encode()))


@pytest.mark.parametrize("extension", ["KHR_draco_mesh_compression", "EXT_meshopt_compression"])
@pytest.mark.parametrize("suffix", ["gltf", "glb"])
def test_compressed_geometry_is_named_as_the_reason(tmp_path, monkeypatch, extension, suffix):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    content = json.dumps(gltf(extensionsRequired=[extension])).encode()
    if suffix == "glb":
        chunk = content + b" " * (-len(content) % 4)
        content = struct.pack("<4sIIII", b"glTF", 2, 20 + len(chunk), len(chunk), 0x4E4F534A) + chunk
    message = refusal(write(tmp_path / f"small.{suffix}", content))
    assert f"compressed ({extension})" in message
    assert "export it uncompressed" in message


# Writing


def test_ply_comes_back_bit_by_bit_and_the_same_every_time(tmp_path):
    mesh = Mesh(np.random.default_rng(0).normal(size=(8, 3)) * 1e-3, np.array(BOX.faces))
    for name in ("one.ply", "two.ply"):
        write_ply(tmp_path / name, mesh)
    found = read_ply(tmp_path / "one.ply")
    assert found.vertices.tobytes() == mesh.vertices.tobytes()
    assert np.array_equal(found.faces, mesh.faces)
    assert (tmp_path / "one.ply").read_bytes() == (tmp_path / "two.ply").read_bytes()


def test_points_come_back_bit_by_bit_and_are_read_by_others(tmp_path):
    points, normals = np.random.default_rng(0).normal(size=(2, 5, 3))
    write_points(tmp_path / "surface.ply", points, normals)
    found = read_points(tmp_path / "surface.ply")
    assert found[0].tobytes() == points.tobytes()
    assert found[1].tobytes() == normals.tobytes()
    other = next(iter(trimesh.load_scene(tmp_path / "surface.ply").geometry.values()))
    assert np.array_equal(other.vertices, points)


@pytest.mark.parametrize("damage", ["torn", "mesh", "no points", "not finite"])
def test_files_that_are_no_points_are_refused(tmp_path, damage):
    path = tmp_path / "surface.ply"
    write_points(path, np.eye(3) if damage != "not finite" else np.full((3, 3), np.nan), np.eye(3))
    if damage == "mesh":
        write_ply(path, Mesh(np.eye(3), np.array([[0, 1, 2]])))
    elif damage == "no points":
        write_points(path, np.empty((0, 3)), np.empty((0, 3)))
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"surface\.ply: "):
        read_points(path)


# Files as found


REFUSED = {
    "empty.obj": "no faces",
    "empty.stl": "no faces",
    "points_ascii.ply": "PointCloud",
    "model.obj": "no face has an area",
    "bad_index.off": "outside the range",
    "draco_couch.glb": "draco",
}


@pytest.mark.skipif(not HARD, reason="no folder of odd files; name it in T3D_TEST_MESHES")
@pytest.mark.parametrize("path", HARD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_odd_files_are_read_or_refused_with_a_reason(path):
    if path.name in REFUSED:
        assert REFUSED[path.name] in refusal(path)
    else:
        mesh = load_geometry(path)
        assert len(mesh.faces) > 0
        assert np.isfinite(corners(mesh)).all()
