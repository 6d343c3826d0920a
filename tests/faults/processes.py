"""Toy runs, schedulers and workers as processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from t3d.pipeline.store import damage

HERE = Path(__file__).parent


class Driver:
    """A run of the toy package in a session of its own."""

    def __init__(self, toy, workers: int = 2, scheduler: str | None = None, **environment: object) -> None:
        self.work = toy.work
        command = [sys.executable, str(HERE / "driver.py"), str(toy.folder), str(workers)]
        variables = {**os.environ, "PYTHONWARNINGS": "ignore", **{k: str(v) for k, v in environment.items()}}
        self.process = subprocess.Popen(
            command + ([scheduler] if scheduler else []),
            env=variables,
            start_new_session=True,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_work(self, seconds: float = 60) -> None:
        """Until the first item is on its way."""
        until(lambda: any((self.work / "texts" / ".locks").glob("*")) or self.ended, seconds)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def finish(self, seconds: float = 120) -> tuple[int, str]:
        """Status and what it said."""
        _, said = self.process.communicate(timeout=seconds)
        return self.process.returncode, said

    def end(self) -> None:
        if not self.ended:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def children(pid: int) -> list[psutil.Process]:
    """Processes that make items, below a process."""
    try:
        found = psutil.Process(pid).children(recursive=True)
        return [one for one in found if "serve(" in " ".join(one.cmdline())]
    except psutil.NoSuchProcess:
        return []


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def check_store(work: Path) -> None:
    """Everything that a reader sees is whole."""
    for folder in work.glob("texts/[!.]*/*/*/"):
        assert not damage(folder), folder


def check_clean(work: Path) -> None:
    """Whole, and nothing of dead processes is left."""
    check_store(work)
    assert not [path for name in (".drafts", ".locks", ".scratch") for path in work.glob(f"texts/{name}/*")]


class Cluster:
    """A scheduler and workers, each a process of its own; workers may join and leave."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        path = os.pathsep.join([str(HERE.parent / "pipeline"), os.environ.get("PYTHONPATH", "")])
        self.environment = {
            **os.environ,
            "PYTHONPATH": path,
            "PYTHONWARNINGS": "ignore",
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "1s",  # Dask makes ten heartbeats of it, 5 s
        }
        self.processes: list[subprocess.Popen] = []

    def start(
        self, what: str, *options: str, prefix: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen:
        code = f"from distributed.cli.dask_{what} import main; main()"
        command = [*prefix, sys.executable, "-c", code, "--no-dashboard", *options]
        variables = {**self.environment, **environment}
        self.processes.append(subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL))
        return self.processes[-1]

    def scheduler(self, host: str = "127.0.0.1", **kwargs: object) -> subprocess.Popen:
        options = ("--host", host, "--port", "0", "--scheduler-file", str(self.file))
        started = self.start("scheduler", *options, **kwargs)
        until(lambda: self.file.exists() and self.file.read_text())
        return started

    def worker(self, *more: str, resources: str = "train=1", **kwargs: object) -> subprocess.Popen:
        options = ("--scheduler-file", str(self.file), "--nthreads", "1", "--no-nanny", *more)
        options += ("--resources", resources) if resources else ()
        return self.start("worker", *options, **kwargs)

    @property
    def address(self) -> str:
        return json.loads(self.file.read_text())["address"]

    def end(self) -> None:
        for process in self.processes:
            for one in children(process.pid):
                one.kill()
            process.kill()
            process.wait()
