"""The graph as a picture."""

import re

from t3d.pipeline.drawing import draw


def test_every_stage_and_arrow_is_drawn(toy, tmp_path):
    graph = toy.project().graph
    draw(graph, graph.targets("total"), tmp_path / "graph.svg")
    text = (tmp_path / "graph.svg").read_text()
    assert re.findall(r">(\w+)</text>", text) == ["words", "lengths", "total"]
    assert text.count('<g id="patch_') == 1 + 3 + 2, "the background, boxes, arrows"
