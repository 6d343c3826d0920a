"""What a network made of photographs, as files: the mesh, what the network saw, and a picture of it all."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t3d.geometry.mesh import Mesh
from t3d.report.pictures import ANGLES, MADE, Picture, Tile, around, sheet, tile

if TYPE_CHECKING:
    from t3d.models.prediction import Prediction

SIZE = 256
"""Width of a tile in pixels."""


def preview(made: "Prediction") -> list[Tile]:
    """Each photograph and what the network saw of it, then the mesh from two sides."""
    tiles = []
    for photograph, small in zip(made.photographs, made.seen, strict=True):
        tiles += [Tile("photograph", _square(photograph.rgb)), Tile("seen by the network", _square(small))]
    return tiles + (sides(made.mesh) if made.mesh else [Tile("no surface", None)])


def sides(mesh: Mesh) -> list[Tile]:
    """A mesh of the unit frame from the front and from behind."""
    named = zip(("mesh, front", "mesh, back"), ANGLES, strict=True)
    return [tile(name, mesh, around(*angle, SIZE), MADE) for name, angle in named]


def _square(rgb: NDArray[np.uint8]) -> Picture:
    """A picture of any shape in the middle of a transparent square."""
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.pad(Image.fromarray(rgb).convert("RGBA"), (SIZE, SIZE), color=(0, 0, 0, 0)))


def write_prediction(made: "Prediction", stem: Path, suffix: str = ".ply") -> dict[str, Any]:
    """Write STEM and suffix, STEM.seen.png and STEM.preview.png; its facts, code, and names of these files.

    suffix: of a format that `write_mesh` writes. Without a surface there is no mesh file.
    """
    from t3d.datasets.images import write_png
    from t3d.datasets.meshes import write_mesh

    seen, drawn, mesh = (stem.with_name(stem.name + end) for end in (".seen.png", ".preview.png", suffix))
    write_png(seen, np.concatenate(list(made.seen), axis=1))
    write_png(drawn, sheet(preview(made), SIZE))
    mesh.unlink(missing_ok=True)  # of an earlier network
    if made.mesh:
        write_mesh(mesh, made.mesh)
    names = {"seen": seen.name, "preview": drawn.name, "mesh": mesh.name if made.mesh else None}
    return {**made.facts, **names, "code": made.code.tolist()}
