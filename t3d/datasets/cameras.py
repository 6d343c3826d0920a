"""The cameras of a shape's views on disk: `cameras.json`, which nerfstudio and its kin read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from t3d.datasets.formats import read_json, write_json
from t3d.errors import DataError
from t3d.geometry.cameras import Camera, scaled, w2c_opencv
from t3d.geometry.mesh import Array
from t3d.geometry.normalize import Transform
from t3d.geometry.recipe import View

SCHEMA = 1


def view_path(level: str, number: int) -> str:
    """Where a view stands in the artifact: `easy/07.png`."""
    return f"{level}/{number:02d}.png"


def write_cameras(
    path: Path, levels: Mapping[str, Sequence[View]], transform: Transform, box: Array, diagonal: float
) -> None:
    """Write the views of each level as one nerfstudio file with cameras in the unit frame.

    Views come in the render frame, whose lengths are `diagonal` (`recipe_length` in the file) in the unit
    frame; `distance` and `object_shift` stay in it, as the recipe's. box: (2, 3), corners of the shape in the
    unit frame. transform: original to unit. The principal point and focal length are those of every view.
    """
    frames = [
        _frame(view, level, number, diagonal)
        for level, views in levels.items()
        for number, view in enumerate(views)
    ]
    camera = next(view.camera for views in levels.values() for view in views)
    shared = {
        "t3d_schema": SCHEMA,
        "camera_model": "OPENCV",
        "convention": "opengl_c2w",
        "world_up": "+Y",
        "pixel_center": 0.5,
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fl,
        "fl_y": camera.fl,
        "cx": camera.cx,
        "cy": camera.cy,
        "aabb": box,
        "recipe_length": diagonal,
        "normalization": {"offset": transform.offset, "scale": transform.scale, "mode": transform.mode},
    }
    write_json(path, {**shared, "frames": frames})


def _frame(view: View, level: str, number: int, diagonal: float) -> dict[str, object]:
    camera = scaled(view.camera, diagonal)
    return {
        "file_path": view_path(level, number),
        "difficulty": level,
        "transform_matrix": camera.c2w,
        "w2c_opencv": w2c_opencv(camera),
        "azimuth_deg": view.azimuth_deg,
        "elevation_deg": view.elevation_deg,
        "distance": view.distance,
        "object_shift": view.shift,
    }


def read_cameras(path: Path) -> dict[str, list[Camera]]:
    """Cameras in the unit frame by difficulty ("easy", "hard"), in the order of their file names.

    Raises DataError where the file does not say what is needed.
    """
    try:
        values = read_json(path)
        levels: dict[str, list[Camera]] = {}
        for frame in sorted(values["frames"], key=lambda frame: str(frame["file_path"])):
            matrix = np.array(frame["transform_matrix"], dtype=np.float64).reshape(4, 4)
            fl, cx, cy = (float(values[key]) for key in ("fl_x", "cx", "cy"))
            camera = Camera(matrix, fl, cx, cy, int(values["w"]), int(values["h"]))
            levels.setdefault(str(frame["difficulty"]), []).append(camera)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: no cameras in it ({error!r}); make it again with t3d render") from error
    return levels
