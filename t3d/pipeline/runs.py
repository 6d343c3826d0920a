"""Run files: what a run was asked, and where everything it made is. The latest is the default elsewhere.

They are written when a run begins, every `SAVE_EVERY` seconds while it goes on, and when it ends.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t3d.errors import UsageError
from t3d.pipeline.keys import digest
from t3d.pipeline.plan import Plan
from t3d.pipeline.runner import Watch
from t3d.pipeline.store import Place
from t3d.pipeline.task import Outcome, failures_of

SAVE_EVERY = 30.0
"""Seconds after which the run file of a run that goes on is written again."""


@contextlib.contextmanager
def recorded(plan: Plan, settings: Mapping[str, Any], watch: Watch) -> Iterator[Watch]:
    """A watch that passes news on and keeps the run file up to date, also where the run is interrupted."""
    outcomes = dict(plan.decided)
    written = -SAVE_EVERY

    def save() -> None:
        nonlocal written
        if time.monotonic() - written >= SAVE_EVERY:
            with contextlib.suppress(OSError):  # the run goes on, and says itself when nothing can be written
                write_run(plan, outcomes, settings)
            written = time.monotonic()

    def take(news: Outcome | Mapping[str, Any]) -> None:
        if isinstance(news, Outcome):
            outcomes[news.node, news.shape] = news
            save()
        watch(news)

    save()
    try:
        yield take
    finally:
        written = -SAVE_EVERY
        save()


def write_run(
    plan: Plan, outcomes: Mapping[Any, Outcome], settings: Mapping[str, Any], finished: bool = False
) -> Path:
    """Write `runs/<preset>-<digest>.json`: settings, parts, and each artifact's folder by node and shape.

    finished: whether the run came to its end; until then, `latest_run` prefers others.
    """
    root, store = plan.project.root, plan.project.store
    path = root / "runs" / f"{settings['preset']}-{digest(settings)[:8]}.json"
    with store.lock(Place("runs", "", "", path.stem)):  # another run may add to it as well
        earlier = json.loads(path.read_text()) if path.exists() else {}
        artifacts: dict[str, dict[str, str]] = earlier.get("artifacts", {})
        for (node, shape), outcome in outcomes.items():
            if outcome.there:
                folder = Path(outcome.path)  # one that is read where it stands keeps its own name
                below = folder.relative_to(root) if folder.is_relative_to(root) else folder
                artifacts.setdefault(node, {})[shape] = below.as_posix()
        record = {
            "settings": dict(settings),
            "parts": {name: list(ids) for name, ids in plan.parts.items()},
            "artifacts": artifacts,
            "failures": [one.record() for one in failures_of(outcomes.values())],
            "finished": time.time() if finished else earlier.get("finished"),
        }
        latest = max((one.stat().st_mtime_ns for one in path.parent.glob("*.json")), default=0)
        store.write(path, json.dumps(record, indent=1, sort_keys=True))
        if path.stat().st_mtime_ns <= latest:  # the clock went back, and yet this is the latest
            os.utime(path, ns=(latest + 1, latest + 1))
    return path


def latest_run(root: Path, made: str = "", finished: bool = True) -> dict[str, Any]:
    """The newest run file of a category's store; raises UsageError when there is none.

    made: how the name of some node begins of which the run has an artifact. finished: only of runs that came
    to their end.
    """
    for record in _records(root):
        named = any(name.startswith(made) for name in record["artifacts"])
        if (record["finished"] or not finished) and (named or not made):
            return record
    what = f"no run here yet that made a {made}" if made else "no run here yet"
    raise UsageError(f"{root}: {what}; start one with `t3d run`")


def named(root: Path) -> set[str]:
    """Folders below the root that runs have made or kept, whether or not they came to their end."""
    by_node = [artifacts for record in _records(root) for artifacts in record["artifacts"].values()]
    return {folder for artifacts in by_node for folder in artifacts.values()}


def _records(root: Path) -> Iterator[dict[str, Any]]:
    """Run files, the latest first."""
    for path in sorted((root / "runs").glob("*.json"), key=lambda path: -path.stat().st_mtime_ns):
        yield json.loads(path.read_text())
