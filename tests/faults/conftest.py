"""Fixtures for toy runs that are killed, stopped and starved; all tests of this folder are marked slow."""

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from processes import Cluster, Driver  # noqa: E402

_spec = importlib.util.spec_from_file_location("toy_project", HERE.parent / "pipeline" / "conftest.py")
toy_project = importlib.util.module_from_spec(_spec)
sys.modules["toy_project"] = toy_project
_spec.loader.exec_module(toy_project)
toy, content = toy_project.toy, toy_project.content


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            name = item.originalname.removeprefix("test_").replace("_", " ")
            item.user_properties.append(("fault", name))  # a test may name it better, with `record_property`


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many faults of each kind were survived."""
    passed = terminalreporter.stats.get("passed", [])
    found = [dict(one.user_properties)["fault"] for one in passed if HERE.name in Path(one.fspath).parts]
    if found:
        terminalreporter.section("faults survived, artifacts lost or torn: none")
    for kind, count in sorted(Counter(found).items()):
        terminalreporter.line(f"{count:4} {kind}")


@pytest.fixture
def naps(toy, content, tmp_path):
    """Texts that take a moment, and what an undisturbed run makes of them."""
    toy.write(**{f"nap{index}": f"nap 0.1{index}" for index in range(8)})
    toy.run()
    undisturbed = content(toy.work)
    toy.work.rename(tmp_path / "undisturbed")
    return undisturbed


@pytest.fixture
def drive() -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def start(*args: object, **environment: object) -> Driver:
        started.append(Driver(*args, **environment))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.end()
