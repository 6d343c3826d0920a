"""Where the 50 easy and 50 hard cameras of the published data stand (`2d_render/render.py`), and others.

All lengths are in the render frame: box-centred, bounding-box diagonal 1.
"""

from dataclasses import dataclass, replace

import numpy as np

from t3d.geometry.cameras import Camera, centred, look_at, scaled
from t3d.geometry.mesh import Array

Range = tuple[float, float]

LENS_MM, SENSOR_MM = 35.0, 32.0
"""Focal length over sensor width of the recipe's lens: 245 pixels at a size of 224, a field of view of 49.1
degrees."""

GOLDEN_ANGLE = 180.0 * (3 - 5**0.5)
"""Degrees from one point of a Fibonacci sphere to the next: a circle's lesser part in golden section."""

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
    """One drawn camera and how it came about; `camera` is in the render frame until `in_frame` moves it.

    azimuth_deg: 0 sees the shape from +x, 90 from +z, 270 from -z, its front. distance: from the centre as
    shifted, the camera's own target. tries: how many draws it took. fitted: whether no draw showed the
    whole shape, so that the last one was moved back until it does.
    """

    camera: Camera
    azimuth_deg: float
    elevation_deg: float
    distance: float
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tries: int = 1
    fitted: bool = False


def draw_views(outline: Array, level: Level, count: int, size: int, rng: np.random.Generator) -> list[View]:
    """Cameras all round a shape whose `outline` (H, 3) is in the render frame, `size` pixels across.

    View i looks from azimuth (i + 1) * 360 / count, jittered. A draw that would cut the shape off is
    replaced, `max_tries` times at most; then the last one is moved back until the shape fits.
    """
    return [_draw_view(outline, level, (i + 1) * 360.0 / count, size, rng) for i in range(count)]


def ring_views(level: Level, count: int, size: int) -> list[View]:
    """Cameras evenly round the shape at the middle of the level's elevations and (first) distances.

    The azimuths are those of `draw_views` without the jitter. Whether the shape fits is not asked.
    """
    elevation, distance = float(np.mean(level.elevation)), float(np.mean(level.distance[0]))
    return [_still((i + 1) * 360.0 / count, elevation, distance, size) for i in range(count)]


def sphere_views(level: Level, count: int, size: int, turn_deg: float = 0.0) -> list[View]:
    """Cameras evenly over the whole sphere at the middle of the level's (first) distances.

    A Fibonacci sphere: equal steps in height, the golden angle in azimuth, all turned by `turn_deg` about
    the vertical. Whether the shape fits is not asked.
    """
    azimuths = (turn_deg + GOLDEN_ANGLE * np.arange(count)) % 360.0
    elevations = np.degrees(np.arcsin(1 - (2 * np.arange(count) + 1) / count))
    angles = zip(azimuths.tolist(), elevations.tolist(), strict=True)
    return [_still(*pair, float(np.mean(level.distance[0])), size) for pair in angles]


def given_view(camera: Camera) -> View:
    """A camera from elsewhere, which may look anywhere, as a view; its angles are those of its place."""
    distance = float(np.linalg.norm(camera.eye))
    x, y, z = (camera.eye / max(distance, 1e-12)).tolist()
    azimuth, elevation = np.degrees([np.arctan2(z, x), np.arcsin(y)]).tolist()
    return View(camera, azimuth % 360.0, elevation, distance)


def in_frame(view: View, length: float, origin: Array) -> View:
    """The view with its camera moved to a frame in which the shape's box has a diagonal of `length` and its
    centre at `origin` (3,).
    """
    return replace(view, camera=scaled(view.camera, length, origin))


def _still(azimuth_deg: float, elevation_deg: float, distance: float, size: int) -> View:
    c2w = look_at(distance * towards(azimuth_deg, elevation_deg), (0.0, 0.0, 0.0))
    return View(centred(c2w, focal_length(size), size), azimuth_deg, elevation_deg, distance)


def _draw_view(outline: Array, level: Level, azimuth: float, size: int, rng: np.random.Generator) -> View:
    """One view. The object is shifted by moving the camera the other way: it stays where its samples are."""
    for tries in range(1, level.max_tries + 1):
        late = int(tries > level.first_tries)
        azimuth_deg = azimuth + rng.uniform(-level.jitter, level.jitter)
        elevation_deg = rng.uniform(*level.elevation)
        distance = rng.uniform(*level.distance[late])
        shift = rng.uniform(-level.shift[late], level.shift[late], 3)
        needed = fitting_distance(outline + shift, towards(azimuth_deg, elevation_deg), size)
        if distance >= needed:
            break
    view = _still(azimuth_deg, elevation_deg, max(distance, needed), size)
    camera, moved = scaled(view.camera, 1.0, -shift), tuple(shift.tolist())
    return replace(view, camera=camera, shift=moved, tries=tries, fitted=distance < needed)


def focal_length(size: int) -> float:
    """In pixels, for a picture of `size` pixels across."""
    return LENS_MM / SENSOR_MM * size


def towards(azimuth_deg: float, elevation_deg: float) -> Array:
    """Unit vector (3,) from the shape to the camera: azimuth from +x towards +z, elevation towards +y
    (`2d_render/render.py`, `camera_info`).
    """
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    across = np.cos(elevation)
    return np.array([np.cos(azimuth) * across, np.sin(elevation), np.sin(azimuth) * across])


def fitting_distance(outline: Array, direction: Array, size: int) -> float:
    """From how far along `direction` a camera on the origin sees all of `outline` (H, 3), with the margin.

    A point at (x, y) across and q behind the image plane through the origin is at depth d + q: it is inside
    while max(|x|, |y|) * fl <= (size / 2 - margin) * (d + q).
    """
    axes = look_at(direction, (0.0, 0.0, 0.0))[:3, :3]
    local = outline @ axes
    slope = focal_length(size) / (size / 2 - MARGIN)
    return float((np.abs(local[:, :2]).max(axis=1) * slope + local[:, 2]).max())
