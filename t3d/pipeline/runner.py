"""Runs a plan: here, item by item, or as one Dask graph on this machine or a cluster.

Only this module knows Dask. Tasks carry digests and paths, never arrays.
"""

import contextlib
import heapq
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from t3d.errors import T3dError, UsageError
from t3d.pipeline.cluster import start
from t3d.pipeline.graph import ItemId
from t3d.pipeline.isolate import STOPPING, Limits, LostError, child_of_this_thread, kill_children
from t3d.pipeline.keys import seed_of
from t3d.pipeline.machine import gpus
from t3d.pipeline.plan import Plan
from t3d.pipeline.store import Failure
from t3d.pipeline.task import Item, Outcome, Task

log = logging.getLogger(__name__)

TOPIC = "t3d"
IN_FLIGHT = 1000
"""Items handed to Dask at once: plenty for hundreds of workers, and however large a run, no more memory."""
CONNECT_SECONDS = 15
"""How long a named scheduler may take to answer."""

LOCAL = {
    # threads of this process cannot be lost, but look so after it was stopped, or the clock jumped
    "distributed.scheduler.worker-ttl": None,
    # reading other threads' frames a hundred times a second: time, and a crash of Python 3.11 in long runs
    "distributed.worker.profile.enabled": False,
}
"""Dask's settings for workers that are threads of this process."""

Watch = Callable[[Outcome | Mapping[str, Any]], object]
"""Told of every outcome, and of the live figures of what is being made."""


@dataclass(frozen=True)
class Execution:
    """Where a plan runs; nothing here changes a byte of what is made.

    workers: how many at once, 0: in this process. scheduler: address of a running Dask scheduler.
    memory: bytes that one child may use, None: most of the machine's. cluster: one to start, see
    `cluster.start`.
    """

    workers: int = 1
    scheduler: str | None = None
    memory: int | None = None
    cluster: Mapping[str, Any] | None = None


def run(plan: Plan, execution: Execution, watch: Watch) -> dict[ItemId, Outcome]:
    """Make what the plan leaves to be made; the outcome of every item of it.

    Raises StoreError when the store takes nothing, UsageError when the scheduler does not answer.
    """
    if not plan.todo:
        return dict(plan.decided)
    plan.project.store.check_writable()
    plan.project.store.sweep()
    try:
        if execution.workers == 0 and not (execution.scheduler or execution.cluster):
            return _run_here(plan, watch)
        return _run_on_dask(plan, execution, watch)
    finally:
        plan.project.store.sweep()  # what children that were killed left behind


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0))


def _run_here(plan: Plan, watch: Watch) -> dict[ItemId, Outcome]:
    outcomes = dict(plan.decided)
    for task in plan.todo:
        outcomes[task.id] = Item(task, outcomes).make(cores(), watch)
        watch(outcomes[task.id])
    return outcomes


def _run_on_dask(plan: Plan, execution: Execution, watch: Watch) -> dict[ItemId, Outcome]:
    from distributed import as_completed

    outcomes, run_id = dict(plan.decided), uuid.uuid4().hex[:8]
    trainings = side_by_side(plan, execution.workers)
    queue = Queue(plan.todo, lambda task: _priority(task, run_id))
    flying: dict[Any, Task] = {}
    with _client(execution, trainings) as client:
        client.subscribe_topic(TOPIC, lambda event: watch(event[1]["figures"]))
        resource = _resource(client, any(task.stage.resource for task in plan.todo))
        running = as_completed(with_results=True, raise_errors=False)
        while queue:
            for task in queue.take(IN_FLIGHT - len(flying)):
                future = client.submit(
                    _perform,
                    Item(task, {id_: outcomes[id_] for id_ in task.upstream}),
                    _threads(task, execution, trainings),
                    (task.stage.timeout, execution.memory),
                    key=(f"{task.node.name}-{run_id}", task.shape),
                    pure=False,
                    priority=_priority(task, run_id),
                    resources={resource: 1} if task.stage.resource else None,
                )
                flying[future] = task
                running.add(future)
            future, result = next(running)
            task = flying.pop(future)
            if future.status in ("cancelled", "lost"):
                where = f"scheduler {execution.scheduler or 'of the cluster'}"
                raise T3dError(f"{where}: gone in the middle of the run; the same command goes on from there")
            outcomes[task.id] = result if future.status == "finished" else _lost(task, result[1])
            queue.decided(task.id)
            watch(outcomes[task.id])
    return outcomes


