"""`t3d score`: any method's meshes or clouds against ground truth, under named protocols."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from t3d.errors import DataError, UsageError
from t3d.geometry.clouds import Body, Cloud
from t3d.geometry.evaluation import Truth, evaluate, failed, floor, truth
from t3d.geometry.frames import FRAMES, out_of
from t3d.geometry.protocols import Protocol
from t3d.report.summary import FAILED, NO_TRUTH, OK
from t3d.tasks.matching import Match, companions, load_shape, matches
from t3d.tasks.processes import each

log = logging.getLogger(__name__)

_ASKED = 50  # shapes by which an unknown frame is recognised
_FLOORS = 20  # shapes of which noise floors are measured


@dataclass(frozen=True)
class Job:
    """One shape with everything that a child process needs to score it."""

    match: Match
    protocols: tuple[Protocol, ...]
    seed: int
    own: tuple[Path | None, Path | None] = (None, None)
    """The protocols' own ground truth, points and re-meshed surface, in the frame of the match's."""
    frame: str = "original"
    """In which predictions come; a key of `frames.FRAMES`."""
    floor: bool = False
    """Whether to measure the noise floor too."""
    lost: str = ""
    """Why no prediction is read: the process crashed when it tried."""


@dataclass(frozen=True)
class Row:
    """What became of one prediction under one protocol."""

    protocol: str
    shape: str
    view: str
    status: str
    """`OK`, `FAILED` or `NO_TRUTH`, as in `report.summary`."""
    reason: str
    values: Mapping[str, float | None]
    """Raw, with penalties where the prediction failed; empty without ground truth."""
    floors: Mapping[str, float]
    thin: tuple[str, ...] = ()
    """Which side, "predictions" or "ground truths", is a cloud of another size than the protocol's."""
    box_ratio: float | None = None
    """Diagonal of the prediction's box over that of the ground truth's."""
    box_shift: float | None = None
    """Between the centres of the boxes, in diagonals of the ground truth's."""


def jobs_of(
    paths: tuple[Path, Path, Path | None],
    own: tuple[Path | None, Path | None],
    protocols: tuple[Protocol, ...],
    seed: int,
) -> list[Job]:
    """A job per shape.

    paths: predictions, ground truth, and the table that pairs them if there is one (`matching.matches`).
    own: folders of the protocols' own points and meshes; a shape that is not in a folder that is given has
    no ground truth. UsageError where nothing can be scored.
    """
    folders = [companions(folder) if folder else None for folder in own]
    jobs = []
    for match in matches(*paths):
        points, mesh = (None if files is None else files.get(match.shape, Path()) for files in folders)
        missing = Path() in (points, mesh)
        jobs.append(Job(replace(match, truth=None) if missing else match, protocols, seed, (points, mesh)))
    chosen = {job.match.shape for job in _spread([job for job in jobs if job.match.truth], _FLOORS)}
    return [replace(job, floor=job.match.shape in chosen) for job in jobs]


def recognised(jobs: Sequence[Job], workers: int) -> tuple[str, float, float]:
    """The frame in which predictions fit their ground truths best; medians of ratio and shift of their boxes.

    Out of at most 50 shapes. One frame is chosen for the whole set, never fitted to a shape, so that no
    prediction's own error is hidden. UsageError where nothing can be read.
    """
    asked = _spread([job for job in jobs if job.match.truth and job.match.predictions[0][1]], _ASKED)
    found = [fits for fits in each(_fits, asked, workers) if isinstance(fits, dict) and fits]
    if not found:
        raise UsageError("no prediction can be read to recognise its frame by; name the frame with --frame")
    medians = {frame: np.median([fits[frame] for fits in found], axis=0) for frame in FRAMES}
    best = min(medians, key=lambda frame: abs(np.log(max(medians[frame][0], 1e-9))) + medians[frame][1])
    return best, float(medians[best][0]), float(medians[best][1])


def run(jobs: Sequence[Job], workers: int, report: Callable[[], None]) -> list[Row]:
    """Rows of all jobs, in their order; `report` is called after each.

    Where a process crashed, its views are tried again one by one; one that crashes again has failed; and if
    scoring that failure crashes too, it was the ground truth.
    """
    rows: list[Row] = []
    for job, found in zip(jobs, each(score_shape, jobs, workers), strict=True):
        rows += _again(job, str(found)) if isinstance(found, DataError) else found
        report()
    return rows


