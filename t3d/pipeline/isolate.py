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
from collections.abc import Mapping
from multiprocessing.connection import Connection

from t3d.pipeline.graph import ItemId
from t3d.pipeline.outcome import Outcome
from t3d.pipeline.store import Failure, Kind
from t3d.pipeline.task import Report, Task, failed, make, place_of, preimage

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS")
"""By which libraries learn how many threads they may use; read when they are loaded."""

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
    def alive(self) -> bool:
        """Whether it can take another task."""
        return self._process.poll() is None and not self._pipe.closed

    def run(
        self,
        task: Task,
        outcomes: Mapping[ItemId, Outcome],
        limits: tuple[float | None, int | None],
        report: Report,
    ) -> Outcome:
        """The outcome of one task, within limits of (seconds, bytes of memory); None: no limit.

        Raises StoppedError when the run is given up meanwhile.
        """
        if STOPPING.is_set():  # given up before it began: nobody would wait for it
            raise StoppedError
        started = time.monotonic()
        try:
            self._pipe.send((task, outcomes))
            while True:
                if self._pipe.poll(0.2):
                    finished, value = self._pipe.recv()
                    if finished:
                        return value
                    report(value)
                self._check(limits, time.monotonic() - started)
        except (_OverLimitError, EOFError, OSError) as error:
            self.kill()
            if STOPPING.is_set():
                raise StoppedError from None
            kind, reason = (
                error.args if isinstance(error, _OverLimitError) else ("killed", self._last_words())
            )
            failure = Failure(task.shape, task.stage, kind, reason)
            place = place_of(task, preimage(task, outcomes))
            return failed(task, outcomes, place, failure, time.monotonic() - started)

    def end(self) -> None:
        """End the process at once, from any thread: its own thread then finds the pipe closed."""
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """End the process and let go of it; only for the thread that uses it."""
        self.end()
        self._pipe.close()
        _CHILDREN.discard(self)

    def _check(self, limits: tuple[float | None, int | None], seconds: float) -> None:
        longest, most = limits
        if longest is not None and seconds > longest:
            raise _OverLimitError("timeout", f"took longer than {longest:g} s")
        if most is not None and _resident(self._process.pid) > most:
            raise _OverLimitError("killed", f"used more than {most / 2**30:.1f} GiB of memory")

    def _last_words(self) -> str:
        code = self._process.returncode
        if code < 0:
            return f"the process was ended by {signal.Signals(-code).name}"
        return f"the process ended with status {code}"


class _OverLimitError(Exception):
    """A limit was passed: (kind, reason)."""

    args: tuple[Kind, str]


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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which decides
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    threads = int(os.environ[THREAD_VARIABLES[0]])
    pipe: Connection = Connection(descriptor)
    with contextlib.suppress(EOFError, OSError):
        while True:
            task, outcomes = pipe.recv()
            outcome = make(task, outcomes, threads, lambda figures: pipe.send((False, figures)))
            pipe.send((True, outcome))


def die_with(parent: int) -> None:
    """End this process when its parent is gone: a killed one closes no pipe of its children."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _resident(pid: int | None) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
