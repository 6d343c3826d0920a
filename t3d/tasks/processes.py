"""One item after another in child processes: a crash or a long search costs its own item only."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from queue import SimpleQueue
from typing import Any, TypeVar

from t3d.errors import DataError
from t3d.pipeline.isolate import THREAD_VARIABLES, die_with

Item = TypeVar("Item")
Made = TypeVar("Made")


def each(
    function: Callable[[Item], Made], items: Sequence[Item], workers: int, limits: Sequence[float | None] = ()
) -> Iterator[Made | DataError]:
    """What the function makes of each item, in order; a DataError where its process crashed or was too slow.

    workers: child processes with one thread each; 0: all in this process, without protection. limits:
    seconds that each item may take in a child. What the function raises is raised here. This module imports
    nothing heavy: children learn their share of threads before any library is loaded.
    """
    if workers == 0:
        yield from map(function, items)
        return
    children: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()

    def work(item: Item, limit: float | None) -> Made | DataError:
        child = children.get()
        try:
            process = child.submit(_process, function).result()  # its start and imports are not counted
            return child.submit(function, item).result(limit)
        except BrokenProcessPool:
            child = _child()
            return DataError("the process that worked on it crashed or ran out of memory")
        except TooLong:
            os.kill(process, signal.SIGKILL)
            child.shutdown()
            child = _child()
            return DataError(f"it took longer than {limit:g} s (--timeout)")
        finally:
            children.put(child)

    for _ in range(workers):
        children.put(_child())
    with ThreadPoolExecutor(workers) as threads:
        yield from threads.map(work, items, limits or [None] * len(items))
    for _ in range(workers):
        children.get().shutdown()


def _child() -> ProcessPoolExecutor:
    """A process that starts with its first item."""
    return ProcessPoolExecutor(1, get_context("spawn"), _begin)


def _process(_function: Callable[..., Any]) -> int:
    """Id of this process, in which the function's module is imported by now."""
    return os.getpid()


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which decides
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    threading.Thread(target=die_with, args=(os.getppid(),), daemon=True).start()
