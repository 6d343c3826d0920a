"""The cameras of a shape's views on disk: `cameras.json`, which nerfstudio and its kin read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.formats import read_json, write_json
from t3d.errors import DataError
from t3d.geometry.cameras import Camera, Maps, resized, w2c_opencv
from t3d.geometry.mesh import Array
from t3d.geometry.normalize import Transform
from t3d.geometry.recipe import View

_FORM = {"t3d_schema": 1, "camera_model": "OPENCV", "convention": "opengl_c2w", "world_up": "+Y"}
LEVELS = ("easy", "hard")
Levels = Mapping[str, Sequence[View]]


def view_path(level: str, number: int) -> str:
    """Where a view stands in the artifact: `easy/07.png`."""
    return f"{level}/{number:02d}.png"


def map_path(level: str, number: int, name: str) -> str:
    """Where one of a view's maps stands in the artifact: `easy/07_depth.png`."""
    return f"{level}/{number:02d}_{name}.png"


def write_cameras(
    path: Path, levels: Levels, transform: Transform, box: Array, diagonal: float, maps: Sequence[str] = ()
) -> None:
    """Write the views of each level as one nerfstudio file; their cameras are in the unit frame.

    `distance` and `object_shift` are the recipe's, whose lengths are `diagonal` (`recipe_length` in the file)
    in the unit frame. box: (2, 3), corners of the shape in the unit frame. transform: original to unit. maps:
    names of those that stand beside every view. The principal point and focal length are those of every view.
    """
    every = [(view, level, n) for level, views in levels.items() for n, view in enumerate(views)]
    camera = every[0][0].camera
    values: dict[str, Any] = {**_FORM, "pixel_center": 0.5, "frames": [_frame(*one, maps) for one in every]}
    values |= {"w": camera.width, "h": camera.height, "fl_x": camera.fl, "fl_y": camera.fl}
    values |= {"cx": camera.cx, "cy": camera.cy, "aabb": box, "recipe_length": diagonal}
    values["normalization"] = asdict(transform)
    if "depth" in maps:
        values["depth_unit"] = depth_unit(levels)
    write_json(path, values)


def _frame(view: View, level: str, number: int, maps: Sequence[str]) -> dict[str, object]:
    values = {f"{name}_file_path": map_path(level, number, name) for name in maps}
    pose = {"transform_matrix": view.camera.c2w, "w2c_opencv": w2c_opencv(view.camera)}
    drawn = {"distance": view.distance, "object_shift": view.shift, "azimuth_deg": view.azimuth_deg}
    drawn |= {"elevation_deg": view.elevation_deg, "difficulty": level}
    return {"file_path": view_path(level, number), **values, **pose, **drawn}


def depth_unit(levels: Levels) -> float:
    """What a 16-bit code of the depths is worth: the least power of ten, in unit-frame lengths, with which
    every shape that fits [-1, 1]^3 is within reach from all of these views; 1e-4 for the recipe's.
    """
    eyes = [view.camera.eye for views in levels.values() for view in views]
    reach = max(float(np.linalg.norm(eye)) for eye in eyes) + math.sqrt(3)
    return 10.0 ** math.ceil(math.log10(reach / 65535))


def coded_map(maps: Maps, name: str, unit: float) -> NDArray[Any]:
    """What is written of a map: "depth", 16 bits, in units, 0 where there is nothing; "normals" in [-1, 1] as
    0 to 255, 128 where there is nothing; "albedo" as it is.
    """
    if name == "depth":
        return np.rint(np.where(np.isfinite(maps.depth), maps.depth, 0) / unit).astype(np.uint16)
    return np.rint(127.5 * (maps.normals + 1)).astype(np.uint8) if name == "normals" else maps.albedo


def read_cameras(path: Path) -> dict[str, list[Camera]]:
    """Cameras by difficulty ("easy", "hard"; "easy" where the file does not say), in the file's order.

    Reads t3d's own files, whose cameras are in the unit frame, and nerfstudio's and NeRF's
    `transforms.json`: `fl_x` or `camera_angle_x`; without `w` the pictures are 1 x 1. Raises DataError where
    the file lacks something, or holds no frame, another lens than a square pinhole, or no rigid motion.
    """
    levels: dict[str, list[Camera]] = {}
    try:
        values = read_json(path)
        for number, frame in enumerate(values["frames"]):
            level = frame.get("difficulty", LEVELS[0])
            if level not in LEVELS:
                raise ValueError(f"difficulty must be one of {', '.join(LEVELS)}, not {level}")
            levels.setdefault(level, []).append(_camera({**values, **frame}, f"frame {number}"))
        if not levels:
            raise ValueError("it has no frames")
    except Exception as error:  # a file of something else makes this raise anything
        words = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{path}: no cameras in it: {words}") from error
    return levels


def given_cameras(paths: Sequence[Path], size: int) -> dict[str, list[Camera]]:
    """Cameras of several files, one after another, for pictures of `size` pixels; all with one lens.

    Raises DataError like `read_cameras`, and where no camera is easy or lenses differ.
    """
    levels: dict[str, list[Camera]] = {}
    for path in paths:
        for level, cameras in read_cameras(path).items():
            levels.setdefault(level, []).extend(resized(camera, size) for camera in cameras)
    lenses = {(one.fl, one.cx, one.cy) for cameras in levels.values() for one in cameras}
    names = ", ".join(map(str, paths))
    if len(lenses) != 1:
        raise DataError(f"{names}: {len(lenses)} different lenses; use one for all frames")
    if LEVELS[0] not in levels:
        raise DataError(f'{names}: every frame is hard; networks are scored on "difficulty": "easy"')
    return dict(sorted(levels.items()))


def _camera(values: Mapping[str, Any], where: str) -> Camera:
    """A camera of a frame with what holds for all frames; ValueError for what t3d cannot draw."""
    matrix = np.array(values["transform_matrix"], dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"{where}: transform_matrix is not 4 x 4 finite numbers")
    rotation = matrix[:3, :3]
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
        raise ValueError(f"{where}: transform_matrix scales, shears or mirrors; give a rotation and a place")
    width, height = float(values.get("w", 1)), float(values.get("h", values.get("w", 1)))
    angle = None if "fl_x" in values else 0.5 * float(values["camera_angle_x"])
    fl = float(values["fl_x"]) if angle is None else 0.5 * width / math.tan(angle)
    if width != height or not 0 < width < math.inf or not 0 < fl < math.inf:
        raise ValueError(f"{where}: w {width:g}, h {height:g}, fl {fl:g}: want a square and more than 0")
    distorted = any(values.get(name) for name in ("k1", "k2", "k3", "k4", "p1", "p2"))
    if distorted or float(values.get("fl_y", fl)) != fl:
        raise ValueError(f"{where}: distortion or pixels that are not square; undistort the cameras first")
    cx, cy = float(values.get("cx", width / 2)), float(values.get("cy", height / 2))
    return Camera(matrix, fl, cx, cy, int(width), int(height))
