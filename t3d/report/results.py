"""From scores of shapes to the figures of a method: counts, statistics, comparisons, files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from t3d import __version__
from t3d.datasets.formats import write_json
from t3d.geometry.frames import FRAMES
from t3d.geometry.metrics import f_score, median_interval
from t3d.geometry.protocols import FAILURES, Metric, Protocol
from t3d.report.summary import ANY, FAILED, LABELS, NO_TRUTH, OK, Score, write_scores
from t3d.report.tables import Table, latex, markdown

SAME = 0.02
"""Boxes whose sizes and places differ by less, in median, are taken to be of one frame."""

RESAMPLES = 10_000
"""Bootstrap samples behind each 95 % interval."""

DROPPED = "DROPPED from mean, median and interval: not comparable with any table that counts them"

COUNTS = {"evaluated": OK, "failed": FAILED, "no_ground_truth": NO_TRUTH}
"""Status that is counted under a name; their sum is `expected`."""

BASELINES = ("template", "mean-code", "retrieval", "oracle-retrieval", "oracle-code")
"""What networks are compared with, shape by shape."""


def summarise(
    scores: Sequence[Score], protocols: Sequence[Protocol], given: Sequence[str], seed: int, drop: bool
) -> dict[str, Any]:
    """Content of `scores.json`: one method's scores.

    given: which of the protocols' own "points" and "meshes" the ground truth was. drop: leave failures out.
    """
    lost = {(one.shape, one.view, one.status, one.reason) for one in scores if one.status != OK}
    found = []
    for protocol in protocols:
        mine = [one for one in scores if one.protocol == protocol.name]
        figures = _figures(protocol, mine, seed, RESAMPLES, drop)
        found.append({**_header(protocol, mine, given, drop), **figures})
    return {
        "t3d": __version__,
        "seed": seed,
        "protocols": found,
        "boxes": _boxes(scores),
        "lost": [dict(zip(("shape", "view", "status", "reason"), one, strict=True)) for one in sorted(lost)],
    }


def compare(
    scores: Sequence[Score], protocols: Sequence[Protocol], seed: int, resamples: int
) -> dict[str, Any]:
    """Content of `metrics.json`: many methods' scores, a row each, and networks against their baselines.

    Failures are in mean and median, with their penalty. Rows are in the order of their first score.
    """
    found = []
    for protocol in protocols:
        mine = [one for one in scores if one.protocol == protocol.name]
        groups = grouped(mine)
        rows = [
            dict(zip(LABELS, group, strict=True)) | _figures(protocol, members, seed, resamples)
            for group, members in groups.items()
        ]
        paired = comparisons(groups, protocol.metrics[0], seed, resamples)
        found.append({**_header(protocol, mine, (), False, views=1), "rows": rows, "comparisons": paired})
    return {"t3d": __version__, "protocols": found}


def grouped(scores: Iterable[Score]) -> dict[tuple[str, ...], list[Score]]:
    """Scores by `Score.group`, groups in the order of their first score."""
    groups: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        groups.setdefault(score.group, []).append(score)
    return groups


def _header(
    protocol: Protocol, scores: Sequence[Score], given: Sequence[str], drop: bool, views: float = 0
) -> dict[str, Any]:
    """What figures of a protocol mean. views: per shape; 0: as many as there are scores."""
    approximate = _approximations(protocol, scores, given, views)
    return {
        "protocol": protocol.name,
        "version": protocol.version,
        "label": protocol.label.replace(protocol.name, f"{protocol.name}~" if approximate else protocol.name),
        "approximate": approximate,
        "definition": asdict(protocol),
        "frame": FRAMES[protocol.frame][1],
        "failures": DROPPED if drop else f"counted as {FAILURES}",
    }


def _approximations(
    protocol: Protocol, scores: Sequence[Score], given: Sequence[str], views: float
) -> list[str]:
    """Why figures are not what the protocol's source would have printed."""
    found = []
    if protocol.needs and protocol.needs not in given:
        found.append(f"ground truth is not the protocol's own (--gt-{protocol.needs})")
    views = views or len(scores) / max(len({one.shape for one in scores}), 1)
    if protocol.views and views != protocol.views:
        found.append(f"{views:.3g} views per shape instead of {protocol.views}")
    thin = Counter(side for one in scores for side in one.thin)
    return found + [f"{count} {side} are clouds of another size" for side, count in thin.items()]


