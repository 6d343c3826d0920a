"""Tables of scores in Markdown, LaTeX and CSV. Figures of two protocols never share a column."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from t3d.errors import UsageError

DASH = "–"
"""Stands where there is no number."""

METHODS = {
    "template": "template alone",
    "mean-code": "mean code alone",
    "retrieval": "nearest training shape by image",
    "oracle-retrieval": "nearest training shape, oracle",
    "oracle-code": "best code, oracle",
}
CHOICES = {"fix": "fixed view", "rnd": "random view", "all": "all views", "any": DASH}
PARTS = {"test": "test shapes", "train": "training shapes"}
COUNTS = {name: name.replace("_", " ") for name in ("expected", "evaluated", "failed", "no_ground_truth")}
STATISTICS = {"mean": "mean", "median": "median", "95 % of median": "interval_median"}

Row = Mapping[str, Any]
Rows = Sequence[Row]
"""A table of plain values by the name of their column."""

_LATEX = {letter: "\\" + letter for letter in "&%_#$"} | {
    DASH: "--",
    "~": r"\textasciitilde{}",
}
_LATEX |= {"×": r"$\times$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}


@dataclass(frozen=True)
class Figure:
    """A score, or the interval of one, and the protocol that gives it its meaning."""

    value: float | Sequence[float] | None
    """Raw; two numbers for an interval, None where there is none."""
    protocol: str
    """Label of a protocol, such as "deepsdf v1"."""
    factor: float
    """By what it is multiplied for printing."""

    @property
    def text(self) -> str:
        """Three significant digits each."""
        if self.value is None:
            return DASH
        values = self.value if isinstance(self.value, Sequence) else (self.value,)
        return " to ".join(significant(value * self.factor) for value in values)


def rescaled(figure: Figure, scale: float, power: int) -> Figure:
    """A distance, or a power of one, in lengths `scale` times as large; its column says so.

    Exact for scales that all shapes share, such as 0.57 between Pixel2Mesh's lengths and ShapeNet's; a scale
    of each shape's own cannot be applied to a mean.
    """
    value = None if figure.value is None else np.multiply(figure.value, scale**power).tolist()
    return replace(figure, value=value, protocol=f"{figure.protocol}, lengths × {scale:g}")


Cell: TypeAlias = str | int | Figure


@dataclass(frozen=True)
class Table:
    """Rows of texts, counts and figures under named columns.

    Making one raises UsageError for a column with figures of two protocols (or of two factors).
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.headers()

    def headers(self) -> list[str]:
        """Names of the columns; those of figures with factor and protocol."""
        return [self._header(i, name) for i, name in enumerate(self.columns)]

    def texts(self) -> list[list[str]]:
        """The cells as they are printed."""
        return [[cell.text if isinstance(cell, Figure) else str(cell) for cell in row] for row in self.rows]

    def _header(self, index: int, name: str) -> str:
        cells = [row[index] for row in self.rows]
        kinds = sorted({(one.protocol, one.factor) for one in cells if isinstance(one, Figure)})
        if len(kinds) > 1:
            found = " and ".join(f"{protocol} × {factor:g}" for protocol, factor in kinds)
            raise UsageError(f"table {self.title!r}: column {name!r} mixes {found}; give each its own column")
        if not kinds:
            return name
        protocol, factor = kinds[0]
        return f"{name} × {factor:g} ({protocol})" if factor != 1 else f"{name} ({protocol})"


def significant(value: float) -> str:
    """Three significant digits, never an exponent: 0.0123, 1.50, 1230."""
    if not math.isfinite(value):
        return DASH
    rounded = float(f"{value:.2e}")
    decimals = 2 - math.floor(math.log10(abs(rounded))) if rounded else 2
    return f"{rounded:.{max(decimals, 0)}f}"


def markdown(table: Table) -> str:
    """The table for a Markdown page, figures to the right."""
    rule = [":--"] + ["--:"] * (len(table.columns) - 1)
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (table.headers(), rule, *table.texts())]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return f"### {table.title}\n\n{body}\n{notes}"


