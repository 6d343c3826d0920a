"""Signed distances at points around every shape: what decoders are trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from t3d.pipeline import Facts, stage
from t3d.stages import Array, Rng

Sign = Literal["auto", "winding", "parity", "visibility", "mesh-to-sdf"]
Sampling = Literal["deepsdf", "deepsdf-paper", "mesh-to-sdf", "uniform", "sharp"]


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many points and where, how inside is told from outside, and when a shape is refused."""

    count: int = 500_000
    """Points per shape (DeepSDF `src/PreprocessMesh.cpp`)."""
    sampling: Sampling = "deepsdf"
    """Where the points are: a preset of `t3d.geometry.sampling`, where its constants and their source are."""
    sign: Sign = "auto"
    """How inside is told from outside: a method of `t3d.geometry.signs`; `docs/sdf.md`: which fails where."""
    thickness: float = 0.0
    """Thickness that every surface gets, unit lengths, so that open sheets enclose something; closed shapes
    grow by half of it, and no point is dropped as ambiguous. 0: none."""
    least_agreement: float = 0.55
    """Share of points whose sign a second, independent test must confirm, else the shape fails; 1/2 is
    chance. Of 206 real meshes from the web, most of them not closed, the worst has 0.76; an open car
    body without windows has 0.6."""
    least_inside: float = 0.001
    """Share of the points that must be inside, else the shape fails as a sheet that encloses nothing."""


@stage(per="shape", version=2, command="sample-sdf", files=("samples.npz",))
def sdf(mesh: Path, *, out: Path, params: Params, rng: Rng, threads: int) -> Facts:
    """Points around the shape with their signed distances, in the unit frame, negative inside.

    `samples.npz`: `pos` and `neg`, float32 (N, 4) rows of x, y, z, distance, in random order, so that any
    stretch of them is a sample. Distances are to the surface of what is enclosed: faces of a part within
    another do not count. Points whose sign contradicts the nearest face are replaced, and counted.
    """
    import numpy as np

    from t3d.datasets.formats import write_samples
    from t3d.datasets.meshes import read_ply
    from t3d.geometry.distance import Solid
    from t3d.geometry.exposed import exposed, hidden_share
    from t3d.geometry.sampling import PRESETS, spatial_points
    from t3d.geometry.signs import SIGNS, agreement, measured, signed_samples, thickened

    solid = Solid(read_ply(mesh / "mesh.ply"), threads)
    surface, lost = exposed(solid, rng)
    shell = Solid(surface, threads)

    def draw(count: int) -> Array:
        return spatial_points(surface, count, PRESETS[params.sampling], rng)

    def measure(points: Array) -> tuple[Array, Array]:
        return measured(solid, shell, lost, points, SIGNS[params.sign], rng)

    if params.thickness:
        points, dropped = draw(params.count), 0
        distance = thickened(measure(points)[0], params.thickness)
    else:
        points, distance, dropped = signed_samples(measure, draw, params.count)
    agreed = agreement(solid, points, distance, rng)
    inside = distance < 0
    _check(inside, agreed, params)
    rows = np.concatenate([points, distance[:, None]], axis=1)
    write_samples(out / "samples.npz", rows[~inside], rows[inside])
    hidden = hidden_share(solid.mesh, surface)
    facts = {"inside": float(inside.mean()), "agreement": agreed, "hidden": hidden}
    return {"points": len(points), "dropped": dropped, **facts}


def _check(inside: Array, agreed: float, params: Params) -> None:
    """Raise DataError for a shape that has no inside or outside, or none that two tests agree on."""
    from t3d.errors import DataError

    if inside.mean() < params.least_inside:
        raise DataError(
            f"no inside found ({inside.sum()} of {len(inside)} points): a sheet? Give it a thickness with"
            " sdf.thickness, or lower sdf.least_inside"
        )
    if inside.all():
        raise DataError("no outside found: every point is inside; look at the mesh with `t3d inspect`")
    if agreed < params.least_agreement:
        raise DataError(
            f"inside and outside are ambiguous: two tests agree on {agreed:.0%} of the points only; close its"
            " holes, or lower sdf.least_agreement"
        )
