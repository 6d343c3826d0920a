"""`cameras.json`: what others read from it, and that it comes back as it was."""

import json

import numpy as np
import pytest

from t3d.datasets.cameras import coded_map, depth_unit, given_cameras, read_cameras, write_cameras
from t3d.errors import DataError
from t3d.geometry.cameras import Maps, centred, look_at
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
    levels = {"easy": [view(i) for i in range(120)], "hard": [view(20), view(21)]}
    write_cameras(tmp_path / "cameras.json", levels, TRANSFORM, BOX, DIAGONAL)
    return tmp_path / "cameras.json"


def test_cameras_come_back_as_they_were_in_their_order(path):
    levels = read_cameras(path)
    assert [len(levels[name]) for name in ("easy", "hard")] == [120, 2]
    for number, camera in enumerate(levels["easy"]):
        expected = view(number).camera
        assert np.array_equal(camera.c2w, expected.c2w)
        assert (camera.fl, camera.cx, camera.cy, camera.width, camera.height) == (245, 112, 112, 224, 224)


def test_file_is_what_nerfstudio_reads(path):
    values = json.loads(path.read_text())
    expected = {"camera_model": "OPENCV", "w": 224, "h": 224, "fl_x": 245, "fl_y": 245, "cx": 112, "cy": 112}
    assert {key: values[key] for key in expected} == expected
    assert values["aabb"] == BOX.tolist()
    assert values["normalization"] == {"offset": [1, 2, 3], "scale": 0.5, "mode": "unit-sphere"}
    assert values["recipe_length"] == DIAGONAL
    frame = values["frames"][120]
    assert frame["file_path"] == "hard/00.png"
    assert (frame["difficulty"], frame["distance"], frame["object_shift"]) == ("hard", 1.5, [0.1, 0, -0.1])
    c2w, w2c = np.array(frame["transform_matrix"]), np.array(frame["w2c_opencv"])
    assert w2c @ c2w == pytest.approx(np.diag([1, -1, -1, 1]))


@pytest.mark.parametrize("content", ["{", "{}", '{"frames": [{}]}', "[]"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "cameras.json").write_text(content)
    with pytest.raises(DataError, match="no cameras"):
        read_cameras(tmp_path / "cameras.json")


NERF = {
    "camera_angle_x": 0.8,
    "frames": [{"file_path": "./r_0", "transform_matrix": look_at((1, 2, 3), (0, 0, 0))}],
}


def written(path, **changes):
    """A NeRF file with other values; those that stand in frames go to the frame."""
    (frame,) = NERF["frames"]
    frame = {**frame, **{name: changes.pop(name) for name in list(changes) if name in FRAME}}
    values = {**NERF, "frames": [frame], **changes}
    path.write_text(json.dumps(values, default=lambda array: array.tolist()))
    return path


FRAME = ("transform_matrix", "difficulty")


def test_a_nerf_file_has_a_field_of_view_and_easy_views(tmp_path):
    (camera,) = given_cameras([written(tmp_path / "transforms.json")], 100)["easy"]
    assert camera.fl == pytest.approx(50 / np.tan(0.4))
    assert (camera.cx, camera.cy, camera.width, camera.height) == (50, 50, 100, 100)
    assert camera.eye == pytest.approx((1, 2, 3))


def test_a_nerfstudio_file_has_a_lens_in_its_own_pixels(tmp_path):
    path = written(tmp_path / "a.json", w=800, h=800, fl_x=1000.0, fl_y=1000.0, cx=390.0, cy=410.0, k1=0.0)
    (camera,) = given_cameras([path], 80)["easy"]
    assert (camera.fl, camera.cx, camera.cy, camera.width, camera.height) == (100, 39, 41, 80, 80)


def test_several_files_are_read_one_after_another(tmp_path):
    one = written(tmp_path / "one.json")
    two = written(tmp_path / "two.json", difficulty="hard")
    levels = given_cameras([two, one, one], 64)
    assert {level: len(cameras) for level, cameras in levels.items()} == {"easy": 2, "hard": 1}
    assert list(levels) == ["easy", "hard"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frames": []}, "it has no frames"),
        ({"transform_matrix": np.full((4, 4), np.nan)}, "frame 0: transform_matrix is not 4 x 4 finite"),
        ({"transform_matrix": np.eye(3)}, "frame 0: transform_matrix is not 4 x 4 finite"),
        ({"transform_matrix": np.diag([2.0, 2, 2, 1])}, "scales, shears or mirrors"),
        ({"transform_matrix": np.diag([1.0, 1, -1, 1])}, "scales, shears or mirrors"),
        ({"w": 640, "h": 480}, "w 640, h 480.*want a square"),
        ({"w": 0, "h": 0}, "want a square and more than 0"),
        ({"camera_angle_x": None}, "NoneType"),
        ({"camera_angle_x": -1.0}, "fl -.*more than 0"),
        ({"w": 64, "h": 64, "fl_x": 50.0, "fl_y": 60.0}, "not square"),
        ({"k1": 0.1}, "undistort"),
        ({"difficulty": "../x"}, "difficulty must be one of easy, hard"),
        ({"difficulty": "hard"}, "every frame is hard"),
    ],
)
def test_what_t3d_cannot_draw_is_refused_with_its_place(tmp_path, changes, words):
    path = written(tmp_path / "cameras.json", **changes)
    with pytest.raises(DataError, match=words) as error:
        given_cameras([path], 64)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_different_lenses_are_refused(tmp_path):
    one, other = written(tmp_path / "one.json"), written(tmp_path / "other.json", camera_angle_x=0.7)
    with pytest.raises(DataError, match="2 different lenses"):
        given_cameras([one, other], 64)


