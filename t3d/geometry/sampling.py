"""Points on surfaces and around them."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from t3d.geometry.distance import Points
from t3d.geometry.mesh import Array, Indices, Mesh, adjacency, corners, face_areas, face_normals

_SHARP_DEG = 15.0  # angle between the normals of two faces from which their edge is sharp (Dora)


class Group(NamedTuple):
    """Points of one origin, moved by noise; their share of a preset's points goes by `weight`."""

    origin: Literal["surface", "sharp edges", "cube", "ball"]
    """Uniform by area, by length on sharp edges (on the surface where there are none), in [-1, 1]^3, in
    the unit ball."""
    weight: float
    deviation: float = 0.0
    """Standard deviation of the Gaussian noise along each axis, unit lengths."""


PRESETS: dict[str, tuple[Group, ...]] = {
    "deepsdf": (Group("surface", 235, 0.005**0.5), Group("surface", 235, 0.0005**0.5), Group("cube", 30)),
    "deepsdf-paper": (Group("surface", 250, 0.05), Group("surface", 250, 0.00025**0.5), Group("ball", 25)),
    "mesh-to-sdf": (Group("surface", 235, 0.0025), Group("surface", 235, 0.00025), Group("ball", 30)),
    "uniform": (Group("cube", 1),),
    "sharp": (
        *(Group("sharp edges", 32_768, deviation) for deviation in (0.001, 0.005, 0.007, 0.01)),
        *(Group("surface", 200_000, deviation) for deviation in (0.001, 0.005)),
        Group("cube", 200_000),
    ),
}
"""Where distances are sampled, by name.

`deepsdf`: DeepSDF `src/PreprocessMesh.cpp`, variances 0.005 and 0.0005, 47/50 near the surface.
`deepsdf-paper`: variances 0.0025 and 0.00025 (Park et al., DeepSDF, 2019, data preparation).
`mesh-to-sdf`: 0.0025 and 0.00025 as deviations (mesh_to_sdf 0.0.15 `surface_point_cloud.py`).
`sharp`: as Dora (`sharp_edge_sampling/sharp_sample.py`, 65,536 points), with the cube of the others.
"""


def spatial_points(mesh: Mesh, count: int, groups: tuple[Group, ...], rng: np.random.Generator) -> Points:
    """Where distances are sampled: points (count, 3) of the unit frame, in random order."""
    weights = np.cumsum([group.weight for group in groups])
    ends = np.round(count * weights / weights[-1]).astype(np.int64)
    points = np.empty((count, 3))
    for group, start, end in zip(groups, [0, *ends], ends, strict=False):
        base = _ORIGINS[group.origin](mesh, int(end - start), rng)
        points[start:end] = base + rng.normal(scale=group.deviation, size=base.shape)
    return points[rng.permutation(count)].astype(np.float32)


def surface_points(mesh: Mesh, count: int, rng: np.random.Generator) -> tuple[Array, Indices]:
    """Points (count, 3) drawn uniformly by area, and the faces (count,) they lie on."""
    faces = _by_size(face_areas(mesh), count, rng)
    return points_on_faces(mesh, faces, rng), faces


def _by_size(sizes: Array, count: int, rng: np.random.Generator) -> Indices:
    """(count,) indices, each drawn in proportion to its size; one without size never."""
    total = np.cumsum(sizes)
    drawn = np.searchsorted(total, rng.random(count) * total[-1], side="right")
    return np.minimum(drawn, len(total) - 1)


def points_on_faces(mesh: Mesh, faces: Indices, rng: np.random.Generator) -> Array:
    """One uniform point (N, 3) on each of the named faces (N,).

    Osada et al., Shape distributions (2002), section 4.2.
    """
    a, b, c = np.moveaxis(corners(mesh)[faces], 1, 0)
    root = np.sqrt(rng.random((len(faces), 1)))
    share = rng.random((len(faces), 1))
    return (1 - root) * a + root * (1 - share) * b + root * share * c


def sharp_edges(mesh: Mesh) -> Array:
    """(E, 2, 3) ends of the edges between two faces whose normals are more than 15 degrees apart."""
    pairs = adjacency(mesh).pairs
    one, other = np.moveaxis(face_normals(mesh)[pairs], 1, 0)
    first, second = np.moveaxis(mesh.faces[pairs], 1, 0)
    common = (first[:, :, None] == second[:, None, :]).any(axis=2)
    sharp = np.einsum("ij,ij->i", one, other) < np.cos(np.radians(_SHARP_DEG))
    sharp &= common.sum(axis=1) == 2  # not two faces of the same vertices
    return mesh.vertices[first[sharp][common[sharp]].reshape(-1, 2)]


def _on_sharp_edges(mesh: Mesh, count: int, rng: np.random.Generator) -> Array:
    edges = sharp_edges(mesh)
    if len(edges) == 0:
        return surface_points(mesh, count, rng)[0]
    chosen = edges[_by_size(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1), count, rng)]
    share = rng.random((count, 1))
    return (1 - share) * chosen[:, 0] + share * chosen[:, 1]


def _in_ball(mesh: Mesh, count: int, rng: np.random.Generator) -> Array:
    directions = rng.normal(size=(count, 3))
    return directions * (
        rng.random((count, 1)) ** (1 / 3) / np.linalg.norm(directions, axis=1, keepdims=True)
    )


_ORIGINS: dict[str, Callable[[Mesh, int, np.random.Generator], Array]] = {
    "surface": lambda mesh, count, rng: surface_points(mesh, count, rng)[0],
    "sharp edges": _on_sharp_edges,
    "cube": lambda mesh, count, rng: rng.uniform(-1.0, 1.0, size=(count, 3)),
    "ball": _in_ball,
}
