"""The object of a photograph, cut out and placed as training pictures show theirs: square, on white."""

import numpy as np
from numpy.typing import NDArray

from t3d.errors import DataError

Bytes = NDArray[np.uint8]

PLAIN = 20.0
"""A background is plain where 9 of 10 border pixels are this near to a smooth shade (RGB codes)."""

APART = 28.0
"""Pixels farther than this from a plain background, and than three times its own noise, are the object's."""

SPECK, OBJECT = 0.01, 0.1
"""Parts below this share of the largest are dropped; parts above that one count as objects of their own."""


def plain_background(rgb: Bytes) -> Bytes | None:
    """Coverage (H, W), 0 or 255, of what stands before a plain background; None where it is not plain.

    A quadratic shade per channel is fitted to the border, a fiftieth of the shorter side wide, three times,
    each time without the tenth of its pixels that fits worst: skies and studio walls darken smoothly, and an
    object may touch the border. Inner pixels of the background's colour are background too, as between
    the legs of a chair.
    """
    axes = (np.linspace(-1, 1, count, dtype=np.float32) for count in rgb.shape[:2])
    y, x = np.meshgrid(*axes, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    border, rim = np.ones(x.shape, dtype=bool), max(1, min(x.shape) // 50)
    border[rim:-rim, rim:-rim] = False
    at, seen = terms[border], rgb[border].astype(np.float32)
    near = np.ones(len(seen), dtype=bool)
    for _ in range(3):
        shade = np.linalg.lstsq(at[near], seen[near], rcond=None)[0]
        far = np.linalg.norm(seen - at @ shade, axis=1)
        near = far <= np.quantile(far, 0.9)
    noise = far[near].max()
    distance = np.linalg.norm(rgb - terms @ shade, axis=-1)
    return np.where(distance > max(APART, 3 * noise), np.uint8(255), np.uint8(0)) if noise <= PLAIN else None


def without_specks(mask: Bytes) -> tuple[Bytes, int]:
    """A mask (H, W) without its small parts, and how many objects are left: parts of comparable size.

    Parts nearer to each other than a hundredth of the longer side are one. DataError: nothing is covered.
    """
    from scipy import ndimage

    covered = mask > 127
    if not covered.any():
        raise DataError("nothing but background in it; show one object, or give a mask that covers it")
    labels, count = ndimage.label(ndimage.maximum_filter(covered, 1 + max(mask.shape) // 100))
    sizes = np.bincount(labels[covered], minlength=count + 1)
    shares = sizes / sizes.max()
    return np.where((shares >= SPECK)[labels], mask, np.uint8(0)), int((shares >= OBJECT).sum())


def placement(masks: Bytes) -> NDArray[np.float64]:
    """How objects lie in pictures, by their masks (V, S, S): medians over the pictures that show one.

    (3,): longer side of the object's box, and x and y of its middle from the picture's, in picture sides.
    """
    boxes = [_box(mask) for mask in masks if mask.max() > 127] or [(0, 0, *masks.shape[1:])]
    low, high = np.split(np.array(boxes) / masks.shape[1], 2, axis=1)
    return np.median(np.column_stack([(high - low).max(axis=1), (low + high - 1) / 2]), axis=0)


def placed(rgb: Bytes, mask: Bytes, at: NDArray[np.float64]) -> Bytes:
    """The covered part of a picture (H, W, 3) on a white square (S, S, 3), placed as `placement` says.

    The scale stays; S follows from it. mask: (H, W), some of it covered.
    """
    from PIL import Image

    left, top, right, bottom = _box(mask)
    side = max(1, round(max(right - left, bottom - top) / at[0]))
    x, y = round((left + right) / 2 - (0.5 + at[1]) * side), round((top + bottom) / 2 - (0.5 + at[2]) * side)
    cut = Image.fromarray(np.dstack([rgb, mask])).crop((x, y, x + side, y + side))
    white = Image.new("RGB", cut.size, "white")
    white.paste(cut, mask=cut)
    return np.asarray(white)


def _box(mask: Bytes) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is covered."""
    columns, rows = (np.flatnonzero((mask > 127).any(axis=axis)) for axis in (0, 1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
