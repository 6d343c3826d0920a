"""A toy project: texts in a folder, three stages, a store in a temporary folder."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from t3d.pipeline.graph import Graph
from t3d.pipeline.plan import Plan, Project, plan
from t3d.pipeline.runner import Execution, run
from t3d.pipeline.settings import Layer, resolve
from t3d.pipeline.sources import Given, Memo, Source
from t3d.pipeline.stage import stages_of
from t3d.pipeline.store import Store

sys.path.insert(0, str(Path(__file__).parent))


@dataclass(frozen=True)
class Texts:
    """A catalogue of text files."""

    folder: Path
    name: str = "texts"
    title: str = "texts of a test"
    roles: tuple[str, ...] = ("text",)

    @property
    def ids(self) -> tuple[str, ...]:
        given = {path.name for path in self.folder.glob("given/*")}
        return tuple(sorted(given.union(path.stem for path in self.folder.glob("*.txt"))))

    def source(self, shape: str, role: str, memo: Memo) -> Source:
        path = self.folder / f"{shape}.txt"
        return Source(path, (path,))

    def given(self, shape: str, makes: str) -> Given | None:
        from toy._given import take_words

        folder = self.folder / "given" / shape / makes
        return Given(folder, take_words) if folder.is_dir() else None


@dataclass
class Toy:
    """Writes texts, runs the stages, and shows what came of it."""

    folder: Path
    package: str = "toy"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def write(self, **texts: str) -> None:
        (self.folder / "data").mkdir(exist_ok=True)
        for name, text in texts.items():
            (self.folder / "data" / f"{name}.txt").write_text(text)

    def project(self, values: dict | None = None, **changes: object) -> Project:
        stages = stages_of(self.package)
        catalogue = Texts(self.folder / "data")
        params = resolve(stages, [Layer("test", values or {})])
        graph = Graph(stages, (), catalogue.roles)
        return Project(graph, params, catalogue, Store(self.work / catalogue.name), **changes)

    def plan(self, values: dict | None = None, target: str = "total", **changes: object) -> Plan:
        project = self.project(values, **changes)
        return plan(project, project.graph.targets(target))

    def run(
        self, values: dict | None = None, workers: int = 0, target: str = "total", **changes: object
    ) -> dict:
        made = self.plan(values, target, **changes)
        return run(made, Execution(workers), lambda news: None)

    def states(self, *args: object, **changes: object) -> dict[str, str]:
        return {"/".join(filter(None, id_)): one.state for id_, one in self.run(*args, **changes).items()}

    def total(self) -> str:
        paths = sorted(
            self.work.glob("texts/total/_all/*/total.txt"), key=lambda path: path.stat().st_mtime_ns
        )
        return paths[-1].read_text()


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    made = Toy(tmp_path)
    made.write(one="a bb", two="ccc", three="dddd e")
    return made


@pytest.fixture
def content() -> Callable[[Path], dict[str, bytes]]:
    """Bytes of every published file of a store, manifests aside."""

    def read(work: Path) -> dict[str, bytes]:
        paths = [path for path in work.glob("texts/[!.]*/*/*/*") if path.name != "manifest.json"]
        return {path.relative_to(work).as_posix(): path.read_bytes() for path in paths}

    return read
