"""What `t3d score` says of its rows: statistics, coverage, files and tables."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from t3d import __version__
from t3d.datasets.formats import write_json
from t3d.geometry.frames import FRAMES
from t3d.geometry.metrics import f_score
from t3d.geometry.protocols import FAILURES, Metric, Protocol
from t3d.report.summary import FAILED, NO_TRUTH, OK, statistics
from t3d.report.tables import Figure, Table, latex, markdown
from t3d.tasks.score import Row

SAME = 0.02
"""Boxes whose sizes and places differ by less, in median, are taken to be of one frame."""

RESAMPLES = 10_000
"""Bootstrap samples behind each 95 % interval."""

DROPPED = "DROPPED from mean, median and interval: not comparable with any table that counts them"

COUNTS = {"evaluated": OK, "failed": FAILED, "no_ground_truth": NO_TRUTH}
STATISTICS = {"mean": "mean", "median": "median", "95 % of median": "interval_median", "noise floor": "floor"}


def summarise(
    rows: Sequence[Row], protocols: Sequence[Protocol], given: Sequence[str], seed: int, drop: bool
) -> dict[str, Any]:
    """Content of `scores.json`.

    given: which of the protocols' own "points" and "meshes" the ground truth was. drop: leave failures out.
    """
    lost = {(row.shape, row.view, row.status, row.reason) for row in rows if row.status != OK}
    return {
        "t3d": __version__,
        "seed": seed,
        "protocols": [
            _protocol(protocol, [row for row in rows if row.protocol == protocol.name], given, seed, drop)
            for protocol in protocols
        ],
        "boxes": _boxes(rows),
        "lost": [dict(zip(("shape", "view", "status", "reason"), one, strict=True)) for one in sorted(lost)],
    }


def _protocol(
    protocol: Protocol, rows: Sequence[Row], given: Sequence[str], seed: int, drop: bool
) -> dict[str, Any]:
    approximate = _approximations(protocol, rows, given)
    return {
        "protocol": protocol.name,
        "version": protocol.version,
        "label": protocol.label.replace(protocol.name, f"{protocol.name}~" if approximate else protocol.name),
        "approximate": approximate,
        "definition": asdict(protocol),
        "frame": FRAMES[protocol.frame][1],
        "failures": DROPPED if drop else f"counted as {FAILURES}",
        "shapes": len({row.shape for row in rows}),
        "expected": len(rows),
        **{name: sum(row.status == status for row in rows) for name, status in COUNTS.items()},
        "metrics": {metric.name: _metric(protocol, metric, rows, seed, drop) for metric in protocol.metrics},
    }


def _approximations(protocol: Protocol, rows: Sequence[Row], given: Sequence[str]) -> list[str]:
    """Why figures are not what the protocol's source would have printed."""
    found = []
    if protocol.needs and protocol.needs not in given:
        found.append(f"ground truth is not the protocol's own (--gt-{protocol.needs})")
    views = len(rows) / len({row.shape for row in rows})
    if protocol.views and views != protocol.views:
        found.append(f"{views:.3g} views per shape instead of {protocol.views}")
    thin = Counter(side for row in rows for side in row.thin)
    return found + [f"{count} {side} are clouds of another size" for side, count in thin.items()]


def _metric(protocol: Protocol, metric: Metric, rows: Sequence[Row], seed: int, drop: bool) -> dict[str, Any]:
    """Statistics over shapes, each shape being the mean over its views; None where some have no value."""
    known = by_shape(rows, metric.name, drop)
    floors = [row.floors[metric.name] for row in rows if metric.name in row.floors]
    found = statistics(known, seed, RESAMPLES if metric.shown else 0)
    if protocol.f_of_means and metric.kind == "f" and known:
        parts = (by_shape(rows, Metric(kind, at=metric.at).name, drop) for kind in ("precision", "recall"))
        found["mean"] = f_score(*(float(np.mean(part)) for part in parts))
    found["floor"] = float(np.mean(floors)) if floors else None
    kept = {"factor": metric.factor, "shown": metric.shown, "higher_is_better": metric.higher_is_better}
    return found | kept


def by_shape(rows: Sequence[Row], name: str, drop: bool) -> list[float]:
    """Mean over the views of each shape; empty where an evaluated prediction lacks the metric."""
    values: dict[str, list[float]] = {}
    for row in rows:
        value = row.values.get(name)
        if row.status == OK and value is None:
            return []
        if value is not None and not (drop and row.status == FAILED):
            values.setdefault(row.shape, []).append(value)
    return [float(np.mean(of_shape)) for of_shape in values.values()]


def _boxes(rows: Sequence[Row]) -> dict[str, Any]:
    """How the boxes of predictions compare with those of ground truths, in medians."""
    known = [(row.box_ratio, row.box_shift) for row in rows if row.box_ratio is not None]
    if not known:
        return {"ratio": None, "shift": None, "same": None}
    ratio, shift = np.median(np.array(known, dtype=np.float64), axis=0).tolist()
    return {"ratio": ratio, "shift": shift, "same": abs(ratio - 1) <= SAME and shift <= SAME}


def tables(result: Mapping[str, Any]) -> list[Table]:
    """How much there was of each protocol, a row each; then the figures of each, a column per metric."""
    counts = ("shapes", "expected", *COUNTS)
    rows = [(one["label"], *(one[name] for name in counts)) for one in result["protocols"]]
    coverage = Table("Coverage", ("protocol", *(name.replace("_", " ") for name in counts)), tuple(rows))
    return [coverage, *map(_figures, result["protocols"])]


def _figures(one: Mapping[str, Any]) -> Table:
    shown = {name: metric for name, metric in one["metrics"].items() if metric["shown"]}
    rows: list[tuple[str | int | Figure, ...]] = [
        (title, *(Figure(metric[key], one["label"], metric["factor"]) for metric in shown.values()))
        for title, key in STATISTICS.items()
    ]
    arrows = [f"{name} {'↑' if metric['higher_is_better'] else '↓'}" for name, metric in shown.items()]
    counts = ", ".join(f"{one[name]} {name.replace('_', ' ')}" for name in ("expected", *COUNTS))
    notes = [f"Frame: {one['frame']}. N: {counts}. Failures: {one['failures']}."]
    notes += [f"Approximate: {why}." for why in one["approximate"]]
    return Table(one["label"], ("", *arrows), tuple(rows), tuple(notes))


def write(out: Path, result: Mapping[str, Any], rows: Iterable[Row]) -> None:
    """Write `scores.json`, `scores.csv` (a row per protocol, shape and view), `table.md` and `table.tex`."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "scores.json", result)
    for name, text in (("table.md", markdown), ("table.tex", latex)):
        (out / name).write_text("\n".join(map(text, tables(result))), encoding="utf-8")
    labels = ("protocol", "shape", "view", "status", "reason", "box_ratio", "box_shift")
    of = {one["protocol"]: one["label"] for one in result["protocols"]}
    columns = [f"{metric} ({one['label']})" for one in result["protocols"] for metric in one["metrics"]]
    with (out / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*labels, *columns], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            values = {f"{name} ({of[row.protocol]})": value for name, value in row.values.items()}
            writer.writerow({label: getattr(row, label) for label in labels} | values)
