"""Pictures of every shape from easy and hard cameras, with masks and cameras."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from t3d.pipeline import Facts, stage

if TYPE_CHECKING:
    import numpy as np

    from t3d.geometry.mesh import Mesh
    from t3d.geometry.normalize import Transform
    from t3d.geometry.parts import Part
    from t3d.geometry.raycast import Renderer
    from t3d.geometry.recipe import Level, View

log = logging.getLogger(__name__)

SMALLEST_COVERAGE = 0.002
"""Views that show less of the shape than this share of their pixels count as blank."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many views, how large, and from where.

    Distances and shifts are in bounding-box diagonals; every draw that would cut the shape off is repeated.
    """

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


@stage(
    per="shape",
    version=1,
    command="render",
    files=("cameras.json", "masks.npz", "easy/00.png", "hard/00.png"),
)
def views(
    mesh: Path, appearance: Path, *, out: Path, params: Params, rng: "np.random.Generator", threads: int = 1
) -> Facts:
    """Render every shape: 50 easy and 50 hard views on white, masks and cameras.

    Cameras are drawn for the box-centred shape of diagonal 1 and stored in the unit frame. Where materials
    cannot be read or do not match the mesh, the shape is drawn in grey, with a warning.
    """
    from t3d.datasets.cameras import write_cameras
    from t3d.datasets.formats import read_transform
    from t3d.datasets.meshes import read_ply
    from t3d.geometry.cameras import extreme_points
    from t3d.geometry.mesh import bounds
    from t3d.geometry.raycast import Renderer
    from t3d.geometry.recipe import draw_views

    shape, transform = read_ply(mesh / "mesh.ply"), read_transform(mesh / "transform.json")
    box = bounds(shape)
    diagonal = float(((box[1] - box[0]) ** 2).sum() ** 0.5)
    outline = extreme_points(shape.vertices) / diagonal
    drawn = {
        name: draw_views(outline, level, params.views, params.size, rng)
        for name, level in _levels(params).items()
    }
    parts, warnings = _parts(appearance, shape, transform)
    counts = _render(Renderer(parts, threads), drawn, diagonal, out)
    write_cameras(out / "cameras.json", drawn, transform, box, diagonal)
    return {**counts, **_looks(parts), **_draws(drawn), "warnings": warnings}


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


def _parts(appearance: Path, shape: "Mesh", transform: "Transform") -> "tuple[list[Part], list[str]]":
    """What to draw, in the unit frame, and warnings; the bare mesh where its looks are unusable."""
    from dataclasses import replace

    from t3d.datasets.appearance import load_appearance
    from t3d.errors import DataError
    from t3d.geometry.parts import plain, same_surface

    try:
        looks = load_appearance(appearance)
    except DataError as error:
        return plain(shape), [f"drawn in grey: {error}"]
    parts = [replace(part, vertices=transform.apply(part.vertices)) for part in looks.parts]
    if not same_surface(parts, shape):
        return plain(shape), [
            *looks.warnings,
            "drawn in grey: its materials stand on another surface than the mesh",
        ]
    return parts, list(looks.warnings)


def _render(
    renderer: "Renderer", drawn: "dict[str, list[View]]", diagonal: float, out: Path
) -> dict[str, int]:
    """Write pictures and masks; count views that show next to nothing and views that touch the border."""
    import numpy as np

    from t3d.datasets.cameras import view_path
    from t3d.datasets.images import write_png
    from t3d.geometry.cameras import scaled

    masks = {}
    for level, drawn_views in drawn.items():
        (out / level).mkdir()
        images = [renderer.render(scaled(view.camera, diagonal)) for view in drawn_views]
        for number, image in enumerate(images):
            write_png(out / view_path(level, number), image.rgb)
        masks[level] = np.stack([image.mask for image in images])
    np.savez_compressed(out / "masks.npz", easy=masks["easy"], hard=masks["hard"])
    every = np.concatenate(list(masks.values()))
    border = np.concatenate([every[:, 0], every[:, -1], every[:, :, 0], every[:, :, -1]], axis=1)
    return {
        "views": len(every),
        "blank": int((every.mean(axis=(1, 2)) < 255 * SMALLEST_COVERAGE).sum()),
        "cut_off": int(border.any(axis=1).sum()),
    }


def _draws(drawn: "dict[str, list[View]]") -> dict[str, int]:
    """How hard it was to find cameras that see all of the shape."""
    every = [view for level in drawn.values() for view in level]
    return {"tries": sum(view.tries for view in every), "fitted": sum(view.fitted for view in every)}


def _looks(parts: "list[Part]") -> dict[str, int]:
    textures = {id(part.material.texture) for part in parts if part.material.texture is not None}
    return {"parts": len(parts), "textures": len(textures)}
