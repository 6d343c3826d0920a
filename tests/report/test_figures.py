"""Figures: valid, deterministic SVG that takes its colours from the page."""

import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from t3d.report.figures import SERIES, Series, curves, distribution

STEPS = np.arange(1, 101, dtype=np.float64)
VAL = np.where(STEPS % 25 == 0, 2 / STEPS, np.nan)


def drawn(title, share=False, **values):
    return curves(title, [Series(name, STEPS, of) for name, of in values.items()], share)


def loss_curves(title="Codes"):
    return drawn(title, loss=1 / STEPS, validation=VAL)


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_title_axes_and_legend_are_text():
    assert {"Codes", "optimisation step", "loss (log scale)", "loss", "validation"} <= set(
        texts(loss_curves())
    )


def test_shares_are_drawn_between_0_and_1_on_a_plain_axis():
    shown = texts(drawn("Pre-training", share=True, found_again=STEPS / 200))
    assert {"share", "found again", "0.0", "0.2", "1.0"} <= set(shown)
    assert "loss (log scale)" not in shown


def test_same_bytes_whatever_was_drawn_before():
    first = loss_curves()
    loss_curves("another")
    distribution({"a": [1.0, 2.0]}, "dots", "x")
    assert loss_curves() == first


def test_ids_of_two_figures_never_meet():
    ids = [
        {one.get("id") for one in ET.fromstring(loss_curves(title)).iter()} - {None} for title in ("a", "b")
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_colours_come_from_the_page():
    svg = loss_curves()
    assert "currentColor" in svg
    assert f"var(--series-1, {SERIES[0]})" in svg
    assert "#010203" not in svg
    assert "#000000" not in svg


def test_no_style_for_the_whole_page_and_no_date():
    svg = loss_curves()
    assert svg.startswith("<svg")
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "<!--" not in svg


def test_settings_of_matplotlib_stay(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 21.0)
    before = dict(matplotlib.rcParams)
    plain = loss_curves()
    assert dict(matplotlib.rcParams) == before
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 5.0)
    assert loss_curves() == plain


def test_titles_and_names_are_escaped():
    svg = drawn("<script>", **{"<b>&": 1 / STEPS})
    assert "<script>" not in svg
    assert {"<script>", "<b>&"} <= set(texts(svg))


@pytest.mark.parametrize("values", [np.full(100, np.nan), np.zeros(100)])
def test_nothing_to_show_is_an_empty_figure(values):
    assert "loss" not in texts(drawn("Codes", loss=values))


def test_gaps_are_bridged_not_drawn_as_zero():
    assert "nan" not in drawn("Codes", loss=np.where(STEPS % 2 == 0, 1.0, np.nan)).lower()


def dots(values):
    return distribution({"mine": values}, "dots", "Chamfer").count("<use")


def test_one_dot_per_positive_value():
    few, more = [1.0, 1.5, 10.0], [1.0, 1.2, 1.5, 3.0, 10.0]
    assert dots(more) - dots(few) == 2
    assert dots([*few, 0.0, -1.0]) == dots(few)


def test_ticks_are_plain_numbers():
    shown = texts(distribution({"mine": [0.4, 3.2]}, "dots", "Chamfer"))
    assert {"0.5", "1", "2"} <= set(shown)


def test_a_group_without_values_keeps_its_row():
    assert {"mine", "none"} <= set(texts(distribution({"mine": [1.0], "none": []}, "dots", "Chamfer")))
