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
