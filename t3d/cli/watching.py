"""`t3d status --watch`: what the log of the latest run tells, kept up to date."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from t3d.cli.console import Tally, duration, losses, size
from t3d.pipeline.runs import is_written, latest_log, outcome_of, read_log
from t3d.pipeline.task import failures_of

SLOWEST = 5
"""Items named as the slowest."""


def follow(root: Path) -> None:
    """Show the latest log of a category's store until no run writes it any more."""
    path, going, terminal = latest_log(root), True, sys.stdout.isatty()
    while going:
        going = is_written(path)
        if terminal:
            click.clear()
        click.echo("\n".join(picture(read_log(path), going)))
        time.sleep(going * (1 if terminal else 10))


def picture(log: Sequence[Mapping[str, Any]], going: bool) -> list[str]:
    """Lines about a run: its command, counts by stage, the slowest items, failures by reason."""
    start, last = log[0], log[-1]
    outcomes = [outcome_of(line) for line in log if line["event"] == "item"]
    tally = Tally(start["totals"])
    tally.counts.update({(node, "kept"): count for node, count in start["kept"].items()})
    for outcome in outcomes:
        tally.take(outcome)
    for line in log:
        if line["event"] == "live" and tally.left(line["node"]):
            tally.take({name: value for name, value in line.items() if name not in ("event", "run", "time")})
    state = "going on" if going else last["how"] if last["event"] == "end" else "cut off"
    took = duration(last["time"] - start["time"])
    lines = [f"{start['command']}: {state}, {took}, {start['host']}:{start['folder']}"]
    lines += [tally.line(node) for node in tally.totals]
    made = sorted((one for one in outcomes if one.state == "made"), key=lambda one: -one.seconds)
    slow = [f"{one.node} {one.shape} {duration(one.seconds)}, {size(one.memory)}" for one in made[:SLOWEST]]
    if slow:
        lines.append(f"slowest: {'; '.join(slow)}")
    if state not in ("going on", "finished"):
        lines.append(f"go on with: {start['command']}")
    return [*lines, *losses(failures_of(outcomes), start["command"])]
