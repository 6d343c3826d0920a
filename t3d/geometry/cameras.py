"""Pinhole cameras: OpenGL camera-to-world matrices, square pixels, pixel centres at half integers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t3d.errors import DataError

OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""Turns camera axes from +Y up, looking down -Z, into +Y down, looking along +Z; its own inverse."""

OPENGL_TO_PYTORCH3D = np.diag([-1.0, 1.0, -1.0])
"""Turns camera axes into +X left, +Y up, looking along +Z; its own inverse."""

BLENDER_WORLD = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""Turns a +Y up world into Blender's, +Z up, as its mesh importers do by default: (x, y, z) to (x, -z, y)."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    c2w: (4, 4) camera to world, OpenGL axes (+X right, +Y up, looking down -Z). fl: focal length in
    pixels. cx, cy: principal point in pixels from the top left corner, where the first pixel's centre is
    at (0.5, 0.5). width, height: in pixels.
    """

    c2w: NDArray[np.float64]
    fl: float
    cx: float
    cy: float
    width: int
    height: int

    @property
    def eye(self) -> NDArray[np.float64]:
        """Centre of projection in the world, (3,)."""
        return self.c2w[:3, 3]


def centred(c2w: NDArray[np.float64], fl: float, size: int) -> Camera:
    """A camera with a square picture of `size` pixels and the principal point in its middle."""
    return Camera(c2w, fl, size / 2, size / 2, size, size)


def look_at(eye: ArrayLike, target: ArrayLike, up: ArrayLike = (0.0, 1.0, 0.0)) -> NDArray[np.float64]:
    """Camera-to-world matrix (4, 4) of a camera at `eye` that sees `target` in the middle, without roll.

    Raises DataError where the view direction is zero or along `up`.
    """
    eye = np.asarray(eye, dtype=np.float64)
    back = eye - np.asarray(target, dtype=np.float64)
    right = np.cross(np.asarray(up, dtype=np.float64), back)
    if not np.linalg.norm(right) > 1e-9 * np.linalg.norm(back):
        raise DataError(
            f"camera at {eye.tolist()} looks along its own up direction: tilt it or choose another up"
        )
    back = back / np.linalg.norm(back)
    right = right / np.linalg.norm(right)
    c2w = np.eye(4)
    c2w[:3] = np.stack([right, np.cross(back, right), back, eye], axis=1)
    return c2w


def inverse(rigid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse (4, 4) of a rotation and a translation."""
    inverted = np.eye(4)
    inverted[:3, :3] = rigid[:3, :3].T
    inverted[:3, 3] = -rigid[:3, :3].T @ rigid[:3, 3]
    return inverted


def w2c_opencv(camera: Camera) -> NDArray[np.float64]:
    """World-to-camera matrix (4, 4) with OpenCV axes (+X right, +Y down, looking along +Z)."""
    return OPENGL_TO_OPENCV @ inverse(camera.c2w)


def c2w_from_opencv(w2c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Camera-to-world matrix with OpenGL axes of OpenCV's world-to-camera matrix, both (4, 4)."""
    return inverse(w2c) @ OPENGL_TO_OPENCV


def to_pytorch3d(c2w: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """PyTorch3D's R (3, 3) and T (3,) of a camera-to-world matrix: rows, `view = world @ R + T`.

    View axes are +X left, +Y up, +Z forward (PyTorch3D `docs/notes/cameras.md`). With `in_ndc=False`,
    `focal_length` (fl, fl), `principal_point` (cx, cy) and `image_size` (height, width) are the pixels of
    t3d; in NDC +X points left and the shorter side of the picture is 2.
    """
    rotation = c2w[:3, :3] @ OPENGL_TO_PYTORCH3D
    return rotation, -c2w[:3, 3] @ rotation


def from_pytorch3d(rotation: NDArray[np.float64], translation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Camera-to-world matrix (4, 4) with OpenGL axes of PyTorch3D's R (3, 3) and T (3,)."""
    c2w = np.eye(4)
    c2w[:3, :3] = rotation @ OPENGL_TO_PYTORCH3D
    c2w[:3, 3] = -rotation @ translation
    return c2w


def to_blender(c2w: NDArray[np.float64]) -> NDArray[np.float64]:
    """`matrix_world` (4, 4) of a Blender camera in a +Z up world; its camera axes are OpenGL's.

    In a +Y up world `matrix_world` is `c2w` itself.
    """
    return BLENDER_WORLD @ c2w


def from_blender(matrix_world: NDArray[np.float64]) -> NDArray[np.float64]:
    """Camera-to-world matrix (4, 4) of a Blender camera's `matrix_world` in a +Z up world."""
    return BLENDER_WORLD.T @ matrix_world


def project(points: ArrayLike, camera: Camera) -> NDArray[np.float64]:
    """Pixel coordinates (N, 2) of world points (N, 3): x to the right, y down; NaN behind the camera."""
    local = (np.asarray(points, dtype=np.float64) - camera.eye) @ camera.c2w[:3, :3]
    depth = np.where(local[:, 2] < 0, -local[:, 2], np.nan)
    return np.stack(
        [camera.cx + camera.fl * local[:, 0] / depth, camera.cy - camera.fl * local[:, 1] / depth], axis=1
    )


def resized(camera: Camera, size: int) -> Camera:
    """The same view with `size` pixels across; the height follows."""
    factor = size / camera.width
    return Camera(
        camera.c2w,
        camera.fl * factor,
        camera.cx * factor,
        camera.cy * factor,
        size,
        round(camera.height * factor),
    )


def scaled(camera: Camera, factor: float, shift: ArrayLike = (0.0, 0.0, 0.0)) -> Camera:
    """The camera that sees the world scaled by `factor`, then shifted (3,), as this one sees it unchanged."""
    c2w = camera.c2w.copy()
    c2w[:3, 3] = factor * c2w[:3, 3] + np.asarray(shift)
    return replace(camera, c2w=c2w)


def extreme_points(points: ArrayLike) -> NDArray[np.float64]:
    """The points (H, 3) of a cloud (N, 3) that bound it in every picture: its convex hull's corners.

    Flat clouds have no hull in space: all their points are returned.
    """
    from scipy.spatial import ConvexHull, QhullError

    cloud = np.asarray(points, dtype=np.float64)
    try:
        return cloud[np.sort(ConvexHull(cloud).vertices)]
    except (QhullError, ValueError):
        return cloud
