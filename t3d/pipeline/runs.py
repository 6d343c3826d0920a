"""Run files: what a run was asked, and where everything it made is. The latest is the default elsewhere."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t3d.errors import UsageError
from t3d.pipeline.keys import digest
from t3d.pipeline.outcome import Outcome
from t3d.pipeline.plan import Plan
from t3d.pipeline.task import failures_of


def write_run(plan: Plan, outcomes: Mapping[Any, Outcome], settings: Mapping[str, Any]) -> Path:
    """Write `runs/<preset>-<digest>.json`: settings, parts, and each artifact's folder by node and shape."""
    folder = plan.project.root / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{settings['preset']}-{digest(settings)[:8]}.json"
    earlier = json.loads(path.read_text()) if path.exists() else {}
    artifacts: dict[str, dict[str, str]] = earlier.get("artifacts", {})
    for (node, shape), outcome in outcomes.items():
        if outcome.there:
            folder, root = Path(outcome.path), plan.project.root  # outside: given, and read where it stands
            named = folder.relative_to(root) if folder.is_relative_to(root) else folder
            artifacts.setdefault(node, {})[shape] = named.as_posix()
    record = {
        "settings": dict(settings),
        "parts": {name: list(ids) for name, ids in plan.parts.items()},
        "artifacts": artifacts,
        "failures": [one.record() for one in failures_of(outcomes.values())],
        "finished": time.time(),
    }
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(record, indent=1, sort_keys=True))
    draft.replace(path)
    return path


def latest_run(root: Path, made: str = "") -> dict[str, Any]:
    """The newest run file of a category's store; raises UsageError when there is none.

    made: how the name of some node begins of which the run has an artifact.
    """
    paths = sorted((root / "runs").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(paths):
        record: dict[str, Any] = json.loads(path.read_text())
        if not made or any(name.startswith(made) for name in record["artifacts"]):
            return record
    what = f"no run here yet that made a {made}" if made else "no run here yet"
    raise UsageError(f"{root}: {what}; start one with `t3d run`")