def side_by_side(plan: Plan, workers: int) -> int:
    """How many trainings this machine runs at once: one per worker, as many as wait for no other.

    Networks that take one core rather than two lose little, and two of them are done much sooner side by side
    than one after the other (decision 0008). GPUs are not shared: a training takes all of them.
    """
    trainings = {task.id: task for task in plan.todo if task.stage.resource}
    first = [task for task in trainings.values() if not trainings.keys() & set(task.upstream)]
    return 1 if gpus() else max(1, min(workers, len(first)))


def _threads(task: Task, execution: Execution, trainings: int) -> int | None:
    """Cores of an item; None: all of the machine that it comes to, where that is another one's."""
    if task.stage.resource and (execution.scheduler or execution.cluster):
        return None
    return max(1, cores() // max(1, trainings if task.stage.resource else execution.workers))


def _priority(task: Task, run_id: str) -> float:
    """What takes the whole machine waits for the small things.

    Each run has an order of shapes of its own, so that several on one store do not wait for each other.
    """
    return 1 + seed_of(0, run_id, task.shape) / 2**128 if task.shape else 0


def _lost(task: Task, error: BaseException) -> Outcome:
    """The outcome of an item whose workers died one after another."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    return Outcome(*task.id, "failed", failures=(Failure(task.shape, task.stage.name, "infra", reason),))


class Queue:
    """Hands items out as soon as all that they read is decided; of those, the one of most priority first."""

    def __init__(self, tasks: Sequence[Task], priority: Callable[[Task], float]) -> None:
        self._left = {task.id: (-priority(task), number, task) for number, task in enumerate(tasks)}
        above = {task.id: [id_ for id_ in task.upstream if id_ in self._left] for task in tasks}
        self._order = TopologicalSorter(above)
        self._order.prepare()
        self._ready: list[tuple[float, int, Task]] = []

    def __len__(self) -> int:
        """Items that are not decided yet."""
        return len(self._left)

    def take(self, most: int) -> Iterator[Task]:
        """So many items that can be made now, or as many as there are."""
        for id_ in self._order.get_ready():
            heapq.heappush(self._ready, self._left[id_])
        for _ in range(min(most, len(self._ready))):
            yield heapq.heappop(self._ready)[-1]

    def decided(self, id_: ItemId) -> None:
        """An item that was taken is made, or it never will be: either way those that read it may be tried."""
        del self._left[id_]
        self._order.done(id_)


def _perform(item: Item, threads: int | None, limits: Limits) -> Outcome:
    """One item in this worker thread's child; what is decided already starts none."""
    from distributed import get_worker

    found = item.look_up()
    if found:
        return found
    worker = get_worker()
    child = child_of_this_thread(threads or cores())
    try:
        return child.run(item.make, limits, lambda figures: worker.log_event(TOPIC, {"figures": figures}))
    except LostError as lost:
        return item.record_failure(*lost.args)
    finally:
        if item.task.stage.resource:
            child.kill()  # a training holds much memory that no other item needs


@contextlib.contextmanager
def _client(execution: Execution, trainings: int) -> Iterator[Any]:
    """A client of the named scheduler, or of a cluster of worker threads in this process.

    The work is done in children of those threads, so that threads are all a local cluster needs.
    """
    import dask
    from distributed import Client, LocalCluster

    STOPPING.clear()
    with contextlib.ExitStack() as stack:
        if execution.scheduler:
            cluster: Any = execution.scheduler
        elif execution.cluster:
            cluster = stack.enter_context(contextlib.closing(start(execution.cluster)))
        else:
            stack.enter_context(dask.config.set(LOCAL))
            cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=execution.workers,
                processes=False,
                resources={"train": trainings},
                memory_limit=0,
                dashboard_address="127.0.0.1:0",  # any free port, for this machine only
                worker_dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(contextlib.closing(cluster))
        try:
            client = stack.enter_context(Client(cluster, timeout=CONNECT_SECONDS))
        except (OSError, ValueError) as error:
            raise UsageError(f"--scheduler {execution.scheduler}: {error}; is it running there?") from None
        if not client.scheduler_info()["workers"]:
            log.warning("%s: no worker there yet; waiting for one", client.scheduler.address)
            client.wait_for_workers(1)
        stack.callback(kill_children)  # first of all, so that nobody waits for what is given up
        stack.callback(STOPPING.set)
        yield client


def _resource(client: Any, wanted: bool) -> str:
    """What a training asks for: a GPU, if any worker has one, else the right to train, given now or later."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    there = {name for worker in workers for name in worker.get("resources", {})}
    if wanted and not there & {"GPU", "train"}:
        address = client.scheduler.address
        start = f"dask worker {address} --nthreads 1 --resources train=1"
        log.warning("%s: no worker there may train; training waits for one: %s", address, start)
    return "GPU" if "GPU" in there else "train"
