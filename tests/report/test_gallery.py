"""Which shapes a report shows, and what their places are called."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.report.gallery import ShapeFolders, chosen, rank_label, ranked, read_scores
from t3d.report.summary import Score, write_scores


@given(st.integers(1, 200), st.integers(3, 30))
def test_chosen_spreads_and_has_best_median_worst(count, shown):
    ranks = chosen(count, shown)
    assert ranks == sorted(set(ranks))
    assert len(ranks) == min(count, shown)
    assert {0, (count - 1) // 2, count - 1} <= set(ranks)
    gaps = [b - a for a, b in itertools.pairwise(ranks)]
    assert max(gaps, default=1) <= 2 * count / len(ranks) + 2


def test_chosen_of_nothing():
    assert chosen(0, 8) == []


def test_labels():
    assert [rank_label(rank, 5) for rank in range(5)] == [
        "best",
        "rank 2 of 5",
        "median",
        "rank 4 of 5",
        "worst",
    ]
    assert rank_label(0, 1) == "only shape"
    assert [rank_label(rank, 2) for rank in range(2)] == ["best", "worst"]


def test_read_scores_reads_what_is_written(tmp_path):
    scores = [
        Score("s1", "s1", "test", "easy", "fix", "easy/30", 'a,"b"', "ok", "", 1 / 3000),
        Score("template", "s1", "train", "easy", "any", "", "c", "failed", "no\nsurface", None),
    ]
    write_scores(tmp_path / "metrics.csv", scores)
    assert read_scores(tmp_path / "metrics.csv") == scores


def score(shape, chamfer, method="s1", part="test", choice="fix"):
    return Score(method, "s1", part, "easy", choice, "easy/30", shape, "ok", "", chamfer)


def test_ranked_is_one_network_one_part_fixed_view_best_first():
    scores = [
        score("none", None),
        score("b", 0.2),
        score("a", 0.2),
        score("zero", 0.0),
        score("x", 0.0, method="template"),
        score("y", 0.0, part="train"),
        score("z", 0.0, choice="rnd"),
    ]
    assert [one.shape for one in ranked(scores, "s1", "test")] == ["zero", "a", "b", "none"]


@pytest.mark.parametrize("missing", ["views", "mesh", "reconstructions"])
def test_no_subject_where_something_is_lost(tmp_path, missing):
    (tmp_path / "choices.json").write_text('{"fix": "easy/30"}')
    there = {"train_scored": {"a": tmp_path}}
    folders = {name: there for name in ("views", "mesh", "reconstructions")}
    assert ShapeFolders(**folders).subject("train", "a", "fix").view == "easy/30"
    assert ShapeFolders(**{**folders, missing: {"train_scored": {}}}).subject("train", "a", "fix") is None
    assert ShapeFolders(**{**folders, missing: {}}).subject("train", "a", "fix") is None
