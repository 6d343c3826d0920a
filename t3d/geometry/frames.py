"""Frames in which shapes are compared or predictions come: each is fixed by the ground truth alone."""

from collections.abc import Callable

import numpy as np

from t3d.errors import DataError
from t3d.geometry.clouds import Body, Cloud, Draw, Shape
from t3d.geometry.mesh import Mesh
from t3d.geometry.normalize import Transform, normalize

P2M_SCALE = 0.57
"""Pixel2Mesh's factor on ShapeNet (`GenerateData/generate_data.py:62`): "for reason that we don't know"."""


def _p2m(_: Body) -> Transform:
    return Transform(np.zeros(3), P2M_SCALE, "p2m")


def _edge(truth: Body) -> Transform:
    """Occupancy Networks `scripts/sample_mesh.py:88-101`, padding 0."""
    return Transform(-truth.box.mean(axis=0), 1.0 / float(np.ptp(truth.box, axis=0).max()), "edge")


def _disn(truth: Body) -> Transform:
    """DISN `preprocessing/create_point_sdf_grid.py:169-198`: mean and farthest of 16,384 samples."""
    points = Draw("area", 16_384)(truth, np.random.default_rng(0)).points
    centre = points.mean(axis=0)
    return Transform(-centre, 1.0 / float(np.linalg.norm(points - centre, axis=1).max()), "disn")


FRAMES: dict[str, tuple[Callable[[Body], Transform], str]] = {
    "original": (lambda _: Transform(np.zeros(3), 1.0, "original"), "as in the ground truth's file"),
    "unit": (lambda truth: normalize(truth.points), "box centred, largest radius 1/1.03 (DeepSDF, t3d)"),
    "edge": (_edge, "box centred, longest edge 1 (Occupancy Networks)"),
    "disn": (_disn, "mean of surface points centred, largest radius 1 (DISN)"),
    "p2m": (_p2m, "0.57 times the ground truth's file (Pixel2Mesh)"),
}
"""By name: from the ground truth to the transform into the frame, and the frame in words."""


def out_of(frame: str, truth: Body, shape: Shape) -> Shape:
    """A shape that comes in a named frame, in the ground truth's own."""
    if frame == "original":  # not even rounded
        return shape
    transform = into(frame, truth)
    if isinstance(shape, Cloud):
        return Cloud(transform.invert(shape.points), shape.normals)
    return Mesh(transform.invert(shape.vertices), shape.faces)


def into(frame: str, truth: Body) -> Transform:
    """The transform from the ground truth's own frame into a named one; DataError where it has no size."""
    try:
        return FRAMES[frame][0](truth)
    except ZeroDivisionError as error:
        raise DataError("the ground truth is one point, which has no size to scale it by") from error
