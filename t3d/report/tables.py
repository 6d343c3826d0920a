"""Tables of scores in Markdown and LaTeX. Figures of two protocols never share a column."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from t3d.datasets.published import Published
from t3d.errors import UsageError

DASH = "–"
"""Stands where there is no number."""

METHODS = {"template": "template alone", "mean-code": "mean code alone"}
CHOICES = {"fix": "fixed view", "rnd": "random view", "any": DASH}
PARTS = {"test": "test shapes", "train": "training shapes"}

_LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", DASH: "--", "×": r"$\times$"}
_LATEX |= {"~": r"\textasciitilde{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}


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
    return _converted(figure, scale**power, f"lengths × {scale:g}")


def halved(figure: Figure) -> Figure:
    """The mean of two directions from their sum; its column says so. Exact."""
    return _converted(figure, 0.5, "half")


def _converted(figure: Figure, by: float, how: str) -> Figure:
    value = figure.value
    if value is not None:
        value = [one * by for one in value] if isinstance(value, Sequence) else value * by
    return replace(figure, value=value, protocol=f"{figure.protocol}, {how}")


@dataclass(frozen=True)
class Table:
    """Rows of texts, counts and figures under named columns.

    Making one raises UsageError for rows of another length and for a column with figures of two
    protocols (or of two factors).
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | Figure, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise UsageError(f"table {self.title!r}: a row does not have the {len(self.columns)} columns")
        self.headers()

    def headers(self) -> list[str]:
        """Names of the columns; those of figures with factor and protocol."""
        return [self._header(i, name) for i, name in enumerate(self.columns)]

    def texts(self) -> list[list[str]]:
        """The cells as they are printed."""
        return [[cell.text if isinstance(cell, Figure) else str(cell) for cell in row] for row in self.rows]

    def _header(self, index: int, name: str) -> str:
        figures = [row[index] for row in self.rows if isinstance(row[index], Figure)]
        kinds = sorted({(f.protocol, f.factor) for f in figures if isinstance(f, Figure)})
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
    head, *body = [" & ".join(map(_escaped, row)) + r" \\" for row in (table.headers(), *table.texts())]
    caption = _escaped(" ".join((table.title + ".", *table.notes)))
    lines = [
        r"\begin{table}",
        rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def score_tables(metrics: Mapping[str, Any]) -> list[Table]:
    """One table per part of the split from the content of `metrics.json`."""
    return [
        _score_table(metrics, part, list(rows))
        for part, rows in groupby(metrics["rows"], key=lambda row: row["part"])
    ]


def _score_table(metrics: Mapping[str, Any], part: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    label, factor = f"{metrics['protocol']} v{metrics['protocol_version']}", metrics["factor"]
    figures = {"mean": "mean", "median": "median", "95 % of median": "interval_median"}
    counts = {name.replace("_", " "): name for name in ("expected", "evaluated", "failed", "no_ground_truth")}
    cells = [
        (
            _method(row),
            CHOICES.get(row["choice"], row["choice"]),
            *(Figure(row[name], label, factor) for name in figures.values()),
            *(row[name] for name in counts.values()),
        )
        for row in rows
    ]
    floor = Figure(metrics["floor"].get(part), label, factor).text
    notes = (
        f"Noise floor × {factor:g}: {floor} (two samplings of one true surface).",
        "Failed shapes count with their penalty; lower is better.",
    )
    title = f"Chamfer distance, {PARTS.get(part, part)}"
    return Table(title, ("method", "view", *figures, *counts), tuple(cells), notes)


def _method(row: Mapping[str, Any]) -> str:
    method, variant = row["method"], row["variant"]
    return method if method == variant else f"{METHODS.get(method, method)} ({variant})"


def published_tables(rows: Iterable[Published]) -> list[Table]:
    """What others published, one table per protocol: not comparable across tables, nor with own scores.

    Own scores are on other shapes even where the protocol is the same.
    """
    columns = ("method", "mean", "median", "test shapes", "certainty", "source")
    tables = []
    for protocol, group in groupby(sorted(rows, key=lambda row: row.protocol), lambda row: row.protocol):
        members = list(group)
        means = [Figure(row.mean, protocol, row.factor) for row in members]
        medians = [Figure(row.median, protocol, row.factor) for row in members]
        cells = [
            (row.method, mean, median, row.shapes, row.certainty, row.source)
            for row, mean, median in zip(members, means, medians, strict=True)
        ]
        tables.append(Table(f"Published: {protocol}", columns, tuple(cells), (members[0].protocol_note,)))
    return tables
