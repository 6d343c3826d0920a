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
from typing import Any, Literal

from t3d.errors import DataError, T3dError, UsageError
from t3d.pipeline.graph import ItemId
from t3d.pipeline.keys import digest, seed_of
from t3d.pipeline.machine import forget_peak, memory, versions
from t3d.pipeline.stage import Facts, Stage, stages_of
from t3d.pipeline.store import Failure, Kind, Place, Store

SCHEMA = 1
"""Raised when the meaning of keys or manifests changes; every artifact is then made anew."""

GIVEN = "given"
"""Source role of an artifact that the data set brings itself."""

State = Literal["kept", "made", "failed", "blocked"]
Wire = Any
"""Where an input comes from: an `ItemId`, or a mapping (part, shape, variant) down to them."""

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one item; `failures` are all those at or above it, its own included."""

    node: str
    shape: str
    state: State
    place: Place | None = None
    path: str = ""
    digest: str = ""
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0

    @property
    def there(self) -> bool:
        """Whether the artifact exists."""
        return self.state in ("kept", "made")


Known = Mapping[ItemId, Outcome]
"""Outcomes of items, above all of those that an item reads."""


@dataclass(frozen=True)
class Task:
    """All that a worker must know to make one item, its inputs aside.

    image: what decides the artifact's bytes, as far as it is known before the inputs are. sources: paths by
    role. take: set where the artifact is given, see `Given`; it is then taken from the source of that role.
    """

    package: str
    root: Path
    stage: str
    variant: str
    shape: str
    params: Any
    image: Mapping[str, Any]
    sources: Mapping[str, Path]
    wires: Mapping[str, Wire]
    allow_missing: bool
    retry_failed: bool
    take: Callable[[Path, Path], Facts] | None = None

    @property
    def id(self) -> ItemId:
        """Node name and shape."""
        return (f"{self.stage}[{self.variant}]" if self.variant else self.stage, self.shape)

    @property
    def declared(self) -> Stage:
        """The stage as it is declared."""
        return stages_of(self.package)[self.stage]

    @property
    def makes(self) -> str:
        """Kind of artifact."""
        return self.declared.makes

    @property
    def plain_params(self) -> Mapping[str, Any]:
        """Parameters as plain values, paths by content."""
        values: Mapping[str, Any] = self.image["params"]
        return values

    @property
    def upstream(self) -> list[ItemId]:
        """Every item this one reads."""
        return leaves(self.wires)


def leaves(wire: Wire) -> list[ItemId]:
    """Every item of a wire."""
    return [leaf for one in wire.values() for leaf in leaves(one)] if isinstance(wire, Mapping) else [wire]


def filled(wire: Wire, outcomes: Known, value: Callable[[Outcome], Any]) -> Any:
    """The wire with each item replaced by its value; items that are not there are left out."""
    if not isinstance(wire, Mapping):
        return value(outcomes[wire])
    there = {name: one for name, one in wire.items() if isinstance(one, Mapping) or outcomes[one].there}
    return {name: filled(one, outcomes, value) for name, one in there.items()}


def preimage(task: Task, outcomes: Known) -> dict[str, Any]:
    """All that decides the artifact's bytes; its digest is the key."""
    made = filled(task.wires, outcomes, lambda outcome: outcome.digest)
    image = {**task.image, "inputs": {**made, **task.image["inputs"]}}
    excluded = sorted({shape for name, shape in task.upstream if shape and not outcomes[name, shape].there})
    if excluded and not task.shape:
        image["excluded"] = excluded
    if "failures" in image:
        image["failures"] = [one.record() for one in failures_of(outcomes[id_] for id_ in task.upstream)]
    return image


def failures_of(outcomes: Iterable[Outcome]) -> tuple[Failure, ...]:
    """Every failure at or above some items, once each."""
    found = {(one.stage, one.shape): one for outcome in outcomes for one in outcome.failures}
    return tuple(found[name] for name in sorted(found))


def place_of(task: Task, image: Mapping[str, Any]) -> Place:
    """Where the artifact with this pre-image belongs."""
    label = GIVEN if task.take else task.variant or f"v{image['version']}"
    return Place(task.makes, task.shape, label, digest(image))


def blocked(task: Task, known: Known) -> Outcome | None:
    """The outcome of an item whose inputs are not there; None when it can be made. `known` may lack inputs.

    A shape is blocked by its own missing inputs, the set by a missing set artifact, and by shapes lost to
    accidents (which a further run may bring back) unless missing ones are allowed.
    """
    above = [known[id_] for id_ in task.upstream if id_ in known]
    lost = [one for one in above if not one.there]
    if not task.shape:
        accidents = any(failure.kind != "data" for one in lost for failure in one.failures)
        stopped = (accidents and not task.allow_missing) or any(not one.shape for one in lost)
    else:
        stopped = bool(lost)
    return Outcome(*task.id, "blocked", failures=failures_of(above)) if stopped else None


