"""Points on the visible surface of every shape: the ground truth that reconstructions are scored against."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from t3d.pipeline import Facts, stage
from t3d.stages import Rng


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many points, and of what part of the surface."""

    count: int = 30_000
    """Points per shape (DeepSDF `metrics/chamfer.py` compares 30,000)."""
    part: Literal["visible", "whole"] = "visible"
    """What can be seen from outside (DeepSDF `src/SampleVisibleMeshSurface.cpp`), or every face, the hidden
    inner ones of parts that overlap too."""
    views: int = 100
    """Directions from which a point may be seen (DeepSDF `src/SampleVisibleMeshSurface.cpp`)."""


@stage(per="shape", version=1, files=("surface.ply", "normalization.npz"))
def surface(mesh: Path, *, out: Path, params: Params, rng: Rng, threads: int) -> Facts:
    """Points with normals, drawn by area where the shape can be seen from outside, in the frame of its file.

    `normalization.npz`: `offset` (3,) and `scale` (), float64: unit = (x + offset) * scale.
    """
    from t3d.datasets.formats import read_transform, write_normalization
    from t3d.datasets.meshes import read_ply, write_points
    from t3d.geometry.sampling import visible_points, whole_points

    transform, shape = read_transform(mesh / "transform.json"), read_ply(mesh / "mesh.ply")
    if params.part == "whole":
        points, normals = whole_points(shape, params.count, rng)
    else:
        points, normals = visible_points(shape, params.count, params.views, rng, threads)
    write_points(out / "surface.ply", transform.invert(points), normals)
    write_normalization(out / "normalization.npz", transform)
    return {"points": len(points)}
