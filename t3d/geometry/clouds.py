"""Shapes that are to be compared, meshes or clouds of points, and how points are drawn from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from t3d.errors import DataError
from t3d.geometry.distance import Solid
from t3d.geometry.inspection import prepare
from t3d.geometry.mesh import Array, Flags, Mesh
from t3d.geometry.metrics import tree
from t3d.geometry.normalize import Transform
from t3d.geometry.sampling import visible_points, whole_points

VIEWS = 100
"""Directions from which DeepSDF looks for the visible surface (`src/SampleVisibleMeshSurface.cpp`)."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points on a surface, N > 0."""

    points: Array
    """(N, 3), finite, float64."""
    normals: Array | None = None
    """(N, 3) unit normals, where they are known."""

    @cached_property
    def tree(self) -> Any:
        """`scipy.spatial.cKDTree` of the points."""
        return tree(self.points)

    def moved(self, transform: Transform) -> "Cloud":
        """The cloud in another frame; shift and uniform scale leave normals as they are."""
        return Cloud(transform.apply(self.points), self.normals)


Shape: TypeAlias = Mesh | Cloud


@dataclass(frozen=True, eq=False)
class Body:
    """A shape, and what is worked out of it at most once, in one thread."""

    shape: Shape

    @cached_property
    def points(self) -> Array:
        """(N, 3): the vertices that faces use, or the points of a cloud."""
        if isinstance(self.shape, Cloud):
            return self.shape.points
        return self.shape.vertices[np.unique(self.shape.faces)]

    @cached_property
    def box(self) -> Array:
        """(2, 3): lower and upper corner."""
        return np.stack([self.points.min(axis=0), self.points.max(axis=0)])

    @cached_property
    def prepared(self) -> tuple[Mesh, Transform]:
        """The mesh in its unit frame, oriented, and the transform there; DataError for a cloud."""
        if isinstance(self.shape, Cloud):
            raise DataError("a cloud of points has no inside; give a mesh")
        return prepare(self.shape, np.random.default_rng(0), 1)[:2]

    @cached_property
    def solid(self) -> Solid:
        """What the prepared mesh encloses."""
        return Solid(self.prepared[0], 1)

    def inside(self, points: Array) -> Flags:
        """(N,) which points (N, 3) of the shape's own frame are inside; none beyond its box is."""
        inside = ((points >= self.box[0]) & (points <= self.box[1])).all(axis=1)
        asked = self.prepared[1].apply(points[inside]).astype(np.float32)
        inside[inside] = self.solid.signed_distance(asked) < 0
        return inside

    def distance(self, points: Array) -> Array:
        """(N,) exact distances from points (N, 3) to the surface, in the shape's own lengths."""
        transform = self.prepared[1]
        return np.asarray(self.solid.distance(transform.apply(points).astype(np.float32)) / transform.scale)


@dataclass(frozen=True)
class Draw:
    """How a shape becomes a cloud."""

    how: Literal["area", "visible", "vertices", "all"]
    """`area`: uniform on the surface; `visible`: the same, of what can be seen from outside; `vertices`:
    vertices, with replacement, as many as `count`; `all`: every vertex once."""
    count: int = 0

    def __call__(self, body: Body, rng: np.random.Generator) -> Cloud:
        """The cloud, in the shape's own frame. Of a cloud `count` points, or all where it has fewer."""
        if self.how == "all":
            return body.shape if isinstance(body.shape, Cloud) else Cloud(body.points)
        if self.how == "vertices":
            return Cloud(body.points[rng.integers(len(body.points), size=self.count)])
        if isinstance(body.shape, Cloud):
            cloud, size = body.shape, len(body.shape.points)
            picks = rng.permutation(size)[: self.count] if size > self.count else np.arange(size)
            return Cloud(cloud.points[picks], None if cloud.normals is None else cloud.normals[picks])
        if self.how == "visible":
            mesh, transform = body.prepared
            points, normals = visible_points(mesh, self.count, VIEWS, rng, 1)
            return Cloud(transform.invert(points), normals)
        return Cloud(*whole_points(body.shape, self.count, rng))
