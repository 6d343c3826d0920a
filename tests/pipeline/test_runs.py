"""Run files: the latest one, and what it remembers."""

import os
from threading import Thread

import pytest

from t3d.errors import UsageError
from t3d.pipeline.runner import Execution, run
from t3d.pipeline.runs import (
    is_written,
    latest_log,
    latest_run,
    named,
    outcome_of,
    read_log,
    run_log,
    write_run,
)


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


def test_the_latest_run_is_the_latest_though_the_clock_went_back(toy):
    made = toy.plan()
    outcomes = run(made, Execution(0), lambda news: None)
    future = write_run(made, outcomes, {"preset": "tiny"})
    os.utime(future, (4e9, 4e9))
    write_run(made, outcomes, {"preset": "small"})
    assert latest_run(toy.work / "texts")["settings"] == {"preset": "small"}


def logged(toy, **changes):
    made = toy.plan(**changes)
    with run_log(made, {"preset": "tiny"}, "t3d run") as log:
        outcomes = run(made, Execution(0), log)
    return outcomes, latest_log(toy.work / "texts")


def test_the_log_tells_what_became_of_every_item(toy):
    toy.write(two="bad")
    outcomes, path = logged(toy)
    start, *lines, end = read_log(path)
    assert start["command"] == "t3d run"
    assert start["totals"] == {"words": 3, "lengths": 3, "total": 1}
    assert end["how"] == "finished"
    told = {(one.node, one.shape): one for one in map(outcome_of, (x for x in lines if x["event"] == "item"))}
    assert {id_: one.state for id_, one in told.items()} == {id_: one.state for id_, one in outcomes.items()}
    assert told["words", "two"].failures[0].reason.endswith("a bad text; write another")
    assert all(one.memory > 1e6 and one.host for one in told.values() if one.state == "made")
    assert next(one for one in lines if one["event"] == "live")["loss"] == 0.5
    assert not named(toy.work / "texts"), "a finished run has its run file"


def test_a_log_is_continued_and_half_a_line_is_none(toy):
    _, path = logged(toy)
    with path.open("a") as file:
        file.write('{"event": "item", "ru')
    toy.write(four="x y")
    _, path = logged(toy)
    start, *lines, end = read_log(path)
    assert start["kept"] == {"words": 3, "lengths": 3}
    assert len([one for one in lines if one["event"] == "item"]) == 3
    assert end["how"] == "finished"


def test_a_log_is_locked_while_it_is_written(toy):
    with run_log(toy.plan(), {"preset": "tiny"}, "t3d run"):
        assert is_written(latest_log(toy.work / "texts"))
    assert not is_written(latest_log(toy.work / "texts"))


def test_a_log_that_cannot_be_written_stops_nothing(toy):
    (toy.work / "texts").mkdir(parents=True)
    (toy.work / "texts" / "runs").write_text("a file")
    with run_log(toy.plan(), {"preset": "tiny"}, "t3d run") as log:
        assert run(toy.plan(), Execution(0), log)["total", ""].there


def test_an_interrupted_run_is_said_to_be(toy):
    with pytest.raises(KeyboardInterrupt), run_log(toy.plan(), {"preset": "tiny"}, "t3d run"):
        raise KeyboardInterrupt
    assert read_log(latest_log(toy.work / "texts"))[-1]["how"] == "KeyboardInterrupt"


def test_what_an_unfinished_run_made_is_named_until_a_later_one_finishes(toy):
    """So that cleaning takes nothing from a run that is going on, or is to be gone on with."""
    words = toy.plan(target="words")

    def killed(news):
        if not isinstance(news, dict) and news.shape == "two":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), run_log(words, {"preset": "tiny"}, "t3d run", killed) as log:
        run(words, Execution(0), log)
    made = {path.relative_to(toy.work / "texts").as_posix() for path in toy.work.glob("texts/words/*/*/")}
    assert named(toy.work / "texts") == made
    assert len(made) == 3
    with run_log(toy.plan(), {"preset": "small"}, "t3d run"):
        pass
    assert named(toy.work / "texts") == made, "of other settings"
    logged(toy)
    assert not named(toy.work / "texts")


def test_runs_that_end_at_once_forget_nothing_of_each_other(toy):
    """Each adds to the one run file of their settings."""
    parts = [toy.plan(target=target) for target in ("words", "lengths", "total")]
    made = [(part, run(part, Execution(0), lambda news: None)) for part in parts]

    def write(part, outcomes):
        own = {id_: one for id_, one in outcomes.items() if id_[0] == part.targets[0].name}
        write_run(part, own, {"preset": "tiny"})

    for _ in range(5):
        for path in toy.work.glob("texts/runs/*"):
            path.unlink()
        threads = [Thread(target=write, args=one) for one in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(latest_run(toy.work / "texts")["artifacts"]) == {"words", "lengths", "total"}
