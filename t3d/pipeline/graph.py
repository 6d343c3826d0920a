"""The graph: which node reads which, for which variants and which shapes; and a picture of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from t3d.errors import T3dError, UsageError
from t3d.pipeline.stage import Need, Stage

ItemId = tuple[str, str]
"""Name of a node and id of a shape ("" for the whole set)."""


@dataclass(frozen=True)
class Node:
    """A stage in one variant; the variant is "" where all variants share it."""

    stage: Stage
    variant: str

    @property
    def name(self) -> str:
        """`views`, or `reconstructions[s1]` where it exists once per variant."""
        return f"{self.stage.name}[{self.variant}]" if self.variant else self.stage.name


@dataclass(frozen=True)
class Graph:
    """All stages of a package, the selected variants and the source roles of the data set."""

    stages: Mapping[str, Stage]
    variants: tuple[str, ...]
    roles: tuple[str, ...]

    def targets(self, name: str) -> list[Node]:
        """Nodes for a stage, a kind of artifact or a command, one per selected variant."""
        makers = [stage for stage in self.stages.values() if name in stage.names]
        if not makers:
            raise UsageError(f"no stage {name!r}; there are {', '.join(sorted(self.stages))}")
        nodes = [node for stage in makers for node in self._nodes(stage)]
        if not nodes:
            raise UsageError(f"{name}: not part of the selected variants {', '.join(self.variants)}")
        return nodes

    def inputs(self, node: Node) -> dict[Need, list[Node]]:
        """The nodes behind each thing a node reads; a source role has none."""
        return {need: self._behind(node, need) for need in node.stage.needs}

    def order(self, targets: Iterable[Node]) -> list[Node]:
        """The targets and all they need, inputs first; raises T3dError naming a cycle."""
        done: dict[Node, None] = {}

        def visit(node: Node, path: tuple[str, ...]) -> None:
            if node.name in path:
                raise T3dError(f"stages read each other: {' <- '.join((*path, node.name))}")
            if node not in done:
                for nodes in self.inputs(node).values():
                    for one in nodes:
                        visit(one, (*path, node.name))
                done[node] = None

        for target in targets:
            visit(target, ())
        return list(done)

    def _behind(self, node: Node, need: Need) -> list[Node]:
        makers = [stage for stage in self.stages.values() if need.name == stage.makes]
        if not makers:
            if need.name in self.roles:
                return []
            raise T3dError(f"stage {node.stage.name} reads {need.name!r}, which no stage makes")
        served = (node.variant,) if node.variant else self.variants
        if need.only and not any(one.startswith(need.only) for one in served):
            return []
        nodes = [one for stage in makers for one in self._nodes(stage)]
        found = nodes if need.variants else [one for one in nodes if one.variant in ("", node.variant)]
        if not found:
            raise T3dError(f"stage {node.name} reads {need.name!r}, which no stage makes in that variant")
        return found

    def _nodes(self, stage: Stage) -> list[Node]:
        if not self._varies(stage):
            return [Node(stage, "")]
        return [Node(stage, one) for one in self.variants if not stage.variants or one in stage.variants]

    def _varies(self, stage: Stage, path: tuple[str, ...] = ()) -> bool:
        """A stage exists per variant if it says so, or reads one artifact of something that does."""
        if stage.variants or stage.name in path:
            return bool(stage.variants)
        return any(
            self._varies(maker, (*path, stage.name))
            for need in stage.needs
            if not need.variants
            for maker in self.stages.values()
            if maker.makes == need.name
        )


def draw(graph: Graph, targets: list[Node], path: Path) -> None:
    """Draw the targets and all they need: a column per depth, an arrow per thing read, per-shape stages blue.

    The ending of the path is the format.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns: list[list[Node]] = []
    arrows: list[tuple[Node, Node]] = []
    depth: dict[Node, int] = {}
    for node in graph.order(targets):
        above = [one for nodes in graph.inputs(node).values() for one in nodes]
        depth[node] = max((depth[one] for one in above), default=-1) + 1
        columns += [[]] if depth[node] == len(columns) else []
        columns[depth[node]].append(node)
        arrows += [(one, node) for one in above]
    place = {
        node: (x, row - len(nodes) / 2) for x, nodes in enumerate(columns) for row, node in enumerate(nodes)
    }
    height = max(map(len, columns)) / 2
    figure = Figure(figsize=(2.5 * len(columns), 1.8 * height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.1, len(columns)), ylim=(height, -height - 0.5))
    axes.set_axis_off()
    for one, node in arrows:
        axes.annotate(
            "", place[node], place[one], arrowprops={"arrowstyle": "->", "color": "#777", "shrinkB": 5}
        )
    for node, (x, y) in place.items():
        box = {"boxstyle": "round", "facecolor": "#e8f0fb" if node.stage.per == "shape" else "#fdf0dc"}
        axes.text(x, y, node.name, va="center", bbox=box)
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text that can be searched
        figure.savefig(path)
