"""The graph as SVG."""

import xml.etree.ElementTree as ET

from t3d.pipeline.drawing import svg


def test_every_stage_and_arrow_is_drawn(toy):
    graph = toy.project().graph
    text = svg(graph, graph.targets("total"))
    root = ET.fromstring(text)
    names = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert names == ["words", "lengths", "total"]
    arrows = [one for one in root.iter("{http://www.w3.org/2000/svg}path") if one.get("marker-end")]
    assert len(arrows) == 2
