"""Headers that promise absurd sizes, small files that hold what fills the memory: refused, not believed."""

import io
import json
import struct
import zipfile
import zlib

import numpy as np
import pytest

from t3d.datasets import formats, meshes
from t3d.datasets.formats import open_samples, read_npz, write_json, write_samples
from t3d.datasets.given import take_surface, take_views
from t3d.datasets.images import png
from t3d.datasets.meshes import load_geometry
from t3d.errors import DataError
from t3d.models import pack
from t3d.tasks.matching import load_shape

ABSURD = 10**13


def ply(form: str, vertices: int, faces: int, body: bytes) -> bytes:
    xyz = "".join(f"property float {axis}\n" for axis in "xyz")
    rows = f"element vertex {vertices}\n{xyz}element face {faces}\nproperty list uchar int vertex_indices\n"
    return f"ply\nformat {form} 1.0\n{rows}end_header\n".encode() + body


def glb(accessors: list[dict], nodes: int = 1) -> bytes:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": list(range(nodes))}],
        "nodes": [{"mesh": 0, "translation": [index, 0, 0]} for index in range(nodes)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": accessors,
        "bufferViews": [{"buffer": 0, "byteLength": len(points)}],
        "buffers": [{"byteLength": len(points)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = (
        struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(points), b"BIN\0") + points
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


TRIPLE = {"componentType": 5126, "count": 3, "type": "VEC3", "bufferView": 0}
POINTS = np.eye(3, dtype="<f4").tobytes()
FILES = {
    "vertices.ply": ply("binary_little_endian", ABSURD, 1, POINTS),
    "faces.ply": ply("binary_little_endian", 3, ABSURD, POINTS),
    "ascii.ply": ply("ascii", 10**9, 1, b"0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"),
    "endless.ply": b"ply\nformat ascii 1.0\n" + b"comment x\n" * 10_000,
    "triangles.stl": bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(50),
    "counts.off": b"OFF\n1000000000000 1000000000000 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
    "index.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 1000000000000\n",
    "count.glb": glb([{**TRIPLE, "count": ABSURD}]),
    "zeros.glb": glb([{"componentType": 5126, "count": ABSURD, "type": "VEC3"}]),
    "length.glb": struct.pack("<4sII", b"glTF", 2, 2**32 - 1)
    + struct.pack("<I4s", 2**32 - 1, b"JSON")
    + b"{}",
    "deep.gltf": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


@pytest.mark.parametrize("name", FILES)
def test_an_absurd_mesh_is_bad_data(name, tmp_path):
    (tmp_path / name).write_bytes(FILES[name])
    with pytest.raises(DataError):
        load_geometry(tmp_path / name)


def test_the_files_are_good_but_for_their_numbers(tmp_path):
    (tmp_path / "good.glb").write_bytes(glb([TRIPLE], nodes=3))
    assert len(load_geometry(tmp_path / "good.glb").faces) == 3


def test_a_mesh_placed_too_often_is_bad_data(tmp_path, monkeypatch):
    monkeypatch.setattr(meshes, "MOST_FACES", 2)
    (tmp_path / "many.glb").write_bytes(glb([TRIPLE], nodes=3))
    with pytest.raises(DataError, match="3 faces with all instances"):
        load_geometry(tmp_path / "many.glb")


def test_a_later_part_of_a_glb_is_not_believed_either(tmp_path):
    content = glb([TRIPLE])
    place = content.index(b"BIN\0") - 4
    (tmp_path / "a.glb").write_bytes(content[:place] + b"\xff" * 4 + content[place + 4 :])
    with pytest.raises(DataError, match="promises 4294967295 bytes"):
        load_geometry(tmp_path / "a.glb")


def npz(header: tuple[int, ...], content: bytes = b"") -> bytes:
    array, file = io.BytesIO(), io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": header}
    np.lib.format.write_array_header_1_0(array, about)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("pos", "points"):
            archive.writestr(f"{name}.npy", array.getvalue() + content)
    return file.getvalue()


@pytest.mark.parametrize("read", [lambda path: read_npz(path, "pos"), load_shape])
def test_an_absurd_array_is_bad_data(read, tmp_path, monkeypatch):
    (tmp_path / "a.npz").write_bytes(npz((ABSURD, 4)))
    with pytest.raises(DataError, match="is said to be float32"):
        read(tmp_path / "a.npz")
    monkeypatch.setattr(formats, "MOST_BYTES", 1 << 20)
    (tmp_path / "a.npz").write_bytes(npz((1 << 20, 4), bytes(16 << 20)))
    assert (tmp_path / "a.npz").stat().st_size < 1 << 16, "a bomb"
    with pytest.raises(DataError, match="is said to be float32"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\x49"),  # to be read by version 7.3 only
        (b"\0\0\0\0pos.npy", b"\0\0\0\x7fpos.npy"),  # said to begin far behind the end
        (b"'shape': (4, 4)", b"'shape': ((4, 4"),
    ],
)
def test_an_archive_that_cannot_be_is_bad_data(field, value, tmp_path):
    write_samples(tmp_path / "a.npz", np.eye(4), -np.eye(4))
    content = (tmp_path / "a.npz").read_bytes()
    assert field in content
    (tmp_path / "a.npz").write_bytes(content.replace(field, value))
    for read in (open_samples, lambda path: read_npz(path, "pos")):
        with pytest.raises(DataError):
            read(tmp_path / "a.npz")


def test_objects_in_an_array_file_are_bad_data(tmp_path):
    np.savez(tmp_path / "a.npz", pos=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(DataError):
        read_npz(tmp_path / "a.npz", "pos")


def test_an_absurd_point_cloud_is_bad_data(tmp_path):
    (tmp_path / "surface.ply").write_bytes(ply("binary_little_endian", ABSURD, 0, POINTS))
    with pytest.raises(DataError, match="promises more rows"):
        take_surface(tmp_path, tmp_path)


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_an_absurd_picture_is_bad_data(side, tmp_path):
    """Pillow itself refuses the larger one."""
    (tmp_path / "easy").mkdir()
    (tmp_path / "out").mkdir()
    np.savez(tmp_path / "normalization.npz", offset=np.zeros(3), scale=1.0)
    (tmp_path / "easy" / "00.png").write_bytes(png(side, side, 8, 6, zlib.compress(bytes(100))))
    with pytest.raises(DataError, match="more than 64,000,000 pixels"):
        take_views(tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    "change", [{"dtype": "O"}, {"shape": [ABSURD]}, {"shape": [-1]}, {"offset": -8}, {"offset": ABSURD}]
)
def test_a_pack_whose_index_lies_is_bad_data(change, tmp_path):
    """Above all one whose numbers are to be taken for addresses of objects."""
    array = {"dtype": "<f8", "shape": [4], "offset": 0, "crc": 0, **change}
    index = {
        "category": "sofa",
        "split": {},
        "levels": [],
        "arrays": {"views": array},
        "rows": [],
        "views": [],
    }
    text = json.dumps(index).encode()
    trailer = pack.TRAILER.pack(len(text), zlib.crc32(text), pack.END)
    (tmp_path / "a").write_bytes(pack.MAGIC + bytes(64) + text + trailer)
    with pytest.raises(DataError, match="an array of object" if "dtype" in change else "no pack"):
        pack.open_pack(tmp_path / "a")


def test_json_that_nests_too_deep_is_bad_usage_or_data_or_no_manifest(tmp_path):
    from t3d.datasets.cameras import read_cameras
    from t3d.datasets.splits import category_ids
    from t3d.errors import UsageError
    from t3d.pipeline.store import MANIFEST, Place, Store, read_manifest

    (tmp_path / "sofas_train.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match="not a readable JSON file"):
        category_ids(tmp_path / "sofas_train.json", "sofa")
    with pytest.raises(DataError, match="no cameras in it"):
        read_cameras(tmp_path / "sofas_train.json")
    place = Place("sdf", "s", "v1", "0")
    folder = Store(tmp_path).path(place)
    folder.mkdir(parents=True)
    for path in (folder / MANIFEST, folder.with_name(f"{folder.name}.failed.json")):
        path.write_text("[" * 100_000)
    assert read_manifest(folder) is None
    assert Store(tmp_path).failure(place) is None
    write_json(tmp_path / "x.json", {})
