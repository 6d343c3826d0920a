"""A child process that makes one item after another, and is killed when one of them goes wrong.

One pipe carries the task in, live figures and the outcome out. A child that crashes, hangs or eats the
memory costs its own item only: the next item starts a new child.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection

from t3d.pipeline.machine import memory, sacrifice
from t3d.pipeline.store import Kind
from t3d.pipeline.task import Item, Known, Outcome, Report, Task

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS")
"""By which libraries learn how many threads they may use; read when they are loaded."""

MOST_OF_MEMORY = 0.9
"""Share of the machine's memory that one child may use where no limit is named."""

Limits = tuple[float | None, int | None]
"""Seconds that an item may take, and bytes of memory; None: no limit of time, `MOST_OF_MEMORY`."""

STOPPING = threading.Event()
"""Set when the run is being given up: children killed from then on failed nobody."""


class StoppedError(Exception):
    """The run was given up while the item was being made."""


class Child:
    """One child process with its share of threads; use it from one thread."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        ours, theirs = socket.socketpair()
        command = f"from t3d.pipeline.isolate import serve; serve({theirs.fileno()}, {os.getpid()})"
        caps = dict.fromkeys(THREAD_VARIABLES, str(threads))
        paths = os.pathsep.join(path for path in sys.path if path)
        environment = {**os.environ, **caps, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": paths}
        with theirs:  # a plain subprocess: Dask's own workers may not start multiprocessing children
            self._process = subprocess.Popen(
                [sys.executable, "-c", command], env=environment, pass_fds=[theirs.fileno()]
            )
        self._pipe: Connection = Connection(ours.detach())
        _CHILDREN.add(self)

    @property
    def pid(self) -> int:
        """Its number as a process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take another task."""
        return self._process.poll() is None and not self._pipe.closed

    def run(self, task: Task, outcomes: Known, limits: Limits, report: Report) -> Outcome:
        """The outcome of one task, within limits of (seconds, bytes of memory); None: no limit.

        Raises StoppedError when the run is given up meanwhile.
        """
        if STOPPING.is_set():  # given up before it began: nobody would wait for it
            raise StoppedError
        guard = _Guard(self, limits)
        try:
            self._pipe.send((task, outcomes))
            while True:
                finished, value = self._pipe.recv()
                if finished:
                    return value
                report(value)
        except (EOFError, OSError):
            guard.end()
            self.kill()
            if STOPPING.is_set():
                raise StoppedError from None
            kind, reason = guard.verdict or ("killed", self._last_words())
            return Item(task, outcomes).record_failure(kind, reason)
        finally:
            guard.end()

    def end(self) -> None:
        """End the process at once, from any thread: its own thread then finds the pipe closed."""
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """End the process and let go of it; only for the thread that uses it."""
        self.end()
        self._pipe.close()
        _CHILDREN.discard(self)

    def _last_words(self) -> str:
        code = self._process.returncode
        if code < 0:
            return f"the process was ended by {signal.Signals(-code).name}"
        return f"the process ended with status {code}"


class _Guard:
    """Ends a child that passes a limit: from a thread of its own, as a stopped child may block the pipe.

    Time in which this process itself was stopped, or asleep, is given back.
    """

    def __init__(self, child: Child, limits: Limits) -> None:
        self.verdict: tuple[Kind, str] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(child, *limits), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def _watch(self, child: Child, longest: float | None, most: int | None) -> None:
        most = most or int(MOST_OF_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        seconds, before = 0.0, time.monotonic()
        while not (self.verdict or self._over.wait(0.2)):
            now = time.monotonic()
            seconds, before = seconds + min(now - before, 1.0), now
            if longest is not None and seconds > longest:
                self.verdict = "timeout", f"took longer than {longest:g} s"
            elif memory(child.pid)[0] > most:
                self.verdict = "killed", f"used more than {most / 2**30:.1f} GiB of memory"
        if self.verdict:
            child.end()


_CHILDREN: set[Child] = set()
_OF_THREAD = threading.local()


def child_of_this_thread(threads: int) -> Child:
    """The calling thread's child with that many threads: the one there is, or a new one."""
    child: Child | None = getattr(_OF_THREAD, "child", None)
    if child is not None and (not child.alive or child.threads != threads):
        child.kill()
        child = None
    if child is None:
        child = _OF_THREAD.child = Child(threads)
    return child


def kill_children() -> None:
    """End every child of this process."""
    for child in list(_CHILDREN):
        child.end()
    _CHILDREN.clear()


def serve(descriptor: int, parent: int) -> None:
    """The child's life: take a task, make it, say how it ended; until the pipe closes."""
    sacrifice()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which decides
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    threads = int(os.environ[THREAD_VARIABLES[0]])
    pipe: Connection = Connection(descriptor)
    with contextlib.suppress(EOFError, OSError):
        while True:
            task, outcomes = pipe.recv()
            outcome = Item(task, outcomes).make(threads, lambda figures: pipe.send((False, figures)))
            pipe.send((True, outcome))


def die_with(parent: int) -> None:
    """End this process when its parent is gone: a killed one closes no pipe of its children."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
