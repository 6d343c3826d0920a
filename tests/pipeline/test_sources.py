"""Digests of source files, remembered while size, time and inode stay."""

import hashlib
import os
import time

import pytest

from t3d.pipeline.sources import FileIndex, file_digest


def old(path, seconds=100):
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_file_is_read_once(tmp_path):
    path, reads = tmp_path / "a", []
    path.write_text("x")
    old(path)
    index = FileIndex(tmp_path / "index.json")
    for _ in range(2):
        assert index.memo(path, "n", lambda one: reads.append(one) or 7) == 7
    index.save()
    assert FileIndex(tmp_path / "index.json").memo(path, "n", lambda one: 8) == 7
    assert reads == [path]


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    old(path)
    index = FileIndex(tmp_path / "index.json")
    before = index.digest(path)
    path.write_text("y")
    old(path, 50)
    assert index.digest(path) == file_digest(path) != before


def test_a_fresh_file_is_not_remembered(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    index = FileIndex(tmp_path / "index.json")
    before = index.digest(path)
    status = path.stat()
    path.write_text("y")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time
    assert index.digest(path) != before


@pytest.mark.parametrize("text", ["{", hashlib.sha256(b"").hexdigest()])
def test_a_torn_index_is_an_empty_one(text, tmp_path):
    """The second is the checksum of nothing, with nothing behind it."""
    (tmp_path / "index.json").write_text(text)
    (tmp_path / "a").write_text("x")
    assert FileIndex(tmp_path / "index.json").digest(tmp_path / "a") == file_digest(tmp_path / "a")


def test_an_index_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "a"
    path.write_text("x")
    old(path)
    index = FileIndex(tmp_path / "file" / "index.json")
    index.digest(path)
    index.save()
    assert (tmp_path / "file").read_text() == ""
