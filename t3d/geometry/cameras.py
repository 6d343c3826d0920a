"""Pinhole cameras: OpenGL camera-to-world matrices, square pixels, pixel centres at half integers.

And what a renderer makes of one: a picture on white, and what stands behind every pixel.
"""

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


@dataclass(frozen=True)
class Image:
    """A picture on white. rgb: (H, W, 3) sRGB bytes. mask: (H, W) bytes, the coverage of each pixel.

    rgb = mask / 255 * own colour + (1 - mask / 255) * 255, on sRGB codes, so the background can be replaced.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Maps:
    """What the ray through the middle of each pixel meets first; nothing is mixed between neighbours.

    depth: (H, W) float32 along the camera's axis, in lengths of the camera's world; infinite where there is
    nothing. normals: (H, W, 3) float32 unit vectors in camera axes (OpenGL: +X right, +Y up, +Z towards the
    viewer), turned to the side that is seen; zero where there is nothing. albedo: (H, W, 3) sRGB bytes
    without any light, white where there is nothing.
    """

    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    albedo: NDArray[np.uint8]


def centred(c2w: NDArray[np.float64], fl: float, size: int) -> Camera:
    """A camera with a square picture of `size` pixels and the principal point in its middle."""
    return Camera(c2w, fl, size / 2, size / 2, size, size)


def look_at(eye: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Camera-to-world matrix (4, 4) of a camera at `eye` that sees `target` in the middle, +y upwards.

    Raises DataError where the view direction is zero or along y.
    """
    eye = np.asarray(eye, dtype=np.float64)
    back = eye - np.asarray(target, dtype=np.float64)
    right = np.cross((0.0, 1.0, 0.0), back)
    if not np.linalg.norm(right) > 1e-9 * np.linalg.norm(back):
        raise DataError(f"camera at {eye.tolist()} looks along its own up direction, y: tilt it")
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
    return camera.fl * local[:, :2] / depth[:, None] * (1, -1) + (camera.cx, camera.cy)


def resized(camera: Camera, size: int) -> Camera:
    """The same view with `size` pixels across; the height follows."""
    factor = size / camera.width
    fl, cx, cy = (factor * one for one in (camera.fl, camera.cx, camera.cy))
    return Camera(camera.c2w, fl, cx, cy, size, round(camera.height * factor))


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
