"""Signed distances at points around every shape: what decoders are trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from t3d.pipeline import Facts, stage

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many points, how near to the surface, and when a shape is refused."""

    count: int = 500_000
    """Points per shape (DeepSDF `src/PreprocessMesh.cpp`)."""
    near: float = 0.94
    """Share of the points next to the surface, half with each variance; the rest is uniform in [-1, 1]^3
    (DeepSDF `src/PreprocessMesh.cpp`: 47/50)."""
    variances: tuple[float, float] = (0.005, 0.0005)
    """Variances (not deviations) of the Gaussian noise on surface points, in squared unit lengths
    (DeepSDF `src/PreprocessMesh.cpp`)."""
    least_agreement: float = 0.55
    """Share of points whose sign a second, independent test must confirm, else the shape fails; 1/2 is
    chance. Of 206 real meshes from the web, most of them not closed, the worst has 0.76; an open car
    body without windows has 0.6."""
    least_inside: float = 0.001
    """Share of the points that must be inside, else the shape fails as a sheet that encloses nothing."""


@stage(per="shape", version=1, command="sample-sdf", files=("samples.npz",))
def sdf(mesh: Path, *, out: Path, params: Params, rng: "np.random.Generator", threads: int) -> Facts:
    """Points around the shape with their signed distances, in the unit frame, negative inside.

    `samples.npz`: `pos` and `neg`, float32 (N, 4) rows of x, y, z, distance, in random order, so that any
    stretch of them is a sample.
    """
    import numpy as np

    from t3d.datasets.formats import write_samples
    from t3d.datasets.meshes import read_ply
    from t3d.errors import DataError
    from t3d.geometry.distance import Solid, agreement
    from t3d.geometry.sampling import deepsdf_points

    surface = read_ply(mesh / "mesh.ply")
    solid = Solid(surface, threads)
    points = deepsdf_points(surface, params.count, params.variances, params.near, rng)
    distance = solid.signed_distance(points)
    inside = distance < 0
    if inside.mean() < params.least_inside:
        raise DataError(
            f"no inside found ({inside.sum()} of {len(points)} points): a sheet? Give it a thickness, or set"
            " sdf.least_inside"
        )
    if inside.all():
        raise DataError("no outside found: every point is inside; look at the mesh with `t3d inspect`")
    agreed = agreement(solid, points, distance, rng)
    if agreed < params.least_agreement:
        raise DataError(
            f"inside and outside are ambiguous: two tests agree on {agreed:.0%} of the points only; close its"
            " holes, or lower sdf.least_agreement"
        )
    rows = np.concatenate([points, distance[:, None]], axis=1)
    write_samples(out / "samples.npz", rows[~inside], rows[inside])
    return {"points": len(points), "inside": float(inside.mean()), "agreement": agreed}
