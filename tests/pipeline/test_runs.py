"""Run files: the latest one, and what it remembers."""

import pytest

from t3d.errors import UsageError
from t3d.pipeline.runner import Execution, run
from t3d.pipeline.runs import latest_run, write_run


def test_a_run_is_remembered(toy):
    toy.write(two="bad")
    made = toy.plan()
    outcomes = run(made, Execution(0), lambda news: None)
    write_run(made, outcomes, {"preset": "tiny", "seed": 0})
    record = latest_run(toy.work / "texts")
    assert record["settings"] == {"preset": "tiny", "seed": 0}
    assert set(record["artifacts"]) == {"words", "lengths", "total"}
    assert set(record["artifacts"]["words"]) == {"one", "three"}
    assert [one["shape"] for one in record["failures"]] == ["two"]
    assert (toy.work / "texts" / record["artifacts"]["total"][""]).is_dir()


def test_a_later_run_of_less_forgets_nothing_and_another_setting_is_another_file(toy):
    made = toy.plan()
    write_run(made, run(made, Execution(0), lambda news: None), {"preset": "tiny"})
    part = toy.plan(target="words")
    write_run(part, run(part, Execution(0), lambda news: None), {"preset": "tiny"})
    assert "total" in latest_run(toy.work / "texts")["artifacts"]
    write_run(part, dict(part.decided), {"preset": "small"})
    assert len(list((toy.work / "texts" / "runs").glob("*.json"))) == 2
    assert latest_run(toy.work / "texts")["settings"] == {"preset": "small"}


def test_no_run_yet(tmp_path):
    with pytest.raises(UsageError, match="no run here yet; start one with `t3d run`"):
        latest_run(tmp_path)
