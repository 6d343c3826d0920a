"""The shape's geometry in the unit frame, clean and oriented: what everything else is measured on."""

from pathlib import Path
from typing import TYPE_CHECKING

from t3d.pipeline import Facts, stage

if TYPE_CHECKING:
    import numpy as np


@stage(per="shape", version=1, files=("mesh.ply", "transform.json", "inspection.json"))
def mesh(geometry: Path, *, out: Path, rng: "np.random.Generator", threads: int) -> Facts:
    """Mesh in the unit frame with its fronts outside, the transform there, and what was found in the file.

    `mesh.ply` has double coordinates. Nothing is filled, simplified or moved: only doubled faces and
    faces without area are dropped, vertices at equal positions joined, faces turned.
    """
    from t3d.datasets.formats import write_json, write_transform
    from t3d.datasets.meshes import load_geometry, write_ply
    from t3d.geometry.inspection import prepare

    unit, transform, found = prepare(load_geometry(geometry), rng, threads)
    write_ply(out / "mesh.ply", unit)
    write_transform(out / "transform.json", transform)
    write_json(out / "inspection.json", found)
    return found
