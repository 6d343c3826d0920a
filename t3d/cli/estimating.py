"""`t3d run --estimate`: about how long and how large a run will be, before it is begun."""

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from t3d.cli.console import duration, size
from t3d.pipeline.plan import Plan
from t3d.pipeline.settings import read_toml
from t3d.pipeline.store import read_manifest
from t3d.pipeline.task import Task, leaves


def estimate(planned: Plan, workers: int) -> None:
    """Say per node how long and how large what is to be made will be, and in all."""
    first = {task.id[0]: task for task in reversed(planned.todo)}
    total_time = total_room = 0.0
    for node, count in Counter(task.id[0] for task in planned.todo).items():
        each, room, source = cost_of(planned, first[node])
        time = each * count / (max(1, min(workers, count)) if first[node].shape else 1)
        total_time, total_room = total_time + time, total_room + room * count
        click.echo(f"{node}: {count} to make, {duration(time)}, {size(room * count)} ({source})")
    click.echo(f"in all about {duration(total_time)} and {size(total_room)}, {max(1, workers)} at once")


def cost_of(planned: Plan, task: Task) -> tuple[float, float, str]:
    """Mean seconds and bytes of one artifact, by this store (200 manifests) or the shipped table; whose."""
    folders = planned.project.store.root.glob(f"{task.stage.makes}/*/*/")
    manifests = filter(None, map(read_manifest, folders))
    found = [one for one in islice(manifests, 200) if one["made_from"]["stage"] == task.stage.name]
    rounds = _rounds({"params": task.image["params"], "inputs": task.wires})
    if found:
        each = fmean(one["seconds"] / _rounds(one["made_from"]) for one in found)
        room = fmean(sum(file["bytes"] for file in one["files"].values()) for one in found)
        return each * rounds, room, f"{len(found)} measured here"
    table = read_toml(Path(__file__).with_name("costs.toml"))
    each, room = table.get(task.stage.name, (0.0, 0.0))
    return each * rounds, 1e6 * room, "as preset tiny on 2 cores" if each else "not known"


def _rounds(made: Mapping[str, Any]) -> int:
    """What the time of one artifact grows with: its iterations, or the surfaces that are measured against."""
    return made["params"].get("iterations") or len(leaves(made["inputs"].get("surface", {}))) or 1
