import json
import os
import time
from pathlib import Path

import pytest

from t3d.datasets.catalogue import MESH_SUFFIXES, find_catalogue, find_model
from t3d.datasets.given import TAKEN
from t3d.errors import DataError, UsageError
from t3d.pipeline.sources import FileIndex


def read(path, name, compute):
    return compute(path)


def write(path, content=b"v 0 0 0\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def real_meshes():
    default = Path(__file__).parents[2].parent / "shared" / "meshes"
    folder = Path(os.environ.get("T3D_TEST_MESHES", default))
    if not folder.is_dir():
        pytest.skip("no folder of real meshes: set T3D_TEST_MESHES")
    return folder


@pytest.fixture
def v2(tmp_path):
    """Three sofas as in ShapeNet v2, the last without a model."""
    for shape in ("b", "a"):
        write(tmp_path / "04256520" / shape / "models" / "model_normalized.obj")
    (tmp_path / "04256520" / "c" / "models").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("category", ["sofa", "sofas", "couch", "04256520"])
def test_shapenet_v2_by_any_name(v2, category):
    catalogue = find_catalogue(v2, category)
    assert (catalogue.name, catalogue.ids) == ("sofa", ("a", "b", "c"))
    mesh = v2 / "04256520" / "a" / "models" / "model_normalized.obj"
    source = catalogue.source("a", "geometry", read)
    assert (source.path, source.files) == (mesh, (mesh,))
    assert catalogue.title == str(v2 / "04256520")
    assert not catalogue.procedural


def test_a_shape_folder_without_a_model_is_a_failure_of_that_shape(v2):
    catalogue = find_catalogue(v2, "sofa")
    for role in ("geometry", "appearance"):
        with pytest.raises(DataError, match=r"no model file in .*04256520/c"):
            catalogue.source("c", role, read)


def test_the_class_folder_itself_may_be_named(v2):
    assert find_catalogue(v2 / "04256520", "sofa").ids == ("a", "b", "c")
    with pytest.raises(UsageError, match="holds sofas; say --category sofa"):
        find_catalogue(v2 / "04256520", "chair")


def test_shapenet_v1(tmp_path):
    mesh = write(tmp_path / "03001627" / "x 1" / "model.obj", b"mtllib model.mtl\n")
    mtl = write(mesh.with_name("model.mtl"), b"map_Kd ./images/t.jpg\n")
    texture = write(mesh.parent / "images" / "t.jpg")
    catalogue = find_catalogue(tmp_path, "chairs")
    assert catalogue.ids == ("x 1",)
    assert catalogue.source("x 1", "appearance", read).files == (mesh, mtl, texture)
    assert catalogue.source("x 1", "geometry", read).files == (mesh,)


def test_any_folder_name_works(tmp_path):
    write(tmp_path / "Teekännchen" / "größe 1.stl")
    catalogue = find_catalogue(tmp_path, "Teekännchen")
    assert (catalogue.name, catalogue.ids) == ("Teekännchen", ("größe 1",))


def test_every_mesh_file_of_a_folder_gets_its_own_id(tmp_path):
    names = ["a.obj", "a.stl", "b.ply", "sub/b.ply", "sub-b.off", "sub/x/Ünï 1.glb", "old.blend", "_all.obj"]
    others = ["a.mtl", "wood.png", ".hidden.obj", ".git/x.obj", "notes.txt", "b.bin"]
    for name in names + others:
        write(tmp_path / name)
    catalogue = find_catalogue(tmp_path, "things")
    files = {shape: catalogue.source(shape, "geometry", read).path for shape in catalogue.ids}
    assert sorted(files.values()) == sorted(tmp_path / name for name in names)
    assert set(files) == {"a.obj", "a.stl", "b", "sub-b.ply", "sub-b.off", "sub-x-Ünï 1", "old", "_all.obj"}


def test_ids_stay_apart_even_when_paths_and_suffixes_collide(tmp_path):
    for name in ("a/b.obj", "a-b.obj", "a/b.stl"):
        write(tmp_path / name)
    catalogue = find_catalogue(tmp_path, "things")
    assert len(catalogue.ids) == 3
    assert all("/" not in shape for shape in catalogue.ids)
    assert len({catalogue.source(shape, "geometry", read).path for shape in catalogue.ids}) == 3


def test_mesh_files_beside_shape_folders_are_shapes_too(v2):
    for name in ("a.obj", "d.stl"):
        write(v2 / "04256520" / name)
    write(v2 / "04256520" / "splits" / "x.json")
    assert find_catalogue(v2, "sofa").ids == ("a", "a.obj", "b", "c", "d")


def test_linked_folders_are_followed_and_loops_end(tmp_path):
    write(tmp_path / "real" / "a.obj")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "data")
    assert find_catalogue(tmp_path / "data", "things").ids == ("linked-a",)


