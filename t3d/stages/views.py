"""Pictures of every shape from easy and hard cameras, with masks and cameras."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from t3d.pipeline import Facts, stage

if TYPE_CHECKING:
    import numpy as np

    from t3d.geometry.image import Image
    from t3d.geometry.mesh import Mesh
    from t3d.geometry.parts import Part
    from t3d.geometry.recipe import Level, View

    Levels = dict[str, list[View]]

SMALLEST_COVERAGE = 0.002
"""Views that show less of the shape than this share of their pixels count as blank."""

MOST_NAMES = 8
"""A warning names so many views at most."""

THUMBNAIL = 80
"""Width of a view on the contact sheet, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many views, how large, from where, and what draws them.

    Distances and shifts are in bounding-box diagonals; every draw of the recipe `seed` that would cut the
    shape off is repeated.
    """

    backend: Literal["raycast", "pyrender"] = "raycast"
    """raycast: rays on the CPU. pyrender: OpenGL, for machines with a GPU (docs/rendering.md)."""
    recipe: Literal["seed", "ring", "sphere", "file"] = "seed"
    """seed: the published draws; ring, sphere: evenly round or all over, no chance; file: `cameras`."""
    cameras: tuple[Path, ...] = ()
    """nerfstudio, NeRF or t3d camera files in the unit frame, with recipe=file; `views` is then theirs."""
    maps: tuple[Literal["depth", "normals", "albedo"], ...] = ()
    """What is written beside every view (docs/rendering.md): depth, normals, albedo."""
    views: int = 50
    """Views per level, evenly round the shape (`2d_render/render.py`)."""
    size: int = 224
    """Width and height in pixels (`2d_render/render.py`)."""
    jitter: float = 5.0
    """Degrees by which the azimuth may be off on either side (`2d_render/render.py:181-222`)."""
    easy_elevation: tuple[float, float] = (20.0, 30.0)
    """Degrees above the horizon, easy views (`2d_render/render.py:181-222`)."""
    easy_distance: tuple[float, float] = (1.1375, 1.75)
    """Camera to centre, easy views: 1.75 times 0.65 to 1 (`2d_render/render.py:181-222`)."""
    hard_elevation: tuple[float, float] = (0.0, 45.0)
    """Degrees above the horizon, hard views (`2d_render/render.py:181-222`)."""
    hard_distance: tuple[float, float] = (1.05, 1.75)
    """Camera to centre, first tries of hard views: 1.75 times 0.6 to 1 (`2d_render/render.py:181-222`)."""
    hard_shift: float = 0.2
    """Largest shift off the centre along each axis, first tries of hard views (`render.py:181-222`)."""
    late_distance: tuple[float, float] = (1.3125, 1.925)
    """Camera to centre, later tries of hard views: 1.75 times 0.75 to 1.1 (`render.py:181-222`)."""
    late_shift: float = 0.1
    """Largest shift, later tries of hard views (`2d_render/render.py:181-222`)."""
    first_tries: int = 4
    """Draws from the first ranges before those of the later tries hold (`2d_render/render.py:181-222`)."""
    max_tries: int = 200
    """Draws before the last one is moved back until the shape fits (`2d_render/batch.py` gives up there)."""

    def __post_init__(self) -> None:
        if (self.recipe == "file") != bool(self.cameras):
            raise ValueError("recipe=file and cameras=FILE.json belong together; give both or neither")


@stage(
    per="shape",
    version=2,
    command="render",
    files=("cameras.json", "masks.npz", "contact.png", "easy/00.png"),
)
def views(
    mesh: Path, appearance: Path, *, out: Path, params: Params, rng: "np.random.Generator", threads: int = 1
) -> Facts:
    """Render every shape: 50 easy and 50 hard views on white, masks and cameras.

    Cameras are drawn for the box-centred shape of diagonal 1 and stored in the unit frame. Where materials
    cannot be read or do not match the mesh, the shape is drawn in grey, with a warning. A shape that no view
    shows is a DataError.
    """
    import numpy as np

    from t3d.datasets.cameras import depth_unit, write_cameras
    from t3d.datasets.formats import read_transform
    from t3d.datasets.images import write_png
    from t3d.datasets.meshes import read_ply
    from t3d.geometry import rasterize, raycast
    from t3d.geometry.mesh import bounds
    from t3d.report.pictures import Tile, sheet

    shape = read_ply(mesh / "mesh.ply")
    box = bounds(shape)
    diagonal = float(np.linalg.norm(box[1] - box[0]))
    drawn = _views(params, shape, diagonal, rng)
    parts, warnings = _parts(appearance, shape, mesh / "transform.json")
    unit, renderers = depth_unit(drawn), {"raycast": raycast, "pyrender": rasterize}
    images = _render(renderers[params.backend].Renderer(parts, threads), drawn, params.maps, unit, out)
    faults = _faults({name: image.mask for name, image in images.items()})
    every = dict(zip(images, (view for level in drawn.values() for view in level), strict=True))
    angles = {name: f"{one.azimuth_deg % 360:.0f}°/{one.elevation_deg:.0f}°" for name, one in every.items()}
    tiles = [Tile(f"{name[0]}{name[-2:]}  {angles[name]}", image.rgb) for name, image in images.items()]
    write_png(out / "contact.png", sheet(tiles, THUMBNAIL, 10))
    transform = read_transform(mesh / "transform.json")
    write_cameras(out / "cameras.json", drawn, transform, box, diagonal, params.maps, unit)
    counts = {fault: len(names) for fault, names in faults.items()}
    fitted = sum(view.fitted for view in every.values())
    return {"views": len(images), **counts, "fitted": fitted, "warnings": [*warnings, *_told(faults)]}


def _views(params: Params, shape: "Mesh", diagonal: float, rng: "np.random.Generator") -> "Levels":
    """The views of each level, cameras in the unit frame."""
    from t3d.datasets.cameras import given_cameras
    from t3d.geometry.cameras import extreme_points
    from t3d.geometry.mesh import bounds
    from t3d.geometry.recipe import GOLDEN_ANGLE, draw_views, given_view, in_frame, ring_views, sphere_views

    count, size, centre = params.views, params.size, bounds(shape).mean(axis=0)
    if params.recipe == "file":
        cameras = given_cameras(params.cameras, size)
        return {name: [given_view(camera) for camera in of_level] for name, of_level in cameras.items()}
    outline = (extreme_points(shape.vertices) - centre) / diagonal
    drawn: Levels = {}
    for name, level in _levels(params).items():
        if params.recipe == "ring":
            views = ring_views(level, count, size)
        elif params.recipe == "sphere":
            views = sphere_views(level, count, size, GOLDEN_ANGLE / 2 if name == "hard" else 0.0)
        else:
            views = draw_views(outline, level, count, size, rng)
        drawn[name] = [in_frame(view, diagonal, centre) for view in views]
    return drawn


def _levels(params: Params) -> "dict[str, Level]":
    from functools import partial

    from t3d.geometry.recipe import Level

    level = partial(Level, jitter=params.jitter, first_tries=params.first_tries, max_tries=params.max_tries)
    easy = (params.easy_distance, params.easy_distance)
    hard = (params.hard_distance, params.late_distance)
    shift = (params.hard_shift, params.late_shift)
    return {
        "easy": level(elevation=params.easy_elevation, distance=easy, shift=(0.0, 0.0)),
        "hard": level(elevation=params.hard_elevation, distance=hard, shift=shift),
    }


def _parts(appearance: Path, shape: "Mesh", placed: Path) -> "tuple[list[Part], list[str]]":
    """What to draw, in the unit frame by the transform in a file, and warnings; the bare mesh where its looks
    are unusable.
    """
    from dataclasses import replace

    from t3d.datasets.appearance import load_appearance
    from t3d.datasets.formats import read_stretch, read_transform
    from t3d.errors import DataError
    from t3d.geometry.parts import plain, same_surface, stretched

    try:
        looks = load_appearance(appearance)
    except DataError as error:
        return plain(shape), [f"drawn in grey: {error}"]
    transform, stretch = read_transform(placed), read_stretch(placed)
    parts = [stretched(part, stretch) if stretch else part for part in looks.parts]
    parts = [replace(part, vertices=transform.apply(part.vertices)) for part in parts]
    if same_surface(parts, shape):
        return parts, list(looks.warnings)
    reason = "drawn in grey: its materials stand on another surface than the mesh"
    return plain(shape), [*looks.warnings, reason]


def _render(
    renderer: Any, drawn: "Levels", maps: Sequence[str], depth_unit: float, out: Path
) -> "dict[str, Image]":
    """Write pictures, masks and maps; the images by name, such as "easy/07"."""
    import numpy as np

    from t3d.datasets.cameras import coded_map, map_path, view_path
    from t3d.datasets.images import write_png

    images: dict[str, Image] = {}
    masks: dict[str, Any] = {}
    for level, views in drawn.items():
        (out / level).mkdir()
        seen = [renderer.render(view.camera) for view in views]
        masks[level] = np.stack([image.mask for image in seen])
        for number, (view, image) in enumerate(zip(views, seen, strict=True)):
            images[f"{level}/{number:02d}"] = image
            write_png(out / view_path(level, number), image.rgb)
            found: Any = renderer.maps(view.camera) if maps else None
            for name in maps:
                write_png(out / map_path(level, number, name), coded_map(found, name, depth_unit))
    np.savez_compressed(out / "masks.npz", **masks)
    return images


def _faults(masks: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the views that show next to nothing, and of those that touch the border."""
    from t3d.errors import DataError

    blank = [name for name, mask in masks.items() if mask.mean() < 255 * SMALLEST_COVERAGE]
    if len(blank) == len(masks):
        raise DataError("every view is blank: look at its materials and cameras, or leave the shape out")
    borders = {name: (mask[0], mask[-1], mask[:, 0], mask[:, -1]) for name, mask in masks.items()}
    cut_off = [name for name, sides in borders.items() if any(side.any() for side in sides)]
    return {"blank": blank, "cut_off": cut_off}


def _told(faults: dict[str, list[str]]) -> list[str]:
    words = {"blank": "next to nothing in", "cut_off": "cut off at the border in"}
    first = {fault: ", ".join(names[:MOST_NAMES]) for fault, names in faults.items() if names}
    more = {fault: " ..." if len(faults[fault]) > MOST_NAMES else "" for fault in first}
    return [f"{words[one]} {len(faults[one])} views: {names}{more[one]}" for one, names in first.items()]
