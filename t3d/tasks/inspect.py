"""`t3d inspect`: what mesh files are, what is wrong with them, and whether t3d can use them."""

from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets.appearance import appearance_on
from t3d.datasets.catalogue import find_catalogue, find_model
from t3d.datasets.meshes import load_geometry
from t3d.geometry.distance import Solid
from t3d.geometry.exposed import exposed, hidden_share
from t3d.geometry.inspection import prepare
from t3d.geometry.mesh import Mesh
from t3d.geometry.parts import GREY
from t3d.report.scoring import reason_of

FAULTS = {
    "open_edges": "open edges",
    "nonmanifold_edges": "edges of more than two faces",
    "degenerate_dropped": "faces without area dropped",
    "duplicates_dropped": "doubled faces dropped",
    "flipped_faces": "faces turned",
}
"""Counts that speak against a mesh, and how they are told."""


def meshes(path: Path) -> dict[str, Path]:
    """Mesh files at a path by id: a file itself, or those of a folder as a data set lists them.

    A ShapeNet shape is its folder, in which `inspect` looks for the model. Raises UsageError where there is
    no such path, or no mesh in it.
    """
    if path.is_file():
        return {path.name: path}
    return dict(sorted(find_catalogue(path, path.resolve().name).entries.items()))


def inspect(path: Path) -> dict[str, Any]:
    """What `t3d.geometry.inspection.prepare` finds, with more; never raises for a mesh.

    hidden_area: share of the surface that lies within other parts. texture: `textured`, `colored` or `grey`.
    The verdict is `good`, `usable: ...` with everything that is not as it should be, or `refused: ...` with
    the reason, and then nothing else is known.
    """
    try:
        file = path if path.is_file() else find_model(path)
        raw = load_geometry(file)
        unit, _, found = prepare(raw, np.random.default_rng(0))
        surface, _ = exposed(Solid(unit), np.random.default_rng(0))
        found["hidden_area"] = hidden_share(unit, surface)
        texture, warnings = _looks(file, raw)
    except Exception as error:  # one mesh must not keep the others from being looked at
        return {"verdict": f"refused: {reason_of(error).removeprefix(f'{path}: ')}"}
    faults = [f"{found[key]} {what}" for key, what in FAULTS.items() if found[key]]
    if found["hidden_area"] > 0.005:
        faults.append(f"{found['hidden_area']:.0%} of its surface within other parts")
    faults += [] if found["consistent_winding"] else ["winding not consistent"]
    faults += warnings
    return {**found, "texture": texture, "verdict": f"usable: {'; '.join(faults)}" if faults else "good"}


def _looks(file: Path, raw: Mesh) -> tuple[str, list[str]]:
    """How the mesh will be drawn, and what of its looks was lost; as the stage `views` decides it."""
    looks = appearance_on(file, raw)
    textured = any(part.material.texture is not None for part in looks.parts)
    colored = any(part.colors is not None or part.material.color != GREY for part in looks.parts)
    return "textured" if textured else "colored" if colored else "grey", list(looks.warnings)
