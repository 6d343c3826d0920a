"""The engine's own cost: `t3d --help`, nothing to do over 1,000 shapes, overhead per shape-stage.

python benchmarks/engine.py            all of that
python benchmarks/engine.py 10000      so many shapes of two trivial stages, then with nothing to do
"""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from t3d.cli.project import Settings, project_of
from t3d.pipeline.graph import Graph
from t3d.pipeline.machine import memory
from t3d.pipeline.plan import Plan, Project, plan
from t3d.pipeline.runner import Execution, cores, run
from t3d.pipeline.sources import Memo, Source
from t3d.pipeline.store import Store
from t3d.pipeline.task import Item, Outcome, Task

SHAPES = 1000
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 {height}\nf 1 2 3\n"
VIEWS = [f"{level}/{view:02d}.png" for level in ("easy", "hard") for view in range(50)]
FILES = {
    "views": [*VIEWS, "masks.npz", "cameras.json"],
    "reconstructions": ["easy/30.ply", "easy/07.ply", "choices.json"],
}
"""What a real artifact of these stages holds; one file stands for the others."""


def main() -> None:
    """Print the three figures, medians of several runs, or those of a large run."""
    if sys.argv[1:]:
        return _large(int(sys.argv[1]))
    print(f"t3d --help: {_median([sys.executable, '-m', 't3d.cli.main', '--help'], 9):.3f} s (bar: 0.4 s)")
    with tempfile.TemporaryDirectory() as folder:
        command = _full_store(Path(folder))
        print(f"t3d run, nothing to do, {SHAPES} shapes: {_median(command, 5):.2f} s (bar: 2 s)")
    for workers in (0, 1, 2):
        print(f"overhead per shape-stage, --workers {workers}: {1e3 * _overhead(workers):.2f} ms")
    return None


def _median(command: list[str], runs: int) -> float:
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _full_store(folder: Path) -> list[str]:
    """A store with everything up to the report, stand-ins for the files; the command that runs on it."""
    for index in range(SHAPES):
        model = folder / "data" / "04256520" / f"s{index:05d}" / "models" / "model_normalized.obj"
        model.parent.mkdir(parents=True)
        model.write_text(TRIANGLE.format(height=index))
    project = project_of(Settings(data=str(folder / "data"), work=str(folder / "work")))
    made = plan(project, project.graph.targets("report"))
    outcomes = dict(made.decided)
    for task in made.todo:
        outcomes[task.id] = _stand_in(task, outcomes, made)
    time.sleep(2.1)  # fresh source files are read again by the first run after
    command = ["run", "--data", str(folder / "data"), "--work", str(folder / "work"), "--quiet"]
    return [sys.executable, "-m", "t3d.cli.main", *command]


def _stand_in(task: Task, outcomes: dict, made: Plan) -> Outcome:
    store, item = task.store, Item(task, outcomes)
    with store.draft() as draft:
        for name in FILES.get(task.stage.name, [*task.stage.files]):
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(f"{task.id}")
        manifest = store.publish(draft, item.place, {"key": item.place.key, "made_from": item.image})
    return Outcome(*task.id, "made", item.place, str(store.path(item.place)), manifest["digest"])


@dataclass
class _Numbers:
    """A catalogue of small files."""

    folder: Path
    name: str = "numbers"
    title: str = "numbers"
    roles: tuple[str, ...] = ("text",)
    ids: tuple[str, ...] = ()

    def source(self, shape: str, role: str, memo: Memo) -> Source:
        return Source(self.folder / shape, (self.folder / shape,))

    def given(self, shape: str, makes: str) -> None:
        return None


def _toy(folder: Path, shapes: int) -> Plan:
    """A plan of two stages that do next to nothing, for so many shapes."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "pipeline"))
    from t3d.pipeline.settings import resolve
    from t3d.pipeline.stage import stages_of

    stages = stages_of("toy")
    catalogue = _Numbers(folder, ids=tuple(f"n{index:05d}" for index in range(shapes)))
    for shape in catalogue.ids:
        if not (folder / shape).exists():
            (folder / shape).write_text(f"a {shape}")
    graph = Graph(stages, (), catalogue.roles)
    project = Project(graph, resolve(stages, []), catalogue, Store(folder / "work" / "numbers"))
    return plan(project, graph.targets("lengths"))


def _overhead(workers: int) -> float:
    """Seconds per item of stages that do next to nothing, the children's start included."""
    with tempfile.TemporaryDirectory() as folder:
        made = _toy(Path(folder), SHAPES)
        started = time.perf_counter()
        run(made, Execution(workers), lambda news: None)
        return (time.perf_counter() - started) / len(made.todo)


def _large(shapes: int) -> None:
    """Rate, memory of the client and of the disk's entries, and the time that nothing to do takes."""
    with tempfile.TemporaryDirectory() as folder:
        made = _toy(Path(folder), shapes)
        todo, planned = len(made.todo), memory()[1]
        started, cpu = time.perf_counter(), time.process_time()
        run(made, Execution(cores()), lambda news: None)
        seconds, busy = time.perf_counter() - started, time.process_time() - cpu
        print(
            f"{shapes} shapes, {todo} items, {cores()} workers: {seconds:.0f} s, {todo / seconds:.0f} per s"
        )
        print(
            f"client: {busy:.0f} s of processor, {planned / 1e6:.0f} MB planned,"
            f" {memory()[1] / 1e6:.0f} MB at most"
        )
        started = time.perf_counter()
        assert not _toy(Path(folder), shapes).todo
        print(f"nothing to do: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
