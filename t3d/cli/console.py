"""What people see: messages, the live table of a run, plain lines where there is no terminal."""

import importlib.util
import logging
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import click

from t3d.datasets.virtual import original
from t3d.errors import UsageError
from t3d.pipeline.plan import Plan
from t3d.pipeline.store import Failure
from t3d.pipeline.task import Outcome

PLAIN_EVERY = 10.0
"""Seconds between plain progress lines of one node."""


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


@dataclass
class Tally:
    """Counts and live figures of a run, by node."""

    totals: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> "Tally":
        """The tally at the start of a run."""
        tally = cls(Counter(id_[0] for id_ in {**plan.tasks, **plan.decided}))
        for outcome in plan.decided.values():
            tally.add(outcome)
        return tally

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        counter = {"kept": self.kept, "made": self.made}.get(outcome.state, self.lost)
        counter[outcome.node] += 1
        self.seconds[outcome.node] = self.seconds.get(outcome.node, 0.0) + outcome.seconds
        self.live.pop(outcome.node, None)

    def note(self, figures: Mapping[str, Any]) -> None:
        """Take the live figures of one item."""
        self.live[figures["node"]] = live_text(figures)

    def left(self, node: str) -> int:
        """Items of a node that have no outcome yet."""
        return self.totals[node] - self.kept[node] - self.made[node] - self.lost[node]

    def rate(self, node: str) -> float:
        """Items made per second of one worker; 0 when none was."""
        seconds = self.seconds.get(node, 0.0)
        return self.made[node] / seconds if seconds else 0.0

    def eta(self, node: str, workers: int) -> float:
        """Seconds until the node is done, at its rate so far."""
        rate = self.rate(node) * max(1, min(workers, self.left(node)))
        return self.left(node) / rate if rate else 0.0

    def line(self, node: str) -> str:
        """One plain line about a node."""
        parts = [f"{self.made[node]} made", f"{self.kept[node]} kept", f"{self.lost[node]} failed"]
        if self.left(node):
            parts.append(f"{self.left(node)} left")
        return f"{node}: {', '.join(parts)}" + (f", {self.live[node]}" if node in self.live else "")


def live_text(figures: Mapping[str, Any]) -> str:
    """`40 %, loss 0.012, 12 per s` out of what a stage reports."""
    total = figures.get("total") or 1
    others = {
        name: value for name, value in figures.items() if name not in ("node", "shape", "done", "total")
    }
    numbers = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in others.items()
    ]
    return ", ".join([f"{100 * figures.get('done', 0) / total:.0f} %", *numbers])


class SilentWatch:
    """Watches and says nothing."""

    def __call__(self, news: Outcome | Mapping[str, Any]) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PlainWatch(SilentWatch):
    """Watches a run without a terminal: a line per node now and then, and one when a node is done."""

    def __init__(self, plan: Plan, workers: int) -> None:
        self.tally = Tally.of(plan)
        self.workers = workers
        self._said: dict[str, float] = {}
        self._started = time.monotonic()

    def __call__(self, news: Outcome | Mapping[str, Any]) -> None:
        node = note(self.tally, news)
        done = not self.tally.left(node)
        if done or time.monotonic() - self._said.get(node, self._started) > PLAIN_EVERY:
            self._said[node] = time.monotonic()
            eta = self.tally.eta(node, self.workers)
            say(self.tally.line(node) + (f", about {duration(eta)} to go" if eta and not done else ""))


class LiveWatch:
    """Watches a run on a terminal: one table that keeps up."""

    def __init__(self, plan: Plan, workers: int) -> None:
        from rich.console import Console
        from rich.live import Live

        self.tally = Tally.of(plan)
        self.workers = workers
        self._live = Live(console=Console(stderr=True), refresh_per_second=4, get_renderable=self._table)

    def __call__(self, news: Outcome | Mapping[str, Any]) -> None:
        note(self.tally, news)

    def __enter__(self) -> "LiveWatch":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _table(self) -> Any:
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("stage", style="cyan")
        for name in ("made", "kept", "failed", "left", "per s", "ETA"):
            table.add_column(name, justify="right")
        table.add_column("now", overflow="ellipsis", no_wrap=True)
        for node in self.tally.totals:
            tally, left = self.tally, self.tally.left(node)
            numbers = [str(count[node] or "") for count in (tally.made, tally.kept, tally.lost)]
            rate, eta = tally.rate(node), tally.eta(node, self.workers)
            speed = [f"{rate:.2g}" if rate else "", duration(eta) if eta else ""]
            table.add_row(node, *numbers, str(left or ""), *speed, tally.live.get(node, ""))
        return table


def note(tally: Tally, news: Outcome | Mapping[str, Any]) -> str:
    """Put news into the tally; the node they are about."""
    if isinstance(news, Outcome):
        tally.add(news)
        return news.node
    tally.note(news)
    return str(news["node"])


def watch_of(plan: Plan, workers: int, quiet: bool) -> Any:
    """The watch that suits where standard error goes."""
    if quiet:
        return SilentWatch()
    live = sys.stderr.isatty() and importlib.util.find_spec("rich")  # training alone goes without
    return LiveWatch(plan, workers) if live else PlainWatch(plan, workers)


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
    lines = grouped((one.shape, f"{one.stage}: {one.kind} failure: {one.reason}") for one in failures)
    if any(one.kind != "data" for one in failures):
        lines.append(f"accidents are tried again by the same command: {command}")
    if any(one.kind == "data" for one in failures):
        retry = command if "--retry-failed" in command else f"{command} --retry-failed"
        lines.append(f"bad shapes are tried again when their files are mended; as they are: {retry}")
    return lines
