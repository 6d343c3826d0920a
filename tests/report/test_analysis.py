"""Tables of the analysis against slow twins; figures of made-up networks that cannot be empty; the worst."""

import numpy as np
import pytest

from t3d.datasets.formats import write_json, write_transform
from t3d.datasets.meshes import write_ply
from t3d.geometry.mesh import Mesh, concatenate
from t3d.geometry.normalize import normalize
from t3d.report import analysis
from t3d.report.analysis import flaw, worst_rows
from t3d.report.gallery import ShapeFolders, Subject
from t3d.report.scoring import Score

RNG = np.random.default_rng(0)
TETRA = Mesh(
    np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
)


class Shifts:
    """A network that warps by adding the code."""

    mean_code, encoder_parameters = np.zeros(8), 1000

    def warp(self, points, code):
        return points + code


def score(shape, chamfer, method="s1", choice="fix"):
    labels = {"method": method, "variant": "s1", "part": "test", "level": "easy", "choice": choice}
    return Score("deepsdf", shape, "easy/30", "ok", "", {"chamfer-l2": chamfer}, **labels)


def test_directions_are_those_of_the_camera_recipe(tmp_path, monkeypatch):
    wanted = np.array([[0.0, 10], [90, 45], [270, 0], [359, 30]])
    turn, lift = np.radians(wanted).T
    eyes = np.array([np.cos(turn) * np.cos(lift), np.sin(lift), np.sin(turn) * np.cos(lift)]).T * 1.7
    cameras = {"easy": [type("Camera", (), {"eye": eye}) for eye in eyes]}
    monkeypatch.setattr("t3d.report.gallery.read_cameras", lambda path: cameras)
    found = np.array([analysis.direction(tmp_path, f"easy/{number:02d}") for number in range(4)])
    assert found == pytest.approx(wanted)


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
    at = {f"{number:02d}": (RNG.uniform(0, 360), RNG.uniform(0, 45)) for number in range(50)}
    monkeypatch.setattr(analysis, "direction", lambda folder, view: at[folder.name])
    scores = [score(shape, 0.1 + RNG.random()) for shape in at]
    others = [score("00", 0.3, "template"), score("01", None), score("elsewhere", 0.2)]
    panels = analysis.error_panels([*scores, *others], {shape: tmp_path / shape for shape in at})
    for panel, angles, width in zip(panels, zip(*at.values(), strict=True), (45, 5), strict=True):
        dots, line = panel.series
        assert dots.x.tolist() == list(angles)
        assert dots.y.tolist() == [one.chamfer for one in scores]
        slow = {}
        for angle, one in zip(angles, scores, strict=True):
            slow.setdefault(width / 2 + width * int(angle / width), []).append(one.chamfer)
        assert line.x.tolist() == sorted(slow)
        assert line.y == pytest.approx([np.median(slow[middle]) for middle in sorted(slow)])


def test_cosines_of_one_shape_and_of_two_are_counted_apart():
    """Two shapes, opposite one another, whose views are all alike."""
    views = np.array([[[1.0, 0]] * 3, [[-1.0, 0]] * 3])
    one, two = analysis.cosine_panel("s1", views).series
    assert (one.x[one.y > 0], one.y.sum()) == (pytest.approx([0.975]), 1)
    assert (two.x[two.y > 0], two.y.sum()) == (pytest.approx([-0.975]), 1)


def test_warps_and_sizes_in_one_figure_with_their_table(tmp_path):
    """Shifts are as far apart as their codes; a code book crosses the encoder where the table says."""
    codes = RNG.normal(size=(30, 3))
    section = analysis.warp_section(tmp_path, {"s1": Shifts()}, {"s1": codes}, 50)
    expected = {"encoder": "s1", "numbers": 1000, "code book": 400, "equal at shapes": 125}
    assert section.rows == [{**expected, "warps against codes": pytest.approx(1)}]
    text = (tmp_path / "warps.svg").read_text()
    assert all(f">{words}<" in text for words in ("s1", "encoder of s1", "code book", "here: 50 shapes"))
    slow = [np.linalg.norm(codes[a] - codes[b]) for a in range(30) for b in range(a + 1, 30)]
    assert analysis.warp_distances(Shifts(), codes, np.zeros((4, 3))) == pytest.approx(np.array([slow, slow]))


def test_sizes_grow_as_the_table_says():
    rows = [{"encoder": "s1", "numbers": 1000, "code book": 400}]
    encoder, book, here = analysis.growth_panel(rows, 50).series
    assert book.y == pytest.approx(8 * book.x)
    assert set(encoder.y) == {1000}
    assert (here.x.tolist(), here.y.tolist()) == ([50, 50], [400, 1000])


def test_drift_stands_at_the_azimuths_of_the_views(tmp_path):
    views = np.zeros((2, 4, 1))
    views[0, :, 0], views[1, :, 0] = (-1, 1, -3, 3), (9, 11, 7, 13)
    at = np.array([[10, 20, 100, 110], [30, 40, 120, 130]], dtype=float)
    made = analysis.drift_section(tmp_path, {"s1": views}, at)
    assert made.title == "Invariance against azimuth"
    assert "<svg" in (tmp_path / "azimuth.svg").read_text()
    x, y = analysis._medians(at.ravel(), np.abs(views - views.mean(1, keepdims=True)).ravel() / 10, 45)
    assert x.tolist() == [22.5, 112.5]
    assert y.tolist() == [0.1, 0.3]


def moved(by=0.0, size=1.0):
    return Mesh(TETRA.vertices * size + by, TETRA.faces)


def subject(folder, made=None, status=None):
    """Made of a tetrahedron; all artifacts in one folder."""
    (folder / "easy").mkdir(parents=True)
    write_transform(folder / "transform.json", normalize(TETRA.vertices, "none"))
    write_ply(folder / "mesh.ply", TETRA)
    write_json(folder / "choices.json", {"fix": "easy/30", "easy/30": status or {"status": "ok"}})
    if made:
        write_ply(folder / "easy/30.ply", made)
    return Subject(folder, folder, folder, "easy/30")


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (TETRA, "other form"),
        (moved(0.3), "far off"),
        (moved(size=0.7), "far off"),
        (concatenate([TETRA, moved(2, 0.5)]), "fragments"),
        (concatenate([TETRA, moved(0.1, 0.2)]), "other form"),
        (None, "missing"),
    ],
)
def test_what_is_wrong_with_a_mesh(tmp_path, made, kind):
    assert flaw(subject(tmp_path / "a", made)) == kind


def test_no_surface_is_empty_and_no_shape_is_missing(tmp_path):
    assert flaw(subject(tmp_path / "a", status={"status": "empty", "reason": "one sign"})) == "empty"
    assert flaw(None) == "missing"


def test_the_worst_twentieth_comes_worst_first(tmp_path):
    subject(tmp_path / "far", moved(0.3))
    shapes = {"test": {"far": tmp_path / "far"}}
    folders = ShapeFolders(shapes, shapes, shapes)
    scores = [score(f"{number:02d}", number / 7 % 1) for number in range(39)]
    rows = worst_rows([*scores, score("none", None), score("far", 2.0)], folders, "s1")
    assert rows[0] == {"variant": "s1", "shape": "far", "view": "easy/30", "kind": "far off", "chamfer": 2.0}
    assert [row["chamfer"] for row in rows[1:]] == [max(one.chamfer for one in scores)]
    assert rows[1]["kind"] == "missing"
    assert len(worst_rows(scores[:3], folders, "s1")) == 1
    assert worst_rows([], folders, "s1") == []
