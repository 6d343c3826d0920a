"""`cameras.json`: what others read from it, and that it comes back as it was."""

import json

import numpy as np
import pytest

from t3d.datasets.cameras import read_cameras, write_cameras
from t3d.errors import DataError
from t3d.geometry.cameras import centred, look_at, project
from t3d.geometry.normalize import Transform
from t3d.geometry.recipe import View

BOX = np.array([[-0.5, -0.4, -0.3], [0.5, 0.4, 0.3]])
TRANSFORM = Transform(np.array([1.0, 2.0, 3.0]), 0.5)
DIAGONAL = 1.7


def view(number):
    c2w = look_at((1 + 0.1 * number, 0.4, -1), (0, 0, 0))
    return View(centred(c2w, 245.0, 224), 30.0 * number, 20.0, 1.5, (0.1, 0.0, -0.1), 2, False)


@pytest.fixture
def path(tmp_path):
    levels = {"easy": [view(i) for i in range(12)], "hard": [view(20), view(21)]}
    write_cameras(tmp_path / "cameras.json", levels, TRANSFORM, BOX, DIAGONAL)
    return tmp_path / "cameras.json"


def test_cameras_come_back_in_order_and_in_the_unit_frame(path):
    levels = read_cameras(path)
    assert [len(levels[name]) for name in ("easy", "hard")] == [12, 2]
    for number, camera in enumerate(levels["easy"]):
        expected = view(number).camera
        assert np.array_equal(camera.c2w[:3, :3], expected.c2w[:3, :3])
        assert camera.eye == pytest.approx(expected.eye * DIAGONAL)
        assert project(BOX * DIAGONAL, camera) == pytest.approx(project(BOX, expected))


def test_file_is_what_nerfstudio_reads(path):
    values = json.loads(path.read_text())
    expected = {"camera_model": "OPENCV", "w": 224, "h": 224, "fl_x": 245, "fl_y": 245, "cx": 112, "cy": 112}
    assert {key: values[key] for key in expected} == expected
    assert values["aabb"] == BOX.tolist()
    assert values["normalization"] == {"offset": [1, 2, 3], "scale": 0.5, "mode": "unit-sphere"}
    assert values["recipe_length"] == DIAGONAL
    frame = values["frames"][12]
    assert frame["file_path"] == "hard/00.png"
    assert (frame["difficulty"], frame["distance"], frame["object_shift"]) == ("hard", 1.5, [0.1, 0, -0.1])
    c2w, w2c = np.array(frame["transform_matrix"]), np.array(frame["w2c_opencv"])
    assert w2c @ c2w == pytest.approx(np.diag([1, -1, -1, 1]))


@pytest.mark.parametrize("content", ["{", "{}", '{"frames": [{}]}', "[]"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "cameras.json").write_text(content)
    with pytest.raises(DataError, match="no cameras"):
        read_cameras(tmp_path / "cameras.json")
