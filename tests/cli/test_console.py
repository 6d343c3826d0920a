"""Counts, times and lines that people read."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest

from t3d.cli.console import (
    Tally,
    duration,
    follow,
    grouped,
    live_text,
    losses,
    picture,
    size,
    watched,
)
from t3d.pipeline.store import Failure
from t3d.pipeline.task import Outcome

FOUR = SimpleNamespace(totals=Counter(views=4), decided={("views", "a"): Outcome("views", "a", "kept")})
NEWS = [
    Outcome("views", "b", "made", seconds=2.0),
    Outcome("views", "c", "blocked"),
    {"node": "views", "shape": "", "done": 1, "total": 4, "loss": 0.123456},
]


def test_a_tally_counts_and_estimates():
    tally = Tally(FOUR.totals, workers=2)
    for news in [*FOUR.decided.values(), *NEWS[:2]]:
        assert tally.take(news) == "views"
    assert tally.line("views") == "views: 1 made, 1 kept, 1 failed, 1 left, about 2 s to go"
    tally.take(NEWS[2])
    assert "25 %, loss 0.1235, about" in tally.line("views")
    assert [*tally.table().columns[-1].cells] == ["25 %, loss 0.1235"]


@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_terminal_a_node_that_is_done_is_a_line(quiet, capsys):
    with watched(FOUR, 2, quiet) as watch:
        for news in NEWS:
            watch(news)
        assert capsys.readouterr().err == "", "not yet"
        watch(Outcome("views", "d", "made", seconds=4.0))
    assert capsys.readouterr().err == ("" if quiet else "views: 2 made, 1 kept, 1 failed\n")


def test_live_text_has_only_numbers_worth_showing():
    assert live_text({"node": "n", "shape": "s", "done": 3, "total": 12, "rate": 7}) == "25 %, rate 7"


def test_durations_and_sizes():
    assert [duration(one) for one in (4, 99, 240, 9000)] == ["4 s", "99 s", "4 min", "2.5 h"]
    assert [size(one) for one in (12, 1500, 2.5e6, 3e9, 4e12)] == ["12 B", "1.5 kB", "2.5 MB", "3 GB", "4 TB"]


def test_reasons_are_grouped_commonest_first():
    pairs = [("a", "x"), ("b", "y"), ("c", "y"), ("d", "y"), ("", "z")]
    assert grouped(pairs, most=2) == ["y: 3 (b, c, ...)", "x: 1 (a)", "z: 1"]


def test_thousands_of_failures_stay_readable():
    """Reasons that differ in paths and numbers are one; the rest is counted."""
    pairs = [(f"s{i}", f"/data/s{i}/model.obj: no faces in it ({i} found)") for i in range(5000)]
    assert grouped(pairs) == [
        "/data/s0/model.obj: no faces in it (0 found) and the like: 5000 (s0, s1, s2, s3, ...)"
    ]
    words = [f"{a}{b}{c} odd" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyzabcd"]
    lines = grouped([("s", word) for word in words])
    assert len(lines) == 16
    assert lines[-1] == "985 other reasons: 985"


def test_failures_end_with_the_commands_that_go_on():
    def lines(kind, command):
        return losses([Failure("a", "mesh", kind, "why")], command)

    assert lines("timeout", "t3d run")[-1].endswith("by the same command: t3d run")
    assert lines("data", "t3d run")[-1].endswith("as they are: t3d run --retry-failed")
    assert lines("data", "t3d run --retry-failed")[-1].endswith("as they are: t3d run --retry-failed")
    assert not losses([], "t3d run")


START = {"event": "start", "run": "r", "time": 100.0, "command": "t3d run --category sofa", "folder": "/home",
         "host": "box", "totals": {"mesh": 4, "sdf": 3}, "kept": {"mesh": 1}}  # fmt: skip
ITEM = {"event": "item", "run": "r", "time": 130.0, "stage": "mesh", "memory": 2e9, "host": "box"}
MADE = {**ITEM, "shape": "a", "state": "made", "seconds": 12.5, "path": "mesh/a/v1-0"}
WHY = {"shape": "b", "stage": "mesh", "kind": "timeout", "reason": "took longer than 5 s"}
LOST = {**ITEM, "shape": "b", "state": "failed", "seconds": 5.0, "failures": [WHY]}
LIVE = {"event": "live", "run": "r", "time": 131.0, "node": "sdf", "shape": "a", "done": 1, "total": 4}


def test_a_picture_of_a_run():
    assert picture([START, MADE, LOST, LIVE], going=True) == [
        "t3d run --category sofa: going on, 31 s, box:/home",
        "mesh: 1 made, 1 kept, 1 failed, 1 left, about 18 s to go",
        "sdf: 0 made, 0 kept, 0 failed, 3 left, 25 %",
        "slowest: mesh a 12 s, 2 GB",
        "mesh: timeout failure: took longer than 5 s: 1 (b)",
        "accidents are tried again by the same command: t3d run --category sofa",
    ]
    assert "go on with: t3d run --category sofa" in picture([START, MADE], going=False)
    end = {"event": "end", "run": "r", "time": 140.0, "how": "finished"}
    assert picture([START, MADE, end], going=False)[0].endswith(": finished, 40 s, box:/home")


def test_a_log_that_nobody_writes_is_shown_once(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    lines = "\n".join(map(json.dumps, [START, MADE]))
    (tmp_path / "runs" / "tiny-0.jsonl").write_text(lines)
    follow(tmp_path)
    assert capsys.readouterr().out.startswith("t3d run --category sofa: cut off, 30 s")
