"""Score files: written, read again, and what a shape without a usable truth or prediction counts as."""

import csv

import numpy as np
import pytest

from t3d.errors import DataError
from t3d.geometry.clouds import Body, Cloud
from t3d.geometry.mesh import Mesh
from t3d.geometry.protocols import WHAT3D
from t3d.report.scoring import FAILED, NO_TRUTH, OK, Score, read_scores, scores_of, with_floors, write_scores

LABELS = {"method": "s1", "variant": "s1", "part": "test", "level": "easy", "choice": "fix"}
COLUMNS = {"deepsdf": ("deepsdf v1", ["chamfer-l2"]), "what3d": ("what3d~ v1", ["f@0.01"])}
PLATE = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))


def test_the_first_protocol_is_read_as_it_was_written(tmp_path):
    scores = [
        Score("deepsdf", 'a,"b"', "easy/30", OK, "", {"chamfer-l2": 1 / 3000}, **LABELS),
        Score(
            "deepsdf", "c", "", FAILED, "no surface: 0.1", {}, answer="x", **{**LABELS, "method": "retrieval"}
        ),
    ]
    other = Score("what3d", "c", "", OK, "", {"f@0.01": 0.5}, **LABELS)
    write_scores(tmp_path / "metrics.csv", [*scores, other], COLUMNS)
    assert read_scores(tmp_path / "metrics.csv") == scores


def test_columns_belong_to_one_protocol_and_stay_empty_without_a_number(tmp_path):
    write_scores(tmp_path / "scores.csv", [Score("deepsdf", "a", "", NO_TRUTH, "lost", {})], COLUMNS)
    text = (tmp_path / "scores.csv").read_text()
    names = (
        "protocol,shape,view,status,reason,box_ratio,box_shift,chamfer-l2 (deepsdf v1),f@0.01 (what3d~ v1)"
    )
    assert text.splitlines()[0] == names, "no labels where there are none"
    (row,) = csv.DictReader(text.splitlines())
    assert row["chamfer-l2 (deepsdf v1)"] == ""
    assert read_scores(tmp_path / "scores.csv")[0].chamfer is None


def score(truth, prediction):
    def load():
        if isinstance(truth, Exception):
            raise truth
        return Body(truth), None, None

    (found,) = scores_of("a", (WHAT3D,), load, [({"view": "easy/30"}, prediction)], 0, floors=True)
    assert found.view == "easy/30"
    return found


def test_a_truth_that_is_lost_leaves_no_number_and_a_prediction_its_penalty():
    lost = score(DataError("no\nfaces"), Body(PLATE))
    assert (lost.status, lost.reason, lost.values) == (NO_TRUTH, "no faces", {})
    missing = score(PLATE, "nobody made it")
    assert (missing.status, missing.reason, missing.values["f@0.2"]) == (FAILED, "nobody made it", 0.0)
    good = score(PLATE, Body(PLATE))
    assert good.status == OK
    assert good.values["f@0.05"] == good.floors["f@0.05"] == 1.0
    assert (good.box_ratio, good.box_shift) == (1.0, 0.0)


@pytest.mark.parametrize(
    "prediction",
    [
        Body(Cloud(np.zeros((1, 3)))),
        Body(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]))),
        Body(Mesh(PLATE.vertices, np.empty((0, 3), np.int64))),
        Body(Mesh(PLATE.vertices * np.nan, PLATE.faces)),
    ],
    ids=["one point", "no area", "no faces", "not numbers"],
)
def test_odd_predictions_are_answered_or_recorded(prediction):
    found = score(PLATE, prediction)
    is_point = len(np.unique(prediction.points, axis=0)) == 1 and np.isfinite(prediction.points).all()
    assert found.status == (OK if is_point else FAILED)
    assert all(np.isfinite(value) for value in found.values.values())
    assert found.values["f@0.01"] < 0.01
    assert bool(found.reason) == (found.status == FAILED)


def test_floors_are_measured_of_few_shapes_spread_evenly():
    names = [f"{i:03}" for i in range(100)]
    assert with_floors(names[:5]) == set(names[:5])
    assert len(with_floors(names)) == 20
    assert {"000", "099"} <= with_floors(names)
    assert with_floors([]) == set()
