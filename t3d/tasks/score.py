"""`t3d score`: any method's meshes or clouds against ground truth, under named protocols."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from t3d.errors import DataError
from t3d.geometry.clouds import Body
from t3d.geometry.frames import out_of
from t3d.geometry.protocols import Protocol
from t3d.report.scoring import Load, Score, reason_of, scores_of, with_floors
from t3d.tasks.matching import Match, by_shape, load_shape, matches
from t3d.tasks.processes import each

Own = tuple[Path | None, Path | None]
"""Points and re-meshed surfaces that protocols bring as ground truth."""


@dataclass(frozen=True)
class Job:
    """One shape with everything that a child process needs to score it."""

    match: Match
    protocols: tuple[Protocol, ...]
    seed: int
    own: Own = (None, None)
    """The protocols' own ground truth, points and re-meshed surface, in the frame of the match's."""
    frame: str = "original"
    """In which predictions come; a key of `frames.FRAMES`."""
    floor: bool = False
    """Whether to measure the noise floor too."""
    lost: str = ""
    """Why no prediction is read: the process crashed, or took too long, when it tried."""


def jobs_of(
    paths: tuple[Path, Path, Path | None], own: Own, protocols: tuple[Protocol, ...], seed: int
) -> list[Job]:
    """A job per shape.

    paths: predictions, ground truth, and the table that pairs them if there is one (`matching.matches`).
    own: folders of the protocols' own points and meshes; a shape that is not in a folder that is given has
    no ground truth. UsageError where nothing can be scored.
    """
    folders = [by_shape(folder) if folder else None for folder in own]
    jobs = []
    for match in matches(*paths):
        points, mesh = (None if files is None else files.get(match.shape, Path()) for files in folders)
        missing = Path() in (points, mesh)
        jobs.append(Job(replace(match, truth=None) if missing else match, protocols, seed, (points, mesh)))
    measured = with_floors([job.match.shape for job in jobs if job.match.truth])
    return [replace(job, floor=job.match.shape in measured) for job in jobs]


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
    load = cache(partial(_truths, job))
    made = [({"view": view}, _prediction(job, file, load)) for view, file in job.match.predictions]
    return scores_of(job.match.shape, job.protocols, load, made, job.seed, job.floor)


def _truths(job: Job) -> tuple[Body, Body | None, Body | None]:
    if job.match.truth is None:
        raise DataError(job.lost or "no ground truth for it")
    points, mesh = (Body(load_shape(file)) if file else None for file in job.own)
    return Body(load_shape(job.match.truth)), points, mesh


def _prediction(job: Job, file: Path | None, load: Load) -> Body | str:
    """The prediction in the ground truth's frame, or why there is none."""
    if job.lost or file is None:
        return job.lost or "no prediction for it"
    try:
        return Body(out_of(job.frame, load()[0], load_shape(file)))
    except Exception as error:
        return reason_of(error).removeprefix(f"{file}: ")
