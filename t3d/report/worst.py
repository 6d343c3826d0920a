"""What is wrong with the worst reconstructions, by simple rules."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t3d.geometry.mesh import Mesh, bounds, face_areas
from t3d.report.strip import Subject, reconstruction
from t3d.report.summary import Score

WORST = 0.05
"""Share of the shapes whose reconstructions are looked at as the worst, at least one."""

LOOSE = 0.1
"""Share of the area beside the largest piece from which a mesh counts as fragments."""

OFF = 0.25
"""Distance between the sides of bounding boxes from which a mesh counts as far off, in unit-frame lengths."""


def worst_rows(scores: Sequence[Score], subjects: Mapping[str, Subject | None]) -> list[dict[str, Any]]:
    """The worst scores, worst first, and what is wrong with each; shapes without ground truth are none."""
    known = sorted(
        (-one.chamfer, one.shape, one.view, one.variant) for one in scores if one.chamfer is not None
    )
    names = ("variant", "shape", "view", "kind", "chamfer")
    return [
        dict(zip(names, (variant, shape, view, flaw(subjects.get(shape)), -chamfer), strict=True))
        for chamfer, shape, view, variant in known[: math.ceil(WORST * len(known))]
    ]


def flaw(subject: Subject | None) -> str:
    """`missing`, `empty`, `fragments`, `far off`, or `other form` where the mesh is whole and in place.

    See `LOOSE` and `OFF`.
    """
    from t3d.datasets.formats import read_json
    from t3d.datasets.meshes import read_ply

    made = reconstruction(subject) if subject else None
    if subject is None or made is None:
        status = read_json(subject.reconstruction / "choices.json").get(subject.view, {}) if subject else {}
        return "empty" if status.get("status") == "empty" else "missing"
    if loose_share(made) > LOOSE:
        return "fragments"
    truth = read_ply(subject.mesh / "mesh.ply")
    return "far off" if np.abs(bounds(made) - bounds(truth)).max() > OFF else "other form"


def loose_share(mesh: Mesh) -> float:
    """Share of the area that does not belong to the connected piece with the largest."""
    from trimesh.graph import connected_component_labels

    edges = np.concatenate([mesh.faces[:, :2], mesh.faces[:, 1:]])
    piece = connected_component_labels(edges, len(mesh.vertices))[mesh.faces[:, 0]]
    areas = np.bincount(piece, face_areas(mesh))
    return float(1 - areas.max() / areas.sum())
