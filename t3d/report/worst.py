"""What is wrong with the worst reconstructions, by simple rules."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from t3d.geometry.mesh import Mesh, bounds, face_areas
from t3d.report.gallery import ShapeFolders, Subject, ranked
from t3d.report.summary import Score

WORST = 0.05
"""Share of the shapes whose reconstructions are looked at as the worst, at least one."""

LOOSE = 0.1
"""Share of the area beside the largest piece from which a mesh counts as fragments."""

OFF = 0.25
"""Distance between the sides of bounding boxes from which a mesh counts as far off, in unit-frame lengths."""


def worst_rows(scores: Sequence[Score], folders: ShapeFolders, variant: str) -> list[dict[str, Any]]:
    """A network's worst test shapes from the fixed view, worst first, and what is wrong with each.

    Shapes without ground truth are none.
    """
    known = [one for one in ranked(scores, variant, "test") if one.chamfer is not None]
    worst = known[::-1][: math.ceil(WORST * len(known))]
    return [
        {
            "variant": variant,
            "shape": one.shape,
            "view": one.view,
            "kind": flaw(folders.subject("test", one.shape)),
            "chamfer": one.chamfer,
        }
        for one in worst
    ]


def flaw(subject: Subject | None) -> str:
    """`missing`, `empty`, `fragments`, `far off`, or `other form` where the mesh is whole and in place.

    See `LOOSE` and `OFF`.
    """
    made = subject.made() if subject else None
    if subject is None or made is None:
        return "empty" if subject and subject.reason() else "missing"
    if loose_share(made) > LOOSE:
        return "fragments"
    return "far off" if np.abs(bounds(made) - bounds(subject.truth())).max() > OFF else "other form"


def loose_share(mesh: Mesh) -> float:
    """Share of the area that does not belong to the connected piece with the largest."""
    from trimesh.graph import connected_component_labels

    edges = np.concatenate([mesh.faces[:, :2], mesh.faces[:, 1:]])
    piece = connected_component_labels(edges, len(mesh.vertices))[mesh.faces[:, 0]]
    areas = np.bincount(piece, face_areas(mesh))
    return float(1 - areas.max() / areas.sum())
