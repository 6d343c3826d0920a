"""Points around surfaces and on them: anywhere, or on what can be seen from outside."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.random import Generator

from t3d.errors import DataError
from t3d.geometry.distance import Points, Solid
from t3d.geometry.mesh import Array, Flags, Indices, Mesh, adjacency, corners, face_areas, face_normals

PointsNormals = tuple[Array, Array]

_LIFT = 1e-4  # how far from the surface rays start, unit lengths
_ROUNDS = 50  # draws of `count` points before a surface counts as invisible
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


def spatial_points(mesh: Mesh, count: int, groups: tuple[Group, ...], rng: Generator) -> Points:
    """Where distances are sampled: points (count, 3) of the unit frame, in random order."""
    weights = np.cumsum([group.weight for group in groups])
    ends = np.round(count * weights / weights[-1]).astype(np.int64)
    points = np.empty((count, 3))
    for group, start, end in zip(groups, [0, *ends], ends, strict=False):
        base = _ORIGINS[group.origin](mesh, int(end - start), rng)
        points[start:end] = base + rng.normal(scale=group.deviation, size=base.shape)
    return points[rng.permutation(count)].astype(np.float32)


def surface_points(mesh: Mesh, count: int, rng: Generator) -> tuple[Array, Indices]:
    """Points (count, 3) drawn uniformly by area, and the faces (count,) they lie on."""
    faces = _by_size(face_areas(mesh), count, rng)
    return points_on_faces(mesh, faces, rng), faces


def whole_points(mesh: Mesh, count: int, rng: Generator) -> PointsNormals:
    """Points (count, 3) drawn by area from all faces, with face normals (count, 3)."""
    points, faces = surface_points(mesh, count, rng)
    return points, face_normals(mesh)[faces]


def visible_points(mesh: Mesh, count: int, views: int, rng: Generator, threads: int = 0) -> PointsNormals:
    """Points (count, 3) drawn by area from what orthographic views show, with face normals (count, 3).

    mesh: unit frame, oriented. A point is visible when it is hidden by nothing from at least one of
    `views` directions spread over the sphere, from either side of its face. DeepSDF
    `src/SampleVisibleMeshSurface.cpp`. DataError when less than 1/50 of the surface is visible.
    """
    solid, directions = Solid(mesh, threads), view_directions(views)
    points, normals = np.zeros((0, 3)), np.zeros((0, 3))
    for _ in range(_ROUNDS):
        drawn, fronts = whole_points(mesh, count, rng)
        shown = seen(solid, drawn, fronts, directions)
        points, normals = np.concatenate([points, drawn[shown]]), np.concatenate([normals, fronts[shown]])
        if len(points) >= count:
            return points[:count], normals[:count]
    raise DataError(
        f"only {len(points)} of {_ROUNDS * count} surface points can be seen from outside; look at the mesh"
        " with `t3d inspect`"
    )


def view_directions(count: int) -> Points:
    """(count, 3) unit vectors evenly over the sphere, on a Fibonacci spiral (Gonzalez 2010)."""
    steps = np.arange(count)
    height = 1.0 - (2.0 * steps + 1.0) / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * steps
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1).astype(np.float32)


def seen(solid: Solid, points: Array | Points, normals: Array, directions: Points) -> Flags:
    """(N,) which points (N, 3) rays reach from outside against one of some directions (D, 3).

    They start a little off the surface, on that side of normals (N, 3) which the direction is on; each point
    is asked only until one gets through.
    """
    found = np.zeros(len(points), dtype=bool)
    for direction in directions:
        asked = np.flatnonzero(~found)
        side = np.where(normals[asked] @ direction < 0, -_LIFT, _LIFT)[:, None]
        origins = points[asked] + side * normals[asked]
        found[asked] = solid.unblocked(origins, np.broadcast_to(direction, origins.shape))
    return found


def _by_size(sizes: Array, count: int, rng: Generator) -> Indices:
    """(count,) indices, each drawn in proportion to its size; one without size never."""
    total = np.cumsum(sizes)
    drawn = np.searchsorted(total, rng.random(count) * total[-1], side="right")
    return np.minimum(drawn, len(total) - 1)


def points_on_faces(mesh: Mesh, faces: Indices, rng: Generator) -> Array:
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


def _on_sharp_edges(mesh: Mesh, count: int, rng: Generator) -> Array:
    edges = sharp_edges(mesh)
    if len(edges) == 0:
        return surface_points(mesh, count, rng)[0]
    chosen = edges[_by_size(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1), count, rng)]
    share = rng.random((count, 1))
    return (1 - share) * chosen[:, 0] + share * chosen[:, 1]


def _in_ball(mesh: Mesh, count: int, rng: Generator) -> Array:
    directions = rng.normal(size=(count, 3))
    radii = rng.random((count, 1)) ** (1 / 3)
    return directions * (radii / np.linalg.norm(directions, axis=1, keepdims=True))


_ORIGINS: dict[str, Callable[[Mesh, int, Generator], Array]] = {
    "surface": lambda mesh, count, rng: surface_points(mesh, count, rng)[0],
    "sharp edges": _on_sharp_edges,
    "cube": lambda mesh, count, rng: rng.uniform(-1.0, 1.0, size=(count, 3)),
    "ball": _in_ball,
}
