"""One item: make its artifact, or find it, or record why not. Runs anywhere the store can be seen."""

import errno
import logging
import shutil
import socket
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from t3d.errors import DataError, T3dError, UsageError
from t3d.pipeline.companions import companions
from t3d.pipeline.graph import ItemId, Node
from t3d.pipeline.isolate import Report
from t3d.pipeline.keys import digest, seed_of
from t3d.pipeline.machine import forget_peak, gpus, memory, versions
from t3d.pipeline.stage import Facts, Stage
from t3d.pipeline.store import Failure, Kind, Place, Store, read_manifest

SCHEMA = 1
"""Raised when the meaning of keys or manifests changes; every artifact is then made anew."""

GIVEN = "given"
"""Source role of an artifact that the data set brings itself."""

State = Literal["kept", "made", "failed", "blocked"]
Wire = Any
"""Where an input comes from: an `ItemId`, or a mapping (part, shape, variant) down to them."""


@dataclass(frozen=True)
class Outcome:
    """What became of one item; `failures` are all those at or above it, its own included.

    seconds, memory (the most bytes held at once), host: what it took, and where.
    """

    node: str
    shape: str
    state: State
    place: Place | None = None
    path: str = ""
    digest: str = ""
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0
    memory: int = 0
    host: str = ""

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

    node: Node
    shape: str
    store: Store
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
        return (self.node.name, self.shape)

    @property
    def stage(self) -> Stage:
        """The stage that makes it."""
        return self.node.stage

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


def failures_of(outcomes: Iterable[Outcome]) -> tuple[Failure, ...]:
    """Every failure at or above some items, once each."""
    found = {(one.stage, one.shape): one for outcome in outcomes for one in outcome.failures}
    return tuple(found[name] for name in sorted(found))


@dataclass
class Item:
    """A task and the outcomes of all that it reads; some may lack as long as only `blocked` is asked."""

    task: Task
    known: Known

    @cached_property
    def above(self) -> list[Outcome]:
        """The known outcomes of what it reads."""
        return [self.known[id_] for id_ in self.task.upstream if id_ in self.known]

    @cached_property
    def image(self) -> dict[str, Any]:
        """All that decides the artifact's bytes; its digest is the key."""
        task = self.task
        made = filled(task.wires, self.known, lambda outcome: outcome.digest)
        image = {**task.image, "inputs": {**made, **task.image["inputs"]}}
        excluded = sorted({one.shape for one in self.above if one.shape and not one.there})
        if excluded and not task.shape:
            image["excluded"] = excluded
        if "failures" in image:
            image["failures"] = [one.record() for one in failures_of(self.above)]
        return image

    @cached_property
    def place(self) -> Place:
        """Where the artifact belongs."""
        label = GIVEN if self.task.take else self.task.node.variant or f"v{self.image['version']}"
        return Place(self.task.stage.makes, self.task.shape, label, digest(self.image))

    def blocked(self) -> Outcome | None:
        """The outcome where inputs are not there; None when it can be made.

        A shape is blocked by its own missing inputs, the set by a missing set artifact, and by shapes lost to
        accidents (which a further run may bring back) unless missing ones are allowed.
        """
        lost = [one for one in self.above if not one.there]
        stopped = bool(lost)
        if not self.task.shape:
            accidents = any(failure.kind != "data" for one in lost for failure in one.failures)
            stopped = any(not one.shape for one in lost) or (accidents and not self.task.allow_missing)
        return Outcome(*self.task.id, "blocked", failures=failures_of(self.above)) if stopped else None

    def look_up(self) -> Outcome | None:
        """What is already decided: a kept artifact, a standing failure, a blocked item; else None."""
        stopped = self.blocked()
        if stopped:
            return stopped
        manifest = read_manifest(self.task.store.path(self.place))
        if manifest is not None:
            return self._there("kept", manifest)
        failure = self.task.store.failure(self.place)
        stands = failure and failure.kind == "data" and self.task.shape and not self.task.retry_failed
        return self._failed(failure) if failure and stands else None

    def make(self, threads: int, report: Report) -> Outcome:
        """Find the artifact or make it; a failure of the stage is a recorded outcome."""
        started = time.monotonic()
        forget_peak()
        try:
            with self.task.store.lock(self.place):  # another run may have been quicker
                outcome = self.look_up() or self._make(threads, report)
        except Exception as error:
            logging.getLogger(__name__).debug("%s failed", self.task.id, exc_info=True)
            tail = "".join(traceback.format_exception(error))[-4000:]
            outcome = self.record_failure(*classify(error), tail)
        took = time.monotonic() - started
        return replace(outcome, seconds=took, memory=memory()[1], host=socket.gethostname())

    def record_failure(self, kind: Kind, reason: str, detail: str = "") -> Outcome:
        """Record a failure; a store that takes no record is itself the failure shown."""
        task = self.task
        failure = Failure(task.shape, task.stage.name, kind, reason, detail)
        try:
            task.store.record_failure(self.place, failure)
        except OSError as error:
            failure = replace(failure, kind="infra", reason=f"{task.store.root}: {error.strerror}")
        return self._failed(failure)

    def _failed(self, failure: Failure) -> Outcome:
        return Outcome(*self.task.id, "failed", self.place, failures=(*failures_of(self.above), failure))

    def _there(self, state: State, manifest: Mapping[str, Any]) -> Outcome:
        path, above = str(self.task.store.path(self.place)), failures_of(self.above)
        return Outcome(*self.task.id, state, self.place, path, manifest["digest"], above)

    def _make(self, threads: int, report: Report) -> Outcome:
        task, store = self.task, self.task.store
        started, clock = time.time(), time.monotonic()
        with store.draft() as out:
            if task.take:
                facts = task.take(task.sources[GIVEN], out)
            else:
                trains = task.stage.resource and getattr(task.params, "gpu", False)
                count = max(1, gpus()) if trains else 1
                share = max(1, threads // count)
                with companions(self, count, share):
                    facts = self.call_stage(out, share, report)
            manifest = {
                "key": self.place.key,
                "made_from": self.image,
                "facts": dict(facts),
                "seconds": round(time.monotonic() - clock, 3),
                "memory": memory()[1],
                "started": started,
                "host": socket.gethostname(),
                "versions": versions(),
            }
            published = store.publish(out, self.place, manifest)
        shutil.rmtree(store.scratch(self.place), ignore_errors=True)
        return self._there("made", published)

    def call_stage(self, out: Path, threads: int, report: Report) -> Facts:
        """Call the stage with folders and source files before its star, and what it asks for after it."""
        import numpy as np

        def progress(done: float, total: float, **figures: Any) -> None:
            report({"node": task.id[0], "shape": task.shape, "done": done, "total": total, **figures})

        task, stage, scratch = self.task, self.task.stage, self.task.store.scratch(self.place)
        if "scratch" in stage.handed:
            scratch.mkdir(parents=True, exist_ok=True)
        folders = filled(task.wires, self.known, lambda outcome: Path(outcome.path))
        available = {
            **self.image,  # with the train_seed, ids, recipe and failures that the stage asks for
            "out": out,
            "params": task.params,
            "rng": np.random.default_rng(seed_of(self.image.get("seed", 0), stage.name, task.shape)),
            "scratch": scratch,
            "progress": progress,
            "threads": threads,
        }
        facts = stage.function(**folders, **task.sources, **{name: available[name] for name in stage.handed})
        missing = [name for name in stage.files if not (out / name).exists()]
        if missing:
            raise DataError(f"stage {stage.name} did not write {', '.join(missing)}: a fault of the stage")
        return facts or {}


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