def test_a_missing_file_and_a_missing_lens_are_told(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        given_cameras([tmp_path / "none.json"], 64)
    (tmp_path / "bare.json").write_text(json.dumps({"frames": [{"transform_matrix": np.eye(4).tolist()}]}))
    with pytest.raises(DataError, match="camera_angle_x is missing"):
        given_cameras([tmp_path / "bare.json"], 64)


@pytest.mark.parametrize(("far", "unit"), [(0.5, 1e-4), (3.0, 1e-4), (4.8, 1e-4), (5.0, 1e-3), (500.0, 1e-2)])
def test_the_depth_unit_lets_every_shape_be_reached(far, unit):
    c2w = look_at((0, 0, far), (0, 0, 0))
    found = depth_unit({"easy": [View(centred(c2w, 64.0, 64), 0, 0, far, (0, 0, 0), 1, False)]})
    assert found == pytest.approx(unit)
    assert far + 3**0.5 <= 65535 * found


def test_maps_are_coded_as_said():
    depth = np.array([[1.23456, np.inf]], np.float32)
    normals = np.array([[[0, -1, 1], [0, 0, 0]]], np.float32)
    maps = Maps(depth, normals, np.full((1, 2, 3), 7, np.uint8))
    assert coded_map(maps, "depth", 1e-4).tolist() == [[12346, 0]]
    assert coded_map(maps, "depth", 1e-4).dtype == np.uint16
    assert coded_map(maps, "normals", 1e-4).tolist() == [[[128, 0, 255], [128, 128, 128]]]
    assert coded_map(maps, "albedo", 1e-4) is maps.albedo


def test_frames_name_their_maps(tmp_path):
    path = tmp_path / "cameras.json"
    write_cameras(path, {"easy": [view(0)]}, TRANSFORM, BOX, DIAGONAL, ("depth", "albedo"))
    values = json.loads(path.read_text())
    assert values["depth_unit"] == 1e-4
    names = {key: value for key, value in values["frames"][0].items() if key.endswith("file_path")}
    assert names == {
        "file_path": "easy/00.png",
        "depth_file_path": "easy/00_depth.png",
        "albedo_file_path": "easy/00_albedo.png",
    }
