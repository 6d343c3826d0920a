"""Meshes that can be turned in a page: small arrays for `viewer.js`, which draws them by WebGL."""

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from t3d.geometry.mesh import Mesh

if TYPE_CHECKING:
    import open3d

FACES = 12_000
"""Most triangles of a mesh in a page: about 140 kB of text."""

Solid = dict[str, str]
"""Base64 of little-endian arrays: points (V, 3) int16 in 1/32767 of a length of the unit frame, colors (V, 3)
uint8, faces (F, 3) uint16."""


def solid(mesh: Mesh, color: tuple[int, int, int] | NDArray[np.uint8]) -> Solid:
    """A mesh of the unit frame in one colour, or in (V, 3) colours of its vertices, thinned to `FACES`."""
    colors = np.broadcast_to(np.asarray(color, np.float64) / 255, mesh.vertices.shape)
    thin = _thinned(mesh, colors)
    points = np.asarray(thin.vertices).clip(-1, 1) * 32767
    shades = np.asarray(thin.vertex_colors).clip(0, 1) * 255
    return {
        "points": _text(np.rint(points).astype("<i2")),
        "colors": _text(np.rint(shades).astype(np.uint8)),
        "faces": _text(np.asarray(thin.triangles).astype("<u2")),
    }


def _thinned(mesh: Mesh, colors: NDArray[np.float64]) -> "open3d.geometry.TriangleMesh":
    import open3d

    vector, corners = open3d.utility.Vector3dVector, open3d.utility.Vector3iVector
    # Open3D reads writable arrays only
    made = open3d.geometry.TriangleMesh(vector(np.array(mesh.vertices)), corners(mesh.faces.astype(np.int32)))
    made.vertex_colors = vector(np.array(colors))
    made = made.merge_close_vertices(1e-4)
    made = made.simplify_quadric_decimation(FACES) if len(made.triangles) > FACES else made
    return made.remove_unreferenced_vertices()


def _text(array: NDArray[np.generic]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def script() -> tuple[str, str]:
    """The viewer's JavaScript, and the source expression by which a content security policy allows it."""
    text = (Path(__file__).parent / "viewer.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return text, f"'sha256-{digest}'"
