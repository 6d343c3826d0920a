"""Points on the visible surface of every shape: the ground truth that reconstructions are scored against."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from t3d.pipeline import Facts, stage

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many points, and from how many sides they may be seen."""

    count: int = 30_000
    """Points per shape (DeepSDF `metrics/chamfer.py` compares 30,000)."""
    views: int = 100
    """Directions from which a point may be seen (DeepSDF `src/SampleVisibleMeshSurface.cpp`)."""


@stage(per="shape", version=1, files=("surface.ply", "normalization.npz"))
def surface(mesh: Path, *, out: Path, params: Params, rng: "np.random.Generator", threads: int) -> Facts:
    """Points with normals where the shape can be seen from outside, in the frame of its file.

    `normalization.npz`: `offset` (3,) and `scale` (), float64: unit = (x + offset) * scale.
    """
    import numpy as np

    from t3d.datasets.formats import read_transform, write_npz
    from t3d.datasets.meshes import read_ply, write_points
    from t3d.geometry.surface import visible_points

    transform = read_transform(mesh / "transform.json")
    points, normals = visible_points(read_ply(mesh / "mesh.ply"), params.count, params.views, rng, threads)
    write_points(out / "surface.ply", transform.invert(points), normals)
    write_npz(out / "normalization.npz", {"offset": transform.offset, "scale": np.array(transform.scale)})
    return {"points": len(points)}
