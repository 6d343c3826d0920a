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

    edges: Indices
    """(E, 2): the two vertices of every edge, the lower one first."""
    counts: Indices
    """(E,): how many faces meet there; 1 is an open edge, more than 2 a non-manifold one."""
    pairs: Indices
    """(P, 2): the two faces at every edge that has exactly two."""
    coherent: Flags
    """(P,): whether the two pass their edge in opposite directions, as neighbours of one winding do."""


def adjacency(mesh: Mesh) -> Adjacency:
    """The neighbourhood of faces across edges."""
    starts, ends = mesh.faces.reshape(-1), np.roll(mesh.faces, -1, axis=1).reshape(-1)
    edges = np.stack([np.minimum(starts, ends), np.maximum(starts, ends)], axis=1)
    keys = edges[:, 0] * len(mesh.vertices) + edges[:, 1]
    order = np.argsort(keys, kind="stable")
    _, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    one, other = order[first[counts == 2]], order[first[counts == 2] + 1]
    pairs = np.stack([one, other], axis=1) // 3
    return Adjacency(edges[order[first]], counts, pairs, starts[one] != starts[other])


def components(count: int, ends: Indices) -> Indices:
    """(count,) which component each of `count` nodes is in, by number, where edges (E, 2) join them."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    graph = csr_array((np.ones(len(ends)), tuple(ends.T)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


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


def cleaned(mesh: Mesh) -> tuple[Mesh, int, int]:
    """The mesh, welded, without useless faces; how many of them were degenerate, and how many doubled.

    Degenerate: they repeat a vertex or have no measurable area. The limit, 1e-14 of the squared diagonal, is
    where a normal stops being meaningful in float64. Of faces with the same three vertices, in whatever
    order, one stays: modellers double faces, reversed, to make them visible from both sides, which is twice
    the same surface with windings that cancel.
    """
    mesh = weld(mesh)
    diagonal = np.linalg.norm(np.ptp(bounds(mesh), axis=0)) if len(mesh.faces) else 0.0
    a, b, c = mesh.faces.T
    good = (a != b) & (b != c) & (c != a) & (face_areas(mesh) > 1e-14 * diagonal**2)
    sound = mesh.faces[good]
    _, first = np.unique(np.sort(sound, axis=1), axis=0, return_index=True)
    single = sound[np.sort(first)]
    return weld(Mesh(mesh.vertices, single)), len(good) - len(sound), len(sound) - len(single)
