"""The tables of the method's slides out of `metrics.json` files, beside what others published."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from t3d.datasets.published import Published
from t3d.datasets.published import rows as published
from t3d.report.tables import CHOICES, DASH, Cell, Figure, Table, figure_of, method_name, rescaled

Runs = Mapping[str, Mapping[str, Any]]
"""Contents of `metrics.json` by category."""

SHOWN = ("fix", "rnd")
"""View choices of the slides' tables."""

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


def _own(like: Published, metrics: Mapping[str, Any]) -> Iterator[Row]:
    """Own scores in the protocol of a published one, or converted as near to it as is exact; or none, as
    where the own protocol was kept to approximately only.
    """
    rule = like.own
    for one in metrics["protocols"]:
        known = one["protocol"] == rule.get("protocol") and not one["approximate"]
        for row in _of_networks(one) if known else ():
            keys = ("mean_evaluated", "median_evaluated") if rule.get("drop") else ("mean", "median")
            pair = [figure_of(one, row, rule["metric"], key) for key in keys]
            if rule.get("drop"):
                pair = [Figure(figure.value, like.protocol, figure.factor) for figure in pair]
            if "lengths" in rule:
                pair = [rescaled(figure, rule["lengths"], 2) for figure in pair]
            shapes = f"{row['evaluated']} evaluated, {row['failed']} failed, of this run"
            who = f"t3d, {row['method']}, {CHOICES[row['choice']]}"
            yield (who, shapes, "this run", "metrics.json"), pair[0], pair[1]


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
    labels = dict.fromkeys(one["label"] for metrics in runs.values() for one in metrics["protocols"])
    return [table for label in labels if (table := _solutions(runs, label)).rows]


def _solutions(runs: Runs, label: str) -> Table:
    found: dict[tuple[str, str], dict[str, Cell]] = {}
    columns: list[str] = []
    for category, metrics in runs.items():
        for one in (one for one in metrics["protocols"] if one["label"] == label):
            heads = {f"{category} {key}": key for key in ("mean", "median")}
            columns += heads
            for row in _of_networks(one):
                cells = {
                    head: figure_of(one, row, next(iter(row["metrics"])), key) for head, key in heads.items()
                }
                found.setdefault((row["variant"], row["choice"]), {}).update(cells)
    rows = [
        (f"{method_name(variant)} ({choice})", label, *(cells.get(column, DASH) for column in columns))
        for (variant, choice), cells in sorted(found.items())
    ]
    return Table(f"Solutions, {label}", ("", "protocol", *columns), tuple(rows))


def _of_networks(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Rows of networks on test shapes from easy views, fixed or random."""
    return [
        row
        for row in one["rows"]
        if row["method"] == row["variant"]
        and (row["part"], row["level"]) == ("test", "easy")
        and row["choice"] in SHOWN
    ]
