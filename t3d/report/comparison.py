"""The tables of the method's slides out of `metrics.json` files, beside what others published."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from t3d.datasets.published import Published
from t3d.datasets.published import rows as published
from t3d.report.tables import CHOICES, DASH, Cell, Figure, Table, figure_of, rescaled

SHOWN = ("fix", "rnd")
"""View choices of the slides' tables."""


def comparison_tables(runs: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """Slides' tables from the contents of `metrics.json` by category: test shapes, easy views.

    Per category and protocol of published figures a table of its own, with own scores where they are of the
    same protocol or can be converted exactly (in columns of their own then); last, the solutions against each
    other. Rows on other test shapes still cannot be compared, so each says which they were.
    """
    beside = [table for category, metrics in runs.items() for table in _beside(category, metrics)]
    return [*beside, *solution_tables(runs)]


def _beside(category: str, metrics: Mapping[str, Any]) -> list[Table]:
    found = sorted(published(category), key=lambda row: row.protocol)
    tables = []
    for protocol, group in groupby(found, lambda row: row.protocol):
        members = list(group)
        rows: list[tuple[tuple[str, ...], Figure, Figure]] = [
            (
                (row.method, protocol, row.shapes, row.certainty, row.source),
                Figure(row.mean, protocol, row.factor),
                Figure(row.median, protocol, row.factor),
            )
            for row in members
        ]
        own = list(_own(members[0], metrics))
        notes = (members[0].protocol_note, "Rows of other test shapes cannot be compared with each other.")
        tables.append(_table(f"{category.capitalize()}: {protocol}", [*rows, *own], notes))
    return tables


def _own(like: Published, metrics: Mapping[str, Any]) -> "list[tuple[tuple[str, ...], Figure, Figure]]":
    """Own scores in the protocol of a published one, or converted as near to it as is exact; or none, as
    where the own protocol was kept to approximately only.
    """
    rule = like.own
    found: list[tuple[tuple[str, ...], Figure, Figure]] = []
    for one in metrics["protocols"]:
        if one["protocol"] != rule.get("protocol") or one["approximate"]:
            continue
        for row in _of_networks(one["rows"]):
            keys = ("mean_evaluated", "median_evaluated") if rule.get("drop") else ("mean", "median")
            pair = [figure_of(one, row, rule["metric"], key) for key in keys]
            if rule.get("drop"):
                pair = [Figure(figure.value, like.protocol, figure.factor) for figure in pair]
            if "lengths" in rule:
                pair = [rescaled(figure, rule["lengths"], 2) for figure in pair]
            who = f"t3d, {row['method']}, {CHOICES[row['choice']]}"
            shapes = f"{row['evaluated']} evaluated, {row['failed']} failed, of this run"
            found.append(((who, pair[0].protocol, shapes, "this run", "metrics.json"), pair[0], pair[1]))
    return found


def _table(
    title: str, rows: "Sequence[tuple[tuple[str, ...], Figure, Figure]]", notes: tuple[str, ...]
) -> Table:
    """A mean and a median column for each protocol that occurs."""
    protocols = list(dict.fromkeys(mean.protocol for _, mean, _ in rows))
    cells: list[tuple[Cell, ...]] = []
    for (method, protocol, *rest), mean, median in rows:
        figures: list[Cell] = []
        for name in protocols:
            figures += [mean, median] if name == mean.protocol else [DASH, DASH]
        cells.append((method, protocol, *figures, *rest))
    heads = ["mean", "median"] * len(protocols)
    columns = ("method", "protocol", *heads, "test shapes", "certainty", "source")
    return Table(title, columns, tuple(cells), notes)


def solution_tables(runs: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """Sol 1 against Sol 2, fixed and random view, a mean and a median per category; a table per protocol."""
    labels = dict.fromkeys(one["label"] for metrics in runs.values() for one in metrics["protocols"])
    tables = []
    for label in labels:
        found = {
            category: {(row["variant"], row["choice"]): (one, row) for row in _of_networks(one["rows"])}
            for category, metrics in runs.items()
            for one in metrics["protocols"]
            if one["label"] == label
        }
        wanted = sorted({key for rows in found.values() for key in rows})
        cells: list[tuple[Cell, ...]] = []
        for variant, choice in wanted:
            figures: list[Cell] = []
            for rows in found.values():
                one, row = rows.get((variant, choice), (None, None))
                for key in ("mean", "median"):
                    name = next(iter(row["metrics"])) if row else ""
                    figures.append(figure_of(one, row, name, key) if one and row else DASH)
            cells.append((f"{_solution(variant)} ({choice})", label, *figures))
        heads = [f"{category} {key}" for category in found for key in ("mean", "median")]
        if cells:
            tables.append(Table(f"Solutions, {label}", ("", "protocol", *heads), tuple(cells)))
    return tables


def _solution(variant: str) -> str:
    return "Sol 1" if variant == "s1" else f"Sol 2, {variant.removeprefix('s2-')}"


def _of_networks(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of networks on test shapes from easy views, fixed or random."""
    return [
        row
        for row in rows
        if row["method"] == row["variant"]
        and (row["part"], row["level"]) == ("test", "easy")
        and row["choice"] in SHOWN
    ]