def test_one_model_obj_among_other_meshes_makes_no_shapenet_class(tmp_path):
    for name in ("x/model.obj", "y/one.obj", "y/two.obj"):
        write(tmp_path / name)
    assert find_catalogue(tmp_path, "things").ids == ("x-model", "y-one", "y-two")


def test_sidecars_may_lie_anywhere_in_the_listed_folder(tmp_path):
    mesh = write(tmp_path / "meshes" / "a.obj", b"mtllib ../mats/a.mtl\n")
    mtl = write(tmp_path / "mats" / "a.mtl", b"map_Kd ../../out.png\n")
    write(tmp_path.parent / "out.png")
    assert find_catalogue(tmp_path, "things").source("meshes-a", "appearance", read).files == (mesh, mtl)


def test_an_edited_texture_changes_the_appearance_only(v2, tmp_path):
    models = v2 / "04256520" / "a" / "models"
    write(models / "model_normalized.obj", b"mtllib m.mtl\n")
    write(models / "m.mtl", b"map_Kd ../images/t.png\nmap_Ks later.png\n")
    texture = write(v2 / "04256520" / "a" / "images" / "t.png", b"one")
    index, catalogue = FileIndex(tmp_path / "index.json"), find_catalogue(v2, "sofa")

    def digests(role):
        return [index.digest(path) for path in catalogue.source("a", role, index.memo).files]

    geometry, appearance = digests("geometry"), digests("appearance")
    texture.write_bytes(b"another")
    assert digests("geometry") == geometry
    edited = digests("appearance")
    assert edited != appearance
    write(models / "later.png", b"new")
    assert len(digests("appearance")) == len(edited) + 1
    assert digests("geometry") == geometry


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ("chair", r"no category 'chair' in it; there is sofa, teapots"),
        ("teapot", "did you mean teapots"),
        ("a/b", "category 'a/b'"),
    ],
)
def test_an_unknown_category_names_those_that_are_there(v2, category, message):
    write(v2 / "teapots" / "a.obj")
    (v2 / "empty").mkdir()
    with pytest.raises(UsageError, match=message) as caught:
        find_catalogue(v2, category)
    assert "\n" not in str(caught.value)
    assert "empty" not in str(caught.value)


def test_folders_of_unknown_names_are_read_as_one_set(tmp_path):
    for name in ("one/a.obj", "two/a.obj"):
        write(tmp_path / name)
    assert find_catalogue(tmp_path, "sofa").ids == ("one-a", "two-a")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "empty string"),
        ("absent", "no such folder"),
        ("file.obj", "is a file"),
        ("bare", "no mesh in it"),
    ],
)
def test_data_that_is_no_data_set(tmp_path, monkeypatch, data, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "file.obj")
    write(tmp_path / "bare" / "wood.png")
    with pytest.raises(UsageError, match=message):
        find_catalogue(data, "sofa")


def test_one_name_is_taken_where_two_folders_mean_the_same(v2, caplog):
    write(v2 / "couches" / "x.obj")
    assert find_catalogue(v2, "sofa").ids == ("a", "b", "c")
    assert "taking 04256520" in caplog.text
    assert find_catalogue(v2, "couches").ids == ("x",)


