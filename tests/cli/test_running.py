"""Exit statuses and what is shown of a run."""

import pytest

from t3d.cli.project import PACKAGE
from t3d.cli.running import _show, exit_status, stage_commands
from t3d.pipeline.settings import Layer, resolve
from t3d.pipeline.stage import stages_of
from t3d.pipeline.store import Failure
from t3d.pipeline.task import Outcome


def failure(shape: str, kind: str = "data") -> Failure:
    return Failure(shape, "mesh", kind, "reason")


@pytest.mark.parametrize(
    ("failures", "outcomes", "status"),
    [
        ([], {}, 0),
        ([failure("a")], {}, 0),
        ([failure("a"), failure("b")], {}, 1),
        ([failure("a"), failure("a~1"), failure("a~2")], {}, 0),
        ([failure("a", "timeout")], {}, 1),
        ([], {("report", ""): Outcome("report", "", "blocked")}, 1),
        ([], {("views", "a"): Outcome("views", "a", "blocked")}, 0),
    ],
)
def test_status_1_for_accidents_missing_targets_and_too_many_lost(failures, outcomes, status):
    assert exit_status(failures, outcomes, {"report", "views"}, most=1) == status


def test_a_flag_is_for_every_stage_of_the_command_that_has_it(monkeypatch):
    seen = []
    monkeypatch.setattr("t3d.cli.running.make_target", lambda name, options: seen.append((name, options)))
    (train,) = (one for one in stage_commands() if one.name == "train")
    train.main(["--iterations", "7", "--lr", "0.5"], standalone_mode=False)
    ((name, options),) = seen
    assert (name, options["values"]) == ("train", {"train": {"iterations": "7", "lr": "0.5"}})
    params = resolve(stages_of(PACKAGE), [Layer("option", options["values"])])
    assert params["network_s1"].iterations == params["network_s2"].iterations == 7
    assert params["network_s1"].lr == 0.5


def test_help_names_the_stages_where_they_differ():
    (train,) = (one for one in stage_commands() if one.name == "train")
    texts = {option.name: option.help for option in train.params if option.name.startswith("own_")}
    assert texts["own_batch"].startswith("network_s1: ")
    assert texts["own_scenes"].startswith("network_s2: ")
    assert " network_s2: " in texts["own_levels"]
    assert not texts["own_hue"].startswith("network")
    assert len({option.name for option in train.params}) == len(train.params)


def test_tables_of_scores_are_shown_in_the_terminal(tmp_path, capsys):
    _show(tmp_path)
    assert capsys.readouterr().out == ""
    (tmp_path / "table.md").write_text("| s1 | 4 | 1 | 3 | 0 |")
    _show(tmp_path)
    assert "| s1 | 4 | 1 | 3 | 0 |" in capsys.readouterr().out
