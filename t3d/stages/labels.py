"""Points on the visible surface of a shape, with the part that each lies on where the file names parts."""

from dataclasses import dataclass
from pathlib import Path

from t3d.pipeline import Facts, stage
from t3d.stages import Rng


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many points."""

    count: int = 2_000
    """Points per shape."""
    views: int = 50
    """Directions from which a point may be seen, as `surface.views`."""


@stage(per="shape", version=1, parts=("train",), files=("labels.npz", "parts.json"))
def labels(geometry: Path, mesh: Path, *, out: Path, params: Params, rng: Rng, threads: int) -> Facts:
    """Draw points by area, and label each with the group of the OBJ file that its nearest face is in.

    `labels.npz`: `points` (N, 3) in the unit frame and `labels` (N,), places in the list `parts.json`; -1
    where the file has no groups, or is no OBJ of triangles.
    """
    import numpy as np

    from t3d.datasets.formats import read_transform, write_json, write_npz
    from t3d.datasets.meshes import load_geometry, read_ply
    from t3d.datasets.obj import face_groups
    from t3d.geometry.distance import Solid
    from t3d.geometry.mesh import Mesh
    from t3d.geometry.sampling import visible_points

    points, _ = visible_points(read_ply(mesh / "mesh.ply"), params.count, params.views, rng, threads)
    groups, names, of = face_groups(geometry), [], np.full(len(points), -1)
    if groups:
        names, index = sorted(set(groups)), np.unique(groups, return_inverse=True)[1]
        source = load_geometry(geometry)
        placed = Mesh(read_transform(mesh / "transform.json").apply(source.vertices), source.faces)
        of = index[Solid(placed, threads).nearest(points.astype(np.float32))[1]]
    write_npz(out / "labels.npz", {"points": points, "labels": of})
    write_json(out / "parts.json", names)
    return {"parts": names}
