"""From a mesh as its file has it to one that distances can be taken to, and what was found on the way."""

from collections.abc import Callable
from typing import Any

import numpy as np

from t3d.errors import DataError
from t3d.geometry.mesh import (
    Adjacency,
    Array,
    Flags,
    Indices,
    Mesh,
    adjacency,
    bounds,
    drop_degenerate,
    drop_duplicates,
    flipped,
    volume,
    weld,
)
from t3d.geometry.normalize import Transform, unit_sphere
from t3d.geometry.orientation import outward

Normalization = Callable[[Array, Indices], Transform]
"""From vertices (V, 3) and faces (F, 3) to the transform into the unit frame."""


def prepare(
    raw: Mesh, rng: np.random.Generator, threads: int = 0, normalize: Normalization = unit_sphere
) -> tuple[Mesh, Transform, dict[str, Any]]:
    """The mesh in the unit frame, clean and with all fronts outside; the transform there; what was found.

    Vertices at equal positions become one, faces without area and doubled faces go, the rest is turned
    (`orientation.outward`). Found: see `describe`, and how many faces were `degenerate_dropped`,
    `duplicates_dropped` and `flipped_faces`. DataError when no face is left.
    """
    sound, degenerate = drop_degenerate(weld(raw))
    if len(sound.faces) == 0:
        raise DataError("no face with an area in it; export the mesh again")
    single, duplicates = drop_duplicates(sound)
    clean = weld(single)
    transform = normalize(clean.vertices, clean.faces)
    unit = Mesh(transform.apply(clean.vertices), clean.faces)
    flips = outward(unit, rng, threads)
    found = describe(clean, flips)
    found |= {
        "degenerate_dropped": degenerate,
        "duplicates_dropped": duplicates,
        "flipped_faces": int(flips.sum()),
    }
    return flipped(unit, flips), transform, found


def describe(mesh: Mesh, flips: Flags) -> dict[str, Any]:
    """What a welded mesh is, as plain values; lengths in its own units.

    flips (F,): the faces that must turn to look outside. Watertight: every edge has exactly two faces.
    Winding is consistent when faces that share an edge wind the same way. The volume, known only of
    watertight meshes, counts overlaps of parts twice.
    """
    joined, box = adjacency(mesh), bounds(mesh)
    watertight = bool((joined.counts == 2).all())
    return {
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "components": _components(mesh),
        "open_edges": int((joined.counts == 1).sum()),
        "nonmanifold_edges": int((joined.counts > 2).sum()),
        "watertight": watertight,
        "consistent_winding": bool(joined.coherent.all()),
        "volume": volume(flipped(mesh, flips)) if watertight else None,
        "bounds": box.tolist(),
        "diagonal": float(np.linalg.norm(box[1] - box[0])),
        "sign_method": "winding number above 1/2",
        "sign_reason": _sign_reason(joined),
    }


def _components(mesh: Mesh) -> int:
    """How many parts share no vertex."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]]])
    size = len(mesh.vertices)
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    return int(connected_components(graph, directed=False, return_labels=False))


def _sign_reason(joined: Adjacency) -> str:
    open_share = float(np.mean(joined.counts == 1))
    if open_share:
        return (
            f"{open_share:.1%} of the edges are open; the half level of the winding number closes the holes"
        )
    if (joined.counts > 2).any():
        return (
            "no open edges, but some of more than two faces: parts meet there, and overlaps count as inside"
        )
    return "closed: the winding number is whole, and overlaps of parts count as inside"
