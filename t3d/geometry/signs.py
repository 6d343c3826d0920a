"""Inside or outside, by name: several methods for meshes as they come, and a second opinion on any."""

import os
import tempfile
from collections.abc import Callable

import numpy as np

from t3d.errors import DataError
from t3d.geometry.distance import TOUCHING, Points, Solid, sphere_directions, triangle_distance
from t3d.geometry.mesh import Flags, corners
from t3d.geometry.opengl import tried
from t3d.geometry.sampling import seen

Sign = Callable[[Solid, Points, Points, np.random.Generator], Flags]
"""(N,) which points (N, 3) at distances (N,) from the surface are inside."""

_NEAR = 0.01  # up to where the side of the nearest face must not contradict a sign, unit lengths
_ROUNDS = 4  # draws, of which the last is taken as it is


def measured(
    solid: Solid, shell: Solid, lost: Flags, points: Points, sign: Sign, rng: np.random.Generator
) -> tuple[Points, Flags]:
    """(N,) float32 distances, negative inside, at points (N, 3) float32; and which of them are ambiguous.

    shell, lost: what `exposed.exposed` left of the solid, and the faces (F,) that it took something of.
    Inside, distances are to the shell; outside, the nearest face of the whole is always exposed. Ambiguous
    are points within 0.01 straight over their nearest face, on the side that their sign does not allow.
    """
    distance, faces = solid.nearest(points)
    inside = sign(solid, points, distance, rng)
    moved = inside & lost[faces]
    distance[moved], faces[moved] = shell.nearest(points[moved])
    ambiguous = np.zeros(len(points), dtype=bool)
    for body, members in ((solid, ~moved), (shell, moved)):
        near = np.flatnonzero(members & (distance > TOUCHING) & (distance < _NEAR))
        triangles = corners(body.mesh)[faces[near]]
        _, heights = triangle_distance(triangles, points[near].astype(np.float64))  # nan over edges
        ambiguous[near] = np.where(inside[near], heights > TOUCHING, heights < -TOUCHING)
    return np.where(inside, -distance, distance), ambiguous


def signed_samples(
    measure: Callable[[Points], tuple[Points, Flags]], draw: Callable[[int], Points], count: int
) -> tuple[Points, Points, int]:
    """Points (count, 3), their signed distances (count,), and how many ambiguous ones were dropped for them.

    measure: distances and ambiguous ones of points; draw: that many points. Ambiguous ones are drawn again,
    three times at most. DeepSDF drops points whose nearest normals disagree (`src/PreprocessMesh.cpp`).
    """
    points, asked, dropped = draw(count), np.arange(count), 0
    signed = np.zeros(count, dtype=np.float32)
    for left in reversed(range(_ROUNDS)):
        signed[asked], ambiguous = measure(points[asked])
        asked = asked[ambiguous]
        if not len(asked) or not left:
            break
        points[asked] = draw(len(asked))
        dropped += len(asked)
    return points, signed, dropped


def thickened(signed: Points, thickness: float) -> Points:
    """(N,) signed distances (N,) to what has been given `thickness` all over, half on either side."""
    return np.minimum(signed, np.abs(signed) - np.float32(thickness / 2))


def _parity(solid: Solid, points: Points, distance: Points, rng: np.random.Generator) -> Flags:
    """An odd number of surfaces in most of 11 random directions."""
    votes = np.zeros(len(points), dtype=np.int64)
    for direction in sphere_directions(11, rng):
        votes += solid.crossings(points, np.broadcast_to(direction, points.shape)) % 2
    return votes > 5


def _visibility(solid: Solid, points: Points, distance: Points, rng: np.random.Generator) -> Flags:
    """No way out in any of 64 random directions."""
    return ~seen(solid, points, np.zeros(points.shape), sphere_directions(64, rng))


_SCANS = """
import os, mesh_to_sdf, numpy, trimesh
given = numpy.load(os.environ["GIVEN"])
mesh = trimesh.Trimesh(given["vertices"], given["faces"], process=False)
numpy.save(os.environ["FOUND"], mesh_to_sdf.mesh_to_sdf(mesh, given["points"]) < 0)
"""


def _mesh_to_sdf(solid: Solid, points: Points, distance: Points, rng: np.random.Generator) -> Flags:
    """mesh-to-sdf's `normal` sign: most of the 11 nearest points of 100 virtual scans look away.

    In a process of its own, because the package must be imported before anything else of OpenGL, changes
    what it imports, and keeps its contexts. DataError when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {"GIVEN": f"{folder}/given.npz", "FOUND": f"{folder}/inside.npy"}
        np.savez(files["GIVEN"], vertices=solid.mesh.vertices, faces=solid.mesh.faces, points=points)
        egl = {"PYOPENGL_PLATFORM": os.environ.get("PYOPENGL_PLATFORM", "egl")}
        works, reason = tried(_SCANS, files | egl, None)
        if not works:
            raise DataError(f"mesh-to-sdf failed: {reason}; see `t3d doctor`, or choose another sdf.sign")
        return np.load(files["FOUND"])


SIGNS: dict[str, Sign] = {
    "auto": lambda solid, points, distance, rng: solid.inside(points, distance),
    "winding": lambda solid, points, distance, rng: solid.winding(points) > 0.5,
    "parity": _parity,
    "visibility": _visibility,
    "mesh-to-sdf": _mesh_to_sdf,
}
"""Methods by name; `docs/sdf.md` says what each costs and where it fails.

`auto`: the winding number above 1/2, which counts overlaps as inside and closes holes by its half level,
asked at few points that speak for others. `winding`: the same, asked at every point.
"""


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