def _again(job: Job, reason: str) -> list[Row]:
    if job.lost:
        return list(_without_truth(job, reason))
    tries = [replace(job, match=replace(job.match, predictions=(one,))) for one in job.match.predictions]
    if len(tries) == 1:
        tries = [replace(job, lost=reason)]
    return [row for one in tries for row in run([one], 1, lambda: None)]


def score_shape(job: Job) -> list[Row]:
    """Rows of one shape, by protocol and view; whatever is wrong with its files is in them."""
    try:
        if job.match.truth is None:
            raise DataError("no ground truth for it")
        body = Body(load_shape(job.match.truth))
        points, mesh = (Body(load_shape(file)) if file else None for file in job.own)
    except Exception as error:
        return list(_without_truth(job, _reason(error)))
    predictions = [_prediction(job, file, body) for _, file in job.match.predictions]
    rows: list[Row] = []
    for protocol in job.protocols:
        single = replace(job, protocols=(protocol,))
        try:
            true = truth(protocol, body, _generator(single, "truth"), points, mesh)
            floors = floor(protocol, true, _generator(single, "floor")) if job.floor else {}
        except Exception as error:
            rows += _without_truth(single, _reason(error))
        else:
            rows += [
                _row(single, view, true, floors, prediction)
                for (view, _), prediction in zip(job.match.predictions, predictions, strict=True)
            ]
    return rows


def _row(job: Job, view: str, true: Truth, floors: Mapping[str, float], prediction: Body | str) -> Row:
    """The row of a prediction, or of the reason why there is none."""
    (protocol,), rng = job.protocols, _generator(job, "prediction")
    try:
        if isinstance(prediction, str):
            raise DataError(prediction)
        values, fit = evaluate(protocol, true, prediction, rng), _fit(prediction, true.body)
    except Exception as error:
        values = failed(protocol, true, rng)
        return Row(protocol.name, job.match.shape, view, FAILED, _reason(error), values, floors)
    thin = _thin(protocol, true, prediction)
    return Row(protocol.name, job.match.shape, view, OK, "", values, floors, thin, *fit)


def _thin(protocol: Protocol, true: Truth, prediction: Body) -> tuple[str, ...]:
    few = isinstance(prediction.shape, Cloud) and len(prediction.points) < protocol.prediction.count
    own = true.draw or protocol.needs == "points" or len(true.cloud.points) == protocol.truth.count
    return ("predictions",) * few + ("ground truths",) * (not own)


def _without_truth(job: Job, reason: str) -> Iterator[Row]:
    for protocol in job.protocols:
        for view, _ in job.match.predictions:
            yield Row(protocol.name, job.match.shape, view, NO_TRUTH, reason, {}, {})


def _prediction(job: Job, file: Path | None, body: Body) -> Body | str:
    """The prediction in the ground truth's frame, or why there is none."""
    if job.lost or file is None:
        return job.lost or "no prediction for it"
    try:
        return Body(out_of(job.frame, body, load_shape(file)))
    except Exception as error:
        return _reason(error).removeprefix(f"{file}: ")


def _fits(job: Job) -> dict[str, tuple[float, float]]:
    """By frame: how the boxes fit if the prediction comes in it; empty where a file cannot be read."""
    try:
        body = Body(load_shape(job.match.truth or Path()))
        shape = load_shape(job.match.predictions[0][1] or Path())
        return {frame: _fit(Body(out_of(frame, body, shape)), body) for frame in FRAMES}
    except Exception:
        log.debug("%s", job.match.shape, exc_info=True)
        return {}


def _fit(body: Body, true: Body) -> tuple[float, float]:
    """Size of a body's box in diagonals of the true one's, and how far apart their centres are."""
    size, of_truth = (float(np.linalg.norm(np.ptp(one.box, axis=0))) for one in (body, true))
    apart = float(np.linalg.norm(body.box.mean(axis=0) - true.box.mean(axis=0)))
    return (size / of_truth, apart / of_truth) if of_truth else (1.0, apart)


def _generator(job: Job, what: str) -> np.random.Generator:
    """The same for all views of a shape, and independent of which other shapes and protocols there are."""
    return np.random.default_rng([job.seed, *f"{what}/{job.protocols[0].name}/{job.match.shape}".encode()])


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _spread(jobs: Sequence[Job], most: int) -> list[Job]:
    picks = np.linspace(0, len(jobs) - 1, min(most, len(jobs))).astype(int)
    return [jobs[i] for i in picks]
