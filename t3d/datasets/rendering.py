"""Views of a shape: where their cameras stand, what is drawn, and what is wrong with the pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets.appearance import load_appearance
from t3d.datasets.cameras import coded_map, given_cameras, map_path, view_path
from t3d.datasets.formats import read_stretch, read_transform
from t3d.datasets.images import Pixels, write_png
from t3d.errors import DataError
from t3d.geometry import recipe
from t3d.geometry.cameras import Image, extreme_points
from t3d.geometry.mesh import Mesh, bounds
from t3d.geometry.parts import Part, plain, same_surface, stretched
from t3d.geometry.recipe import Level, View

Levels = dict[str, list[View]]

SMALLEST_COVERAGE = 0.002
"""Views that show less of the shape than this share of their pixels count as blank."""

MOST_NAMES = 8
"""A warning names so many views at most."""


def views_of(shape: Mesh, params: Any, rng: np.random.Generator) -> tuple[Levels, float]:
    """The views of each level by the parameters of the stage `views`, cameras in the unit frame; and the
    diagonal of the shape's box, the recipe's unit of length.
    """
    box, count, size = bounds(shape), params.views, params.size
    diagonal, centre = float(np.linalg.norm(box[1] - box[0])), box.mean(axis=0)
    if params.recipe == "file":
        cameras = given_cameras(params.cameras, size)
        return {
            name: [recipe.given_view(camera) for camera in some] for name, some in cameras.items()
        }, diagonal
    outline = (extreme_points(shape.vertices) - centre) / diagonal
    drawn: Levels = {}
    for name, level in _levels(params).items():
        if params.recipe == "ring":
            views = recipe.ring_views(level, count, size)
        elif params.recipe == "sphere":
            views = recipe.sphere_views(
                level, count, size, recipe.GOLDEN_ANGLE / 2 if name == "hard" else 0.0
            )
        else:
            views = recipe.draw_views(outline, level, count, size, rng)
        drawn[name] = [recipe.in_frame(view, diagonal, centre) for view in views]
    return drawn, diagonal


def _levels(params: Any) -> dict[str, Level]:
    level = partial(Level, jitter=params.jitter, first_tries=params.first_tries, max_tries=params.max_tries)
    easy = (params.easy_distance, params.easy_distance)
    hard = (params.hard_distance, params.late_distance)
    shift = (params.hard_shift, params.late_shift)
    return {
        "easy": level(elevation=params.easy_elevation, distance=easy, shift=(0.0, 0.0)),
        "hard": level(elevation=params.hard_elevation, distance=hard, shift=shift),
    }


def looks(appearance: Path, shape: Mesh, placed: Path) -> tuple[list[Part], list[str]]:
    """What to draw, in the unit frame by the transform in a file, and warnings; the bare mesh where its looks
    are unusable.
    """
    try:
        found = load_appearance(appearance)
    except DataError as error:
        return plain(shape), [f"drawn in grey: {error}"]
    transform, stretch = read_transform(placed), read_stretch(placed)
    parts = [stretched(part, stretch) if stretch else part for part in found.parts]
    parts = [replace(part, vertices=transform.apply(part.vertices)) for part in parts]
    if same_surface(parts, shape):
        return parts, list(found.warnings)
    reason = "drawn in grey: its materials stand on another surface than the mesh"
    return plain(shape), [*found.warnings, reason]


def write_views(
    renderer: Any, drawn: Levels, maps: Sequence[str], depth_unit: float, out: Path
) -> dict[str, Image]:
    """Write pictures, masks and maps; the images by name, such as "easy/07"."""
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


def faults(masks: Mapping[str, Pixels]) -> dict[str, list[str]]:
    """Names of the views that show next to nothing, and of those that touch the border; DataError where none
    shows anything.
    """
    blank = [name for name, mask in masks.items() if mask.mean() < 255 * SMALLEST_COVERAGE]
    if len(blank) == len(masks):
        raise DataError("every view is blank: look at its materials and cameras, or leave the shape out")
    borders = {name: (mask[0], mask[-1], mask[:, 0], mask[:, -1]) for name, mask in masks.items()}
    cut_off = [name for name, sides in borders.items() if any(side.any() for side in sides)]
    return {"blank": blank, "cut_off": cut_off}


def told(faults: Mapping[str, Sequence[str]]) -> list[str]:
    """Warnings of faults."""
    words = {"blank": "next to nothing in", "cut_off": "cut off at the border in"}
    first = {fault: ", ".join(names[:MOST_NAMES]) for fault, names in faults.items() if names}
    more = {fault: " ..." if len(faults[fault]) > MOST_NAMES else "" for fault in first}
    return [f"{words[one]} {len(faults[one])} views: {names}{more[one]}" for one, names in first.items()]
