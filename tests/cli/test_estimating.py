"""What a run is estimated to take: by the store's manifests, by the shipped table, or not known."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from t3d.cli import estimating
from t3d.cli.project import PACKAGE
from t3d.pipeline.settings import read_toml
from t3d.pipeline.stage import stages_of

_spec = importlib.util.spec_from_file_location(
    "toy_of_estimates", Path(__file__).parents[1] / "pipeline" / "conftest.py"
)
_conftest = importlib.util.module_from_spec(_spec)
sys.modules["toy_of_estimates"] = _conftest
_spec.loader.exec_module(_conftest)
toy = _conftest.toy
TABLE = read_toml(Path(estimating.__file__).with_name("costs.toml"))


def test_what_was_measured_here_counts_and_what_was_not_is_said(toy, capsys):
    toy.run(target="words")
    for index in range(3):
        toy.write(**{f"more{index}": "a b"})
    made = toy.plan()
    estimating.estimate(made, workers=3)
    words, lengths, total, whole = capsys.readouterr().out.splitlines()
    assert words.startswith("words: 3 to make, 0 s, ")
    assert words.endswith("(3 measured here)")
    assert lengths == "lengths: 6 to make, 0 s, 0 B (not known)"
    assert total == "total: 1 to make, 0 s, 0 B (not known)"
    assert whole.startswith("in all about 0 s and ")
    room = [sum(path.stat().st_size for path in toy.work.glob("texts/words/*/*/words.txt"))]
    assert estimating.cost_of(made, made.todo[0])[1] == room[0] / 3


def test_the_shipped_table_is_of_all_stages_that_there_are():
    stages = stages_of(PACKAGE)
    assert stages.keys() - TABLE.keys() == {"split"}, "which takes no time"
    assert all(seconds > 0 and room > 0 for seconds, room in TABLE.values())


def test_training_grows_with_its_iterations(toy, monkeypatch):
    def seconds(iterations):
        params = {"iterations": iterations}
        stage = SimpleNamespace(name="codes", makes="codes")
        task = SimpleNamespace(stage=stage, image={"params": params}, wires={})
        return estimating.cost_of(toy.plan(), task)[0]

    assert seconds(2000) == pytest.approx(2 * seconds(1000)) == pytest.approx(2000 * TABLE["codes"][0])


def test_scores_grow_with_the_shapes_scored_and_what_is_off_takes_its_time_once():
    scored = {
        "surface": {"test": {f"s{index}": "digest" for index in range(5)}, "train_scored": {"t": "digest"}}
    }
    assert estimating._rounds({"params": {}, "inputs": scored}) == 6
    assert estimating._rounds({"params": {"iterations": 0}, "inputs": {"sdf": "digest"}}) == 1
    assert estimating._rounds({"params": {}, "inputs": {"surface": "digest"}}) == 1
