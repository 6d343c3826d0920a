"""The engine's own cost: `t3d --help`, nothing to do over 1,000 shapes, overhead per shape-stage."""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from t3d.cli.project import Settings, project_of
from t3d.pipeline.graph import Graph
from t3d.pipeline.outcome import Outcome
from t3d.pipeline.plan import Plan, Project, plan
from t3d.pipeline.runner import Execution, run
from t3d.pipeline.sources import Memo, Source
from t3d.pipeline.store import Store
from t3d.pipeline.task import Task, place_of, preimage

SHAPES = 1000
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 {height}\nf 1 2 3\n"
VIEWS = [f"{level}/{view:02d}.png" for level in ("easy", "hard") for view in range(50)]
FILES = {
    "views": [*VIEWS, "masks.npz", "cameras.json"],
    "reconstructions": ["easy/30.ply", "easy/07.ply", "choices.json"],
}
"""What a real artifact of these stages holds; one file stands for the others."""


def main() -> None:
    """Print the three figures, medians of several runs."""
    print(f"t3d --help: {_median([sys.executable, '-m', 't3d.cli.main', '--help'], 9):.3f} s (bar: 0.4 s)")
    with tempfile.TemporaryDirectory() as folder:
        command = _full_store(Path(folder))
        print(f"t3d run, nothing to do, {SHAPES} shapes: {_median(command, 5):.2f} s (bar: 2 s)")
    for workers in (0, 1, 2):
        print(f"overhead per shape-stage, --workers {workers}: {1e3 * _overhead(workers):.2f} ms")


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
    store, image = Store(task.root), preimage(task, outcomes)
    place = place_of(task, image)
    with store.draft() as draft:
        for name in FILES.get(task.stage, [*made.stage_of(task.id).files]):
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(f"{task.id}")
        manifest = store.publish(draft, place, {"key": place.key, "made_from": image})
    return Outcome(*task.id, "made", place, str(store.path(place)), manifest["digest"])


@dataclass
class _Numbers:
    """A catalogue of small files."""

    folder: Path
    name: str = "numbers"
    title: str = "numbers"
    roles: tuple[str, ...] = ("text",)
    ids: tuple[str, ...] = field(default_factory=lambda: tuple(f"n{index:05d}" for index in range(SHAPES)))

    def source(self, shape: str, role: str, memo: Memo) -> Source:
        return Source(self.folder / shape, (self.folder / shape,))


def _overhead(workers: int) -> float:
    """Seconds per item of stages that do next to nothing, the children's start included."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "pipeline"))
    from t3d.pipeline.settings import resolve
    from t3d.pipeline.stage import stages_of

    stages = stages_of("toy")
    with tempfile.TemporaryDirectory() as folder:
        catalogue = _Numbers(Path(folder))
        for shape in catalogue.ids:
            (catalogue.folder / shape).write_text(f"a {shape}")
        graph = Graph(stages, (), catalogue.roles)
        project = Project("toy", graph, resolve(stages, []), catalogue, Path(folder) / "work")
        made = plan(project, graph.targets("lengths"))
        started = time.perf_counter()
        run(made, Execution(workers), lambda news: None)
        return (time.perf_counter() - started) / len(made.todo)


if __name__ == "__main__":
    main()
