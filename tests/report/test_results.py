"""Statistics of methods: counts, penalties, means over views, and methods against each other."""

import numpy as np
import pytest

from t3d.geometry.protocols import DEEPSDF, WHAT3D, chosen
from t3d.report.results import compare
from t3d.report.scoring import ANY, FAILED, NO_TRUTH, OK, Score

(CHAMFER,) = chosen(["deepsdf"], ["emd"])


def score(shape, value, method="s1", choice="fix", status=OK, level="easy", variant="s1", part="test"):
    values = {} if value is None else {"chamfer-l2": value}
    labels = {"method": method, "variant": variant, "part": part, "level": level, "choice": choice}
    return Score("deepsdf", f"shape-{shape}", "", status, "", values, **labels)


def blind(shape, value, method="template", **labels):
    return score(shape, value, method, choice=ANY, level=ANY, **labels)


def result(scores, resamples=100, seed=0):
    return compare(scores, [CHAMFER], seed, resamples)["protocols"][0]


def figures(row):
    return row["metrics"]["chamfer-l2"]


def test_counts_add_up_and_penalties_are_in_the_mean():
    scores = [score(0, 1.0), score(1, 2.0), score(2, 9.0, status=FAILED), score(3, None, status=NO_TRUTH)]
    (row,) = result(scores)["rows"]
    assert (row["expected"], row["evaluated"], row["failed"], row["no_ground_truth"]) == (4, 2, 1, 1)
    assert (figures(row)["mean"], figures(row)["median"], figures(row)["interval_median"]) == (4.0, 2.0, None)
    assert (figures(row)["mean_evaluated"], figures(row)["median_evaluated"]) == (1.5, 1.5)


def test_nothing_known_has_no_mean():
    (row,) = result([score(0, None, status=NO_TRUTH)])["rows"]
    assert (figures(row)["mean"], figures(row)["median"], row["evaluated"]) == (None, None, 0)


def test_draws_of_a_shape_count_once():
    scores = [score(0, 1.0, choice="rnd"), score(0, 3.0, choice="rnd"), score(1, 4.0, choice="rnd")]
    (row,) = result(scores)["rows"]
    assert (row["shapes"], row["expected"], figures(row)["mean"]) == (2, 3, 3.0)


def test_ten_shapes_have_an_interval_and_it_does_not_depend_on_other_methods():
    mine = [score(i, 1.0 + i) for i in range(10)]
    others = [blind(i, 5.0) for i in range(10)]
    (alone,) = result(mine, 500, seed=7)["rows"]
    low, high = figures(alone)["interval_median"]
    assert 1 <= low < 5.5 < high <= 10
    assert result([*others, *mine], 500, seed=7)["rows"][1] == alone


def test_comparisons_are_paired_by_shape():
    rng = np.random.default_rng(0)
    hard = rng.uniform(1, 100, size=12)
    mine = [score(i, value - 0.5) for i, value in enumerate(hard)]
    theirs = [blind(i, value) for i, value in enumerate(hard)]
    (row,) = result([*mine, *reversed(theirs)], 500)["comparisons"]
    assert (row["method"], row["against"], row["choice"], row["shapes"]) == ("s1", "template", "fix", 12)
    assert row["median_difference"] == pytest.approx(-0.5)
    assert row["interval"] == pytest.approx((-0.5, -0.5))
    assert row["better_share"] == 1.0


def test_networks_are_compared_with_all_baselines_and_with_each_other():
    scores = [score(0, 1.0), score(0, 2.0, "s2-none", variant="s2-none"), score(0, 3.0, level="hard")]
    scores += [score(0, 3.0, "retrieval"), score(0, 4.0, "retrieval", level="hard")]
    scores += [blind(0, 5.0, "oracle-retrieval", variant=""), blind(0, 0.5, "oracle-code")]
    found = {
        (row["method"], row["level"], row["against"]): row["median_difference"]
        for row in result(scores)["comparisons"]
    }
    assert found == {
        ("s1", "easy", "s2-none"): -1.0,
        ("s1", "easy", "retrieval"): -2.0,
        ("s1", "easy", "oracle-code"): 0.5,
        ("s1", "easy", "oracle-retrieval"): -4.0,
        ("s1", "hard", "retrieval"): -1.0,
        ("s1", "hard", "oracle-code"): 2.5,
        ("s1", "hard", "oracle-retrieval"): -2.0,
        ("s2-none", "easy", "oracle-retrieval"): -3.0,
    }


def test_comparisons_leave_out_shapes_without_truth_and_mark_small_sets():
    mine = [score(0, 1.0), score(1, 4.0), score(2, None, status=NO_TRUTH)]
    (row,) = result([*mine, *(blind(i, 2.0, "mean-code") for i in range(2))])["comparisons"]
    assert (row["shapes"], row["interval"], row["better_share"]) == (2, None, 0.5)
    assert row["median_difference"] == pytest.approx(0.5)


def test_more_is_better_where_a_perfect_score_is_one():
    labels = {"variant": "s1", "part": "test", "level": "easy", "choice": "fix"}
    metric = WHAT3D.metrics[0].name
    rows = [
        Score("what3d", "a", "", OK, "", {metric: value}, method=method, **labels)
        for method, value in (("s1", 0.9), ("retrieval", 0.5))
    ]
    (row,) = compare(rows, [WHAT3D], 0, 10)["protocols"][0]["comparisons"]
    assert row["better_share"] == 1.0


def test_a_protocol_keeps_its_definition():
    one = result([score(0, 1.0)])
    assert (one["label"], one["approximate"]) == ("deepsdf v1", [])
    assert one["definition"]["prediction"] == {"how": "area", "count": DEEPSDF.prediction.count}
    assert "one point at the centre" in one["failures"]
