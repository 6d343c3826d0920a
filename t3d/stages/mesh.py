"""The shape's geometry in the unit frame, clean and oriented: what everything else is measured on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from t3d.pipeline import Facts, stage
from t3d.stages import Rng


@dataclass(frozen=True, kw_only=True)
class Params:
    """How shapes come into the unit frame; the way back is kept with each."""

    normalization: Literal["unit-sphere", "unit-cube", "fixed", "none"] = "unit-sphere"
    """`unit-sphere` centres the box and brings the farthest vertex to radius 1/1.03 (DeepSDF
    `src/PreprocessMesh.cpp`); `unit-cube` brings the longest side to 2/1.03; `fixed` scales every centred
    shape by `scale`; `none` leaves coordinates alone. In the last two a shape beyond [-1, 1]^3 fails."""
    scale: float = 1.0
    """Unit lengths per length of the file, with `fixed` only."""
    stretch: float = 0.3
    """Virtual shapes (`split.virtual`): pieces become up to 1 + this times as long, or as short."""
    pieces: int = 3
    """Virtual shapes: pieces along each axis that are stretched apart from each other; 1: the whole side."""


@stage(per="shape", version=1, files=("mesh.ply", "transform.json", "inspection.json"))
def mesh(geometry: Path, *, out: Path, params: Params, rng: Rng, threads: int, shape: str = "") -> Facts:
    """Mesh in the unit frame with its fronts outside, the transform there, and what was found in the file.

    `mesh.ply` has double coordinates. Nothing is filled, simplified or moved: only doubled faces and
    faces without area are dropped, vertices at equal positions joined, faces turned. A virtual shape is its
    original stretched and perhaps mirrored before all that.
    """
    from t3d.datasets.formats import write_json, write_transform
    from t3d.datasets.meshes import load_geometry, write_ply
    from t3d.datasets.virtual import original
    from t3d.geometry.inspection import prepare
    from t3d.geometry.stretch import draw_stretch

    raw, stretch = load_geometry(geometry), None
    if original(shape):
        stretch = draw_stretch(raw, params.stretch, params.pieces, rng)
        raw = stretch.stretched(raw)
    unit, transform, found = prepare(raw, rng, threads, params.normalization, params.scale)
    write_ply(out / "mesh.ply", unit)
    write_transform(out / "transform.json", transform, stretch)
    write_json(out / "inspection.json", found)
    return found
