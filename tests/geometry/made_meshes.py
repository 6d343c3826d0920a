"""Meshes that several tests of geometry are made with."""

import numpy as np
import trimesh

from t3d.geometry.mesh import Mesh


def as_mesh(made):
    """A trimesh mesh as t3d's."""
    return Mesh(np.array(made.vertices, dtype=float), np.array(made.faces, dtype=np.int64))


def box(low, high, divide=0):
    """A closed box; every face is cut in four `divide` times."""
    made = trimesh.creation.box(bounds=[low, high])
    for _ in range(divide):
        made = made.subdivide()
    return as_mesh(made)


def damaged(mesh, damage, rng):
    """The mesh with its faces removed, flipped or doubled, as the words in `damage` say."""
    faces = mesh.faces.copy()
    if "removed" in damage:
        faces = faces[rng.random(len(faces)) > 0.02]
    if "half flipped" in damage:
        flips = rng.random(len(faces)) < 0.5
        faces[flips] = faces[flips][:, ::-1]
    if "all flipped" in damage:
        faces = faces[:, ::-1]
    if "doubled" in damage:
        faces = np.concatenate([faces, faces[rng.random(len(faces)) < 0.2][:, ::-1]])
    return Mesh(mesh.vertices, np.ascontiguousarray(faces))
