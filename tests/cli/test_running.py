"""Exit statuses and what is shown of a run."""

import pytest

from t3d.cli.running import exit_status
from t3d.pipeline.outcome import Outcome
from t3d.pipeline.store import Failure


def failure(shape: str, kind: str = "data") -> Failure:
    return Failure(shape, "mesh", kind, "reason")


@pytest.mark.parametrize(
    ("failures", "outcomes", "status"),
    [
        ([], {}, 0),
        ([failure("a")], {}, 0),
        ([failure("a"), failure("b")], {}, 1),
        ([failure("a", "timeout")], {}, 1),
        ([], {("report", ""): Outcome("report", "", "blocked")}, 1),
        ([], {("views", "a"): Outcome("views", "a", "blocked")}, 0),
    ],
)
def test_status_1_for_accidents_missing_targets_and_too_many_lost(failures, outcomes, status):
    assert exit_status(failures, outcomes, {"report", "views"}, most=1) == status
