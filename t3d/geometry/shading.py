"""Colour spaces, lights and textures: what turns a point seen on a surface into a colour."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SUN = (0.5663924, 0.7946723, -0.2183932)
"""Towards the first sun, energy 1: the lamp of Blender's start-up scene, whose rotation is (37.26, 3.16,
106.94) degrees, in a +y up, -z front frame."""

SECOND_SUN = (-0.9567321, 0.0087369, 0.2908389)
"""Towards the second sun, energy 0.5: the first, turned by 180 *radians* about Blender's x axis, as the
published recipe does (`2d_render/render.py`); in effect a low light from the other side."""

AMBIENT, EXPOSURE = 0.2, 0.54
"""Added to and multiplied with the recipe's irradiance, which reaches from 0 (straight down) to 1.46: white
faces stay distinct from the background and undersides are not black."""

_LIGHTS = np.array([SUN, SECOND_SUN, (0.0, 0.25, 0.0)], dtype=np.float32).T
_ENERGIES = np.array([1.0, 0.5, 1.0], dtype=np.float32)
_CODES = 4096
_BYTE, _FULL = np.float32(255), np.float32(65535)


def irradiance(normals: Floats) -> Floats:
    """Light received by unit normals (..., 3), as a factor of the surface's linear colour, (...,).

    The recipe's rig without shadows or highlights: a sun, a second sun of half its energy and a hemisphere
    light of energy 0.5 from above (which gives (1 + n.y) / 2 of its energy), then `EXPOSURE` and `AMBIENT`.
    """
    light = normals @ _LIGHTS
    np.maximum(light[..., :2], 0.0, out=light[..., :2])
    return (light @ (EXPOSURE * _ENERGIES) + (EXPOSURE * 0.25 + AMBIENT)).astype(np.float32, copy=False)


def decode(srgb: NDArray[np.uint8]) -> Floats:
    """Linear values in [0, 1] of sRGB bytes (IEC 61966-2-1), any shape."""
    return _DECODED.take(srgb)


def encode(linear: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """The sRGB bytes of linear values, any shape; values outside [0, 1] are clipped."""
    codes = np.multiply(linear, _CODES - 1, dtype=np.float32)
    codes += np.float32(0.5)
    return _ENCODED.take(codes.astype(np.intp), mode="clip")


_CODE, _LEVEL = np.arange(256) / 255.0, np.arange(_CODES) / (_CODES - 1.0)
_DECODED = np.where(_CODE <= 0.04045, _CODE / 12.92, ((_CODE + 0.055) / 1.055) ** 2.4).astype(np.float32)
_GAMMA = np.where(_LEVEL <= 0.0031308, 12.92 * _LEVEL, 1.055 * _LEVEL ** (1 / 2.4) - 0.055)
_ENCODED = np.round(255.0 * _GAMMA).astype(np.uint8)  # fine enough that all 256 codes survive the way back


def copies(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint16]]:
    """A texture (H, W, 4) in linear light, in 16 bits, then coarser and coarser copies, down to a texel."""
    texels = np.concatenate([decode(pixels[..., :3]), pixels[..., 3:] / _BYTE], axis=2)
    while True:
        yield (texels * _FULL + np.float32(0.5)).astype(np.uint16)
        if texels.shape[:2] == (1, 1):
            return
        texels = _halved(texels)


class Atlas:
    """Textures with their coarser copies (Williams 1983, "Pyramidal parametrics"), sampled all at once.

    They repeat in both directions.
    """

    def __init__(self, textures: Sequence[NDArray[np.uint8]]) -> None:
        """textures: (H, W, 4) sRGB and alpha; the first row is at v = 1."""
        chains = [list(copies(texture)) for texture in textures]
        flat = [copy for chain in chains for copy in chain]
        self._texels = np.concatenate([copy.reshape(-1, 4) for copy in flat])
        self._height, self._width = np.array([copy.shape[:2] for copy in flat], dtype=np.int32).T.copy()
        self._start = np.cumsum([0, *(len(copy.reshape(-1, 4)) for copy in flat[:-1])], dtype=np.int64)
        counts = np.array([len(chain) for chain in chains], dtype=np.int32)
        self._first, self._last = np.cumsum(counts, dtype=np.int32) - counts, counts - 1

    def sample(self, uv: Floats, texture: NDArray[np.int32], texels: Floats) -> Floats:
        """Linear RGBA (N, 4) at `uv` (N, 2) of textures by number (N,), bilinear between texel centres.

        texels: (N,), how many of the full picture's texels a pixel sees along one side there. The copy is the
        one of which it sees one to two.
        """
        level = np.frexp(np.maximum(texels, np.float32(1)))[1] - 1
        copy = self._first.take(texture) + np.minimum(level, self._last.take(texture))
        width, height = self._width.take(copy), self._height.take(copy)
        left, right, fx = _neighbours(uv[:, 0], width)
        upper, lower, fy = _neighbours(1 - uv[:, 1], height)
        start = self._start.take(copy)
        upper, lower = start + upper * width, start + lower * width
        mixed = self._texels.take(upper + left, axis=0) * ((1 - fx) * (1 - fy))
        mixed += self._texels.take(upper + right, axis=0) * (fx * (1 - fy))
        mixed += self._texels.take(lower + left, axis=0) * ((1 - fx) * fy)
        mixed += self._texels.take(lower + right, axis=0) * (fx * fy)
        mixed *= 1 / _FULL
        return mixed


def _neighbours(along: Floats, count: NDArray[np.int32]) -> tuple[Any, Any, Floats]:
    """The texels before and after each spot of a repeating row, and how near the second one is, (N, 1)."""
    spot = (along - np.floor(along)) * count - np.float32(0.5)
    floor = np.floor(spot)
    before = floor.astype(np.int32)
    after = before + 1
    before, after = np.where(before < 0, count - 1, before), np.where(after == count, 0, after)
    return before, after, (spot - floor)[:, None]


def _halved(texels: Floats) -> Floats:
    """Half the size, colours weighted by their alpha so that invisible texels do not bleed."""
    odd = [(0, texels.shape[0] % 2), (0, texels.shape[1] % 2), (0, 0)]
    if any(after for _, after in odd):
        texels = np.pad(texels, odd, mode="edge")
    rows = texels[::2] + texels[1::2]
    plain = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    if texels[..., 3].min() == 1:
        return plain
    weighted = texels * np.maximum(texels[..., 3:], np.float32(1e-6))
    rows = weighted[::2, :, :3] + weighted[1::2, :, :3]
    plain[..., :3] = (rows[:, ::2] + rows[:, 1::2]) / np.maximum(4 * plain[..., 3:], np.float32(4e-6))
    return plain
