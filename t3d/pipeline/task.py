"""One task: make one artifact, or find it, or record why not. Runs anywhere the store can be seen."""

import errno
import logging
import shutil
import socket
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from t3d.errors import DataError, T3dError, UsageError
from t3d.pipeline.graph import ItemId
from t3d.pipeline.keys import digest, seed_of
from t3d.pipeline.machine import forget_peak, memory, versions
from t3d.pipeline.outcome import Known, Outcome, State, Wire, filled, leaves
from t3d.pipeline.stage import Facts, Stage, stages_of
from t3d.pipeline.store import Failure, Kind, Place, Store

SCHEMA = 1
"""Raised when the meaning of keys or manifests changes; every artifact is then made anew."""


GIVEN = "given"
"""Source role of an artifact that the data set brings itself."""


@dataclass(frozen=True)
class Task:
    """All that a worker must know to make one item, its inputs aside.

    take: set where the artifact is given, see `Given`; it is then taken from the source of that role.
    """

    package: str
    root: Path
    stage: str
    makes: str
    variant: str
    shape: str
    params: Any
    plain_params: Mapping[str, Any]
    seeds: Mapping[str, int]
    sources: Mapping[str, tuple[str, Mapping[str, str]]]
    wires: Mapping[str, Wire]
    handed: tuple[str, ...]
    version: int
    context: Mapping[str, Any]
    allow_missing: bool
    retry_failed: bool
    take: Callable[[Path, Path], Facts] | None = None

    @property
    def id(self) -> ItemId:
        """Node name and shape."""
        return (f"{self.stage}[{self.variant}]" if self.variant else self.stage, self.shape)

    @property
    def upstream(self) -> list[ItemId]:
        """Every item this one reads."""
        return [leaf for wire in self.wires.values() for leaf in leaves(wire)]


Report = Callable[[Mapping[str, Any]], None]


def preimage(task: Task, outcomes: Known) -> dict[str, Any]:
    """All that decides the artifact's bytes; its digest is the key."""
    inputs = {
        need: filled(wire, outcomes, lambda outcome: outcome.digest) for need, wire in task.wires.items()
    }
    image = {
        "schema": SCHEMA,
        "stage": task.stage,
        "version": task.version,
        "variant": task.variant,
        "shape": task.shape,
        "params": dict(task.plain_params),
        "inputs": {**inputs, **{role: dict(files) for role, (_, files) in task.sources.items()}},
    }
    excluded = sorted({shape for name, shape in task.upstream if shape and not outcomes[name, shape].there})
    if excluded and not task.shape:
        image["excluded"] = excluded
    if "rng" in task.handed:
        image["seed"] = task.seeds["rng"]
    if "train_seed" in task.handed:
        image["train_seed"] = task.seeds["train_seed"]
    if "failures" in task.handed:
        image["failures"] = [one.record() for one in lost(task, outcomes)]
    return image | {name: task.context[name] for name in ("ids", "recipe") if name in task.handed}


def failures_of(outcomes: Iterable[Outcome]) -> tuple[Failure, ...]:
    """Every failure at or above some items, once each."""
    found = {(one.stage, one.shape): one for outcome in outcomes for one in outcome.failures}
    return tuple(found[name] for name in sorted(found))


def lost(task: Task, outcomes: Known) -> tuple[Failure, ...]:
    """Every failure above this item, once each."""
    return failures_of(outcomes[id_] for id_ in task.upstream)


def lost_shape(task: Task, known: Known) -> Outcome | None:
    """The outcome of a shape's item of which an input is not there; `known` may lack inputs."""
    if not task.shape or all(outcome.there for outcome in known.values()):
        return None
    return Outcome(*task.id, "blocked", failures=failures_of(known.values()))


def blocked(task: Task, outcomes: Known) -> Outcome | None:
    """The outcome of an item whose inputs are not there; None when it can be made.

    A shape is blocked by its own missing inputs, the set by a missing set artifact, and by shapes lost to
    accidents (which a further run may bring back) unless missing ones are allowed.
    """
    missing = [outcomes[id_] for id_ in task.upstream if not outcomes[id_].there]
    accidents = [one for outcome in missing for one in outcome.failures if one.kind != "data"]
    if not task.shape and (
        any(not outcome.shape for outcome in missing) or (accidents and not task.allow_missing)
    ):
        return Outcome(*task.id, "blocked", failures=lost(task, outcomes))
    return lost_shape(task, {id_: outcomes[id_] for id_ in task.upstream})


def place_of(task: Task, image: Mapping[str, Any]) -> Place:
    """Where the artifact with this pre-image belongs."""
    label = GIVEN if task.take else task.variant or f"v{task.version}"
    return Place(task.makes, task.shape, label, digest(image))


def look_up(task: Task, outcomes: Known, store: Store) -> Outcome | None:
    """What is already decided: a kept artifact, a standing failure, a blocked item; else None."""
    stopped = blocked(task, outcomes)
    if stopped:
        return stopped
    place = place_of(task, preimage(task, outcomes))
    manifest = store.manifest(place)
    if manifest is not None:
        return _there(task, outcomes, place, store, manifest["digest"], "kept")
    failure = store.failure(place)
    if failure and failure.kind == "data" and task.shape and not task.retry_failed:
        return Outcome(*task.id, "failed", place, failures=(*lost(task, outcomes), failure))
    return None


