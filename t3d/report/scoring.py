"""Predictions scored one by one: a row of a score file each, for `t3d score` and `t3d evaluate` alike."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from t3d.errors import DataError
from t3d.geometry.clouds import Body, Cloud
from t3d.geometry.evaluation import Truth, evaluate, failed, floor, truth
from t3d.geometry.protocols import Protocol
from t3d.report.tables import read_table, write_table

log = logging.getLogger(__name__)

OK, FAILED, NO_TRUTH = "ok", "failed", "no ground truth"
"""Status of a score: of a prediction; the penalty for one that is missing; none, nothing to compare with."""

ANY = "any"
"""Level and view choice of methods that do not look at the image."""

PARTS = {"test": "test", "train": "train_scored"}
"""Part of the split by the name it has in score files."""

ByPart = Mapping[str, Mapping[str, Path]]
"""Folder of a per-shape artifact, by part of the split and shape id."""

LABELS = ("method", "variant", "part", "level", "choice")
"""What the scores of one table row have in common."""

_FLOORS = 20  # shapes of which noise floors are measured


@dataclass(frozen=True)
class Score:
    """What became of one prediction under one protocol: a row of `scores.csv` or `metrics.csv`."""

    protocol: str
    shape: str
    view: str
    """The view, such as "easy/30"; empty where no image is used."""
    status: str
    reason: str
    """Why there is no prediction, or no ground truth."""
    values: Mapping[str, float | None]
    """By `Metric.name`: raw, with the penalty where the prediction failed; empty without ground truth."""
    floors: Mapping[str, float] = field(default_factory=dict)
    """What a perfect prediction would score, where it was measured."""
    thin: tuple[str, ...] = ()
    """Which side, "predictions" or "ground truths", is a cloud of another size than the protocol's."""
    box_ratio: float | None = None
    """Diagonal of the prediction's box over that of the ground truth's."""
    box_shift: float | None = None
    """Between the centres of the boxes, in diagonals of the ground truth's."""
    method: str = ""
    """A variant's name, or a baseline ("template", "retrieval")."""
    variant: str = ""
    """Whose network; empty where there is none behind it."""
    part: str = ""
    """Part of the split: "test" or "train"."""
    level: str = ""
    """View set of the input image: "easy", "hard", or `ANY`."""
    choice: str = ""
    """How the view was chosen: "fix", "rnd", "all", or `ANY`."""
    answer: str = ""
    """The training shape that a retrieval answers with."""

    @property
    def chamfer(self) -> float | None:
        """The raw `chamfer-l2`, where the protocol has one."""
        return self.values.get("chamfer-l2")


Load = Callable[[], tuple[Body, Body | None, Body | None]]
"""Gives a shape's body, and the protocols' own points and surface (`evaluation.truth`)."""

Predictions = Iterable[tuple[Mapping[str, Any], Body | str]]
"""Labels of each, fields of a `Score`, and the shape in the ground truth's frame, or why there is none."""


def scores_of(
    shape: str, protocols: Iterable[Protocol], load: Load, predictions: Predictions, seed: int, floors: bool
) -> list[Score]:
    """Every prediction of a shape under every protocol; what is wrong with either side is in the scores.

    floors: whether to measure noise floors. Points are the same whichever other shapes, predictions and
    protocols there are; a prediction that stands for several is scored once.
    """
    found, loaded, each = list[Score](), cache(load), list(predictions)
    for one in protocols:
        true, blank = None, Score(one.name, shape, "", NO_TRUTH, "", {})
        try:
            body, points, remeshed = loaded()
            true = truth(one, body, _generator(seed, "truth", one, shape), points, remeshed)
            known = floor(one, true, _generator(seed, "floor", one, shape)) if floors else {}
            blank = replace(blank, floors=known)
        except Exception as error:
            true, blank = None, replace(blank, reason=reason_of(error))
        score = cache(partial(_score, blank, one, true, seed))
        found += [replace(score(prediction), **labels) for labels, prediction in each]
    return found


def _score(blank: Score, protocol: Protocol, true: Truth | None, seed: int, made: Body | str) -> Score:
    """The score of a prediction, or of the reason why there is none; `blank` without ground truth."""
    if true is None:
        return blank
    rng = _generator(seed, "prediction", protocol, blank.shape)
    try:
        if isinstance(made, str):
            raise DataError(made)
        values = evaluate(protocol, true, made, rng)
        ratio, shift = fit(made, true.body)
    except Exception as error:
        values = failed(protocol, true, rng)
        return replace(blank, status=FAILED, reason=reason_of(error), values=values)
    thin = _thin(protocol, true, made)
    return replace(blank, status=OK, values=values, thin=thin, box_ratio=ratio, box_shift=shift)


def with_floors(shapes: Sequence[str]) -> set[str]:
    """Of which shapes noise floors are measured: 20 spread evenly."""
    return {shapes[i] for i in np.linspace(0, len(shapes) - 1, min(_FLOORS, len(shapes))).astype(int)}


def fit(body: Body, true: Body) -> tuple[float, float]:
    """Size of a body's box in diagonals of the true one's, and how far apart their centres are."""
    size, of_truth = (float(np.linalg.norm(np.ptp(one.box, axis=0))) for one in (body, true))
    apart = float(np.linalg.norm(body.box.mean(axis=0) - true.box.mean(axis=0)))
    return (size / of_truth, apart / of_truth) if of_truth else (1.0, apart)


def reason_of(error: Exception) -> str:
    """What an exception says, in one line; the log has the rest."""
    log.debug("a shape failed", exc_info=error)
    return " ".join(str(error).split()) or type(error).__name__


def write_scores(
    path: Path, scores: Sequence[Score], columns: Mapping[str, tuple[str, Sequence[str]]]
) -> None:
    """Write a row per score: labels where there are any, status and reason, then a column per metric.

    columns: label and names of metrics by protocol; a column belongs to one protocol and says so.
    """
    labels = [name for name in (*LABELS, "answer") if any(getattr(one, name) for one in scores)]
    labels += ["protocol", "shape", "view", "status", "reason", "box_ratio", "box_shift"]
    rows = [
        {name: getattr(one, name) for name in labels}
        | {f"{name} ({columns[one.protocol][0]})": value for name, value in one.values.items()}
        for one in scores
    ]
    figures = [f"{metric} ({label})" for label, metrics in columns.values() for metric in metrics]
    write_table(path, rows, [*labels, *figures])


def read_scores(path: Path) -> list[Score]:
    """The scores of the first protocol of a `metrics.csv`, without floors."""
    rows = read_table(path)
    names = ("protocol", "shape", "view", "status", "reason", *LABELS, "answer")
    return [
        Score(**{name: row[name] for name in names if name in row}, values=_values(row))
        for row in rows
        if row["protocol"] == rows[0]["protocol"]
    ]


def _values(row: Mapping[str, str]) -> dict[str, float | None]:
    return {name.partition(" (")[0]: float(text) for name, text in row.items() if " (" in name and text}


def _thin(protocol: Protocol, true: Truth, prediction: Body) -> tuple[str, ...]:
    few = isinstance(prediction.shape, Cloud) and len(prediction.points) < protocol.prediction.count
    own = true.draw or protocol.needs == "points" or len(true.cloud.points) == protocol.truth.count
    return ("predictions",) * few + ("ground truths",) * (not own)


def _generator(seed: int, what: str, protocol: Protocol, shape: str) -> np.random.Generator:
    return np.random.default_rng([seed, *f"{what}/{protocol.name}/{shape}".encode()])
