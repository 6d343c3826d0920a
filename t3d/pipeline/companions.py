"""Further processes that make one artifact together with this one: a training on several GPUs."""

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t3d.errors import UsageError
from t3d.pipeline.isolate import Child, Report

MEETING = "T3D_MEETING"
"""Environment variable with the file by which processes find each other: a store of torch that is reached by
an address listens on every one that the machine has."""

LOOPBACK = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}


@contextlib.contextmanager
def companions(item: Any, count: int, threads: int) -> Iterator[None]:
    """Call the item's stage in `count - 1` more processes, told who they are by the variables of `torchrun`.

    They see the same inputs and scratch folder; what else they make is thrown away, and they end with this
    process. Raises UsageError where one of them failed.
    """
    if count < 2:
        yield
        return
    before, others = dict(os.environ), list[Child]()
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
        group = {**LOOPBACK, **sizes, MEETING: str(Path(folder, "meeting"))}
        ranks = [{**group, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
        try:
            for rank in ranks[1:]:
                others.append(Child(threads, rank))
                others[-1].start(functools.partial(_accompany, item))
            os.environ.update(ranks[0])
            yield
        except Exception as error:
            ended = [code for other in others if (code := other.process.poll()) is not None]
            if ended:
                what = f"a process that trained along ended with status {ended[0]}"
                raise UsageError(f"{what}, see its words above ({type(error).__name__}: {error})") from error
            raise
        finally:
            for other in others:
                other.kill()
            os.environ.clear()
            os.environ.update(before)


def _accompany(item: Any, threads: int, _: Report) -> None:
    """Call the stage of the item into a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        item.call_stage(Path(folder), threads, lambda figures: None)
