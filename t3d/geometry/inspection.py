"""From a mesh as its file has it to one that distances can be taken to, and what was found on the way."""

from typing import Any

import numpy as np
from numpy.random import Generator

from t3d.errors import DataError
from t3d.geometry.mesh import Mesh, adjacency, bounds, cleaned, components, flipped, volume
from t3d.geometry.normalize import Transform, normalize
from t3d.geometry.orientation import outward


def prepare(
    raw: Mesh, rng: Generator, threads: int = 0, mode: str = "unit-sphere", scale: float = 1.0
) -> tuple[Mesh, Transform, dict[str, Any]]:
    """The mesh in the unit frame, clean and with all fronts outside; the transform there; what was found.

    mode, scale: see `normalize`. Vertices at equal positions become one, faces without area and doubled faces
    go, the rest is turned (`orientation.outward`). Found: see `describe`, and how many faces were
    `degenerate_dropped`, `duplicates_dropped` and `flipped_faces`. DataError when no face is left.
    """
    clean, degenerate, duplicates = cleaned(raw)
    if len(clean.faces) == 0:
        raise DataError("no face with an area in it; export the mesh again")
    transform = normalize(clean.vertices, mode, scale)
    unit = Mesh(transform.apply(clean.vertices), clean.faces)
    flips = outward(unit, rng, threads)
    dropped = {"degenerate_dropped": degenerate, "duplicates_dropped": duplicates}
    found = describe(clean, flipped(clean, flips)) | dropped | {"flipped_faces": int(flips.sum())}
    return flipped(unit, flips), transform, found


def describe(mesh: Mesh, turned: Mesh) -> dict[str, Any]:
    """What a welded mesh is, as plain values; lengths in its own units.

    turned: the same with all fronts outside. Watertight: every edge has exactly two faces. Winding is
    consistent when faces that share an edge wind the same way. The volume, known only of watertight meshes,
    counts overlaps of parts twice.
    """
    joined, box = adjacency(mesh), bounds(mesh)
    open_edges, crowded = int((joined.counts == 1).sum()), int((joined.counts > 2).sum())
    reason = "closed: the winding number is whole, and overlaps of parts count as inside"
    if open_edges:
        share = open_edges / len(joined.counts)
        reason = f"{share:.1%} of the edges are open; the half level of the winding number closes the holes"
    elif crowded:
        reason = (
            "no open edges, but some of more than two faces: parts meet there, and overlaps count as inside"
        )
    return {
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "components": int(components(len(mesh.vertices), joined.edges).max()) + 1,
        "open_edges": open_edges,
        "nonmanifold_edges": crowded,
        "watertight": not open_edges and not crowded,
        "consistent_winding": bool(joined.coherent.all()),
        "volume": None if open_edges or crowded else volume(turned),
        "bounds": box.tolist(),
        "diagonal": float(np.linalg.norm(box[1] - box[0])),
        "sign_method": "winding number above 1/2",
        "sign_reason": reason,
    }
