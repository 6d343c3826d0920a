import json
from importlib.resources import files

import pytest

from t3d.datasets.published import rows


def test_figures_are_raw_and_keep_their_protocol():
    ours = {row.method: row for row in rows("sofa") if row.protocol.startswith("deepsdf")}
    fixed = next(row for method, row in ours.items() if "two phases, fixed view" in method)
    assert (fixed.mean, fixed.median) == pytest.approx((1.50e-3, 0.72e-3))
    assert fixed.shapes.startswith("411")
    disn = next(row for row in rows("chair") if row.method == "DISN, ground-truth camera")
    assert (disn.protocol, disn.median) == ("disn", None)
    assert disn.mean * disn.factor == pytest.approx(7.54)


def test_any_spelling_of_a_category_will_do():
    assert rows("couch") == rows("sofas") == rows("04256520") != []
    assert rows("airplane") == rows("plane") != []
    assert rows("teapot") == []


def test_recalled_figures_are_marked():
    certainty = {(row.method, row.certainty) for row in rows("plane")}
    assert ("DISN, estimated camera", "recalled") in certainty
    recalled = [row.protocol for row in rows("chair") if row.certainty == "recalled"]
    assert recalled == ["p2m"]


def test_every_row_is_complete():
    content = json.loads(files("t3d.datasets").joinpath("published.json").read_text(encoding="utf-8"))
    for row in content["rows"]:
        protocol = content["protocols"][row["protocol"]]
        assert set(row["printed"]) <= set(protocol["shapes"])
        assert row["source"]
        assert row["certainty"] in ("verified", "recalled")
    names = {row["protocol"] for row in content["rows"]}
    assert names == set(content["protocols"])
    assert "deepsdf v1" not in names
