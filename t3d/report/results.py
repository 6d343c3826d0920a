"""From scores of shapes to the figures of a method: counts, statistics, comparisons, files."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from t3d import __version__
from t3d.datasets.formats import write_json
from t3d.geometry.frames import FRAMES
from t3d.geometry.metrics import f_score, median_interval
from t3d.geometry.protocols import FAILURES, Metric, Protocol
from t3d.report.scoring import ANY, FAILED, LABELS, NO_TRUTH, OK, Score, write_scores
from t3d.report.tables import METHODS, Table, latex, markdown

SAME = 0.02
"""Boxes whose sizes and places differ by less, in median, are taken to be of one frame."""

RESAMPLES = 10_000
"""Bootstrap samples behind each 95 % interval."""

DROPPED = "DROPPED from mean, median and interval: not comparable with any table that counts them"

COUNTS = {"evaluated": OK, "failed": FAILED, "no_ground_truth": NO_TRUTH}
"""Status that is counted under a name; their sum is `expected`."""

Content = dict[str, Any]
"""Of a JSON file, or of a part of it."""

Scores = Sequence[Score]
Protocols = Sequence[Protocol]
Groups = Mapping[tuple[str, ...], Scores]
"""Scores by their `LABELS`."""


def summarise(scores: Scores, protocols: Protocols, given: Sequence[str], seed: int, drop: bool) -> Content:
    """Content of `scores.json`: one method's scores.

    given: which of the protocols' own "points" and "meshes" the ground truth was. drop: leave failures out.
    """
    lost = {(one.shape, one.view, one.status, one.reason) for one in scores if one.status != OK}
    found = []
    for protocol in protocols:
        mine = [one for one in scores if one.protocol == protocol.name]
        views = len(mine) / max(len({one.shape for one in mine}), 1)
        figures = _figures(protocol, mine, (seed, RESAMPLES), drop)
        found.append({**_header(protocol, mine, given, drop, views), **figures})
    return {
        "t3d": __version__,
        "seed": seed,
        "protocols": found,
        "boxes": _boxes(scores),
        "lost": [dict(zip(("shape", "view", "status", "reason"), one, strict=True)) for one in sorted(lost)],
    }


def compare(scores: Scores, protocols: Protocols, seed: int, resamples: int) -> Content:
    """Content of `metrics.json`: many methods' scores, a row each, and networks against their baselines.

    Failures are in mean and median, with their penalty. Rows are in the order of their first score.
    """
    found, draws = [], (seed, resamples)
    for protocol in protocols:
        mine = [one for one in scores if one.protocol == protocol.name]
        groups: dict[tuple[str, ...], list[Score]] = {}
        for one in mine:
            groups.setdefault(tuple(getattr(one, label) for label in LABELS), []).append(one)
        rows = [
            dict(zip(LABELS, group, strict=True)) | _figures(protocol, members, draws)
            for group, members in groups.items()
        ]
        paired = comparisons(groups, protocol.metrics[0], draws)
        found.append({**_header(protocol, mine, (), False, 1), "rows": rows, "comparisons": paired})
    return {"t3d": __version__, "protocols": found}


def _header(protocol: Protocol, scores: Scores, given: Sequence[str], drop: bool, views: float) -> Content:
    """What figures of a protocol mean, and why they are not what its source would have printed. views: per
    shape.
    """
    doubts = []
    if protocol.needs and protocol.needs not in given:
        doubts.append(f"ground truth is not the protocol's own (--gt-{protocol.needs})")
    if protocol.views and views != protocol.views:
        doubts.append(f"{views:.3g} views per shape instead of {protocol.views}")
    thin = Counter(side for one in scores for side in one.thin)
    doubts += [f"{count} {side} are clouds of another size" for side, count in thin.items()]
    return {
        "protocol": protocol.name,
        "version": protocol.version,
        "label": protocol.label.replace(protocol.name, f"{protocol.name}~" if doubts else protocol.name),
        "approximate": doubts,
        "definition": asdict(protocol),
        "frame": FRAMES[protocol.frame][1],
        "failures": DROPPED if drop else f"counted as {FAILURES}",
    }


def _figures(protocol: Protocol, scores: Scores, draws: tuple[int, int], drop: bool = False) -> Content:
    """Counts, in predictions, and statistics of one method. expected: the sum of the three others. draws: of
    the intervals, seed and number of samples.
    """
    return {
        "shapes": len({one.shape for one in scores}),
        "expected": len(scores),
        **{name: sum(one.status == status for one in scores) for name, status in COUNTS.items()},
        "metrics": {one.name: _metric(protocol, one, scores, draws, drop) for one in protocol.metrics},
    }


def _metric(
    protocol: Protocol, metric: Metric, scores: Scores, draws: tuple[int, int], drop: bool
) -> Content:
    """Statistics over shapes, each shape being the mean over its views; None where some have no value."""
    known, evaluated = (list(by_shape(scores, metric.name, dropped).values()) for dropped in (drop, True))
    floors = [one.floors[metric.name] for one in scores if metric.name in one.floors]
    mean, rng = _mean(known), np.random.default_rng(draws[0])
    if protocol.f_of_means and metric.kind == "f" and known:
        parts = (by_shape(scores, Metric(kind, at=metric.at).name, drop) for kind in ("precision", "recall"))
        mean = f_score(*(float(np.mean(list(part.values()))) for part in parts))
    return {
        "mean": mean,
        "median": _mean(known, np.median),
        "mean_evaluated": _mean(evaluated),
        "median_evaluated": _mean(evaluated, np.median),
        "interval_median": median_interval(known, rng, draws[1]) if metric.shown else None,
        "floor": _mean(floors),
        "factor": metric.factor,
        "shown": metric.shown,
        "higher_is_better": metric.higher_is_better,
    }


def _mean(values: ArrayLike, of: Callable[..., Any] = np.mean) -> float | None:
    """Their mean, or median; None of nothing."""
    return float(of(values)) if np.size(values) else None


def by_shape(scores: Iterable[Score], name: str, drop: bool = False) -> dict[str, float]:
    """Mean over the views of each shape; empty where an evaluated prediction lacks the metric."""
    values: dict[str, list[float]] = {}
    for one in scores:
        value = one.values.get(name)
        if one.status == OK and value is None:
            return {}
        if value is not None and not (drop and one.status == FAILED):
            values.setdefault(one.shape, []).append(value)
    return {shape: float(np.mean(of_shape)) for shape, of_shape in values.items()}


def comparisons(groups: Groups, metric: Metric, draws: tuple[int, int]) -> list[Content]:
    """Every network against the others and against its baselines, shape by shape, for one metric.

    median_difference: median over shapes of the network's value minus the other's, raw; interval: 95 %, over
    resampled shapes; better_share: share of shapes on which the network is better.
    """
    found = []
    networks = [group for group in groups if group[0] == group[1]]
    for method, variant, part, level, choice in networks:
        others = [(other, other, part, level, choice) for other, *_ in networks if other > method]
        others += [(name, variant, part, level, choice) for name in METHODS]
        others += [(name, who, part, ANY, ANY) for name in METHODS for who in (variant, "")]
        mine = by_shape(groups[method, variant, part, level, choice], metric.name)
        for other in (one for one in dict.fromkeys(others) if one in groups):
            theirs = by_shape(groups[other], metric.name)
            gaps = np.array([value - theirs[shape] for shape, value in mine.items() if shape in theirs])
            labels = {"method": method, "against": other[0], "part": part, "level": level, "choice": choice}
            figures = {
                "shapes": len(gaps),
                "median_difference": _mean(gaps, np.median),
                "interval": median_interval(gaps, np.random.default_rng(draws[0]), draws[1]),
                "better_share": _mean(gaps > 0 if metric.higher_is_better else gaps < 0),
            }
            found.append(labels | figures)
    return found


def _boxes(scores: Scores) -> Content:
    """How the boxes of predictions compare with those of ground truths, in medians."""
    known = [(one.box_ratio, one.box_shift) for one in scores if one.box_ratio is not None]
    if not known:
        return {"ratio": None, "shift": None, "same": None}
    ratio, shift = np.median(np.array(known, dtype=np.float64), axis=0).tolist()
    return {"ratio": ratio, "shift": shift, "same": abs(ratio - 1) <= SAME and shift <= SAME}


def write(out: Path, name: str, result: Content, scores: Scores, tables: Sequence[Table]) -> None:
    """Write `NAME.json`, `NAME.csv` (a row per protocol, shape and view), `table.md` and `table.tex`."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{name}.json", result)
    for file, text in (("table.md", markdown), ("table.tex", latex)):
        (out / file).write_text("\n".join(map(text, tables)), encoding="utf-8")
    columns = {
        one["protocol"]: (one["label"], [Metric(**metric).name for metric in one["definition"]["metrics"]])
        for one in result["protocols"]
    }
    write_scores(out / f"{name}.csv", scores, columns)
