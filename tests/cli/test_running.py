"""Exit statuses, what is shown of a run, and what it is estimated to take."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from t3d.cli import running
from t3d.cli.project import PACKAGE
from t3d.cli.running import _rounds, _show, cost_of, estimate, exit_status, stage_commands
from t3d.pipeline.settings import Layer, read_toml, resolve
from t3d.pipeline.stage import stages_of
from t3d.pipeline.store import Failure
from t3d.pipeline.task import Outcome

_spec = importlib.util.spec_from_file_location(
    "toy_of_estimates", Path(__file__).parents[1] / "pipeline" / "conftest.py"
)
_conftest = importlib.util.module_from_spec(_spec)
sys.modules["toy_of_estimates"] = _conftest
_spec.loader.exec_module(_conftest)
toy = _conftest.toy
TABLE = read_toml(Path(running.__file__).with_name("costs.toml"))


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


def test_what_was_measured_here_counts_and_what_was_not_is_said(toy, capsys):
    toy.run(target="words")
    for index in range(3):
        toy.write(**{f"more{index}": "a b"})
    made = toy.plan()
    estimate(made, workers=3)
    words, lengths, total, whole = capsys.readouterr().out.splitlines()
    assert words.startswith("words: 3 to make, 0 s, ")
    assert words.endswith("(3 measured here)")
    assert lengths == "lengths: 6 to make, 0 s, 0 B (not known)"
    assert total == "total: 1 to make, 0 s, 0 B (not known)"
    assert whole.startswith("in all about 0 s and ")
    room = [sum(path.stat().st_size for path in toy.work.glob("texts/words/*/*/words.txt"))]
    assert cost_of(made, made.todo[0])[1] == room[0] / 3


def test_the_shipped_table_is_of_all_stages_that_there_are():
    stages = stages_of(PACKAGE)
    assert stages.keys() - TABLE.keys() == {"split"}, "which takes no time"
    assert all(seconds > 0 and room > 0 for seconds, room in TABLE.values())


def test_training_grows_with_its_iterations(toy, monkeypatch):
    def seconds(iterations):
        params = {"iterations": iterations}
        stage = SimpleNamespace(name="codes", makes="codes")
        task = SimpleNamespace(stage=stage, image={"params": params}, wires={})
        return cost_of(toy.plan(), task)[0]

    assert seconds(2000) == pytest.approx(2 * seconds(1000)) == pytest.approx(2000 * TABLE["codes"][0])


def test_scores_grow_with_the_shapes_scored_and_what_is_off_takes_its_time_once():
    scored = {
        "surface": {"test": {f"s{index}": "digest" for index in range(5)}, "train_scored": {"t": "digest"}}
    }
    assert _rounds({"params": {}, "inputs": scored}) == 6
    assert _rounds({"params": {"iterations": 0}, "inputs": {"sdf": "digest"}}) == 1
    assert _rounds({"params": {}, "inputs": {"surface": "digest"}}) == 1
