"""Functions timed in turn, in one process: what a busy machine does, it does to all of them."""

import statistics
import time
from collections.abc import Callable, Mapping

from benchmarks._sides import Row


def alternate(functions: Mapping[str, Callable[[], object]], runs: int) -> dict[str, Row]:
    """Median seconds of each, by the clock and by the processors (over all threads), after one warm-up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in functions}
    for run in range(runs + 1):
        for name, function in functions.items():
            clock, cpu = time.perf_counter(), time.process_time()
            function()
            if run:
                taken[name].append((time.perf_counter() - clock, time.process_time() - cpu))
    return {
        name: dict(zip(("seconds", "cpu"), map(statistics.median, zip(*pairs, strict=True)), strict=True))
        for name, pairs in taken.items()
    }


def report(row: Row, items: int, what: str) -> Row:
    """Print each side's speed; add how many times faster than `peer` the others are, in processor time."""
    sides = row["sides"]
    for name, side in sides.items():
        side["faster"] = sides["peer"]["cpu"] / side["cpu"]
        print(
            f"{name:8} {items / side['cpu']:10,.0f} {what} per processor second, {side['faster']:6.2f}x; by "
            f"the clock {items / side['seconds']:10,.0f}, {sides['peer']['seconds'] / side['seconds']:6.2f}x"
        )
    return row | {"ratio": sides["t3d"]["faster"]}
