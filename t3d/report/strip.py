"""A strip of pictures of one shape: input view, reconstruction, ground truth, template colours."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from t3d.geometry.mesh import Mesh
from t3d.report.pictures import (
    MADE,
    TRUE,
    Picture,
    draw,
    input_image,
    input_view,
    on_white,
    template_colors,
    view_camera,
)

if TYPE_CHECKING:
    from t3d.models.network import Network


@dataclass(frozen=True)
class Tile:
    """One picture of a strip, or none where there is nothing to draw; `note` then says why.

    solid: the same thing to be turned, where the page can show it (`viewer.solid`).
    """

    caption: str
    picture: Picture | None
    note: str = ""
    solid: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Subject:
    """One shape reconstructed from one of its views: folders of its artifacts, and the view (`easy/30`)."""

    views: Path
    mesh: Path
    reconstruction: Path
    view: str


def strip(subject: Subject, network: "Network", size: int) -> list[Tile]:
    """Four tiles from the camera of the input view, the drawn ones `size` pixels wide.

    Meshes are drawn in the unit frame; the reconstruction comes from the original frame through the
    ground truth's transform. Where the network made no surface, its two tiles are empty.
    """
    from t3d.datasets.meshes import read_ply

    camera = view_camera(subject.views, subject.view, size)
    seen = Tile("input view", input_view(subject.views, subject.view))
    truth = Tile("ground truth", draw(read_ply(subject.mesh / "mesh.ply"), camera, TRUE))
    mesh = reconstruction(subject)
    if mesh is None:
        note = _reason(subject)
        return [seen, Tile("reconstruction", None, note), truth, Tile("template colours", None, note)]
    colors = template_colors(mesh, input_image(subject.views, subject.view), network)
    made = Tile("reconstruction", draw(mesh, camera, MADE))
    return [seen, made, truth, Tile("template colours", draw(mesh, camera, colors))]


def reconstruction(subject: Subject) -> Mesh | None:
    """The reconstructed mesh, in the unit frame by the ground truth's transform; None: there is none."""
    from t3d.datasets.formats import read_transform
    from t3d.datasets.meshes import read_ply

    path = subject.reconstruction / f"{subject.view}.ply"
    if not path.exists():
        return None
    mesh = read_ply(path)
    transform = read_transform(subject.mesh / "transform.json")
    return Mesh(transform.apply(mesh.vertices), mesh.faces)


def _reason(subject: Subject) -> str:
    """Why there is no mesh for this view, as the reconstruction noted it."""
    from t3d.datasets.formats import read_json

    status = read_json(subject.reconstruction / "choices.json").get(subject.view, {})
    return str(status.get("reason") or "no surface")


def strip_png(tiles: Sequence[Tile], size: int = 256, columns: int = 0) -> bytes:
    """The tiles in rows of `columns` (0: one row) on white as one PNG, their captions below."""
    from PIL import Image, ImageDraw, ImageFont

    columns = columns or len(tiles)
    pen_size = max(10, size // 16)
    high = size + max(size // 8, 16)
    sheet = Image.new("RGB", (size * columns, high * -(-len(tiles) // columns)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(pen_size)
    for number, tile in enumerate(tiles):
        left, top = number % columns * size, number // columns * high
        if tile.picture is not None:
            image = Image.fromarray(on_white(tile.picture)).resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(image, (left, top))
        elif tile.note:
            pen.text((left + size / 2, top + size / 2), tile.note, "#444444", font, anchor="mm")
        place = (left + 0.5 * size, top + size + size // 32)
        pen.text(place, tile.caption, "#444444", font, anchor="ma")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