def _figures(
    protocol: Protocol, scores: Sequence[Score], seed: int, resamples: int, drop: bool = False
) -> dict[str, Any]:
    """Counts, in predictions, and statistics of one method. expected: the sum of the three others."""
    return {
        "shapes": len({one.shape for one in scores}),
        "expected": len(scores),
        **{name: sum(one.status == status for one in scores) for name, status in COUNTS.items()},
        "metrics": {
            metric.name: _metric(protocol, metric, scores, (seed, resamples), drop)
            for metric in protocol.metrics
        },
    }


def _metric(
    protocol: Protocol, metric: Metric, scores: Sequence[Score], draws: tuple[int, int], drop: bool
) -> dict[str, Any]:
    """Statistics over shapes, each shape being the mean over its views; None where some have no value."""
    known = list(by_shape(scores, metric.name, drop).values())
    floors = [one.floors[metric.name] for one in scores if metric.name in one.floors]
    seed, resamples = draws
    evaluated = list(by_shape(scores, metric.name, drop=True).values())
    found: dict[str, Any] = {
        "mean_evaluated": float(np.mean(evaluated)) if evaluated else None,
        "median_evaluated": float(np.median(evaluated)) if evaluated else None,
        "mean": float(np.mean(known)) if known else None,
        "median": float(np.median(known)) if known else None,
        "interval_median": median_interval(known, np.random.default_rng(seed), resamples)
        if metric.shown
        else None,
    }
    if protocol.f_of_means and metric.kind == "f" and known:
        parts = (by_shape(scores, Metric(kind, at=metric.at).name, drop) for kind in ("precision", "recall"))
        found["mean"] = f_score(*(float(np.mean(list(part.values()))) for part in parts))
    found["floor"] = float(np.mean(floors)) if floors else None
    kept = {"factor": metric.factor, "shown": metric.shown, "higher_is_better": metric.higher_is_better}
    return found | kept


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


def comparisons(
    groups: Mapping[tuple[str, ...], Sequence[Score]], metric: Metric, seed: int, resamples: int
) -> list[dict[str, Any]]:
    """Every network against the others and against its baselines, shape by shape, for one metric.

    median_difference: median over shapes of the network's value minus the other's, raw; interval: 95 %, over
    resampled shapes; better_share: share of shapes on which the network is better.
    """
    found = []
    networks = [group for group in groups if group[0] == group[1]]
    for method, variant, part, level, choice in networks:
        others = [(other, other, part, level, choice) for other, *_ in networks if other > method]
        others += [(name, variant, part, level, choice) for name in BASELINES]
        others += [(name, who, part, ANY, ANY) for name in BASELINES for who in (variant, "")]
        mine = by_shape(groups[method, variant, part, level, choice], metric.name)
        for other in dict.fromkeys(others):
            if other in groups:
                labels = {
                    "method": method,
                    "against": other[0],
                    "part": part,
                    "level": level,
                    "choice": choice,
                }
                theirs = by_shape(groups[other], metric.name)
                pairs = [(value, theirs[shape]) for shape, value in mine.items() if shape in theirs]
                found.append(labels | _paired(metric, pairs, seed, resamples))
    return found


def _paired(
    metric: Metric, pairs: Sequence[tuple[float, float]], seed: int, resamples: int
) -> dict[str, Any]:
    differences = np.array([mine - theirs for mine, theirs in pairs])
    better = differences > 0 if metric.higher_is_better else differences < 0
    return {
        "shapes": len(pairs),
        "median_difference": float(np.median(differences)) if pairs else None,
        "interval": median_interval(differences, np.random.default_rng(seed), resamples),
        "better_share": float(np.mean(better)) if pairs else None,
    }


def _boxes(scores: Iterable[Score]) -> dict[str, Any]:
    """How the boxes of predictions compare with those of ground truths, in medians."""
    known = [(one.box_ratio, one.box_shift) for one in scores if one.box_ratio is not None]
    if not known:
        return {"ratio": None, "shift": None, "same": None}
    ratio, shift = np.median(np.array(known, dtype=np.float64), axis=0).tolist()
    return {"ratio": ratio, "shift": shift, "same": abs(ratio - 1) <= SAME and shift <= SAME}


def write(
    out: Path, name: str, result: Mapping[str, Any], scores: Iterable[Score], tables: Sequence[Table]
) -> None:
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
