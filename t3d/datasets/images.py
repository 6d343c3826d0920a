"""Pictures in memory and on disk: bounded decoding of textures, quick encoding of views."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_PIXELS = 64_000_000
"""Textures with more pixels (8,000 x 8,000) are refused: a small file can hold what fills the memory."""

MAX_SIDE = 1024
"""Larger textures are shrunk to this many texels across: views of 224 pixels cannot show more."""

Pixels = npt.NDArray[np.uint8]


def check(data: bytes) -> None:
    """Read a picture's header only; raises ValueError if it is none, or is too large."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as image:
                _check_size(image)
        except Image.DecompressionBombError as error:
            raise ValueError(f"more than {MAX_PIXELS:,} pixels") from error
        except (OSError, SyntaxError) as error:  # whose texts hold memory addresses
            raise ValueError("not a picture of a known format") from error


def texture(image: Any) -> Pixels:
    """Texels (H, W, 4), sRGB and alpha, of a PIL image, at most `MAX_SIDE` across.

    Raises ValueError for too large a picture, OSError or SyntaxError for a broken one.
    """
    from PIL import Image

    _check_size(image)
    image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # JPEG decodes to a fraction of its size at once
    rgba = image.convert("RGBA")
    shrink = max(rgba.size) / MAX_SIDE
    if shrink > 1:
        width, height = (max(1, round(side / shrink)) for side in rgba.size)
        rgba = rgba.resize((width, height), Image.Resampling.BOX)
    return np.array(rgba)


def _check_size(image: Any) -> None:
    if image.size[0] * image.size[1] > MAX_PIXELS:
        raise ValueError(f"more than {MAX_PIXELS:,} pixels")


def write_png(path: Path, rgb: Pixels) -> None:
    """Write (H, W, 3) or (H, W) bytes; fast rather than small, the same bytes for the same pixels."""
    from PIL import Image

    Image.fromarray(rgb).save(path, format="PNG", compress_level=1)