def look_up(task: Task, outcomes: Known) -> Outcome | None:
    """What is already decided: a kept artifact, a standing failure, a blocked item; else None."""
    stopped = blocked(task, outcomes)
    if stopped:
        return stopped
    store, place = Store(task.root), place_of(task, preimage(task, outcomes))
    manifest = store.manifest(place)
    if manifest is not None:
        return _there(task, outcomes, place, manifest["digest"], "kept")
    failure = store.failure(place)
    if failure and failure.kind == "data" and task.shape and not task.retry_failed:
        return _failed(task, outcomes, place, failure)
    return None


def make(task: Task, outcomes: Known, threads: int, report: Report) -> Outcome:
    """Find the artifact or make it; a failure of the stage is a recorded outcome."""
    found = look_up(task, outcomes)
    if found:
        return found
    started = time.monotonic()
    forget_peak()
    image = preimage(task, outcomes)
    try:
        with Store(task.root).lock(place_of(task, image)):
            # another run may have been quicker
            outcome = look_up(task, outcomes) or _make(task, outcomes, image, threads, report)
    except Exception as error:
        logging.getLogger(__name__).debug("%s failed", task.id, exc_info=True)
        tail = "".join(traceback.format_exception(error))[-4000:]
        outcome = record_failure(task, outcomes, *classify(error), tail)
    return replace(outcome, seconds=time.monotonic() - started)


def record_failure(task: Task, outcomes: Known, kind: Kind, reason: str, detail: str = "") -> Outcome:
    """Record a failure; a store that takes no record is itself the failure shown."""
    failure = Failure(task.shape, task.stage, kind, reason, detail)
    place = place_of(task, preimage(task, outcomes))
    try:
        Store(task.root).record_failure(place, failure)
    except OSError as error:
        failure = Failure(task.shape, task.stage, "infra", f"{task.root}: {error.strerror}")
    return _failed(task, outcomes, place, failure)


def _failed(task: Task, outcomes: Known, place: Place, failure: Failure) -> Outcome:
    above = failures_of(outcomes[id_] for id_ in task.upstream)
    return Outcome(*task.id, "failed", place, failures=(*above, failure))


def _there(task: Task, outcomes: Known, place: Place, content: str, state: State) -> Outcome:
    above = failures_of(outcomes[id_] for id_ in task.upstream)
    return Outcome(*task.id, state, place, str(Store(task.root).path(place)), content, above)


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


def _make(task: Task, outcomes: Known, image: Mapping[str, Any], threads: int, report: Report) -> Outcome:
    store, place = Store(task.root), place_of(task, image)
    started, clock = time.time(), time.monotonic()
    with store.draft() as out:
        if task.take:
            facts = task.take(task.sources[GIVEN], out)
        else:
            facts = _call_stage(task, outcomes, image, out, threads, report)
        manifest = {
            "key": place.key,
            "made_from": image,
            "facts": dict(facts),
            "seconds": round(time.monotonic() - clock, 3),
            "memory": memory()[1],
            "started": started,
            "host": socket.gethostname(),
            "versions": versions(),
        }
        published = store.publish(out, place, manifest)
    shutil.rmtree(store.scratch(place), ignore_errors=True)
    return _there(task, outcomes, place, published["digest"], "made")


def _call_stage(
    task: Task, outcomes: Known, image: Mapping[str, Any], out: Path, threads: int, report: Report
) -> Facts:
    """Call the stage with what stands before its star, folders and source files, and what stands after it."""
    import numpy as np

    def progress(done: float, total: float, **figures: Any) -> None:
        report({"node": task.id[0], "shape": task.shape, "done": done, "total": total, **figures})

    stage, scratch = task.declared, Store(task.root).scratch(place_of(task, image))
    if "scratch" in stage.handed:
        scratch.mkdir(parents=True, exist_ok=True)
    read = filled(task.wires, outcomes, lambda outcome: Path(outcome.path))
    available = {
        **image,  # with the train_seed, ids, recipe and failures that the stage asks for
        "out": out,
        "params": task.params,
        "rng": np.random.default_rng(seed_of(image.get("seed", 0), task.stage, task.shape)),
        "scratch": scratch,
        "progress": progress,
        "threads": threads,
    }
    facts = stage.function(
        **read,
        **task.sources,
        **{name: available[name] for name in stage.handed},
    )
    missing = [name for name in stage.files if not (out / name).exists()]
    if missing:
        raise DataError(
            f"stage {stage.name} did not write {', '.join(missing)}; this is a fault of the stage"
        )
    return facts or {}
