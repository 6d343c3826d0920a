"""Photographs of any kind as pixels, and the object in them."""

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets import images
from t3d.errors import DataError
from t3d.geometry.cutout import plain_background, without_specks


@dataclass(frozen=True)
class Photograph:
    """A photograph and the object in it."""

    rgb: images.Pixels
    """(H, W, 3) sRGB, upright, at most `images.MAX_SIDE` across."""
    mask: images.Pixels
    """(H, W): how much of each pixel the object covers, in 255ths."""
    isolated: str
    """By what: "mask", "opacity", "plain background", "rembg", or "nothing": the mask is then everything."""
    warnings: tuple[str, ...]
    """What makes a good mesh unlikely, in words."""


def isolate(pixels: images.Pixels, mask: images.Pixels | None = None) -> Photograph:
    """The object of a picture (H, W, 4): by the mask (H, W), the picture's opacity, a plain background
    (`cutout.plain_background`), or rembg where that is installed; else the whole picture is taken.

    DataError where nothing is covered.
    """
    rgb, alpha = np.ascontiguousarray(pixels[..., :3]), pixels[..., 3]
    how, cover = "mask", mask
    if cover is None and alpha.min() < 128:
        how, cover = "opacity", alpha
    if cover is None:
        how, cover = "plain background", plain_background(rgb)
    if cover is None and importlib.util.find_spec("rembg"):
        remove: Any = importlib.import_module("rembg").remove
        how, cover = "rembg", np.asarray(remove(rgb, only_mask=True))
    if cover is None:
        note = "no object isolated, the whole picture was taken: give a mask, or a plain background"
        return Photograph(rgb, np.full_like(alpha, 255), "nothing", (note,))
    kept, objects = without_specks(cover)
    notes = [f"{objects} objects in it, taken as one: show a single one, or mask it"] if objects > 1 else []
    if max(side.mean() for side in (kept[0], kept[-1], kept[:, 0], kept[:, -1])) > 0.05 * 255:
        notes.append("the object reaches the border: what is cut off cannot be seen")
    return Photograph(rgb, kept, how, tuple(notes))


def read_photograph(path: Path | str, mask: Path | str | None = None) -> Photograph:
    """A photograph with its object isolated, see `isolate`; mask: a picture, the object white or opaque.

    DataError, in one line, for what is no picture, is broken or too large, for a mask of another shape, and
    where nothing is covered.
    """
    from PIL import Image

    try:
        pixels = read_picture(Path(path))
        if mask is None:
            return isolate(pixels)
        cover = read_picture(Path(mask))
        (height, width), (high, wide) = pixels.shape[:2], cover.shape[:2]
        if abs(high * width - height * wide) > 0.02 * height * wide:
            raise ValueError(f"{mask} is {wide} x {high}, another shape than {width} x {height}")
        grey = Image.fromarray(cover if cover[..., 3].min() == 255 else cover[..., 3]).convert("L")
        return isolate(pixels, np.asarray(grey.resize((width, height))))
    except Exception as error:  # a broken file makes decoders raise anything, and so does rembg
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be used ({reason}); give a good PNG or JPEG of an object") from error


def read_picture(path: Path) -> images.Pixels:
    """Pixels (H, W, 4) of any picture file: upright, 8 bits, first frame, at most `images.MAX_SIDE` across.

    ValueError for what is no picture, or has more than `images.MAX_PIXELS`; a broken one raises anything.
    """
    from PIL import Image, ImageOps

    image = images.opened(path.read_bytes())
    image.draft("RGB", (2 * images.MAX_SIDE, 2 * images.MAX_SIDE))
    upright = ImageOps.exif_transpose(image)
    if upright.mode[0] == "I":  # deep grey levels, which Pillow would cut off at 255
        levels = np.asarray(upright)
        scale = 257 if levels.max() > 255 else 1
        upright = Image.fromarray((levels / scale).clip(0, 255).astype(np.uint8))
    known = upright.mode in ("CMYK", "LAB", "HSV")
    return images.texture(upright.convert("RGB") if known else upright)
