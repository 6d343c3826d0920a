"""Triangle meshes as two arrays, and what can be read off them face by face."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh; faces wind counter-clockwise seen from outside where they are oriented."""

    vertices: Array
    """(V, 3) float64, in the units of whatever frame the mesh is in."""
    faces: Indices
    """(F, 3) int64, rows of vertex indices."""


def corners(mesh: Mesh) -> Array:
    """(F, 3, 3): for every face its three vertices."""
    return mesh.vertices[mesh.faces]


def area_vectors(mesh: Mesh) -> Array:
    """(F, 3): normals as long as the faces are large (half the cross product of two edges)."""
    a, b, c = np.moveaxis(corners(mesh), 1, 0)
    return 0.5 * np.cross(b - a, c - a)


def face_areas(mesh: Mesh) -> Array:
    """(F,): areas, in squared units of the vertices."""
    return np.linalg.norm(area_vectors(mesh), axis=1)


def face_normals(mesh: Mesh) -> Array:
    """(F, 3): unit normals by the winding; zero for faces without area."""
    vectors = area_vectors(mesh)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def bounds(mesh: Mesh) -> Array:
    """(2, 3): lower and upper corner of the box around the vertices that faces use."""
    used = mesh.vertices[np.unique(mesh.faces)]
    return np.stack([used.min(axis=0), used.max(axis=0)])


def volume(mesh: Mesh) -> float:
    """Signed volume of a closed mesh by the divergence theorem; negative when it is inside out."""
    centred = corners(mesh) - bounds(mesh).mean(axis=0)
    a, b, c = np.moveaxis(centred, 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def concatenate(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh with the faces of all, in order; nothing is merged."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def flipped(mesh: Mesh, flips: Flags) -> Mesh:
    """The mesh with the winding of the marked faces (F,) turned round."""
    return Mesh(mesh.vertices, np.where(flips[:, None], mesh.faces[:, ::-1], mesh.faces))


@dataclass(frozen=True)
class Adjacency:
    """Which faces meet at which edges; only as good as the welding of the mesh."""

    pairs: Indices
    """(P, 2): the two faces at every edge that has exactly two."""
    coherent: Flags
    """(P,): whether the two pass their edge in opposite directions, as neighbours of one winding do."""
    counts: Indices
    """(E,): how many faces meet at every edge; 1 is an open edge, more than 2 a non-manifold one."""


def adjacency(mesh: Mesh) -> Adjacency:
    """The neighbourhood of faces across edges."""
    starts = mesh.faces.reshape(-1)
    ends = np.roll(mesh.faces, -1, axis=1).reshape(-1)
    keys = np.minimum(starts, ends) * len(mesh.vertices) + np.maximum(starts, ends)
    order = np.argsort(keys, kind="stable")
    _, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    one, other = order[first[counts == 2]], order[first[counts == 2] + 1]
    pairs = np.stack([one, other], axis=1) // 3
    return Adjacency(pairs, starts[one] != starts[other], counts)


def weld(mesh: Mesh) -> Mesh:
    """Merge vertices at bit-equal positions and drop unused ones.

    Files split vertices at texture seams, and STL shares none; edges have two faces only after this.
    The result does not depend on the order of the vertices: they come out sorted by position.
    """
    used, faces = np.unique(mesh.faces, return_inverse=True)
    positions = mesh.vertices[used] + 0.0  # -0.0 becomes 0.0
    order = np.lexsort(positions.T[::-1])
    ranked = positions[order]
    first = np.ones(len(ranked), dtype=bool)
    first[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    index = np.zeros(len(ranked), dtype=np.int64)
    index[order] = np.cumsum(first) - 1
    return Mesh(ranked[first], index[faces.reshape(-1, 3)])


def drop_degenerate(mesh: Mesh) -> tuple[Mesh, int]:
    """Remove faces that repeat a vertex or have no measurable area; also how many they were.

    The limit, 1e-14 of the squared diagonal, is where a normal stops being meaningful in float64.
    """
    diagonal = np.linalg.norm(np.ptp(bounds(mesh), axis=0)) if len(mesh.faces) else 0.0
    a, b, c = mesh.faces.T
    good = (a != b) & (b != c) & (c != a) & (face_areas(mesh) > 1e-14 * diagonal**2)
    return Mesh(mesh.vertices, mesh.faces[good]), int(len(good) - good.sum())


def drop_duplicates(mesh: Mesh) -> tuple[Mesh, int]:
    """Keep one of the faces that have the same three vertices, in whatever order; also how many were dropped.

    Modellers double faces, reversed, to make them visible from both sides: twice the same surface with
    windings that cancel.
    """
    _, first = np.unique(np.sort(mesh.faces, axis=1), axis=0, return_index=True)
    return Mesh(mesh.vertices, mesh.faces[np.sort(first)]), len(mesh.faces) - len(first)
