"""A child process that does one piece of work after another, and is killed when one of them goes wrong.

One pipe carries the work in, live figures and the result out. A child that crashes, hangs or eats the
memory costs its own work only: the next gets a new child.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from t3d.pipeline.machine import memory, sacrifice

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS")
"""By which libraries learn how many threads they may use; read when they are loaded."""

MOST_OF_MEMORY = 0.9
"""Share of the machine's memory that one child may use where no limit is named."""

Report = Callable[[Mapping[str, Any]], object]
"""Told of live figures."""

Work = Callable[[int, Report], Any]
"""What a child does, with its share of threads; it goes through the pipe, so it can be pickled."""

Limits = tuple[float | None, int | None]
"""Seconds that a piece of work may take, and bytes of memory; None: no limit of time, `MOST_OF_MEMORY`."""

STOPPING = threading.Event()
"""Set when the run is being given up: children killed from then on failed nobody."""


class StoppedError(Exception):
    """The run was given up while the work was being done."""


class LostError(Exception):
    """The child was lost at work; its arguments are the kind of failure and the reason."""


class Child:
    """One child process with its share of threads, and more environment variables; for use by one thread."""

    def __init__(self, threads: int, variables: Mapping[str, str] | None = None) -> None:
        self.threads = threads
        ours, theirs = socket.socketpair()
        command = f"from t3d.pipeline.isolate import serve; serve({theirs.fileno()}, {os.getpid()})"
        caps = dict.fromkeys(THREAD_VARIABLES, str(threads))
        paths = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment = {**os.environ, **caps, **paths, **(variables or {})}
        with theirs:  # a plain subprocess: Dask's own workers may not start multiprocessing children
            self.process = subprocess.Popen(
                [sys.executable, "-c", command], env=environment, pass_fds=[theirs.fileno()]
            )
        self._pipe: Connection = Connection(ours.detach())
        _CHILDREN.add(self)

    def start(self, work: Work) -> None:
        """Have it begin."""
        self._pipe.send(work)

    def run(self, work: Work, limits: Limits, report: Report) -> Any:
        """What comes of the work.

        Raises LostError when the child dies of it or passes a limit, StoppedError when the run is given up.
        """
        if STOPPING.is_set():  # given up before it began: nobody would wait for it
            raise StoppedError
        guard = _Guard(self.process, limits)
        try:
            self.start(work)
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
            raise guard.verdict or LostError("killed", _last_words(self.process.returncode)) from None
        finally:
            guard.end()

    def kill(self) -> None:
        """End the process and let go of it; only for the thread that uses it."""
        self.process.kill()
        self.process.wait()
        self._pipe.close()
        _CHILDREN.discard(self)


def _last_words(code: int) -> str:
    if code < 0:
        return f"the process was ended by {signal.Signals(-code).name}"
    return f"the process ended with status {code}"


class _Guard:
    """Kills a process that passes a limit: from a thread of its own, as a stopped child may block the pipe.

    Time in which this process itself was stopped, or asleep, is given back.
    """

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self.verdict: LostError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(process, *limits), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def _watch(self, process: subprocess.Popen[bytes], longest: float | None, most: int | None) -> None:
        most = most or int(MOST_OF_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        seconds, before = 0.0, time.monotonic()
        while not self._over.wait(0.2):
            now = time.monotonic()
            seconds, before = seconds + min(now - before, 1.0), now
            if longest is not None and seconds > longest:
                self.verdict = LostError("timeout", f"took longer than {longest:g} s")
            elif memory(process.pid)[0] > most:
                self.verdict = LostError("killed", f"used more than {most / 2**30:.1f} GiB of memory")
            if self.verdict:
                process.kill()
                break


_CHILDREN: set[Child] = set()
_OF_THREAD = threading.local()


def child_of_this_thread(threads: int) -> Child:
    """The calling thread's child with that many threads: the one there is, or a new one."""
    child: Child | None = getattr(_OF_THREAD, "child", None)
    if child and child.threads == threads and child.process.poll() is None:
        return child
    if child:
        child.kill()
    _OF_THREAD.child = Child(threads)
    return _OF_THREAD.child


def kill_children() -> None:
    """End every child of this process; the threads that use them then find their pipes closed."""
    while _CHILDREN:
        child = _CHILDREN.pop()
        child.process.kill()
        child.process.wait()


def serve(descriptor: int, parent: int) -> None:
    """The child's life: do what comes in, say what came of it; until the pipe closes."""
    sacrifice()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which decides
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    threads = int(os.environ[THREAD_VARIABLES[0]])
    pipe: Connection = Connection(descriptor)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            work = pipe.recv()
            pipe.send((True, work(threads, lambda figures: pipe.send((False, figures)))))


def die_with(parent: int) -> None:
    """End this process when its parent is gone: a killed one closes no pipe of its children."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
