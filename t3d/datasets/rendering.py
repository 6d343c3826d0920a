"""Views of a shape: where their cameras stand, what is drawn, and what is wrong with the pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets.appearance import appearance_on
from t3d.datasets.cameras import Levels, coded_map, depth_unit, given_cameras, map_path, view_path
from t3d.datasets.formats import read_stretch, read_transform
from t3d.datasets.images import Pixels, write_png
from t3d.errors import DataError
from t3d.geometry import recipe
from t3d.geometry.cameras import Image, extreme_points
from t3d.geometry.mesh import Mesh, bounds
from t3d.geometry.parts import Part, plain, stretched
from t3d.geometry.recipe import Level

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
        return {name: list(map(recipe.given_view, some)) for name, some in cameras.items()}, diagonal
    outline = (extreme_points(shape.vertices) - centre) / diagonal
    drawn = {}
    for name, level in _levels(params).items():
        if params.recipe == "ring":
            views = recipe.ring_views(level, count, size)
        elif params.recipe == "sphere":
            turn = recipe.GOLDEN_ANGLE / 2 if name == "hard" else 0.0
            views = recipe.sphere_views(level, count, size, turn)
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
    transform, stretch = read_transform(placed), read_stretch(placed)

    def move(part: Part) -> Part:
        part = stretched(part, stretch) if stretch else part
        return replace(part, vertices=transform.apply(part.vertices))

    found = appearance_on(appearance, shape, move)
    return found.parts or plain(shape), list(found.warnings)


def write_views(renderer: Any, drawn: Levels, maps: Sequence[str], out: Path) -> dict[str, Image]:
    """Write pictures, masks and maps; the images by name, such as "easy/07"."""
    images: dict[str, Image] = {}
    masks: dict[str, Any] = {}
    unit = depth_unit(drawn)
    for level, views in drawn.items():
        (out / level).mkdir()
        seen = [renderer.render(view.camera) for view in views]
        masks[level] = np.stack([image.mask for image in seen])
        for number, (view, image) in enumerate(zip(views, seen, strict=True)):
            images[f"{level}/{number:02d}"] = image
            write_png(out / view_path(level, number), image.rgb)
            found: Any = renderer.maps(view.camera) if maps else None
            for name in maps:
                write_png(out / map_path(level, number, name), coded_map(found, name, unit))
    np.savez_compressed(out / "masks.npz", **masks)
    return images


def faults(masks: Mapping[str, Pixels]) -> tuple[dict[str, int], list[str]]:
    """How many views show next to nothing, and how many touch the border, with a warning of each that there
    are; DataError where none shows anything.
    """
    blank = [name for name, mask in masks.items() if mask.mean() < 255 * SMALLEST_COVERAGE]
    if len(blank) == len(masks):
        raise DataError("every view is blank: look at its materials and cameras, or leave the shape out")
    borders = {name: (mask[0], mask[-1], mask[:, 0], mask[:, -1]) for name, mask in masks.items()}
    cut_off = [name for name, sides in borders.items() if any(side.any() for side in sides)]
    warnings = []
    for words, names in (("next to nothing in", blank), ("cut off at the border in", cut_off)):
        if names:
            more = " ..." if len(names) > MOST_NAMES else ""
            warnings.append(f"{words} {len(names)} views: {', '.join(names[:MOST_NAMES])}{more}")
    return {"blank": len(blank), "cut_off": len(cut_off)}, warnings
