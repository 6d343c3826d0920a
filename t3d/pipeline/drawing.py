"""The graph as a picture: one column per depth, an arrow per thing read."""

from pathlib import Path

from t3d.pipeline.graph import Graph, Node


def draw(graph: Graph, targets: list[Node], path: Path) -> None:
    """Draw the targets and all they need; per-shape stages are blue. The ending of the path is the format."""
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
