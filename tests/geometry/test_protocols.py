import re
from pathlib import Path

import pytest

from t3d.cli.score import NAMES
from t3d.errors import UsageError
from t3d.geometry.frames import FRAMES
from t3d.geometry.protocols import (
    DEEPSDF,
    DISN,
    P2M,
    PROTOCOLS,
    T3D_V1,
    WHAT3D,
    Metric,
    chosen,
    find_protocol,
)

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_all_protocols_are_whole_and_the_command_offers_them():
    assert tuple(PROTOCOLS) == NAMES
    for name, protocol in PROTOCOLS.items():
        assert protocol is find_protocol(name)
        assert protocol.version >= 1
        assert protocol.frame in FRAMES
        names = [metric.name for metric in protocol.metrics]
        assert len(set(names)) == len(names)
        assert any(metric.shown for metric in protocol.metrics)
        assert re.search(r"\w\.(py|cpp|md)", protocol.source)


def test_unknown_protocols_are_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="t3d-v1, deepsdf"):
        find_protocol("chamfer")


def test_labels_carry_the_version_once():
    assert [DEEPSDF.label, T3D_V1.label] == ["deepsdf v1", "t3d-v1"]


def test_columns_are_named_by_what_they_are():
    assert [metric.name for metric in (*P2M.metrics[:3], Metric("iou", at=1.1))] == [
        "chamfer-l2",
        "f@0.01",
        "f@0.01414",
        "iou",
    ]
    assert [metric.at for metric in WHAT3D.metrics if metric.shown] == [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
    assert [metric.at for metric in DISN.metrics if metric.kind == "f"] == pytest.approx(
        [2.5 * share for share in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)]
    )


def test_what_is_better_is_known():
    assert [Metric(kind).higher_is_better for kind in ("f", "normals", "iou", "recall")] == [True] * 4
    assert not any(Metric(kind).higher_is_better for kind in ("chamfer", "emd", "hausdorff", "surface"))


def test_the_page_has_a_section_with_the_source_of_every_protocol():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for name, protocol in PROTOCOLS.items():
        assert f"## `{name}`" in text
        for file in re.findall(r"[\w/]+\.(?:py|cpp)", protocol.source):
            assert file in text, file


def test_protocols_are_chosen_by_name_without_what_costs_too_much():
    one, two = chosen(["t3d-v1", "deepsdf", "t3d-v1"], ["iou", "surface", "emd"])
    assert [metric.name for metric in two.metrics] == ["chamfer-l2"]
    assert {metric.kind for metric in T3D_V1.metrics} - {metric.kind for metric in one.metrics} == {
        "iou",
        "surface",
    }
    assert (one.label, one.prediction) == (T3D_V1.label, T3D_V1.prediction)
    for names, skipped in (([], []), (["deepsdf"], ["emd", "chamfer"]), (["nobody"], [])):
        with pytest.raises(UsageError):
            chosen(names, skipped)
