"""The slides' tables: what stands beside what, in which column, and what is converted."""

import pytest

from t3d.report.comparison import published_tables, solution_tables
from t3d.report.tables import markdown


def figures(mean, median):
    found = {"mean": 2 * mean, "median": 2 * median, "mean_evaluated": mean, "median_evaluated": median}
    return {**found, "factor": 1000.0, "shown": True, "higher_is_better": False, "interval_median": None}


def row(variant, choice, mean, method="", part="test", level="easy"):
    labels = {"method": method or variant, "variant": variant, "part": part, "level": level, "choice": choice}
    return {**labels, "evaluated": 9, "failed": 3, "metrics": {"chamfer-l2": figures(mean, mean / 2)}}


def metrics(factor=1.0):
    rows = [
        row(variant, choice, factor * mean)
        for variant, mean in (("s1", 1e-3), ("s2-simclr", 2e-3))
        for choice in ("fix", "rnd")
    ]
    others = [row("s1", "fix", 9.0, level="hard"), row("s1", "fix", 9.0, part="train"), row("s1", "all", 9.0)]
    others.append(row("s1", "fix", 9.0, method="template"))
    one = {"protocol": "deepsdf", "label": "deepsdf v1", "rows": rows + others, "approximate": []}
    foreign = {"protocol": "t3d-v1", "label": "t3d-v1", "rows": rows, "approximate": []}
    return {"protocols": [one, foreign]}


@pytest.fixture(scope="module")
def tables():
    runs = {"chair": metrics(), "sofa": metrics(3.0)}
    return {table.title: table for table in (*published_tables(runs), *solution_tables(runs))}


def test_published_and_own_figures_share_a_column_where_failures_are_dropped(tables):
    table = tables["Chair: deepsdf, failures dropped"]
    assert table.headers()[2:4] == [f"{key} × 1000 (deepsdf, failures dropped)" for key in ("mean", "median")]
    texts = {cells[0]: cells for cells in table.texts()}
    published = next(cells for method, cells in texts.items() if "two phases, fixed view" in method)
    assert published[1:5] == ["deepsdf, failures dropped", "1.61", "1.02", "832, DeepSDF split"]
    own = texts["t3d, s1, fixed view"]
    assert own[1:5] == ["deepsdf, failures dropped", "1.00", "0.500", "9 evaluated, 3 failed, of this run"]
    assert sum(method.startswith("t3d") for method in texts) == 4, "easy views of test shapes, networks only"
    assert "Rows of other test shapes cannot be compared" in table.notes[1]


def test_another_scale_is_converted_into_a_column_of_its_own(tables):
    table = tables["Chair: p2m, points by area"]
    assert table.headers()[2:6] == [
        "mean × 1000 (p2m, points by area)", "median × 1000 (p2m, points by area)",
        "mean × 1000 (deepsdf v1, lengths × 0.57)", "median × 1000 (deepsdf v1, lengths × 0.57)",
    ]  # fmt: skip
    texts = {cells[0]: cells for cells in table.texts()}
    assert texts["Mesh R-CNN (light, pretty)"][2:6] == ["0.400", "–", "–", "–"]
    assert float(texts["t3d, s1, fixed view"][4]) == pytest.approx(2 * 0.57**2, abs=1e-3), "penalised"


def test_what_was_only_approximate_stands_beside_nothing():
    run = metrics()
    run["protocols"][0].update(
        label="deepsdf~ v1", approximate=["8 ground truths are clouds of another size"]
    )
    for table in published_tables({"chair": run}):
        assert not any(cells[0].startswith("t3d") for cells in table.texts())


@pytest.mark.parametrize("protocol", ["disn", "onet"])
def test_what_cannot_be_converted_stands_alone(tables, protocol):
    table = tables[f"Chair: {protocol}"]
    assert not any(cells[0].startswith("t3d") for cells in table.texts())
    assert "4.46" in markdown(tables["Chair: disn"])


def test_solutions_stand_against_each_other_with_a_column_per_category(tables):
    table = tables["Solutions, deepsdf v1"]
    assert [head.partition(" ×")[0] for head in table.headers()] == [
        "", "protocol", "chair mean", "chair median", "sofa mean", "sofa median",
    ]  # fmt: skip
    assert table.texts() == [
        ["Sol 1 (fix)", "deepsdf v1", "2.00", "1.00", "6.00", "3.00"],
        ["Sol 1 (rnd)", "deepsdf v1", "2.00", "1.00", "6.00", "3.00"],
        ["Sol 2, simclr (fix)", "deepsdf v1", "4.00", "2.00", "12.0", "6.00"],
        ["Sol 2, simclr (rnd)", "deepsdf v1", "4.00", "2.00", "12.0", "6.00"],
    ]
    assert "Solutions, t3d-v1" in tables


def test_a_category_that_nobody_published_has_its_solutions_only():
    run = {"teapot": metrics()}
    assert [table.title for table in solution_tables(run)] == ["Solutions, deepsdf v1", "Solutions, t3d-v1"]
    assert published_tables(run) == solution_tables({"teapot": {"protocols": []}}) == []