def latex(table: Table) -> str:
    """The table for a LaTeX document that loads `booktabs`."""
    head, *body = (" & ".join(map(_escaped, row)) + r" \\" for row in (table.headers(), *table.texts()))
    caption = _escaped(" ".join((table.title + ".", *table.notes)))
    rows = "\n".join((r"\toprule", head, r"\midrule", *body, r"\bottomrule"))
    columns = "l" + "r" * (len(table.columns) - 1)
    inner = f"\\begin{{tabular}}{{{columns}}}\n{rows}\n\\end{{tabular}}"
    return f"\\begin{{table}}\n\\caption{{{caption}}}\n{inner}\n\\end{{table}}\n"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def write_table(path: Path, rows: Rows, columns: Sequence[str] = ()) -> None:
    """Rows of plain values as CSV; None, and what a row lacks, is left empty.

    columns: names in their order; those of the first row if none are given.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0] if rows else ()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file as texts by column."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def result_tables(result: Mapping[str, Any]) -> list[Table]:
    """Of `scores.json`: a table per protocol, a column per metric."""
    tables = []
    for one in result["protocols"]:
        shown = {name: metric for name, metric in one["metrics"].items() if metric["shown"]}
        rows: list[tuple[Cell, ...]] = [
            (title, *(Figure(metric[key], one["label"], metric["factor"]) for metric in shown.values()))
            for title, key in {**STATISTICS, "noise floor": "floor"}.items()
        ]
        counts = ", ".join(f"{one[name]} {title}" for name, title in COUNTS.items())
        notes = (f"Frame: {one['frame']}. N: {counts}. Failures: {one['failures']}.", *_doubts(one))
        tables.append(Table(one["label"], ("", *map(_arrow, shown.items())), tuple(rows), notes))
    return tables


def score_tables(metrics: Mapping[str, Any]) -> list[Table]:
    """Of `metrics.json`: one table per protocol and part of the split, a row per method."""
    return [
        _score_table(one, part, rows)
        for one in metrics["protocols"]
        for part in PARTS
        if (rows := [row for row in one["rows"] if row["part"] == part])
    ]


def _score_table(one: Mapping[str, Any], part: str, rows: Rows) -> Table:
    names = [name for name, metric in rows[0]["metrics"].items() if metric["shown"]]
    columns = [(name, title) for name in names for title in list(STATISTICS)[: 3 if name == names[0] else 2]]
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        figures = [figure_of(one, row, name, STATISTICS[title]) for name, title in columns]
        method = full_name(row["method"], row["variant"])
        cells.append((method, view_of(row), *figures, *(row[count] for count in COUNTS)))
    heads = [f"{_arrow((name, rows[0]['metrics'][name]))} {title}" for name, title in columns]
    floors = ", ".join(f"{name} {figure_of(one, rows[0], name, 'floor').text}" for name in names)
    notes = [f"Noise floor (two samplings of one true surface), in the columns' units: {floors}."]
    notes += [f"Frame: {one['frame']}. Failures: {one['failures']}.", *_doubts(one)]
    if any(row["expected"] > row["shapes"] for row in rows):
        notes.append("A shape with several views counts once, with their mean; N are predictions.")
    heads = ["method", "view", *heads, *COUNTS.values()]
    return Table(f"{one['label']}, {PARTS[part]}", tuple(heads), tuple(cells), tuple(notes))


def method_name(method: str) -> str:
    """A method of a score file in words, a variant as the slides call it: Sol 1; Sol 2, simclr."""
    solution = "Sol 1" if method == "s1" else f"Sol 2, {method.removeprefix('s2-')}"
    return METHODS.get(method, solution)


def full_name(method: str, variant: str) -> str:
    """The same with the network that a baseline belongs to: template alone (Sol 2, simclr)."""
    return method_name(method) + (f" ({method_name(variant)})" if variant not in (method, "") else "")


def figure_of(one: Row, row: Row, metric: str, key: str) -> Figure:
    """A statistic of a metric out of a row of one of the protocols of `metrics.json`."""
    found = row["metrics"][metric]
    return Figure(found[key], one["label"], found["factor"])


def view_of(row: Row) -> str:
    """How the view of a row was chosen, in words."""
    level = "hard, " if row["level"] == "hard" else ""
    return f"{level}{CHOICES.get(row['choice'], row['choice'])}"


def _arrow(metric: tuple[str, Mapping[str, Any]]) -> str:
    return f"{metric[0]} {'↑' if metric[1]['higher_is_better'] else '↓'}"


def _doubts(one: Mapping[str, Any]) -> list[str]:
    return [f"Approximate: {why}." for why in one["approximate"]]
