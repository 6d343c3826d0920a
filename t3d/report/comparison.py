"""The tables of the method's slides out of `metrics.json` files, beside what others published."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from t3d.datasets.published import Published
from t3d.datasets.published import rows as published
from t3d.report.tables import CHOICES, DASH, Cell, Figure, Table, figure_of, method_name, rescaled

Content = Mapping[str, Any]
"""Of `metrics.json`, or of a part of it."""

Runs = Mapping[str, Content]
"""Contents of `metrics.json` by category."""

FOREIGN = "Rows of other test shapes cannot be compared with each other."

Row = tuple[tuple[str, ...], Figure, Figure]
"""Method, test shapes, certainty and source; mean and median."""


def published_tables(runs: Runs) -> list[Table]:
    """Per category and protocol of published figures a table of its own, test shapes, easy views.

    Own scores are in it where they are of the same protocol or can be converted exactly, in columns of their
    own then. Rows on other test shapes still cannot be compared, so each says which they were.
    """
    tables = []
    for category, metrics in runs.items():
        found = sorted(published(category), key=lambda row: row.protocol)
        for protocol, group in groupby(found, lambda row: row.protocol):
            members = list(group)
            rows = [*map(_printed, members), *_own(members[0], metrics)]
            tables.append(_table(f"{category.capitalize()}: {protocol}", rows, members[0].note))
    return tables


def _printed(row: Published) -> Row:
    mean, median = (Figure(value, row.protocol, row.factor) for value in (row.mean, row.median))
    return (row.method, row.shapes, row.certainty, row.source), mean, median


def _own(like: Published, metrics: Content) -> Iterator[Row]:
    """Own scores in the protocol of a published one, or converted as near to it as is exact; or none, as
    where the own protocol was kept to approximately only.
    """
    rule = like.own
    kept = [one for one in metrics["protocols"] if not one["approximate"]]
    for one, row in _of_networks([one for one in kept if one["protocol"] == rule.get("protocol")]):
        keys = ("mean_evaluated", "median_evaluated") if rule.get("drop") else ("mean", "median")
        mean, median = (figure_of(one, row, rule["metric"], key) for key in keys)
        if rule.get("drop"):
            mean, median = (replace(figure, protocol=like.protocol) for figure in (mean, median))
        if "lengths" in rule:
            mean, median = (rescaled(figure, rule["lengths"], 2) for figure in (mean, median))
        shapes = f"{row['evaluated']} evaluated, {row['failed']} failed, of this run"
        who = f"t3d, {row['method']}, {CHOICES[row['choice']]}"
        yield (who, shapes, "this run", "metrics.json"), mean, median


def _table(title: str, rows: Sequence[Row], note: str) -> Table:
    """A mean and a median column for each protocol that occurs."""
    protocols = list(dict.fromkeys(mean.protocol for _, mean, _ in rows))
    cells: list[tuple[Cell, ...]] = []
    for (method, *rest), mean, median in rows:
        figures: list[Cell] = [DASH, DASH] * len(protocols)
        place = 2 * protocols.index(mean.protocol)
        figures[place : place + 2] = mean, median
        cells.append((method, mean.protocol, *figures, *rest))
    heads = ("method", "protocol", *["mean", "median"] * len(protocols), "test shapes", "certainty", "source")
    return Table(title, heads, tuple(cells), (note, FOREIGN))


def solution_tables(runs: Runs) -> list[Table]:
    """Sol 1 against Sol 2, fixed and random view, a mean and a median per category; a table per protocol."""
    found: dict[str, dict[tuple[str, str], dict[str, Cell]]] = {}
    for category, metrics in runs.items():
        for one, row in _of_networks(metrics["protocols"]):
            cells = found.setdefault(one["label"], {}).setdefault((row["variant"], row["choice"]), {})
            for key in ("mean", "median"):
                cells[f"{category} {key}"] = figure_of(one, row, next(iter(row["metrics"])), key)
    tables = []
    for label, lines in found.items():
        known = {head for cells in lines.values() for head in cells}
        heads = [head for one in runs for head in (f"{one} mean", f"{one} median") if head in known]
        rows = [
            (f"{method_name(variant)} ({choice})", label, *(cells.get(head, DASH) for head in heads))
            for (variant, choice), cells in sorted(lines.items())
        ]
        tables.append(Table(f"Solutions, {label}", ("", "protocol", *heads), tuple(rows)))
    return tables


def _of_networks(protocols: Sequence[Content]) -> Iterator[tuple[Content, Content]]:
    """Rows of networks on test shapes from easy views, fixed or random, each with its protocol."""
    for one in protocols:
        for row in one["rows"]:
            easy = (row["part"], row["level"]) == ("test", "easy") and row["choice"] in ("fix", "rnd")
            if easy and row["method"] == row["variant"]:
                yield one, row
