import json

import pytest

from t3d.datasets.catalogue import RECORD, find_catalogue
from t3d.datasets.procedural import write_shape
from t3d.errors import UsageError
from t3d.tasks import synth
from t3d.tasks.synth import procedural_set, synthesize


def read(path, name, compute):
    return compute(path)


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_set_in_shapenets_layout(tmp_path):
    made = synthesize(tmp_path / "data", ["sofas", "02691156"], 3, 1)
    assert made == {"sofa": tmp_path / "data" / "04256520", "plane": tmp_path / "data" / "02691156"}
    catalogue = find_catalogue(tmp_path / "data", "sofa")
    assert catalogue.ids == ("sofa-0000", "sofa-0001", "sofa-0002")
    assert (catalogue.procedural, catalogue.title) == (True, "procedural sofas, seed 1")
    for shape in catalogue.ids:
        mesh, mtl, *textures = catalogue.source(shape, "appearance", read).files
        assert (mesh.name, mtl.name) == ("model_normalized.obj", "model_normalized.mtl")
        assert {path.name for path in textures} == {
            path.name for path in mesh.parent.parent.glob("images/*.png")
        }
        assert catalogue.source(shape, "geometry", read).files == (mesh,)


def test_all_three_categories_by_default(tmp_path):
    assert sorted(synthesize(tmp_path, count=1)) == ["chair", "plane", "sofa"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["02691156", "03001627", "04256520"]


def test_what_is_there_is_kept_and_other_categories_may_join(tmp_path):
    synthesize(tmp_path, ["chair"], 2)
    before = stamps(tmp_path / "03001627")
    synthesize(tmp_path, ["chair", "sofa"], 2)
    assert stamps(tmp_path / "03001627") == before


@pytest.mark.parametrize(("count", "seed"), [(3, 0), (2, 1)])
def test_another_set_is_not_written_over(tmp_path, count, seed):
    synthesize(tmp_path, ["chair"], 2)
    with pytest.raises(UsageError, match="03001627: holds other shapes already"):
        synthesize(tmp_path, ["chair"], count, seed)


def test_foreign_data_is_not_written_over(tmp_path):
    (tmp_path / "04256520").mkdir()
    with pytest.raises(UsageError, match="holds other shapes already"):
        synthesize(tmp_path, ["sofa"], 1)


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def stop(folder, category, index, seed):
        if index == 2:
            raise KeyboardInterrupt
        return write_shape(folder, category, index, seed)

    monkeypatch.setattr(synth, "write_shape", stop)
    with pytest.raises(KeyboardInterrupt):
        synthesize(tmp_path, ["sofa"], 3)
    assert list(tmp_path.iterdir()) == []


def test_the_second_in_a_race_keeps_what_the_first_made(tmp_path, monkeypatch):
    """Another run publishes the same set while this one is drawing."""

    def race(*shape):
        monkeypatch.setattr(synth, "write_shape", write_shape)
        synthesize(tmp_path, ["sofa"], 1)
        return write_shape(*shape)

    monkeypatch.setattr(synth, "write_shape", race)
    made = synthesize(tmp_path, ["sofa"], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["04256520"]
    assert sorted(path.name for path in made["sofa"].iterdir()) == [RECORD, "sofa-0000"]


@pytest.mark.parametrize("category", ["table", "04379243", "teapots"])
def test_other_categories_need_data(tmp_path, category):
    for make in (lambda: synthesize(tmp_path, [category]), lambda: procedural_set(tmp_path, category)):
        with pytest.raises(UsageError, match="only sofa, chair, plane: name a data set with --data"):
            make()
    assert list(tmp_path.iterdir()) == []


def test_the_set_for_runs_without_data_is_made_once(tmp_path):
    data = procedural_set(tmp_path, "couch", 5, 2)
    assert data == tmp_path / "procedural" / "seed5-2"
    before = stamps(data)
    assert procedural_set(tmp_path, "sofa", 5, 2) == data
    assert stamps(data) == before
    assert find_catalogue(data, "sofa").ids == ("sofa-0000", "sofa-0001")


def test_a_set_of_another_version_is_made_anew(tmp_path, monkeypatch):
    folder = procedural_set(tmp_path, "sofa", count=1) / "04256520"
    record = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(json.dumps({**record, "version": 0}))
    (folder / "sofa-0000" / "models" / "model_normalized.obj").write_text("old")
    procedural_set(tmp_path, "sofa", count=1)
    assert json.loads((folder / RECORD).read_text()) == record
    assert (folder / "sofa-0000" / "models" / "model_normalized.obj").stat().st_size > 1000
