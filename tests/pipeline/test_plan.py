"""Why an item is made, in words."""

import shutil
from pathlib import Path

import pytest

from t3d.pipeline.plan import reason


def reasons(made) -> dict[str, str]:
    return {"/".join(filter(None, task.id)): reason(made, task) for task in made.todo}


def test_never_made_and_after(toy):
    assert reasons(toy.plan()) == {
        "words/one": "never made", "words/two": "never made", "words/three": "never made",
        "lengths/one": "after words", "lengths/two": "after words", "lengths/three": "after words",
        "total": "after lengths",
    }  # fmt: skip


def test_changed_source_parameter_and_version_are_named(toy, monkeypatch):
    toy.run()
    toy.write(one="new")
    assert reasons(toy.plan())["words/one"] == "inputs.text.one.txt changed"
    assert reasons(toy.plan({"lengths": {"factor": 5}}))["lengths/two"] == "params.factor: 1 -> 5"


def test_the_nearest_artifact_is_compared_not_the_last(toy):
    toy.run()
    toy.run({"lengths": {"factor": 5, "scales": "1,2,3"}})
    assert reasons(toy.plan({"lengths": {"factor": 2}}))["lengths/two"] == "params.factor: 1 -> 2"


def test_a_removed_folder_and_a_lost_shape(toy):
    outcomes = toy.run()
    shutil.rmtree(outcomes["words", "one"].path)
    assert reasons(toy.plan())["words/one"] == "never made"
    toy.write(two="bad")
    toy.run()
    assert reasons(toy.plan(retry_failed=True))["words/two"].startswith("retried: data: ")


def test_added_and_lost_members_of_a_set_are_named(toy):
    toy.run()
    toy.write(four="ff")
    toy.run(target="lengths")
    made = toy.plan()
    assert reasons(made) == {"total": "inputs.lengths..four added"}


def test_a_source_that_is_gone_is_a_recorded_failure(toy):
    made = toy.project()
    Path(toy.folder / "data" / "one.txt").unlink()
    from t3d.pipeline.plan import plan

    class Stale:
        name, title, roles, ids = "texts", "", ("text",), ("one", "two")
        source, given = made.catalogue.source, made.catalogue.given

    from dataclasses import replace

    planned = plan(replace(made, catalogue=Stale()), made.graph.targets("total"))
    failure = planned.decided["words", "one"].failures[0]
    assert failure.kind == "data"
    assert failure.reason.endswith("one.txt: No such file or directory")


@pytest.fixture
def parted(toy):
    """A set with parts, in the toy's place."""
    for path in (toy.folder / "data").iterdir():
        path.unlink()
    toy.write(train1="a", train2="b", val1="c", test1="d")
    toy.package = "parted"
    return toy


def test_only_shapes_of_the_parts_that_are_read_are_needed(parted):
    items = set(parted.plan(target="answer").tasks) - {("split", "")}
    assert items == {
        ("item", "train1"),
        ("item", "train2"),
        ("model", ""),
        ("item", "test1"),
        ("answer", "test1"),
    }
    assert {shape for node, shape in parted.plan(target="item").tasks if node == "item"} == {
        "train1", "train2", "val1", "test1",
    }  # fmt: skip


def test_editing_a_test_text_trains_nothing_anew(parted):
    parted.run(target="answer")
    parted.write(test1="new")
    assert {task.id for task in parted.plan(target="answer").todo} == {("item", "test1"), ("answer", "test1")}
