"""Names in files and options of others: none leads out of the data set, or out of the store."""

import os
from pathlib import Path

import pytest

from t3d.datasets.beside import Beside, sidecars
from t3d.datasets.catalogue import find_catalogue
from t3d.datasets.categories import canonical
from t3d.datasets.meshes import load_geometry
from t3d.datasets.splits import listed_split
from t3d.errors import DataError, T3dError, UsageError
from t3d.pipeline.store import Place, Store, folder_name

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
HOSTILE = (
    "../secret.png", "../../secret.png", "..\\secret.png", "a/../../secret.png", "./../secret.png",
    "~/secret.png", "/etc/passwd", "//etc/passwd",
    "file:///etc/passwd", "http://host/secret.png", "C:\\secret.png",
    "secret\0.png", "\0", ".", "..", "", "/dev/zero", "../" * 1360, "x" * 4096, "%2e%2e/secret.png",
)  # fmt: skip


def memo(path, name, compute):
    return compute(path)


@pytest.fixture
def shape(tmp_path: Path) -> Path:
    """A shape's folder beside which lies a file that nobody may read."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = tmp_path / "sofa" / "s1"
    folder.mkdir(parents=True)
    (folder / "model.obj").write_text(f"mtllib m.mtl\nusemtl one\n{TRIANGLE}")
    return folder


@pytest.mark.parametrize("name", HOSTILE)
def test_a_texture_s_name_stays_in_the_shape_s_folder(name, shape):
    (shape / "m.mtl").write_bytes(f"newmtl one\nmap_Kd {name}\n".encode())
    found = sidecars(shape / "model.obj", shape, memo)
    assert found == (shape / "m.mtl",)
    with pytest.raises((OSError, ValueError)):
        Beside(shape / "model.obj").get(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_library_s_name_stays_in_the_shape_s_folder(name, shape):
    (shape / "model.obj").write_bytes(f"mtllib {name}\n{TRIANGLE}".encode())
    assert sidecars(shape / "model.obj", shape, memo) == ()
    assert Beside(shape / "model.obj").library() == b""
    assert len(load_geometry(shape / "model.obj").faces) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shape_s_name_is_one_folder_of_the_store(name, tmp_path):
    folder = folder_name(name or "x")
    assert Path(folder).name == folder
    assert len(folder.encode()) <= 255
    path = Store(tmp_path).path(Place("mesh", name or "x", "v1", "0" * 64))
    assert path.resolve().parents[2] == tmp_path.resolve()


@pytest.mark.parametrize("name", ["..", ".", "../x", "/etc", "a/b", "a\\b", "a\0b", "", " ", ".hidden"])
def test_a_category_is_one_folder_of_the_store(name):
    with pytest.raises(UsageError):
        canonical(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_split_names_shapes_of_the_data_set_only(name, tmp_path):
    import json

    files = []
    for part, ids in {"train": ["a", name], "test": ["b"]}.items():
        files.append(tmp_path / f"sofas_{part}.json")
        files[-1].write_text(json.dumps({"ShapeNetV2": {"04256520": ids}}))
    split = listed_split(files, "sofa", ["a", "b"], 0, 0.0)
    assert {*split.train, *split.val, *split.test} == {"a", "b"}


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_what_is_no_file_is_never_opened(kind, tmp_path):
    """Reading a pipe would wait for ever, reading a device would never end."""
    folder = tmp_path / "sofa" / "s1"
    folder.mkdir(parents=True)
    path = folder / "model.obj"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    with pytest.raises(DataError):
        load_geometry(path)
    (tmp_path / "sofa" / "s2").mkdir()
    (tmp_path / "sofa" / "s2" / "model.obj").write_text(TRIANGLE)
    catalogue = find_catalogue(tmp_path, "sofa")
    bad, good = catalogue.ids
    with pytest.raises(T3dError):
        catalogue.source(bad, "geometry", memo)
    assert catalogue.source(good, "geometry", memo).files
