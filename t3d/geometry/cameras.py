"""Pinhole cameras: OpenGL camera-to-world matrices, square pixels, pixel centres at half integers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t3d.errors import DataError


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


def w2c_opencv(camera: Camera) -> NDArray[np.float64]:
    """World-to-camera matrix (4, 4) with OpenCV axes (+X right, +Y down, looking along +Z)."""
    rotation = camera.c2w[:3, :3] * (1.0, -1.0, -1.0)
    w2c = np.eye(4)
    w2c[:3] = np.column_stack([rotation.T, -rotation.T @ camera.eye])
    return w2c + 0.0  # no negative zeros


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
