"""The graph as a picture: one column per depth, an arrow per thing read."""

from html import escape

from t3d.pipeline.graph import Graph, Node

WIDTH, HEIGHT, GAP_X, GAP_Y = 150, 40, 70, 24
"""Size of a box and space between boxes, pixels."""


def svg(graph: Graph, targets: list[Node]) -> str:
    """The targets and all they need as an SVG text; per-shape stages have a doubled outline."""
    order = graph.order(targets)
    depth: dict[Node, int] = {}
    for node in order:
        above = [depth[one] for nodes in graph.inputs(node).values() for one in nodes]
        depth[node] = max(above, default=-1) + 1
    columns: dict[int, list[Node]] = {}
    for node in order:
        columns.setdefault(depth[node], []).append(node)
    tallest = max(map(len, columns.values()))
    place = {
        node: (
            20 + column * (WIDTH + GAP_X),
            20 + (HEIGHT + GAP_Y) * (row + (tallest - len(nodes)) / 2),
        )
        for column, nodes in columns.items()
        for row, node in enumerate(nodes)
    }
    arrows = [
        _arrow(place[one], place[node])
        for node in order
        for nodes in graph.inputs(node).values()
        for one in nodes
    ]
    boxes = [_box(node, *place[node]) for node in order]
    width = 40 + len(columns) * (WIDTH + GAP_X) - GAP_X
    height = 40 + tallest * (HEIGHT + GAP_Y) - GAP_Y
    return "\n".join([_HEAD.format(width=width, height=height), *arrows, *boxes, "</svg>\n"])


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
 width="{width}" height="{height}" font-family="sans-serif" font-size="14">
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 L8 4 L0 8 z" fill="#777"/></marker></defs>
<rect width="100%" height="100%" fill="white"/>"""


def _box(node: Node, x: float, y: float) -> str:
    per_shape = node.stage.per == "shape"
    fill = "#e8f0fb" if per_shape else "#fdf0dc"
    style = f'width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" stroke="#555"'
    behind = f'<rect x="{x + 4}" y="{y + 4}" {style}/>' if per_shape else ""
    middle = f'x="{x + WIDTH / 2}" y="{y + HEIGHT / 2 + 5}" text-anchor="middle"'
    return f'{behind}<rect x="{x}" y="{y}" {style}/><text {middle}>{escape(node.name)}</text>'


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT / 2, end[0], end[1] + HEIGHT / 2
    middle = (x1 + x2) / 2
    curve = f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"
    return f'<path d="{curve}" fill="none" stroke="#777" marker-end="url(#tip)"/>'