def make(task: Task, outcomes: Known, threads: int, report: Report) -> Outcome:
    """Find the artifact or make it; a failure of the stage is an outcome, recorded by `record`."""
    store = Store(task.root)
    found = look_up(task, outcomes, store)
    if found:
        return found
    image = preimage(task, outcomes)
    place = place_of(task, image)
    started = time.monotonic()
    forget_peak()
    try:
        with store.lock(place):
            outcome = look_up(task, outcomes, store)  # another run may have been quicker
            if not outcome:
                manifest = _make(task, outcomes, image, place, threads, report)
                outcome = _there(task, outcomes, place, store, manifest["digest"], "made")
    except Exception as error:
        kind, reason = classify(error)
        logging.getLogger(__name__).debug("%s failed", task.id, exc_info=True)
        tail = "".join(traceback.format_exception(error))[-4000:]
        failure = Failure(task.shape, task.stage, kind, reason, tail)
        outcome = failed(task, outcomes, place, failure)
    return replace(outcome, seconds=time.monotonic() - started, memory=memory()[1], host=socket.gethostname())


def failed(task: Task, outcomes: Known, place: Place, failure: Failure) -> Outcome:
    """Record a failure; a store that takes no record is itself the failure shown."""
    try:
        Store(task.root).record_failure(place, failure)
    except OSError as error:
        failure = Failure(task.shape, task.stage, "infra", f"{task.root}: {error.strerror}")
    above = lost(task, outcomes)
    return Outcome(*task.id, "failed", place, failures=(*above, failure))


_MACHINE = frozenset(
    "EACCES EAGAIN EDQUOT EFBIG EIO EMFILE ENFILE ENOLCK ENOMEM ENOSPC EPERM EROFS ESTALE ETIMEDOUT".split()
)
"""Errors of the operating system that say nothing about the shape."""


def classify(error: BaseException) -> tuple[Kind, str]:
    """Kind and one-line reason of an exception raised by a stage."""
    reason = " ".join(str(error).split())[:500] or type(error).__name__
    if isinstance(error, MemoryError):
        return "killed", f"out of memory: {reason}"
    cause: BaseException | None = error
    while cause:  # readers and writers wrap what the machine did to them
        if isinstance(cause, OSError) and errno.errorcode.get(cause.errno or 0) in _MACHINE:
            return "infra", f"{cause.strerror}: {cause.filename or 'the store'}"
        cause = cause.__cause__
    if isinstance(error, UsageError):  # of this machine or these settings, not of the shape: retried
        return "infra", reason
    return "data", reason if isinstance(error, T3dError) else f"{type(error).__name__}: {reason}"


def _make(
    task: Task, outcomes: Known, image: Any, place: Place, threads: int, report: Report
) -> dict[str, Any]:
    stage, store = stages_of(task.package)[task.stage], Store(task.root)
    started, clock = time.time(), time.monotonic()
    scratch = store.scratch(place) if "scratch" in task.handed else None
    with store.draft() as out:
        if task.take:
            facts: Facts | None = task.take(Path(task.sources[GIVEN][0]), out)
        else:
            handed = _hand(task, outcomes, out, scratch, threads, report)
            facts = stage.function(**_read(task, outcomes), **handed)
            _check_files(stage, out)
        manifest = {
            "key": place.key,
            "made_from": image,
            "facts": dict(facts or {}),
            "seconds": round(time.monotonic() - clock, 3),
            "memory": memory()[1],
            "started": started,
            "host": socket.gethostname(),
            "versions": versions(),
        }
        published = store.publish(out, place, manifest)
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
    return published


def _read(task: Task, outcomes: Known) -> dict[str, Any]:
    """What stands before the star of a stage: folders of artifacts, paths of source files."""
    read = {
        need: filled(wire, outcomes, lambda outcome: Path(outcome.path)) for need, wire in task.wires.items()
    }
    return read | {role: Path(path) for role, (path, _) in task.sources.items()}


def _hand(
    task: Task, outcomes: Known, out: Path, scratch: Path | None, threads: int, report: Report
) -> dict[str, Any]:
    def progress(done: float, total: float, **figures: Any) -> None:
        report({"node": task.id[0], "shape": task.shape, "done": done, "total": total, **figures})

    available: dict[str, Callable[[], Any]] = {
        "out": lambda: out,
        "params": lambda: task.params,
        "rng": lambda: _generator(task),
        "train_seed": lambda: task.seeds["train_seed"],
        "shape": lambda: task.shape,
        "variant": lambda: task.variant,
        "scratch": lambda: scratch,
        "progress": lambda: progress,
        "threads": lambda: threads,
        "ids": lambda: task.context["ids"],
        "recipe": lambda: task.context["recipe"],
        "failures": lambda: [one.record() for one in lost(task, outcomes)],
    }
    return {name: available[name]() for name in task.handed}


def _generator(task: Task) -> Any:
    import numpy as np

    return np.random.default_rng(seed_of(task.seeds["rng"], task.stage, task.shape))


def _check_files(stage: Stage, out: Path) -> None:
    missing = [name for name in stage.files if not (out / name).exists()]
    if missing:
        raise DataError(
            f"stage {stage.name} did not write {', '.join(missing)}; this is a fault of the stage"
        )


def _there(task: Task, outcomes: Known, place: Place, store: Store, content: str, state: State) -> Outcome:
    above = lost(task, outcomes)
    return Outcome(*task.id, state, place, str(store.path(place)), content, above)
