"""Points with normals on surfaces, on all or on what can be seen from outside, to take scores against."""

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError
from t3d.geometry.distance import Points, Solid
from t3d.geometry.mesh import Array, Flags, Mesh, face_normals
from t3d.geometry.sampling import surface_points

_LIFT = 1e-4  # how far from the surface rays start, unit lengths
_ROUNDS = 50  # draws of `count` points before a surface counts as invisible


def visible_points(
    mesh: Mesh, count: int, views: int, rng: np.random.Generator, threads: int = 0
) -> tuple[Array, Array]:
    """Points (count, 3) drawn by area from what orthographic views show, with face normals (count, 3).

    mesh: unit frame, oriented. A point is visible when it is hidden by nothing from at least one of
    `views` directions spread over the sphere, from either side of its face. DeepSDF
    `src/SampleVisibleMeshSurface.cpp`. DataError when less than 1/50 of the surface is visible.
    """
    solid, directions = Solid(mesh, threads), view_directions(views)
    face_normal = face_normals(mesh)
    points, normals = np.zeros((0, 3)), np.zeros((0, 3))
    for _ in range(_ROUNDS):
        drawn, faces = surface_points(mesh, count, rng)
        seen = _seen(solid, drawn, face_normal[faces], directions)
        points = np.concatenate([points, drawn[seen]])
        normals = np.concatenate([normals, face_normal[faces[seen]]])
        if len(points) >= count:
            return points[:count], normals[:count]
    raise DataError(
        f"only {len(points)} of {_ROUNDS * count} surface points can be seen from outside; look at the mesh"
        " with `t3d inspect`"
    )


def whole_points(mesh: Mesh, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points (count, 3) drawn by area from all faces, with face normals (count, 3)."""
    points, faces = surface_points(mesh, count, rng)
    return points, face_normals(Mesh(mesh.vertices, mesh.faces[faces]))


def view_directions(count: int) -> Points:
    """(count, 3) unit vectors evenly over the sphere, on a Fibonacci spiral (Gonzalez 2010)."""
    steps = np.arange(count)
    height = 1.0 - (2.0 * steps + 1.0) / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * steps
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1).astype(np.float32)


def _seen(solid: Solid, points: Array, normals: Array, directions: npt.NDArray[np.float32]) -> Flags:
    """(N,) which points some direction sees; each is asked only until one does."""
    seen = np.zeros(len(points), dtype=bool)
    for direction in directions:
        asked = np.flatnonzero(~seen)
        side = np.where(normals[asked] @ direction < 0, -_LIFT, _LIFT)[:, None]
        origins = points[asked] + side * normals[asked]
        seen[asked] = solid.unblocked(origins, np.broadcast_to(direction, origins.shape))
    return seen
