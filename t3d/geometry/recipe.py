"""Where the 50 easy and 50 hard cameras of the published data stand (`2d_render/render.py`).

All lengths are in the render frame: box-centred, bounding-box diagonal 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t3d.geometry.cameras import Camera, centred, look_at

Array = NDArray[np.float64]
Range = tuple[float, float]

LENS_MM, SENSOR_MM = 35.0, 32.0
"""Focal length over sensor width of the recipe's lens: 245 pixels at a size of 224, a field of view of 49.1
degrees."""

MARGIN = 1.0
"""Pixels kept free at every border when a view is accepted."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """How the views of one difficulty are drawn: ranges for the first tries and for the later ones.

    elevation: degrees above the horizon. distance: camera to its target. shift: how far the object may be
    off the target along each axis. jitter: degrees of azimuth on either side.
    """

    elevation: Range
    distance: tuple[Range, Range]
    shift: tuple[float, float]
    jitter: float
    first_tries: int
    max_tries: int


@dataclass(frozen=True)
class View:
    """One drawn camera and how it came about; `camera` is in the render frame.

    azimuth_deg: 0 sees the shape from +x, 90 from +z, 270 from -z, its front. distance: from the centre as
    shifted, the camera's own target. tries: how many draws it took. fitted: whether no draw showed the
    whole shape, so that the last one was moved back until it does.
    """

    camera: Camera
    azimuth_deg: float
    elevation_deg: float
    distance: float
    shift: tuple[float, float, float]
    tries: int
    fitted: bool


def draw_views(outline: Array, level: Level, count: int, size: int, rng: np.random.Generator) -> list[View]:
    """Cameras all round a shape whose `outline` (H, 3) is in the render frame, `size` pixels across.

    View i looks from azimuth (i + 1) * 360 / count, jittered. A draw that would cut the shape off is
    replaced, `max_tries` times at most; then the last one is moved back until the shape fits.
    """
    return [_draw_view(outline, level, (i + 1) * 360.0 / count, size, rng) for i in range(count)]


def _draw_view(outline: Array, level: Level, azimuth: float, size: int, rng: np.random.Generator) -> View:
    """One view. The object is shifted by moving the camera the other way: it stays where its samples are."""
    for tries in range(1, level.max_tries + 1):
        late = int(tries > level.first_tries)
        azimuth_deg = azimuth + rng.uniform(-level.jitter, level.jitter)
        elevation_deg = rng.uniform(*level.elevation)
        distance = rng.uniform(*level.distance[late])
        shift = rng.uniform(-level.shift[late], level.shift[late], 3)
        direction = towards(azimuth_deg, elevation_deg)
        needed = fitting_distance(outline + shift, direction, size)
        if distance >= needed:
            break
    c2w = look_at(max(distance, needed) * direction, (0.0, 0.0, 0.0))
    c2w[:3, 3] -= shift
    return View(
        camera=centred(c2w, focal_length(size), size),
        azimuth_deg=azimuth_deg,
        elevation_deg=elevation_deg,
        distance=max(distance, needed),
        shift=(float(shift[0]), float(shift[1]), float(shift[2])),
        tries=tries,
        fitted=distance < needed,
    )


def focal_length(size: int) -> float:
    """In pixels, for a picture of `size` pixels across."""
    return LENS_MM / SENSOR_MM * size


def towards(azimuth_deg: float, elevation_deg: float) -> Array:
    """Unit vector (3,) from the shape to the camera: azimuth from +x towards +z, elevation towards +y
    (`2d_render/render.py`, `camera_info`).
    """
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.array(
        [
            np.cos(azimuth) * np.cos(elevation),
            np.sin(elevation),
            np.sin(azimuth) * np.cos(elevation),
        ]
    )


def fitting_distance(outline: Array, direction: Array, size: int) -> float:
    """From how far along `direction` a camera on the origin sees all of `outline` (H, 3), with the margin.

    A point at (x, y) across and q behind the image plane through the origin is at depth d + q: it is inside
    while max(|x|, |y|) * fl <= (size / 2 - margin) * (d + q).
    """
    axes = look_at(direction, (0.0, 0.0, 0.0))[:3, :3]
    local = outline @ axes
    slope = focal_length(size) / (size / 2 - MARGIN)
    return float((np.abs(local[:, :2]).max(axis=1) * slope + local[:, 2]).max())
