"""`t3d score`: any method's meshes or clouds against ground truth, under named protocols."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from t3d.errors import DataError, UsageError
from t3d.geometry.clouds import Body
from t3d.geometry.frames import FRAMES, out_of
from t3d.geometry.protocols import Protocol
from t3d.report.summary import Score, fit, reason_of, subjects, with_floors
from t3d.tasks.matching import Match, companions, load_shape, matches
from t3d.tasks.processes import each

log = logging.getLogger(__name__)

_ASKED = 50  # shapes by which an unknown frame is recognised


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
    """Why no prediction is read: the process crashed, or took too long, when it tried."""


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
    measured = with_floors([job.match.shape for job in jobs if job.match.truth])
    return [replace(job, floor=job.match.shape in measured) for job in jobs]


def recognised(jobs: Sequence[Job], workers: int) -> tuple[str, float, float]:
    """The frame in which predictions fit their ground truths best; medians of ratio and shift of their boxes.

    Out of at most 50 shapes. One frame is chosen for the whole set, never fitted to a shape, so that no
    prediction's own error is hidden. UsageError where nothing can be read.
    """
    asked = [job for job in jobs if job.match.truth and job.match.predictions[0][1]]
    asked = [asked[i] for i in np.linspace(0, len(asked) - 1, min(_ASKED, len(asked))).astype(int)]
    found = [fits for fits in each(_fits, asked, workers) if isinstance(fits, dict) and fits]
    if not found:
        raise UsageError("no prediction can be read to recognise its frame by; name the frame with --frame")
    medians = {frame: np.median([fits[frame] for fits in found], axis=0) for frame in FRAMES}
    best = min(medians, key=lambda frame: abs(np.log(max(medians[frame][0], 1e-9))) + medians[frame][1])
    return best, float(medians[best][0]), float(medians[best][1])


def run(
    jobs: Sequence[Job], workers: int, report: Callable[[], None], limit: float | None = None
) -> list[Score]:
    """Scores of all jobs, in their order; `report` is called after each.

    limit: seconds that one prediction may take under all protocols (None: any; no limit without workers).
    Where a process crashed or took too long, its views are tried again one by one; one that does so again
    has failed; and if scoring that failure does too, it was the ground truth.
    """
    found: list[Score] = []
    limits = [limit and limit * len(job.match.predictions) for job in jobs]
    for job, scores in zip(jobs, each(score_shape, jobs, workers, limits), strict=True):
        found += _again(job, str(scores), limit) if isinstance(scores, DataError) else scores
        report()
    return found


def _again(job: Job, reason: str, limit: float | None) -> list[Score]:
    if job.lost:
        return score_shape(replace(job, match=replace(job.match, truth=None), lost=reason))
    tries = [replace(job, match=replace(job.match, predictions=(one,))) for one in job.match.predictions]
    if len(tries) == 1:
        tries = [replace(job, lost=reason)]
    return [score for one in tries for score in run([one], 1, lambda: None, limit)]


def score_shape(job: Job) -> list[Score]:
    """Scores of one shape, by protocol and view; whatever is wrong with its files is in them."""
    load = cache(lambda: _truths(job))
    found = subjects(job.protocols, job.match.shape, job.seed, load, job.floor)
    lost = all(one.truth is None for one in found)
    read = [(view, "" if lost else _prediction(job, file, load()[0])) for view, file in job.match.predictions]
    return [one.score(made, view) for one in found for view, made in read]


def _truths(job: Job) -> tuple[Body, Body | None, Body | None]:
    if job.match.truth is None:
        raise DataError(job.lost or "no ground truth for it")
    points, mesh = (Body(load_shape(file)) if file else None for file in job.own)
    return Body(load_shape(job.match.truth)), points, mesh


def _prediction(job: Job, file: Path | None, body: Body) -> Body | str:
    """The prediction in the ground truth's frame, or why there is none."""
    if job.lost or file is None:
        return job.lost or "no prediction for it"
    try:
        return Body(out_of(job.frame, body, load_shape(file)))
    except Exception as error:
        return reason_of(error).removeprefix(f"{file}: ")


def _fits(job: Job) -> Mapping[str, tuple[float, float]]:
    """By frame: how the boxes fit if the prediction comes in it; empty where a file cannot be read."""
    try:
        body = Body(load_shape(job.match.truth or Path()))
        shape = load_shape(job.match.predictions[0][1] or Path())
        return {frame: fit(Body(out_of(frame, body, shape)), body) for frame in FRAMES}
    except Exception:
        log.debug("%s", job.match.shape, exc_info=True)
        return {}
