"""What people see: messages, the live table of a run, plain lines where there is no terminal, a run's log."""

import contextlib
import importlib.util
import logging
import re
import shlex
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from t3d.datasets.virtual import original
from t3d.errors import UsageError
from t3d.pipeline.plan import Plan
from t3d.pipeline.runner import Watch
from t3d.pipeline.runs import is_written, latest_log, outcome_of, read_log
from t3d.pipeline.store import Failure
from t3d.pipeline.task import Outcome, failures_of

PLAIN_EVERY = 10.0
"""Seconds between plain progress lines of one node."""

SLOWEST = 5
"""Items of a log that are named as the slowest."""

STATES = ("made", "kept", "failed")
"""What becomes of items, as it is shown."""


def say(text: str = "") -> None:
    """A line for the user; standard error, so that standard output holds results only."""
    click.echo(text, err=True)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.levelname.lower()}: {record.getMessage()}")


def show_log(debug: bool) -> None:
    """Send the library's warnings to the terminal; everything with --debug."""
    log = logging.getLogger("t3d")
    log.handlers = [_Lines()]
    log.setLevel(logging.DEBUG if debug else logging.WARNING)


class Tally:
    """Counts what a run makes and what it says of itself, by node."""

    def __init__(self, totals: Mapping[str, int], workers: int = 1) -> None:
        self.workers = workers
        self.totals = Counter(totals)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = defaultdict(float)
        self.live: dict[str, str] = {}

    def take(self, news: Outcome | Mapping[str, Any]) -> str:
        """Count an outcome, or note live figures; the node they are about."""
        if not isinstance(news, Outcome):
            self.live[news["node"]] = live_text(news)
            return str(news["node"])
        self.counts[news.node, news.state if news.there else "failed"] += 1
        self.seconds[news.node] += news.seconds
        self.live.pop(news.node, None)
        return news.node

    def left(self, node: str) -> int:
        """Items of a node that have no outcome yet."""
        return self.totals[node] - sum(self.counts[node, state] for state in STATES)

    def rate(self, node: str) -> float:
        """Items made per second of one worker; 0 when none was."""
        seconds = self.seconds[node]
        return self.counts[node, "made"] / seconds if seconds else 0.0

    def eta(self, node: str) -> str:
        """How long until the node is done, at its rate so far; empty when that is not known."""
        rate = self.rate(node) * max(1, min(self.workers, self.left(node)))
        return duration(self.left(node) / rate) if rate and self.left(node) else ""

    def line(self, node: str) -> str:
        """One plain line about a node."""
        parts = [f"{self.counts[node, state]} {state}" for state in STATES]
        if self.left(node):
            parts.append(f"{self.left(node)} left")
        parts += [self.live[node]] if node in self.live else []
        return f"{node}: {', '.join(parts)}" + (f", about {self.eta(node)} to go" if self.eta(node) else "")

    def table(self) -> Any:
        """All nodes, for a terminal."""
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("stage", style="cyan")
        for name in (*STATES, "left", "per s", "ETA"):
            table.add_column(name, justify="right")
        table.add_column("now", overflow="ellipsis", no_wrap=True)
        for node in self.totals:
            numbers = [*(self.counts[node, state] for state in STATES), self.left(node)]
            rate = f"{self.rate(node):.2g}" if self.rate(node) else ""
            cells = [*(str(number or "") for number in numbers), rate, self.eta(node)]
            table.add_row(node, *cells, self.live.get(node, ""))
        return table


@contextlib.contextmanager
def watched(plan: Plan, workers: int, quiet: bool) -> Iterator[Watch]:
    """Shows what it is told of a run: a table that keeps up; without a terminal, lines now and then."""
    tally = Tally(plan.totals, workers)
    for outcome in plan.decided.values():
        tally.take(outcome)
    said = dict.fromkeys(tally.totals, time.monotonic())

    def tell(news: Outcome | Mapping[str, Any]) -> None:
        node = tally.take(news)
        if not tally.left(node) or time.monotonic() - said[node] > PLAIN_EVERY:
            said[node] = time.monotonic()
            say(tally.line(node))

    if quiet:
        yield tally.take
    elif sys.stderr.isatty() and importlib.util.find_spec("rich"):  # training alone goes without
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), refresh_per_second=4, get_renderable=tally.table):
            yield tally.take
    else:
        yield tell


def live_text(figures: Mapping[str, Any]) -> str:
    """`40 %, loss 0.012, 12 per s` out of what a stage reports."""
    share = f"{100 * figures.get('done', 0) / (figures.get('total') or 1):.0f} %"
    others = [(name, one) for name, one in figures.items() if name not in ("node", "shape", "done", "total")]
    told = (f"{name} {one:.4g}" if isinstance(one, float) else f"{name} {one}" for name, one in others)
    return ", ".join([share, *told])


def duration(seconds: float) -> str:
    """`42 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """`1.2 GB` and the like, powers of ten."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def counted(shapes: Iterable[str]) -> str:
    """`12`, or `12 real + 48 virtual` where there are virtual shapes."""
    virtual = Counter(bool(original(shape)) for shape in shapes)
    return f"{virtual[False]} real + {virtual[True]} virtual" if virtual[True] else str(virtual[False])


def bytes_of(text: str) -> int:
    """The number of bytes in `64MiB`, `1.5 GB` or `2000`; raises UsageError for any other text."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([kKMGT]?)(i?)B?", text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no size; write 64MiB, 1.5GB or a number of bytes")
    number, prefix, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(prefix.upper() or " "))


def grouped(pairs: Iterable[tuple[str, str]], most: int = 4, lines: int = 15) -> list[str]:
    """Lines `reason: 12 (a, b, c, d, ...)` out of (shape, reason) pairs, the commonest reason first.

    Reasons that differ in paths and numbers only are one; beyond so many lines, the rest is counted.
    """
    by_reason: dict[str, list[tuple[str, str]]] = {}
    for shape, reason in pairs:
        by_reason.setdefault(re.sub(r"\S*[\d/]\S*", "...", reason), []).append((shape, reason))
    told = sorted(by_reason.values(), key=lambda found: (-len(found), found[0][1]))
    text = [_group(found, most) for found in told[:lines]]
    rest = sum(map(len, told[lines:]))
    return [*text, f"{len(told) - lines} other reasons: {rest}"] if rest else text


def _group(found: list[tuple[str, str]], most: int) -> str:
    reason = found[0][1] + (" and the like" if len({reason for _, reason in found}) > 1 else "")
    named = [shape for shape, _ in found[:most] if shape] + ["..."] * (len(found) > most)
    return f"{reason}: {len(found)}" + (f" ({', '.join(named)})" if named else "")


def invocation() -> str:
    """The command as it was given."""
    return shlex.join(["t3d", *sys.argv[1:]])


def losses(failures: Collection[Failure], command: str) -> list[str]:
    """Lines about failures, by reason, and the commands that go on from there."""
    lines = grouped((one.shape, str(one)) for one in failures)
    if any(one.kind != "data" for one in failures):
        lines.append(f"accidents are tried again by the same command: {command}")
    if any(one.kind == "data" for one in failures):
        retry = command if "--retry-failed" in command else f"{command} --retry-failed"
        lines.append(f"bad shapes are tried again when their files are mended; as they are: {retry}")
    return lines


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
