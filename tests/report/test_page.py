"""Words, numbers, curves and the script of the page."""

import numpy as np
import pytest

from t3d.report.page import all_losses, duration, headline, number, overlaid, read_curves, script, versions
from t3d.report.tables import method_name


@pytest.mark.parametrize(
    ("value", "factor", "text"),
    [
        (0.00123456, 1000, "1.23"),
        (0.002, 1000, "2.00"),
        (0.0000211, 1000, "0.0211"),
        (-0.003, 1000, "−3.00"),
        (0.9996, 1, "1.00"),
        (123.456, 1, "123"),
        (0.0, 1000, "0.00"),
        (None, 1000, "–"),
        (float("nan"), 1, "–"),
        (float("inf"), 1, "–"),
    ],
)
def test_number(value, factor, text):
    assert number(value, factor) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00"),
        (59.7, "0:01:00"),
        (7500, "2:05:00"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_method_names():
    assert method_name("template") == "template alone"
    assert method_name("s2-simclr") == "Sol 2, simclr"


def row(method, median, choice="fix", part="test", variant="s1"):
    return {
        "method": method,
        "variant": variant,
        "part": part,
        "choice": choice,
        "level": "easy",
        "median": median,
    }


def test_headline_takes_the_fixed_view_of_test_shapes_and_its_baselines():
    rows = [
        row("template", 0.004, "rnd"),
        row("template", 0.003),
        row("s1", 0.009, "rnd"),
        row("s1", 0.001),
        row("s1", 0.5, part="train"),
        row("mean-code", 0.006, variant="s2"),
    ]
    found = headline(rows, "s1")
    assert [(bar["method"], bar["median"], bar["share"]) for bar in found["bars"]] == [
        ("s1", 0.001, pytest.approx(1 / 3)),
        ("template", 0.003, 1.0),
    ]
    assert found["score"]["median"] == 0.001


def test_headline_without_any_score():
    found = headline([row("s1", None), row("template", 0.0)], "s1")
    assert found["score"] is None


def test_losses_name_every_shape_once_by_its_failure():
    failures = [{"shape": "b", "stage": "mesh", "kind": "data", "reason": "no faces"}]
    excluded = {"b": "lost in mesh", "a": "listed twice"}
    assert all_losses(failures, excluded) == [
        {"shape": "a", "stage": "split", "kind": "excluded", "reason": "listed twice"},
        {"shape": "b", "stage": "mesh", "kind": "data", "reason": "no faces"},
    ]


def test_versions_name_python_and_installed_libraries_only():
    found = versions()
    assert found["numpy"] == np.__version__
    assert next(iter(found)) == "python"


def test_shapes_left_out_on_request_are_not_lost():
    from t3d.datasets.splits import BEYOND, UNNAMED

    assert all_losses([], {"a": UNNAMED, "b": BEYOND.format(3)}) == []


def test_read_curves(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text("step,seconds,loss,val\r\n1,0.5,2.5,\r\n2,1.0,1e-3,0.25\r\n")
    columns = read_curves(path)
    assert list(columns) == ["step", "seconds", "loss", "val"]
    assert columns["loss"].tolist() == [2.5, 0.001]
    assert np.isnan(columns["val"][0])
    assert columns["val"][1] == 0.25


def test_read_curves_of_a_run_without_steps(tmp_path):
    (tmp_path / "curves.csv").write_text("step,loss\n")
    assert {name: len(values) for name, values in read_curves(tmp_path / "curves.csv").items()} == {
        "step": 0,
        "loss": 0,
    }


def test_losses_by_pre_training_are_in_one_figure(tmp_path):
    networks = {name: tmp_path / name for name in ("s1", "s2-simclr", "s2-none")}
    for extra, folder in enumerate(networks.values()):
        folder.mkdir()
        steps = range(10, 10 * (4 + extra), 10)  # one went on for longer
        lines = ["step,loss", *(f"{step},{1 / step}" for step in steps)]
        (folder / "curves.csv").write_text("\n".join(lines))
    figure = overlaid(networks)
    assert "s2-simclr" in figure
    assert "s2-none" in figure
    assert ">s1<" not in figure
    assert overlaid({name: networks[name] for name in ("s1", "s2-none")}) == ""


def test_the_policy_names_the_script_and_no_other():
    text, source = script()
    assert "</script" not in text
    assert source.startswith("'sha256-")