def test_the_model_file_of_a_shape_folder(tmp_path):
    write(tmp_path / "chair.glb")
    assert find_model(tmp_path).name == "chair.glb"
    write(tmp_path / "alternative.ply")
    with pytest.raises(DataError, match=r"several model files .*alternative.ply, chair.glb"):
        find_model(tmp_path)
    assert find_model(write(tmp_path / "model.stl").parent).name == "model.stl"
    write(tmp_path / "models" / "model_normalized.obj")
    assert find_model(tmp_path).name == "model_normalized.obj"


def test_a_mesh_that_is_gone_is_a_failure(tmp_path):
    mesh = write(tmp_path / "a.obj")
    catalogue = find_catalogue(tmp_path, "things")
    mesh.unlink()
    with pytest.raises(DataError, match="is gone"):
        catalogue.source("a", "geometry", read)


def test_a_shape_may_bring_artifacts_and_a_mesh_for_the_rest(v2):
    for name in ("b/given/sdf/samples.npz", "d/given/views/easy/00.png", "d/given/surface/surface.ply"):
        write(v2 / "04256520" / name)
    catalogue = find_catalogue(v2, "sofa")
    assert catalogue.ids == ("a", "b", "c", "d")
    found = {
        (shape, makes): catalogue.given(shape, makes) for shape in catalogue.ids for makes in ("mesh", *TAKEN)
    }
    given = {key: one for key, one in found.items() if one}
    assert given.keys() == {("b", "sdf"), ("d", "views"), ("d", "surface")}
    assert given["b", "sdf"].folder == v2 / "04256520" / "b" / "given" / "sdf"
    assert given["b", "sdf"].take is TAKEN["sdf"]
    assert catalogue.source("b", "geometry", read).path.name == "model_normalized.obj"
    with pytest.raises(DataError, match="no model file in"):
        catalogue.source("d", "geometry", read)


def test_a_class_of_given_artifacts_alone_is_a_class(tmp_path):
    for name in ("x", "y"):
        write(tmp_path / "teapots" / name / "given" / "surface" / "surface.ply")
    assert find_catalogue(tmp_path, "teapots").ids == ("x", "y")


def test_what_cannot_be_given_is_an_error(v2):
    write(v2 / "04256520" / "b" / "given" / "sdfs" / "samples.npz")
    catalogue = find_catalogue(v2, "sofa")
    with pytest.raises(
        UsageError, match="b/given/sdfs: cannot be given, only sdf, surface, views; remove it"
    ):
        catalogue.given("a", "sdf")


def test_a_procedural_folder_says_so(v2):
    (v2 / "04256520" / "procedural.json").write_text(json.dumps({"seed": 7, "count": 3}))
    catalogue = find_catalogue(v2, "sofa")
    assert catalogue.procedural
    assert catalogue.title == "procedural sofas, seed 7"


def test_a_thousand_shapes_are_listed_at_once(tmp_path):
    for number in range(1000):
        write(tmp_path / "04256520" / f"{number:032x}" / "models" / "model_normalized.obj")
    find_catalogue(tmp_path, "sofa")
    start = time.perf_counter()
    assert len(find_catalogue(tmp_path, "sofa").ids) == 1000
    assert time.perf_counter() - start < 0.2


def test_real_meshes_are_all_listed():
    folder = real_meshes()
    for category, number in (("plane", "02691156"), ("chair", "03001627"), ("sofa", "04256520")):
        catalogue = find_catalogue(folder, category)
        assert set(catalogue.ids) == {path.name for path in (folder / number).iterdir() if path.is_dir()}
    hard = find_catalogue(folder, "hard")
    files = [path for path in (folder / "hard").rglob("*") if path.suffix.lower() in MESH_SUFFIXES]
    assert {hard.source(shape, "geometry", read).path for shape in hard.ids} == set(files)
    looks = hard.source("textured_obj-cow", "appearance", read).files
    assert [path.name for path in looks] == ["cow.obj", "cow.mtl", "cow_texture.png"]
