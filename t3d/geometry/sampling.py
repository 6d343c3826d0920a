"""Points on surfaces and around them."""

import numpy as np
import numpy.typing as npt

from t3d.geometry.mesh import Array, Indices, Mesh, corners, face_areas


def surface_points(mesh: Mesh, count: int, rng: np.random.Generator) -> tuple[Array, Indices]:
    """Points (count, 3) drawn uniformly by area, and the faces (count,) they lie on."""
    total = np.cumsum(face_areas(mesh))
    faces = np.searchsorted(total, rng.random(count) * total[-1], side="right")
    faces = np.minimum(faces, len(total) - 1)
    return points_on_faces(mesh, faces, rng), faces


def points_on_faces(mesh: Mesh, faces: Indices, rng: np.random.Generator) -> Array:
    """One uniform point (N, 3) on each of the named faces (N,).

    Osada et al., Shape distributions (2002), section 4.2.
    """
    a, b, c = np.moveaxis(corners(mesh)[faces], 1, 0)
    root = np.sqrt(rng.random((len(faces), 1)))
    share = rng.random((len(faces), 1))
    return (1 - root) * a + root * (1 - share) * b + root * share * c


def deepsdf_points(
    mesh: Mesh, count: int, variances: tuple[float, float], near: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Where DeepSDF samples distances: points (count, 3) of the unit frame in random order.

    A share `near` of them is surface points, each moved twice by Gaussian noise of the two *variances*
    (not standard deviations); the rest is uniform in [-1, 1]^3. DeepSDF `src/PreprocessMesh.cpp`.
    """
    pairs = int(count * near / 2)
    surface, _ = surface_points(mesh, pairs, rng)
    moved = [surface + rng.normal(scale=variance**0.5, size=surface.shape) for variance in variances]
    uniform = rng.uniform(-1.0, 1.0, size=(count - 2 * pairs, 3))
    points = np.concatenate([*moved, uniform]).astype(np.float32)
    return points[rng.permutation(count)]
