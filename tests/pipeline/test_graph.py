"""The graph: variants, cycles, unknown needs."""

import re
from pathlib import Path
from typing import Annotated

import pytest

from t3d.errors import T3dError, UsageError
from t3d.pipeline import Each, Parts, Shapes, Variants, stage
from t3d.pipeline.graph import Graph, draw


@stage(per="shape", version=1)
def mesh(source: Path, *, out: Path) -> None:
    """A mesh."""


@stage(per="shape", version=1)
def views(mesh: Path, *, out: Path) -> None:
    """Views."""


@stage(per="set", version=1, makes="network", variants=("a",), command="train")
def network_a(views: Annotated[Parts, Each("train")], *, out: Path) -> None:
    """One way."""


@stage(per="set", version=1, makes="network", variants=("b", "c"), command="train")
def network_b(views: Annotated[Parts, Each("train")], *, out: Path) -> None:
    """Another way."""


@stage(per="shape", version=1, parts=("test",))
def shapes(views: Path, network: Path, *, out: Path) -> None:
    """Reconstructions."""


@stage(per="set", version=1)
def scores(
    shapes: Annotated[Parts, Each("test", variants=True)],
    network: Annotated[Shapes, Variants()],
    *,
    out: Path,
) -> None:
    """Scores."""


STAGES = {f.__stage__.name: f.__stage__ for f in (mesh, views, network_a, network_b, shapes, scores)}


def graph(*variants: str) -> Graph:
    return Graph(STAGES, variants, ("source",))


def test_what_reads_a_variant_exists_once_per_selected_variant():
    order = [node.name for node in graph("a", "b").order(graph("a", "b").targets("scores"))]
    assert order == ["mesh", "views", "network_a[a]", "shapes[a]", "network_b[b]", "shapes[b]", "scores"]


@stage(per="set", version=1, makes="prior", variants=("b",))
def prior_b(views: Annotated[Parts, Each("train")], *, out: Path) -> None:
    """What only b is built on."""


@stage(per="set", version=1)
def study(
    network: Annotated[Shapes, Variants()], prior: Annotated[Shapes, Variants("b")], *, out: Path
) -> None:
    """Of all, and of what some are built on."""


@stage(per="set", version=1)
def look(network: Path, prior: Annotated[Shapes, Variants("b")], *, out: Path) -> None:
    """The same of one."""


def behind(variants, node):
    """Names of the nodes behind each need of the node of that name."""
    stages = {**STAGES, **{f.__stage__.name: f.__stage__ for f in (prior_b, study, look)}}
    one = Graph(stages, variants, ("source",))
    (found,) = (target for target in one.targets(node.partition("[")[0]) if target.name == node)
    return {need.name: [node.name for node in nodes] for need, nodes in one.inputs(found).items()}


def test_what_only_some_variants_are_built_on_is_read_for_those_alone():
    assert behind(("a", "b"), "study") == {
        "network": ["network_a[a]", "network_b[b]"],
        "prior": ["prior_b[b]"],
    }
    assert behind(("a",), "study") == {"network": ["network_a[a]"], "prior": []}
    assert behind(("a", "b"), "look[a]") == {"network": ["network_a[a]"], "prior": []}
    assert behind(("a", "b"), "look[b]") == {"network": ["network_b[b]"], "prior": ["prior_b[b]"]}


def test_a_command_stands_for_all_makers_of_the_selected_variants():
    assert [node.name for node in graph("a", "c").targets("train")] == ["network_a[a]", "network_b[c]"]
    assert [node.name for node in graph("c").targets("network")] == ["network_b[c]"]


def test_unknown_targets_and_variants_are_named():
    with pytest.raises(UsageError, match="no stage 'nothing'; there are mesh, network_a"):
        graph("a").targets("nothing")
    with pytest.raises(UsageError, match="not part of the selected variants z"):
        graph("z").targets("network")


def test_unknown_needs_and_cycles_are_named():
    @stage(per="set", version=1)
    def lonely(nobody: Path, *, out: Path) -> None:
        """Reads what is not there."""

    @stage(per="set", version=1)
    def egg(hen: Path, *, out: Path) -> None:
        """Out of a hen."""

    @stage(per="set", version=1)
    def hen(egg: Path, *, out: Path) -> None:
        """Out of an egg."""

    lost = Graph({"lonely": lonely.__stage__}, (), ())
    with pytest.raises(T3dError, match="stage lonely reads 'nobody', which no stage makes"):
        lost.order(lost.targets("lonely"))
    round_ = Graph({"egg": egg.__stage__, "hen": hen.__stage__}, (), ())
    with pytest.raises(T3dError, match="egg <- hen <- egg"):
        round_.order(round_.targets("egg"))


def test_every_stage_and_arrow_is_drawn(toy, tmp_path):
    graph = toy.project().graph
    draw(graph, graph.targets("total"), tmp_path / "graph.svg")
    text = (tmp_path / "graph.svg").read_text()
    assert re.findall(r">(\w+)</text>", text) == ["words", "lengths", "total"]
    assert text.count('<g id="patch_') == 1 + 3 + 2, "the background, boxes, arrows"
