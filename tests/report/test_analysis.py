"""Tables of the analysis against slow twins; figures of made-up networks that cannot be empty."""

import numpy as np
import pytest

from t3d.report import analysis
from t3d.report.summary import Score

RNG = np.random.default_rng(0)


def score(shape, chamfer, method="s1", choice="fix"):
    labels = {"method": method, "variant": "s1", "part": "test", "level": "easy", "choice": choice}
    return Score("deepsdf", shape, "easy/00", "ok", "", {"chamfer-l2": chamfer}, **labels)


def test_medians_of_bins_equal_a_slow_twin():
    angles, values = RNG.uniform(0, 360, 50), RNG.random(50)
    middles, medians = analysis.binned(angles, values, 30)
    slow = {}
    for angle, value in zip(angles, values, strict=True):
        slow.setdefault(15 + 30 * int(angle / 30), []).append(value)
    assert middles.tolist() == sorted(slow)
    assert medians == pytest.approx([np.median(slow[middle]) for middle in middles])


def test_directions_are_those_of_the_camera_recipe(tmp_path, monkeypatch):
    wanted = np.array([[0, 10], [90, 45], [270, 0], [359, 30]], float)
    turn, lift = np.radians(wanted).T
    eyes = np.array([np.cos(turn) * np.cos(lift), np.sin(lift), np.sin(turn) * np.cos(lift)]).T * 1.7
    cameras = {"easy": [type("Camera", (), {"eye": eye}) for eye in eyes]}
    monkeypatch.setattr("t3d.datasets.cameras.read_cameras", lambda path: cameras)
    names = [f"easy/{number:02d}" for number in range(4)]
    assert analysis.view_angles(tmp_path, names) == pytest.approx(wanted)


def test_figures_of_codes_are_the_same_every_time():
    codes, unseen = RNG.normal(size=(9, 4)).astype(np.float32), RNG.normal(size=(3, 4)).astype(np.float32)
    once, again = (analysis.code_panels(codes, unseen) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        for a, b in zip(one.series, other.series, strict=True):
            assert np.array_equal(a.x, b.x)
            assert len(a.x) in (9, 3)
    shares = np.linalg.svd(np.concatenate([codes, unseen]) - np.concatenate([codes, unseen]).mean(0))[1] ** 2
    assert once[0].across == f"component 1 ({shares[0] / shares.sum():.0%} of the variance)"


def test_errors_know_their_direction(tmp_path, monkeypatch):
    monkeypatch.setattr(analysis, "view_angles", lambda folder, names: np.array([[30.0, 20.0]]))
    scores = [score("a", 0.1), score("b", 0.2), score("a", 0.3, "template"), score("a", None)]
    rows = analysis.error_rows(scores, {"a": tmp_path})
    expected = {"variant": "s1", "shape": "a", "view": "easy/00", "azimuth": 30, "elevation": 20}
    assert rows == [expected | {"chamfer": 0.1}]
    dots, line = analysis.error_panels(rows)[0].series
    assert (dots.x, dots.y) == ([30], [0.1])
    assert (line.x, line.y) == ([30], [0.1])


def test_a_code_book_crosses_the_encoder_where_the_table_says():
    class Sized:
        mean_code, encoder_parameters = np.zeros(8), 1000

    row = analysis.size_row("s1", Sized(), 50)
    assert row == {"encoder": "s1", "numbers": 1000, "code book": 400, "equal at shapes": 125}
