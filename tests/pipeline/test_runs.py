"""Run files: the latest one, and what it remembers."""

import os
from threading import Thread

import pytest

from t3d.errors import UsageError
from t3d.pipeline.runner import Execution, run
from t3d.pipeline.runs import latest_run, named, recorded, write_run


def test_a_run_is_remembered(toy):
    toy.write(two="bad")
    made = toy.plan()
    outcomes = run(made, Execution(0), lambda news: None)
    write_run(made, outcomes, {"preset": "tiny", "seed": 0}, finished=True)
    record = latest_run(toy.work / "texts")
    assert record["settings"] == {"preset": "tiny", "seed": 0}
    assert set(record["artifacts"]) == {"words", "lengths", "total"}
    assert set(record["artifacts"]["words"]) == {"one", "three"}
    assert [one["shape"] for one in record["failures"]] == ["two"]
    assert (toy.work / "texts" / record["artifacts"]["total"][""]).is_dir()


def test_a_later_run_of_less_forgets_nothing_and_another_setting_is_another_file(toy):
    made = toy.plan()
    write_run(made, run(made, Execution(0), lambda news: None), {"preset": "tiny"}, finished=True)
    part = toy.plan(target="words")
    write_run(part, run(part, Execution(0), lambda news: None), {"preset": "tiny"}, finished=True)
    assert "total" in latest_run(toy.work / "texts")["artifacts"]
    write_run(part, dict(part.decided), {"preset": "small"}, finished=True)
    assert len(list((toy.work / "texts" / "runs").glob("*.json"))) == 2
    assert latest_run(toy.work / "texts")["settings"] == {"preset": "small"}


def test_no_run_yet(tmp_path):
    with pytest.raises(UsageError, match="no run here yet; start one with `t3d run`"):
        latest_run(tmp_path)


def test_the_latest_run_is_the_latest_though_the_clock_went_back(toy):
    made = toy.plan()
    outcomes = run(made, Execution(0), lambda news: None)
    future = write_run(made, outcomes, {"preset": "tiny"}, finished=True)
    os.utime(future, (4e9, 4e9))
    write_run(made, outcomes, {"preset": "small"}, finished=True)
    assert latest_run(toy.work / "texts")["settings"] == {"preset": "small"}


def interrupted(toy, after: str, settings: dict) -> None:
    """A run of words that is stopped after one of them."""
    words = toy.plan(target="words")

    def stop(news):
        if not isinstance(news, dict) and news.shape == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), recorded(words, settings, stop) as watch:
        run(words, Execution(0), watch)


def test_what_an_interrupted_run_made_is_named_but_it_is_not_the_latest(toy):
    """So that cleaning takes nothing from a run that is to be gone on with."""
    interrupted(toy, "two", {"preset": "tiny"})
    made = {path.relative_to(toy.work / "texts").as_posix() for path in toy.work.glob("texts/words/*/*/")}
    assert named(toy.work / "texts") == made
    assert len(made) == 3
    assert latest_run(toy.work / "texts", finished=False)["settings"] == {"preset": "tiny"}
    with pytest.raises(UsageError, match="no run here yet"):
        latest_run(toy.work / "texts")


def test_a_run_that_goes_on_has_a_run_file_that_is_written_now_and_then(toy, monkeypatch):
    records = []

    def look(news):
        records.append(latest_run(toy.work / "texts", finished=False)["artifacts"].get("words", {}))

    with recorded(toy.plan(), {"preset": "tiny"}, look) as watch:
        run(toy.plan(), Execution(0), watch)
    assert set(map(len, records)) == {0}
    monkeypatch.setattr("t3d.pipeline.runs.SAVE_EVERY", 0.0)
    toy.write(four="x y")
    with recorded(toy.plan(), {"preset": "tiny"}, look) as watch:
        run(toy.plan(), Execution(0), watch)
    assert len(records[-1]) == 4


def test_a_run_file_that_cannot_be_written_stops_nothing(toy):
    (toy.work / "texts").mkdir(parents=True)
    (toy.work / "texts" / "runs").write_text("a file")
    with recorded(toy.plan(), {"preset": "tiny"}, lambda news: None) as watch:
        assert run(toy.plan(), Execution(0), watch)["total", ""].there


def test_runs_that_end_at_once_forget_nothing_of_each_other(toy):
    """Each adds to the one run file of their settings."""
    parts = [toy.plan(target=target) for target in ("words", "lengths", "total")]
    made = [(part, run(part, Execution(0), lambda news: None)) for part in parts]

    def write(part, outcomes):
        own = {id_: one for id_, one in outcomes.items() if id_[0] == part.targets[0].name}
        write_run(part, own, {"preset": "tiny"}, finished=True)

    for _ in range(5):
        for path in toy.work.glob("texts/runs/*"):
            path.unlink()
        threads = [Thread(target=write, args=one) for one in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(latest_run(toy.work / "texts")["artifacts"]) == {"words", "lengths", "total"}
