"""One item after another in child processes: a crash costs its own item only."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from queue import SimpleQueue
from typing import TypeVar

from t3d.errors import DataError
from t3d.pipeline.isolate import THREAD_VARIABLES, die_with

Item = TypeVar("Item")
Made = TypeVar("Made")


def each(function: Callable[[Item], Made], items: Sequence[Item], workers: int) -> Iterator[Made | DataError]:
    """What the function makes of each item, in order; a DataError where its process crashed.

    workers: child processes with one thread each; 0: all in this process, without protection. What the
    function raises is raised here. This module imports nothing heavy: children learn their share of
    threads before any library is loaded.
    """
    if workers == 0:
        yield from map(function, items)
        return
    children: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
    for _ in range(workers):
        children.put(_child())

    def work(item: Item) -> Made | DataError:
        child = children.get()
        try:
            return child.submit(function, item).result()
        except BrokenProcessPool:
            child = _child()
            return DataError("the process that worked on it crashed or ran out of memory")
        finally:
            children.put(child)

    with ThreadPoolExecutor(workers) as threads:
        yield from threads.map(work, items)
    for _ in range(workers):
        children.get().shutdown()


def _child() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), _begin)  # starts with its first item


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which decides
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    threading.Thread(target=die_with, args=(os.getppid(),), daemon=True).start()
