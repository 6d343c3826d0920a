import csv

import numpy as np
from PIL import Image

from t3d.report.figures import Panel, Series, chart
from t3d.report.sections import Section, inlined, write_sections

STEPS = np.arange(1.0, 9.0)
PANEL = Panel("left", "x", "y (log)", [Series("a", STEPS, STEPS**2), Series("", STEPS, STEPS, True)], "y")


def test_sections_come_back_with_figures_as_elements(tmp_path):
    (tmp_path / "curve.svg").write_text(chart("A <b>", [PANEL]), encoding="utf-8")
    Image.new("RGB", (6, 4), "red").save(tmp_path / "sheet.png")
    rows = [{"who": "a", "score": 0.5}, {"who": "b", "score": None}]
    sections = [Section("A <b>", {"curve.svg": "what"}, rows), Section("B", {"sheet.png": "seen"}, [])]
    assert write_sections(tmp_path, sections) == {"A <b>": rows}
    (first, figures), (second, pictures) = inlined(tmp_path)
    assert [first, second] == sections
    assert figures["curve.svg"].startswith("<svg")
    assert "currentColor" in figures["curve.svg"]
    assert pictures["sheet.png"].shape == (4, 6, 4)
    with (tmp_path / "curve.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"who": "a", "score": "0.5"}, {"who": "b", "score": ""}]
    assert not (tmp_path / "sheet.csv").exists()


def test_a_chart_stands_on_its_own_and_is_deterministic():
    text = chart("A title", [PANEL, Panel("right", "", "", [Series("", STEPS, STEPS, True)])])
    assert text == chart("A title", [PANEL, Panel("right", "", "", [Series("", STEPS, STEPS, True)])])
    assert text.startswith("<?xml")
    assert "currentColor" not in text
    assert "var(" not in text
    assert all(f">{word}</text>" in text for word in ("A title", "left", "right", "x", "y (log)", "a"))
    assert text.count("<use") > 16  # both panels' dots
