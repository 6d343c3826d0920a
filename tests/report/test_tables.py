import pytest

from t3d.errors import UsageError
from t3d.report.tables import (
    Figure,
    Table,
    latex,
    markdown,
    rescaled,
    score_tables,
    significant,
)


def figure(value, protocol="deepsdf v1", factor=1000.0):
    return Figure(value, protocol, factor)


def metric(**changes):
    shown = {"factor": 1000.0, "shown": True, "higher_is_better": False, "floor": 2.2e-5}
    figures = {"mean": 0.00123456, "median": 0.0005, "interval_median": [0.0004, 0.0006]}
    return {**shown, **figures, "mean_evaluated": 0.001, "median_evaluated": 0.0004} | changes


def row(*, interval=(0.0004, 0.0006), floor=2.2e-5, **changes):
    return {
        "method": "s1", "variant": "s1", "part": "test", "level": "easy", "choice": "fix",
        "shapes": 5, "expected": 5, "evaluated": 3, "failed": 1, "no_ground_truth": 1,
        "metrics": {
            "chamfer-l2": metric(interval_median=interval, floor=floor),
            "f@0.01": metric(factor=1.0, mean=0.5, median=0.25, higher_is_better=True),
            "hausdorff": metric(shown=False),
        },
    } | changes  # fmt: skip


def protocol(*rows, **changes):
    known = {"protocol": "deepsdf", "label": "deepsdf v1", "frame": "as it is", "failures": "counted"}
    return {**known, "approximate": [], "rows": rows, "comparisons": []} | changes


METRICS = {
    "protocols": [
        protocol(
            row(),
            row(method="template", choice="any", level="any", interval=None),
            row(part="train", floor=None),
        )
    ]
}


def test_two_protocols_never_share_a_column():
    with pytest.raises(UsageError, match=r"'mean' mixes deepsdf v1 × 1000 and disn × 1000"):
        Table("t", ("method", "mean"), (("a", figure(1.0)), ("b", figure(1.0, "disn"))))
    with pytest.raises(UsageError, match="mixes"):
        Table("t", ("method", "mean"), (("a", figure(1.0)), ("b", figure(1.0, factor=1.0))))
    with pytest.raises(UsageError, match="mixes"):
        Table("t", ("method", "mean"), (("a", figure(1.0)), ("b", figure(None, "deepsdf v2"))))


def test_two_protocols_may_stand_side_by_side():
    table = Table("t", ("method", "x", "y"), (("a", figure(1e-3), figure(2e-3, "disn")),))
    assert table.headers() == ["method", "x × 1000 (deepsdf v1)", "y × 1000 (disn)"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5, "1.50"), (0.0123456, "0.0123"), (1234.0, "1230"), (2.5e-7, "0.000000250"), (0.0, "0.00"),
     (-0.5, "-0.500"), (0.99999, "1.00"), (999.9, "1000"), (float("nan"), "–")],
)  # fmt: skip
def test_three_significant_digits(value, text):
    assert significant(value) == text


def test_markdown_shows_protocol_counts_interval_and_floor():
    test, train = map(markdown, score_tables(METRICS))
    lines = test.splitlines()
    assert lines[0] == "### deepsdf v1, test shapes"
    assert "chamfer-l2 ↓ mean × 1000 (deepsdf v1)" in lines[2]
    assert "f@0.01 ↑ median (deepsdf v1)" in lines[2]
    assert "hausdorff" not in lines[2]
    assert (
        lines[4] == "| Sol 1 | fixed view | 1.23 | 0.500 | 0.400 to 0.600 | 0.500 | 0.250 | 5 | 3 | 1 | 1 |"
    )
    assert lines[5] == "| template alone (Sol 1) | – | 1.23 | 0.500 | – | 0.500 | 0.250 | 5 | 3 | 1 | 1 |"
    assert {line.count("|") for line in lines[2:6]} == {12}
    assert "chamfer-l2 0.0220" in test
    assert "training shapes" in train
    assert "chamfer-l2 –" in train


def test_hard_views_and_several_views_are_said():
    (table,) = score_tables({"protocols": [protocol(row(level="hard", expected=15))]})
    assert table.texts()[0][1] == "hard, fixed view"
    assert "counts once" in table.notes[-1]


def test_latex_escapes_and_balances():
    text = latex(Table("50 % of A_b & c", ("method", "mean"), (("x_1", figure(0.001)), ("y", figure(None)))))
    assert r"\caption{50 \% of A\_b \& c.}" in text
    assert r"x\_1 & 1.00 \\" in text
    assert r"y & -- \\" in text
    assert r"mean $\times$ 1000 (deepsdf v1)" in text
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    assert r"\begin{tabular}{lr}" in text


def test_markdown_keeps_bars_inside_cells():
    text = markdown(Table("t", ("a|b", "c"), (("d|e", 1),)))
    assert r"| a\|b | c |" in text
    assert r"| d\|e | 1 |" in text


def test_conversions_change_the_figure_and_its_column():
    doubled = rescaled(figure((1e-3, 2e-3)), 2.0, 2)
    assert doubled.value == [4e-3, 8e-3]
    assert doubled.protocol == "deepsdf v1, lengths × 2"
    assert rescaled(figure(None), 2.0, 2).value is None
    with pytest.raises(UsageError, match="mixes"):
        Table("t", ("method", "mean"), (("a", figure(1.0)), ("b", rescaled(figure(1.0), 2.0, 1))))
