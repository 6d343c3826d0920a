"""The tables of docs/results.md: what runs scored, and each network less the other methods, shape by shape.

    python experiments/tables.py RUN...

RUN is a category's folder in a store (`work/sofa`: its latest run with scores), a run file in it, or what
`experiments/keep.py` kept of it. Several are one experiment with other seeds of training: tables show the
median of each and the mean of all; differences are those of the means over the runs, shape by shape.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.formats import read_json
from t3d.geometry.metrics import median_interval
from t3d.geometry.protocols import PROTOCOLS, Metric
from t3d.report.tables import full_name, method_name, significant

METRICS = {"deepsdf": "chamfer-l2", "t3d-v1": "f@0.01"}
TEST = [("test", level, choice) for level in ("easy", "hard") for choice in ("fix", "rnd")]
TRAIN = [("train", "easy", "fix"), ("train", "hard", "fix")]

Row = dict[str, str]
Values = Mapping[str, float]
"""By shape."""
Method = tuple[str, str]
"""Name, and whose network; networks have the same name twice."""
View = tuple[str, str, str]
"""Part of the split, set of views, how one is chosen."""


def rows_of(run: Path) -> list[Row]:
    """The rows of a run's `metrics.csv`."""
    if run.suffix != ".csv":
        root, made = scored_run(run)
        run = root / made["scores"][""] / "metrics.csv"
    with run.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def scored_run(run: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    """A category's folder and, by node and shape, where in it a run's artifacts are."""
    by_age = sorted((run / "runs").glob("*.json"), key=lambda at: at.stat().st_mtime)
    files = [run] if run.is_file() else by_age
    return [(at.parents[1], made) for at in files if "scores" in (made := read_json(at)["artifacts"])][-1]


def values(rows: Sequence[Row], method: Method, view: View, column: str) -> Values:
    """A method's figures at a view, or those of one that sees none."""
    part, *chosen = view
    mine = [row for row in rows if (row["method"], row["variant"], row["part"]) == (*method, part)]
    seen = [row for row in mine if [row["level"], row["choice"]] in (chosen, ["any", "any"])]
    return {row["shape"]: float(row[column]) for row in seen if row[column]}


def figures(runs: Sequence[Sequence[Row]], method: Method, view: View, column: str, factor: float) -> str:
    """`1.2 / 1.3 (1.5)`: the median of each run and the mean of all."""
    found = [factor * np.array([*values(run, method, view, column).values()]) for run in runs]
    medians = " / ".join(significant(float(np.median(one))) for one in found)
    return f"{medians} ({significant(float(np.mean(np.concatenate(found))))})"


def difference(
    runs: Sequence[Sequence[Row]], pair: Sequence[Method], view: View, column: str, factor: float
) -> str:
    """`-0.3 (-0.5 to -0.1)`: median over shapes of one method less another, and its 95 % interval."""
    means = [_means([values(run, method, view, column) for run in runs]) for method in pair]
    shapes = sorted(means[0].keys() & means[1].keys())
    gaps: NDArray[np.float64] = factor * np.array([means[0][shape] - means[1][shape] for shape in shapes])
    interval = median_interval(gaps, np.random.default_rng(0), 10_000)
    around = " to ".join(map(significant, interval)) if interval else "few shapes"
    return f"{significant(float(np.median(gaps)))} ({around})"


def _means(runs: Sequence[Values]) -> Values:
    shapes = set.intersection(*map(set, runs))
    return {shape: float(np.mean([run[shape] for run in runs])) for shape in shapes}


def pairs_of(methods: Sequence[Method]) -> list[Sequence[Method]]:
    """Each network with its own baselines, the common ones, and the networks before it."""
    networks = [one for one in methods if one[0] == one[1]]
    pairs = [(one, other) for one in networks for other in methods if other not in networks]
    own = [(one, other) for one, other in pairs if other[1] in (one[1], "")]
    return [*own, *((one, other) for one in networks for other in networks[: networks.index(one)])]


def worst(run: Sequence[Row], methods: Sequence[Method], column: str, factor: float, most: int = 3) -> str:
    """Per network the shapes that add most to its mean, and what its baselines make of them."""
    lines = {}
    for network in [one for one in methods if one[0] == one[1]]:
        mine, others = (
            values(run, network, TEST[0], column),
            [one for one in methods if one[1] in (network[1], "")],
        )
        for shape in sorted(mine, key=lambda one: -mine[one])[:most]:
            found = [values(run, one, TEST[0], column)[shape] for one in others]
            cells = [f"{mine[shape] / sum(mine.values()):.0%}", *(significant(factor * one) for one in found)]
            lines[f"{method_name(network[0])}: {shape[:10]}"] = cells
    return table(
        "worst, easy, fix",
        [("share of the mean",), *(("itself" if one == of else method_name(one),) for one, of in others)],
        lines,
    )


def table(head: str, columns: Sequence[Sequence[str]], lines: Mapping[str, Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [[head, *(", ".join(view) for view in columns)], ["---"] * (len(columns) + 1)]
    rows += [[name, *cells] for name, cells in lines.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n"


def tables(runs: Sequence[Sequence[Row]]) -> str:
    """Per protocol that was scored: figures, differences, and where lost distance goes."""
    text = ""
    for protocol in [PROTOCOLS[name] for name in dict.fromkeys(row["protocol"] for row in runs[0])]:
        metric: Metric = next(one for one in protocol.metrics if one.name == METRICS[protocol.name])
        column = next(name for name in runs[0][0] if name.startswith(f"{metric.name} ({protocol.name}"))
        rows = [[row for row in run if row["protocol"] == protocol.name] for run in runs]
        methods = list(dict.fromkeys((row["method"], row["variant"]) for row in rows[0]))
        views = [one for one in (*TEST, *TRAIN) if any(_at(row, one) for row in rows[0])]
        title, of = f"{column} × {metric.factor:g}", (column, metric.factor)
        lines = {full_name(*one): [figures(rows, one, view, *of) for view in views] for one in methods}
        text += table(f"{title}: median (mean)", views, lines)
        tested = [view for view in views if view in TEST]
        lines = {
            " less ".join(full_name(*one) for one in two): [
                difference(rows, two, view, *of) for view in tested
            ]
            for two in pairs_of(methods)
        }
        text += table(f"{title}: differences (95 %)", tested, lines)
        if not metric.higher_is_better:
            text += worst(rows[0], methods, *of)
    return text


def _at(row: Row, view: View) -> bool:
    return (row["part"], row["level"], row["choice"]) == view


if __name__ == "__main__":
    sys.stdout.write(tables([rows_of(Path(run)) for run in sys.argv[1:]]))
