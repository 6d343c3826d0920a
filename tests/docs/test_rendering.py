"""The snippets of docs/rendering.md, run as they stand with each library's projection written out."""

import re
import types
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from t3d.datasets.cameras import write_cameras
from t3d.geometry.cameras import centred, look_at, project
from t3d.geometry.normalize import Transform
from t3d.geometry.recipe import View

PAGE = (Path(__file__).parents[2] / "docs" / "rendering.md").read_text(encoding="utf-8")
READ, OPENCV, PYTORCH3D, BLENDER = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))


@pytest.fixture
def there(tmp_path, monkeypatch):
    """The names that the first snippet makes of a file with one camera, and the pixels of the points."""
    camera = centred(look_at((1.1, 0.8, -1.4), (0.1, 0, 0)), 245.0, 224)
    view = View(camera, 0, 0, 1.5, (0, 0, 0), 1, False)
    box = np.array([[-0.5] * 3, [0.5] * 3])
    write_cameras(tmp_path / "cameras.json", {"easy": [view]}, Transform(np.zeros(3), 1.0), box, 1.7)
    monkeypatch.chdir(tmp_path)
    names = {"points": POINTS, "torch": torch}
    exec(READ, names)
    return names, project(POINTS, camera)


def test_opencv(there):
    names, expected = there

    def projected(points, turn, place, intrinsics, distortion):
        """`cv2.projectPoints`: x = R X + t, u = fx x / z + cx, v = fy y / z + cy."""
        local = points @ turn.T + place
        return (local / local[:, 2:]) @ intrinsics[:2].T, None

    names["cv2"] = types.SimpleNamespace(Rodrigues=lambda matrix: (matrix, None), projectPoints=projected)
    exec(OPENCV, names)
    assert names["pixels"] == pytest.approx(expected)


def test_pytorch3d(there):
    names, expected = there
    names["PerspectiveCameras"] = types.SimpleNamespace
    exec(PYTORCH3D, names)
    made = names["cameras"]
    assert made.in_ndc is False
    seen = POINTS @ made.R[0].numpy() + made.T[0].numpy()
    size = np.array(made.image_size[0])[::-1]
    half = size.min() / 2
    focal, shift = np.array(made.focal_length[0]) / half, (size / 2 - made.principal_point[0]) / half
    ndc = focal * seen[:, :2] / seen[:, 2:] + shift  # renderer/cameras.py: +X left, +Y up
    assert size / 2 - half * ndc == pytest.approx(expected)


def test_blender(there):
    names, expected = there
    camera = types.SimpleNamespace(data=types.SimpleNamespace())
    names["bpy"] = types.SimpleNamespace(data=types.SimpleNamespace(objects={"Camera": camera}))
    names["Matrix"] = np.array
    exec(BLENDER, names)
    imported = np.stack([POINTS[:, 0], -POINTS[:, 2], POINTS[:, 1], np.ones(len(POINTS))], axis=1)
    local = imported @ np.linalg.inv(camera.matrix_world).T
    sensor = local[:, :2] / -local[:, 2:3] * camera.data.lens / camera.data.sensor_width
    pixels = (np.array([0.5, 0.5]) + sensor * (1, -1)) * 224  # (0, 0) top left
    assert pixels == pytest.approx(expected)


def test_every_option_named_on_the_page_is_one_of_the_command():
    from t3d.stages.views import Params

    named = set(re.findall(r"--(backend|recipe|cameras|maps|size|views)\b", PAGE))
    assert named <= {field.name for field in fields(Params)}
    assert len(named) == 6
