"""Pictures in memory and on disk: bounded decoding of textures, quick encoding of views."""

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_PIXELS = 64_000_000
"""Textures with more pixels (8,000 x 8,000) are refused: a small file can hold what fills the memory."""

_TOO_LARGE = f"more than {MAX_PIXELS:,} pixels"

MAX_SIDE = 1024
"""Larger textures are shrunk to this many texels across: views of 224 pixels cannot show more."""

Pixels = npt.NDArray[np.uint8]


def opened(data: bytes) -> Any:
    """A PIL image of which only the header is read; ValueError if it is none, or is too large."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data))
        except Image.DecompressionBombError as error:
            raise ValueError(_TOO_LARGE) from error
        except (OSError, SyntaxError) as error:  # whose texts hold memory addresses
            raise ValueError("not a picture of a known format") from error
    _check_size(image)
    return image


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
    """Raise ValueError for too large a picture, before it is decoded."""
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(_TOO_LARGE)


def read_rgb(path: Path) -> Pixels:
    """Pixels (H, W, 3) of an image file of one's own, such as a rendered view."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def write_png(path: Path, rgb: Pixels | npt.NDArray[np.uint16]) -> None:
    """Write (H, W), (H, W, 3) or (H, W, 4), bytes or uint16; the same file for the same pixels.

    Fast rather than small. Rows are not filtered (PNG 1.2, section 6): on white, zlib's quickest level then
    needs a third of the time of a common encoder's, and no more room.
    """
    height, width = rgb.shape[:2]
    rows = np.zeros((height, 1 + rgb[0].nbytes), dtype=np.uint8)  # each begins with its filter's number
    rows[:, 1:] = rgb.astype(rgb.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    kind = {1: 0, 3: 2, 4: 6}[rgb[0, 0].size]
    path.write_bytes(png(width, height, 8 * rgb.itemsize, kind, zlib.compress(rows.data, 1)))


def png(width: int, height: int, bits: int, kind: int, data: bytes) -> bytes:
    """A PNG file of compressed rows: `bits` per number, colour type `kind` (PNG 1.2, 4.1.1)."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )
