"""What `t3d status --watch` shows of a log."""

import json

from t3d.cli import watching

START = {"event": "start", "run": "r", "time": 100.0, "command": "t3d run --category sofa", "folder": "/home",
         "host": "box", "totals": {"mesh": 4, "sdf": 3}, "kept": {"mesh": 1}}  # fmt: skip
ITEM = {"event": "item", "run": "r", "time": 130.0, "stage": "mesh", "memory": 2e9, "host": "box"}
MADE = {**ITEM, "shape": "a", "state": "made", "seconds": 12.5, "path": "mesh/a/v1-0"}
WHY = {"shape": "b", "stage": "mesh", "kind": "timeout", "reason": "took longer than 5 s"}
LOST = {**ITEM, "shape": "b", "state": "failed", "seconds": 5.0, "failures": [WHY]}
LIVE = {"event": "live", "run": "r", "time": 131.0, "node": "sdf", "shape": "a", "done": 1, "total": 4}


def test_a_picture_of_a_run():
    assert watching.picture([START, MADE, LOST, LIVE], going=True) == [
        "t3d run --category sofa: going on, 31 s, box:/home",
        "mesh: 1 made, 1 kept, 1 failed, 1 left, about 18 s to go",
        "sdf: 0 made, 0 kept, 0 failed, 3 left, 25 %",
        "slowest: mesh a 12 s, 2 GB",
        "mesh: timeout failure: took longer than 5 s: 1 (b)",
        "accidents are tried again by the same command: t3d run --category sofa",
    ]
    assert "go on with: t3d run --category sofa" in watching.picture([START, MADE], going=False)
    end = {"event": "end", "run": "r", "time": 140.0, "how": "finished"}
    assert watching.picture([START, MADE, end], going=False)[0].endswith(": finished, 40 s, box:/home")


def test_a_log_that_nobody_writes_is_shown_once(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    lines = "\n".join(map(json.dumps, [START, MADE]))
    (tmp_path / "runs" / "tiny-0.jsonl").write_text(lines)
    watching.follow(tmp_path)
    assert capsys.readouterr().out.startswith("t3d run --category sofa: cut off, 30 s")
