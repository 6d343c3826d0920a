"""Tables of the analysis against slow twins; figures of made-up networks that cannot be empty."""

import numpy as np
import pytest

from t3d.report import analysis
from t3d.report.summary import Score

RNG = np.random.default_rng(0)


def score(shape, chamfer, method="s1", choice="fix"):
    labels = {"method": method, "variant": "s1", "part": "test", "level": "easy", "choice": choice}
    return Score("deepsdf", shape, "easy/00", "ok", "", {"chamfer-l2": chamfer}, **labels)


def test_directions_are_those_of_the_camera_recipe(tmp_path, monkeypatch):
    wanted = np.array([0.0, 90, 270, 359])
    turn, lift = np.radians(wanted), np.radians([10, 45, 0, 30])
    eyes = np.array([np.cos(turn) * np.cos(lift), np.sin(lift), np.sin(turn) * np.cos(lift)]).T * 1.7
    cameras = {"easy": [type("Camera", (), {"eye": eye}) for eye in eyes]}
    monkeypatch.setattr("t3d.datasets.cameras.read_cameras", lambda path: cameras)
    assert [analysis.azimuth(tmp_path, f"easy/{number:02d}") for number in range(4)] == pytest.approx(wanted)


def test_figures_of_codes_are_the_same_every_time():
    codes, unseen = RNG.normal(size=(9, 4)).astype(np.float32), RNG.normal(size=(3, 4)).astype(np.float32)
    once, again = (analysis.code_panels(codes, unseen) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        for a, b in zip(one.series, other.series, strict=True):
            assert np.array_equal(a.x, b.x)
            assert len(a.x) in (9, 3)
    shares = np.linalg.svd(np.concatenate([codes, unseen]) - np.concatenate([codes, unseen]).mean(0))[1] ** 2
    assert once[0].across == f"component 1 ({shares[0] / shares.sum():.0%} of the variance)"


def test_errors_stand_at_their_direction_with_medians_of_bins(tmp_path, monkeypatch):
    angles = iter(RNG.uniform(0, 360, 50))
    at = {f"{number:02d}": next(angles) for number in range(50)}
    monkeypatch.setattr(analysis, "azimuth", lambda folder, view: at[folder.name])
    scores = [score(shape, 0.1 + RNG.random()) for shape in at]
    others = [score("00", 0.3, "template"), score("01", None), score("elsewhere", 0.2)]
    dots, line = analysis.error_panel([*scores, *others], {shape: tmp_path / shape for shape in at}).series
    assert dots.x.tolist() == list(at.values())
    assert dots.y.tolist() == [one.chamfer for one in scores]
    slow = {}
    for angle, one in zip(at.values(), scores, strict=True):
        slow.setdefault(22.5 + 45 * int(angle / 45), []).append(one.chamfer)
    assert line.x.tolist() == sorted(slow)
    assert line.y == pytest.approx([np.median(slow[middle]) for middle in sorted(slow)])


def test_a_code_book_crosses_the_encoder_where_the_table_says():
    class Sized:
        mean_code, encoder_parameters = np.zeros(8), 1000

        def warp(self, points, code):
            return points + code

    row = analysis.code_row("s1", Sized(), RNG.normal(size=(6, 3)), 50)
    expected = {"encoder": "s1", "numbers": 1000, "code book": 400, "equal at shapes": 125}
    assert row == {**expected, "warps against codes": pytest.approx(1)}, "shifts are as far apart as codes"
