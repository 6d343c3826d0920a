"""Compare the two renderers of views on mesh files: overlap of masks, difference of colours, time per view.

python tools/backends.py FOLDER [VIEWS]
"""

import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets.appearance import load_appearance
from t3d.datasets.meshes import FORMATS
from t3d.errors import DataError
from t3d.geometry import rasterize, raycast
from t3d.geometry.cameras import Camera, Image, centred, look_at
from t3d.geometry.mesh import concatenate
from t3d.geometry.normalize import normalize
from t3d.geometry.parts import Part


def main() -> None:
    """Print a line per mesh and the spread over all views."""
    files = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.suffix.lower() in FORMATS)
    views = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    found = []
    for file in files:
        try:
            found += compare(in_unit_frame(load_appearance(file).parts), views)
        except DataError as error:
            print(f"left out: {file}: {error}")
            continue
        print(file, "  ".join(f"{value:.3f}" for value in np.median(found[-views:], axis=0)), flush=True)
    names = ("overlap of masks", "difference of colours / 255", "raycast ms", "pyrender ms")
    for name, values in zip(names, np.array(found).T, strict=True):
        print(f"{name}: median {np.median(values):.4g}, {values.min():.4g} to {values.max():.4g}")
    print(f"{len(found)} views")


def in_unit_frame(parts: list[Part]) -> list[Part]:
    """The parts, box-centred, with the farthest vertex at radius 1/1.03."""
    transform = normalize(concatenate(parts).vertices)
    return [replace(part, vertices=transform.apply(part.vertices)) for part in parts]


def compare(parts: list[Part], views: int) -> list[tuple[float, float, float, float]]:
    """Overlap, difference inside both masks, and CPU milliseconds of either renderer, by view."""
    one, other = raycast.Renderer(parts), rasterize.Renderer(parts)
    rows = []
    for number in range(-1, views):
        turn, lift = 0.3 + 2 * math.pi * number / views, (-0.3, 0.4, 0.9)[number % 3]
        place = math.cos(turn) * math.cos(lift), math.sin(lift), math.sin(turn) * math.cos(lift)
        camera = centred(look_at(2.3 * np.array(place), (0, 0, 0)), 245.0, 224)
        (first, ray_ms), (second, gl_ms) = timed(one, camera), timed(other, camera)
        mine, theirs = first.mask > 127, second.mask > 127
        apart = np.abs(first.rgb.astype(int) - second.rgb)[mine & theirs]
        overlap = (mine & theirs).sum() / max(1, (mine | theirs).sum())
        rows.append((overlap, apart.mean() if len(apart) else 0.0, ray_ms, gl_ms))
    return rows[1:]  # the first view pays for what is made once


def timed(renderer: Any, camera: Camera) -> tuple[Image, float]:
    """A picture, and the CPU time it took in milliseconds."""
    started = time.process_time()
    return renderer.render(camera), 1000 * (time.process_time() - started)


if __name__ == "__main__":
    main()
