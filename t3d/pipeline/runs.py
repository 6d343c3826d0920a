"""Run files: what a run was asked, and where everything it made is. The latest is the default elsewhere.

Beside each stands its log, `<name>.jsonl`, a JSON object per line, written as things happen and continued by
later runs of the same settings:

    start   command, folder it was given in, host, items per stage
    item    what became of one: stage, shape, state, seconds, memory (peak bytes), host, folder or failures
    live    what a stage reports of itself, now and then
    end     how the run ended

Every line has `time` (seconds since 1970) and `run`, which tells apart runs that write at once.
"""

import contextlib
import fcntl
import json
import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from t3d.errors import UsageError
from t3d.pipeline.keys import digest
from t3d.pipeline.plan import Plan
from t3d.pipeline.runner import Watch
from t3d.pipeline.store import Failure, Place
from t3d.pipeline.task import Outcome, failures_of

LIVE_EVERY = 10.0
"""Seconds between live lines of one stage."""


def write_run(plan: Plan, outcomes: Mapping[Any, Outcome], settings: Mapping[str, Any]) -> Path:
    """Write `runs/<preset>-<digest>.json`: settings, parts, and each artifact's folder by node and shape."""
    root, path = plan.project.store.root, _path(plan, settings)
    with plan.project.store.lock(Place("runs", "", "", path.stem)):  # another run may add to it as well
        artifacts = json.loads(path.read_text())["artifacts"] if path.exists() else {}
        for (node, shape), outcome in outcomes.items():
            if outcome.there:
                artifacts.setdefault(node, {})[shape] = _below(root, outcome)
        record = {
            "settings": dict(settings),
            "parts": {name: list(ids) for name, ids in plan.parts.items()},
            "artifacts": artifacts,
            "failures": [one.record() for one in failures_of(outcomes.values())],
            "finished": time.time(),
        }
        latest = max((one.stat().st_mtime_ns for one in path.parent.glob("*.json")), default=0)
        plan.project.store.write(path, json.dumps(record, indent=1, sort_keys=True))
        if path.stat().st_mtime_ns <= latest:  # the clock went back, and yet this is the latest
            os.utime(path, ns=(latest + 1, latest + 1))
    return path


def latest_run(root: Path, made: str = "") -> dict[str, Any]:
    """The newest run file of a category's store; raises UsageError when there is none.

    made: how the name of some node begins of which the run has an artifact.
    """
    for path in reversed(_by_age(root, "*.json")):
        record: dict[str, Any] = json.loads(path.read_text())
        if not made or any(name.startswith(made) for name in record["artifacts"]):
            return record
    that = f" that made a {made}" if made else ""
    raise UsageError(f"{root}: no run here yet{that}; start one with `t3d run`")


@contextlib.contextmanager
def run_log(
    plan: Plan, settings: Mapping[str, Any], command: str, watch: Watch = lambda news: None
) -> Iterator[Watch]:
    """Takes down what a run tells, and passes it on to `watch`; the log is locked as long as it is written.

    No failure to write stops the run.
    """
    run, due = uuid.uuid4().hex[:8], dict[str, float]()

    def write(event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, "run": run, "time": round(time.time(), 3), **facts})
        before = "\n" if event == "start" else ""  # a run that was killed may have left half a line
        with contextlib.suppress(OSError):
            file.write(f"{before}{line}\n".encode())

    def take(news: Outcome | Mapping[str, Any]) -> None:
        if isinstance(news, Outcome):
            write("item", **_told(plan.project.store.root, news))
        elif time.monotonic() >= due.get(news["node"], 0):
            due[news["node"]] = time.monotonic() + LIVE_EVERY
            write("live", **news)
        watch(news)

    with _appended(_path(plan, settings).with_suffix(".jsonl")) as file:
        kept = Counter(one.node for one in plan.decided.values() if one.there)
        place = {"folder": os.getcwd(), "host": socket.gethostname(), "pid": os.getpid()}
        write("start", command=command, totals=plan.totals, kept=kept, **place)
        for outcome in plan.decided.values():
            if not outcome.there:
                write("item", **_told(plan.project.store.root, outcome))
        how = "finished"
        try:
            yield take
        except BaseException as error:
            how = type(error).__name__
            raise
        finally:
            write("end", how=how)


def _appended(path: Path) -> BinaryIO:
    """A log to be continued, locked to show it; where that cannot be, what is written is lost."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab", buffering=0)
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:
        return Path(os.devnull).open("wb")
    return file


def _told(root: Path, outcome: Outcome) -> dict[str, Any]:
    """What an item's line tells of its outcome."""
    told: dict[str, Any] = {"stage": outcome.node, "shape": outcome.shape, "state": outcome.state}
    told |= {"seconds": round(outcome.seconds, 3), "memory": outcome.memory, "host": outcome.host}
    if outcome.there:
        return {**told, "path": _below(root, outcome)}
    return {**told, "failures": [one.record() for one in outcome.failures]}


def latest_log(root: Path) -> Path:
    """The log written to last; raises UsageError when there is none."""
    paths = _by_age(root, "*.jsonl")
    if not paths:
        raise UsageError(f"{root}: no run here yet; start one with `t3d run`")
    return paths[-1]


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of the run that was started last."""
    lines = _lines(path)
    run = next((line["run"] for line in reversed(lines) if line["event"] == "start"), "")
    return [line for line in lines if line["run"] == run]


def outcome_of(line: Mapping[str, Any]) -> Outcome:
    """The outcome that an item's line tells of."""
    failures = tuple(Failure(**one) for one in line.get("failures", ()))
    names = {"shape", "state", "path", "seconds", "memory", "host"} & line.keys()
    return Outcome(line["stage"], failures=failures, **{name: line[name] for name in names})


def is_written(path: Path) -> bool:
    """Whether a run is writing the log now."""
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def named(root: Path) -> set[str]:
    """Folders below the root of what finished runs made or kept, and of what later ones have made so far."""
    paths: set[str] = set()
    for path in (root / "runs").glob("*.json"):
        for artifacts in json.loads(path.read_text())["artifacts"].values():
            paths |= set(artifacts.values())
    for path in (root / "runs").glob("*.jsonl"):
        runs: dict[str, set[str]] = {}
        for line in _lines(path):
            if "path" in line:
                runs.setdefault(line["run"], set()).add(line["path"])
            if line.get("how") == "finished":  # its run file tells: of this and of those that began before
                runs = dict(list(runs.items())[[*runs, line["run"]].index(line["run"]) + 1 :])
        paths = paths.union(*runs.values())
    return paths


def _lines(path: Path) -> list[dict[str, Any]]:
    """Lines of a log; half a line, which a killed run may leave, is none."""
    lines = []
    for text in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(text))
    return lines


def _path(plan: Plan, settings: Mapping[str, Any]) -> Path:
    return plan.project.store.root / "runs" / f"{settings['preset']}-{digest(settings)[:8]}.json"


def _below(root: Path, outcome: Outcome) -> str:
    """A folder by its name below the root; one that was given and is read where it stands keeps its own."""
    folder = Path(outcome.path)
    return (folder.relative_to(root) if folder.is_relative_to(root) else folder).as_posix()


def _by_age(root: Path, pattern: str) -> list[Path]:
    return sorted((root / "runs").glob(pattern), key=lambda path: path.stat().st_mtime_ns)
