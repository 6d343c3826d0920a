"""Which shapes a report shows, and what their places are called."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.report.gallery import ShapeFolders, chosen, rank_label, ranked
from t3d.report.scoring import Score


@given(st.integers(1, 200), st.integers(3, 30))
def test_chosen_spreads_and_has_best_median_worst(count, shown):
    ranks = chosen(count, shown)
    assert ranks == sorted(set(ranks))
    assert min(count, shown - 1) <= len(ranks) <= min(count, shown)
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


def score(shape, chamfer, method="s1", part="test", choice="fix", level="easy"):
    values = {"chamfer-l2": chamfer}
    labels = {"method": method, "variant": "s1", "part": part, "choice": choice, "level": level}
    return Score("deepsdf", shape, f"{level}/30", "ok", "", values, **labels)


def test_ranked_is_one_network_one_part_fixed_view_best_first():
    scores = [
        score("none", None),
        score("b", 0.2),
        score("a", 0.2),
        score("zero", 0.0),
        score("x", 0.0, method="template"),
        score("y", 0.0, part="train"),
        score("z", 0.0, choice="rnd"),
        score("a", 0.0, level="hard"),
    ]
    assert [one.shape for one in ranked(scores, "s1", "test")] == ["zero", "a", "b", "none"]


def test_a_network_with_hard_views_only_is_ranked_by_these():
    assert [one.shape for one in ranked([score("h", 0.1, level="hard")], "s1", "test")] == ["h"]
    assert ranked([], "s1", "test") == []


@pytest.mark.parametrize("missing", ["views", "mesh", "reconstructions"])
def test_no_subject_where_something_is_lost(tmp_path, missing):
    (tmp_path / "choices.json").write_text('{"fix": "easy/30"}')
    there = {"train_scored": {"a": tmp_path}}
    folders = {name: there for name in ("views", "mesh", "reconstructions")}
    assert ShapeFolders(**folders).subject("train", "a").view == "easy/30"
    assert ShapeFolders(**{**folders, missing: {"train_scored": {}}}).subject("train", "a") is None
    assert ShapeFolders(**{**folders, missing: {}}).subject("train", "a") is None
