"""Signed distance to meshes as they come: exact distance, and a sign that bears holes and overlaps."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.geometry.mesh import Flags, Indices, Mesh

Points = npt.NDArray[np.float32]

_CELLS = (1 / 16, 1 / 16, 1 / 32, 1 / 32, 1 / 64)  # sides of the cells with one spokesman each, by round
_MARGIN = 0.25  # how far from 1/2 a winding number must be to speak for others
_TOUCHING = 1e-5  # nearer to the surface, float32 does not know on which side a ray starts


class Solid:
    """What a mesh of the unit frame encloses.

    Inside is where the winding number is above 1/2 (Barill et al., Fast winding numbers for soups and
    clouds, 2018), so that overlapping parts are inside, and holes are closed by its half level. The mesh
    must be consistently oriented (`orientation.outward`).
    """

    def __init__(self, mesh: Mesh, threads: int = 0) -> None:
        """threads: how many Open3D may use, 0: all of them; results do not depend on it."""
        import open3d as o3d

        self._mesh = mesh
        self._threads = threads
        self._tensor = o3d.core.Tensor.from_numpy
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=threads)
        vertices, faces = mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32)
        self._scene.add_triangles(self._tensor(vertices), self._tensor(faces))

    def distance(self, points: Points) -> Points:
        """(N,) unsigned distances to the nearest triangle, in float32.

        Within 1e-6 of the truth, but for one point in a thousand next to needle-like triangles (to 2e-4).
        """
        queries = self._tensor(np.ascontiguousarray(points))
        return self._scene.compute_distance(queries, nthreads=self._threads).numpy()

    def unblocked(self, origins: npt.ArrayLike, directions: npt.ArrayLike, reach: float = np.inf) -> Flags:
        """(N,) whether rays meet no surface within `reach` lengths of their directions."""
        rays = self._tensor(np.concatenate([origins, directions], axis=1, dtype=np.float32))
        return ~self._scene.test_occlusions(rays, tfar=reach, nthreads=self._threads).numpy()

    def winding(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(N,) winding numbers: about 1 inside, 0 outside, higher where parts overlap."""
        queries = np.ascontiguousarray(points, dtype=np.float64)
        return self._tree.winding_number(queries) if len(queries) else np.zeros(0)

    @cached_property
    def _tree(self) -> Any:
        import igl

        tree = igl.FastWindingNumberBVH()
        tree.init(self._mesh.vertices, self._mesh.faces)
        return tree

    def signed_distance(self, points: Points) -> Points:
        """(N,) float32 distances, negative inside, at points (N, 3) float32 of the unit frame."""
        distance = self.distance(points)
        return np.where(self._inside(points, distance), -distance, distance)

    def _inside(self, points: Points, distance: Points) -> Flags:
        """The winding number above 1/2, asked as rarely as possible: it costs ten distances.

        Points that see each other are on the same side. In every cell of a grid the point farthest from
        the surface is asked, and speaks for those of its cell that see it; then, in smaller cells, for
        those that did not. Near the half level, where holes are closed, everybody is asked himself.
        """
        signs = np.zeros(len(points), dtype=np.int8)
        for size in _CELLS:
            left = np.flatnonzero(signs == 0)
            asked, owner = _spokesmen(points[left], distance[left], size)
            winding = self.winding(points[left[asked]])
            answers = np.where(winding > 0.5, -1, 1)
            sure = np.abs(winding - 0.5) > _MARGIN
            listeners = np.flatnonzero(sure[owner] & (distance[left] > _TOUCHING))
            origins, targets = points[left[listeners]], points[left[asked[owner[listeners]]]]
            heard = listeners[self.unblocked(origins, targets - origins, reach=1.01)]
            signs[left[heard]] = answers[owner[heard]]
            signs[left[asked]] = answers
        left = np.flatnonzero(signs == 0)
        signs[left] = np.where(self.winding(points[left]) > 0.5, -1, 1)
        return signs < 0


def _spokesmen(points: Points, distance: Points, size: float) -> tuple[Indices, Indices]:
    """Farthest point from the surface in every occupied cell (C,), and the cell of each point (N,)."""
    cells = np.floor(points / size).astype(np.int64)
    cells -= cells.min(axis=0, initial=0)
    spans = cells.max(axis=0, initial=0) + 1
    keys = (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
    order = np.lexsort([-distance, keys])
    first = np.diff(keys[order], prepend=-1) > 0
    owner = np.zeros(len(points), dtype=np.int64)
    owner[order] = np.cumsum(first) - 1
    return order[first], owner


def hidden(solid: Solid, points: Points, rng: np.random.Generator) -> Flags:
    """(N,) which points hardly see out: a second opinion on what is inside, blind to orientation.

    Inside by this rule is where fewer than 15 % of 64 rays meet no surface; the slack is for small holes.
    """
    escaped = np.zeros(len(points), dtype=np.int64)
    directions = sphere_directions(64, rng)
    for direction in directions:
        escaped += solid.unblocked(points, np.broadcast_to(direction, points.shape))
    return escaped < 0.15 * len(directions)


def agreement(solid: Solid, points: Points, signed: Points, rng: np.random.Generator) -> float:
    """Share of points (N, 3) whose sign in `signed` (N,) is also that of `hidden`.

    Asked of at most 2,000 points farther than 0.005 from the surface; nearer, rays start through it.
    """
    far = np.flatnonzero(np.abs(signed) > 0.005)[:2000]
    if len(far) == 0:
        return 1.0
    return float(np.mean(hidden(solid, points[far], rng) == (signed[far] < 0)))


def sphere_directions(count: int, rng: np.random.Generator) -> Points:
    """(count, 3) random unit vectors."""
    vectors = rng.normal(size=(count, 3))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
