"""From a function to a mesh file, or to the reason why there is none."""

from pathlib import Path
from typing import Any

from t3d.datasets.meshes import write_ply
from t3d.geometry.isosurface import NoSurface, Values, find_surface
from t3d.geometry.mesh import Mesh
from t3d.geometry.normalize import Transform


def write_surface(
    path: Path, values: Values, resolution: int, transform: Transform | None = None
) -> dict[str, Any]:
    """Write the zero level of `values` (unit frame) as PLY; in the original frame given its transform.

    Returns {"status": "ok", ...} with what it took. No zero crossing is an outcome too, not an error:
    {"status": "empty", "reason": ...} with the range of the values, and no file.
    """
    try:
        found = find_surface(values, resolution)
    except NoSurface as error:
        return {"status": "empty", "reason": str(error)}
    vertices = transform.invert(found.mesh.vertices) if transform else found.mesh.vertices
    write_ply(path, Mesh(vertices, found.mesh.faces))
    return {"status": "ok", **found.facts()}
