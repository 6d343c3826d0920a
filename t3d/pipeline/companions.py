"""Further processes that make one artifact together with this one: a training on several GPUs."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from t3d.errors import UsageError

if TYPE_CHECKING:
    from t3d.pipeline.task import Item

MEETING = "T3D_MEETING"
"""Environment variable with the file by which processes find each other: a store of torch that is reached by
an address listens on every one that the machine has."""

LOOPBACK = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}


@contextlib.contextmanager
def companions(item: "Item", count: int, threads: int) -> Iterator[None]:
    """Call the item's stage in `count - 1` more processes, told who they are by the variables of `torchrun`.

    They see the same inputs and scratch folder; what else they make is thrown away, and they end with this
    process. Raises UsageError where one of them failed.
    """
    if count < 2:
        yield
        return
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        group = {
            **LOOPBACK,
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            MEETING: str(Path(folder, "meeting")),
        }
        ranks = [{**group, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
        stack.enter_context(_variables(ranks[0]))
        others = [stack.enter_context(_companion(item, threads, rank)) for rank in ranks[1:]]
        try:
            yield
        except Exception as error:
            failed = [code for other in others if (code := other.poll())]
            if failed:
                what = f"a process that trained along ended with status {failed[0]}"
                raise UsageError(f"{what}, see its words above ({type(error).__name__}: {error})") from error
            raise


@contextlib.contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the time being."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _companion(item: "Item", threads: int, rank: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    arguments = f"{theirs.fileno()}, {os.getpid()}, {threads}"
    command = f"from t3d.pipeline.companions import accompany; accompany({arguments})"
    environment = {**os.environ, **rank, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", command], env=environment, pass_fds=[theirs.fileno()]
        )
    try:
        with Connection(ours.detach()) as pipe, contextlib.suppress(OSError):
            pipe.send(item)
        yield process
    finally:
        process.kill()
        process.wait()


def accompany(descriptor: int, parent: int, threads: int) -> None:
    """The life of a companion: call the stage of the item that comes in, into a folder that goes away."""
    from t3d.pipeline.isolate import die_with

    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    pipe: Connection = Connection(descriptor)
    item = pipe.recv()
    with tempfile.TemporaryDirectory() as folder:
        item.call_stage(Path(folder), threads, lambda figures: None)
