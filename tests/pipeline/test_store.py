"""The store: whole or not at all, whoever writes and whatever breaks."""

import errno
import multiprocessing
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.errors import StoreError
from t3d.pipeline.keys import digest
from t3d.pipeline.store import Failure, Place, Store, damage, folder_name, read_manifest, shape_of

PLACE = Place("views", "chair 7 é", "v1", digest({"stage": "views"}))


def put(store: Store, content: str = "x", place: Place = PLACE) -> Path:
    with store.draft() as draft:
        (draft / "sub").mkdir()
        (draft / "sub" / "a.txt").write_text(content)
        store.publish(draft, place, {"key": place.key, "made_from": {"stage": "views"}})
    return store.path(place)


def test_an_artifact_reads_back(tmp_path):
    store = Store(tmp_path)
    folder = put(store)
    assert folder == tmp_path / "views" / "chair 7 é" / f"v1-{PLACE.key[:16]}"
    manifest = read_manifest(store.path(PLACE))
    assert manifest["files"]["sub/a.txt"]["bytes"] == 1
    assert not damage(folder)
    assert not list((tmp_path / ".drafts").iterdir())


def test_digest_is_of_the_content_only(tmp_path):
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    put(one)
    time.sleep(0.01)
    put(other)
    assert read_manifest(one.path(PLACE))["digest"] == read_manifest(other.path(PLACE))["digest"]
    third = Store(tmp_path / "third")
    put(third, "y")
    assert read_manifest(third.path(PLACE))["digest"] != read_manifest(one.path(PLACE))["digest"]


def test_the_loser_of_a_race_discards_its_copy(tmp_path):
    store = Store(tmp_path)
    put(store, "first")
    put(store, "second")
    assert (store.path(PLACE) / "sub" / "a.txt").read_text() == "first"


def test_a_folder_without_a_manifest_is_not_an_artifact_and_is_replaced(tmp_path):
    store = Store(tmp_path)
    store.path(PLACE).mkdir(parents=True)
    (store.path(PLACE) / "half").write_text("torn")
    assert read_manifest(store.path(PLACE)) is None
    put(store)
    assert sorted(path.name for path in store.path(PLACE).iterdir()) == ["manifest.json", "sub"]


@pytest.mark.parametrize("content", ["", "{", "[1", "\x00"])
def test_a_torn_manifest_reads_as_none(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    assert read_manifest(tmp_path) is None


def test_damage_is_found(tmp_path):
    folder = put(Store(tmp_path))
    (folder / "sub" / "a.txt").write_text("z")
    (folder / "extra").write_text("?")
    assert damage(folder) == ["extra does not belong", "sub/a.txt has changed"]
    (folder / "sub" / "a.txt").unlink()
    assert damage(folder) == ["sub/a.txt is missing", "extra does not belong"]


def test_failures_are_records_until_the_artifact_is_there(tmp_path):
    store, failure = Store(tmp_path), Failure("chair 7 é", "views", "data", "no faces")
    store.record_failure(PLACE, failure)
    assert store.failure(PLACE) == failure
    put(store)
    assert store.failure(PLACE) is None


def test_removing_takes_artifact_and_failure(tmp_path):
    store = Store(tmp_path)
    folder = put(store)
    store.record_failure(PLACE, Failure("", "views", "data", "x"))
    store.remove(folder)
    assert not folder.exists()
    assert store.failure(PLACE) is None


@given(st.text(min_size=1, max_size=300))
def test_any_shape_id_is_one_safe_folder_name(shape):
    name = folder_name(shape)
    assert Path(name).name == name
    assert name not in (".", "..", "_all")
    assert not name.startswith(".")
    assert "\0" not in name
    assert len(name.encode()) <= 255
    if "~" not in name:
        assert shape_of(name) == shape


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_ids_have_different_folders(one, other):
    assert (one == other) == (folder_name(one) == folder_name(other))


def test_drafts_of_dead_processes_are_swept_and_live_ones_kept(tmp_path):
    store = Store(tmp_path)
    dead = tmp_path / ".drafts" / "dead"
    dead.mkdir(parents=True)
    with store.draft() as mine:
        store.sweep()
        assert mine.exists()
    assert not dead.exists()


def _hold(root: Path, log: Path) -> None:
    with Store(root).lock(PLACE):
        with log.open("a") as file:
            file.write("in ")
        time.sleep(0.05)
        with log.open("a") as file:
            file.write("out ")


def test_one_holds_the_lock_at_a_time(tmp_path):
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_hold, args=(tmp_path, log)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert log.read_text() == "in out " * 4


def test_a_store_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "work").write_text("")
    with pytest.raises(StoreError, match="Not a directory; name another folder with --work"):
        Store(tmp_path / "work").check_writable()


def test_what_dead_processes_left_is_swept_and_what_is_held_stays(tmp_path):
    store = Store(tmp_path)
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks" / "dead").touch()
    (tmp_path / ".drafts" / "host-7-x").mkdir(parents=True)  # of an older version
    with store.lock(PLACE), store.draft():
        store.sweep()
        assert len(list((tmp_path / ".locks").iterdir())) == 1
        assert len(list((tmp_path / ".drafts").iterdir())) == 2, "a draft and its lock"
    assert not [*(tmp_path / ".locks").iterdir(), *(tmp_path / ".drafts").iterdir()]


def test_a_failure_to_publish_is_the_systems_own(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        put(store)


def test_an_interrupted_removal_is_finished_by_the_next_run(tmp_path, monkeypatch):
    """Out of sight at once; what is left of it is swept when its process is gone."""
    store = Store(tmp_path)
    folder = put(store)

    def killed(path: Path, **_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("t3d.pipeline.store.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            store.remove(folder)
    assert not folder.exists()
    assert list((tmp_path / ".drafts").iterdir())
    store.sweep()
    assert not list((tmp_path / ".drafts").iterdir())
