import csv

import numpy as np
import pytest

from t3d.report.summary import FAILED, NO_TRUTH, OK, Score, comparisons, summaries, write_scores


def score(shape, chamfer, method="s1", choice="fix", status=OK):
    return Score(method, "s1", "test", "easy", choice, "", f"shape-{shape}", status, "", chamfer)


def test_counts_add_up_and_penalties_are_in_the_mean():
    scores = [score(0, 1.0), score(1, 2.0), score(2, 9.0, status=FAILED), score(3, None, status=NO_TRUTH)]
    (row,) = summaries(scores, 0, 100)
    assert (row["expected"], row["evaluated"], row["failed"], row["no_ground_truth"]) == (4, 2, 1, 1)
    assert (row["mean"], row["median"], row["interval_median"]) == (4.0, 2.0, None)


def test_nothing_known_has_no_mean():
    (row,) = summaries([score(0, None, status=NO_TRUTH)], 0, 100)
    assert (row["mean"], row["median"], row["evaluated"]) == (None, None, 0)


def test_ten_shapes_have_an_interval_and_it_does_not_depend_on_other_methods():
    mine = [score(i, 1.0 + i) for i in range(10)]
    others = [score(i, 5.0, method="template", choice="any") for i in range(10)]
    (alone,) = summaries(mine, 7, 500)
    both = summaries([*others, *mine], 7, 500)
    low, high = alone["interval_median"]
    assert 1 <= low < 5.5 < high <= 10
    assert both[1] == alone


def test_comparisons_are_paired_by_shape():
    rng = np.random.default_rng(0)
    hard = rng.uniform(1, 100, size=12)
    mine = [score(i, value - 0.5) for i, value in enumerate(hard)]
    theirs = [score(i, value, method="template", choice="any") for i, value in enumerate(hard)]
    (row,) = comparisons([*mine, *reversed(theirs)], 0, 500)
    assert (row["method"], row["against"], row["choice"], row["shapes"]) == ("s1", "template", "fix", 12)
    assert row["median_difference"] == pytest.approx(-0.5)
    assert row["interval"] == pytest.approx((-0.5, -0.5))
    assert row["better_share"] == 1.0


def test_comparisons_leave_out_shapes_without_truth_and_mark_small_sets():
    mine = [score(0, 1.0), score(1, 4.0), score(2, None, status=NO_TRUTH)]
    theirs = [score(i, 2.0, method="mean-code", choice="any") for i in range(2)]
    (row,) = comparisons([*mine, *theirs], 0, 100)
    assert (row["shapes"], row["interval"], row["better_share"]) == (2, None, 0.5)
    assert row["median_difference"] == pytest.approx(0.5)


def test_the_file_has_the_agreed_columns_and_no_number_where_there_is_none(tmp_path):
    write_scores(tmp_path / "metrics.csv", [score(0, 1e-20), score(1, None, status=NO_TRUTH)])
    text = (tmp_path / "metrics.csv").read_text()
    assert text.splitlines()[0] == "method,variant,part,level,choice,view,shape,status,reason,chamfer"
    first, second = csv.DictReader(text.splitlines())
    assert float(first["chamfer"]) == 1e-20
    assert second["chamfer"] == ""
