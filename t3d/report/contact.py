"""Contact sheets: all views of a shape in one picture, to see at a glance whether they are any good."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.datasets.formats import read_json
from t3d.datasets.images import write_png

Pixels = npt.NDArray[np.uint8]

LABEL = 12
"""Height in pixels of the line of text under every view."""


def write_contact_sheet(views: Path, path: Path, columns: int = 10, size: int = 112) -> None:
    """Write a PNG of all pictures of a `views` artifact, level after level, each with name and angles.

    size: width of one picture in the sheet, in pixels.
    """
    frames = read_json(views / "cameras.json")["frames"]
    levels: dict[str, list[Mapping[str, Any]]] = {}
    for frame in frames:
        levels.setdefault(frame["difficulty"], []).append(frame)
    rows = [row for level in levels.values() for row in _rows(views, level, columns, size)]
    write_png(path, np.concatenate(rows))


def _rows(views: Path, frames: Sequence[Mapping[str, Any]], columns: int, size: int) -> list[Pixels]:
    tiles = [_tile(views / frame["file_path"], _label(frame), size) for frame in frames]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % columns)
    return [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]


def _label(frame: Mapping[str, Any]) -> str:
    name = frame["file_path"].removesuffix(".png")
    return f"{name} {frame['azimuth_deg']:.0f}/{frame['elevation_deg']:.0f}"


def _tile(path: Path, label: str, size: int) -> Pixels:
    """One picture, framed thinly, over its label: (size + LABEL, size, 3)."""
    from PIL import Image, ImageDraw

    tile = Image.new("RGB", (size, size + LABEL), "white")
    with Image.open(path) as picture:
        tile.paste(picture.convert("RGB").resize((size, size), Image.Resampling.BOX))
    draw = ImageDraw.Draw(tile)
    draw.rectangle((0, 0, size, size), outline=(225, 225, 225))
    draw.text((3, size), label, fill=(90, 90, 90))
    return np.array(tile)
