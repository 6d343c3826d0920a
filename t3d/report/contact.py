"""Contact sheets: all views of a shape in one picture, to see at a glance whether they are any good."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from t3d.geometry.recipe import View

Pixels = npt.NDArray[np.uint8]

TILE = 80
"""Most pixels of one view in the sheet, across."""

TEXT, LABEL = 74, 13
"""Width and height in pixels of the line of text under every view."""

GREY, RED = (90, 90, 90), (200, 0, 0)


def contact_sheet(
    pictures: Mapping[str, Pixels],
    levels: Mapping[str, Sequence[View]],
    marked: Collection[str] = (),
    columns: int = 10,
) -> Pixels:
    """All pictures, small, level after level, over number, azimuth and elevation: (height, width, 3) bytes.

    pictures: (H, W, 3) bytes each, by names such as "easy/07", level after level like the views. marked:
    names whose text is to be red.
    """
    from PIL import Image, ImageDraw

    size = next(iter(pictures.values())).shape[1]
    factor = -(-size // TILE)
    side = -(-size // factor)
    cell = max(side, TEXT)
    rows = sum(-(-len(views) // columns) for views in levels.values())
    sheet = Image.new("RGB", (columns * cell, rows * (side + LABEL)), "white")
    pen, row, named = ImageDraw.Draw(sheet), 0, iter(pictures.items())
    for views in levels.values():
        for number, view in enumerate(views):
            name, picture = next(named)
            left, top = number % columns * cell, (row + number // columns) * (side + LABEL)
            sheet.paste(Image.fromarray(picture).reduce(factor), (left, top))
            label = f"{name[0]}{number:02d}  {view.azimuth_deg % 360:.0f}°/{view.elevation_deg:.0f}°"
            pen.text((left + 2, top + side), label, fill=RED if name in marked else GREY)
        row += -(-len(views) // columns)
    return np.asarray(sheet)
