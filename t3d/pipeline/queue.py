"""Items of a plan in the order in which they can be made."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from t3d.pipeline.graph import ItemId
from t3d.pipeline.task import Task


class Queue:
    """Hands items out as soon as all that they read is decided; of those, the one of most priority first."""

    def __init__(self, tasks: Sequence[Task], priority: Callable[[Task], float]) -> None:
        self._priority = priority
        self._tasks = {task.id: (number, task) for number, task in enumerate(tasks)}
        self._missing: dict[ItemId, int] = {}
        self._readers: dict[ItemId, list[ItemId]] = defaultdict(list)
        self._ready: list[tuple[float, int, Task]] = []
        for task in tasks:
            above = {id_ for id_ in task.upstream if id_ in self._tasks}
            for id_ in above:
                self._readers[id_].append(task.id)
            self._missing[task.id] = len(above)
            self._hand_out_if_ready(task.id)

    def __len__(self) -> int:
        """Items that are not decided yet."""
        return len(self._tasks)

    def take(self, most: int) -> Iterator[Task]:
        """So many items that can be made now, or as many as there are."""
        while self._ready and most > 0:
            most -= 1
            yield heapq.heappop(self._ready)[-1]

    def decided(self, id_: ItemId) -> None:
        """An item that was taken is made, or it never will be: either way those that read it may be tried."""
        del self._tasks[id_]
        for reader in self._readers.pop(id_, ()):
            self._missing[reader] -= 1
            self._hand_out_if_ready(reader)

    def _hand_out_if_ready(self, id_: ItemId) -> None:
        if not self._missing[id_]:
            del self._missing[id_]
            number, task = self._tasks[id_]
            heapq.heappush(self._ready, (-self._priority(task), number, task))
