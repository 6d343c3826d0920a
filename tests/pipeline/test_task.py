import errno

import pytest

from t3d.errors import DataError, UsageError
from t3d.pipeline.task import classify


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (DataError("a.obj: no faces"), "data", "a.obj: no faces"),
        (UsageError("no GPU here"), "infra", "no GPU here"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "infra", "No space left on device: x"),
        (
            OSError(errno.ENOENT, "No such file", "x"),
            "data",
            "FileNotFoundError: [Errno 2] No such file: 'x'",
        ),
        (MemoryError("10 GiB"), "killed", "out of memory: 10 GiB"),
        (ValueError("two\n lines"), "data", "ValueError: two lines"),
        (ValueError(), "data", "ValueError: ValueError"),
    ],
)
def test_what_may_pass_is_told_from_what_is_wrong_with_the_shape(error, kind, reason):
    assert classify(error) == (kind, reason)


def test_what_the_machine_did_is_no_fault_of_the_shape():
    """However readers and writers wrap it."""
    full = OSError(errno.ENOSPC, "No space left on device", "/store/x")
    assert classify(full) == ("infra", "No space left on device: /store/x")
    for error in (errno.EACCES, errno.EROFS, errno.EMFILE, errno.ESTALE):
        assert classify(OSError(error, "..."))[0] == "infra"
    wrapped = DataError("x.npz: no NPZ file")
    wrapped.__cause__ = full
    assert classify(wrapped) == ("infra", "No space left on device: /store/x")
    assert classify(OSError("cannot identify image file"))[0] == "data"
    assert classify(FileNotFoundError(errno.ENOENT, "No such file"))[0] == "data"
