"""Colour spaces, lights and textures: what turns a point seen on a surface into a colour."""

from dataclasses import dataclass, field
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
    return _DECODED[srgb]


def encode(linear: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """The sRGB bytes of linear values, any shape; values outside [0, 1] are clipped."""
    return _ENCODED[(np.clip(linear, 0.0, 1.0) * (_CODES - 1) + 0.5).astype(np.int32)]


def _decoded() -> Floats:
    code = np.arange(256) / 255.0
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded() -> NDArray[np.uint8]:
    """A table: fine enough that every one of the 256 codes survives decoding and encoding."""
    linear = np.arange(_CODES) / (_CODES - 1.0)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255.0 * srgb).astype(np.uint8)


_DECODED = _decoded()
_ENCODED = _encoded()


@dataclass
class Texture:
    """A picture that repeats in both directions, with coarser and coarser copies against aliasing."""

    pixels: NDArray[np.uint8]
    """(H, W, 4) sRGB and alpha; the first row is at v = 1."""

    _levels: list[Floats] = field(default_factory=list)

    def level_for(self, texels_per_pixel: float) -> int:
        """The coarser copy, by number, of which a picture's pixel sees one to two texels."""
        last = max(max(self.pixels.shape[:2]) - 1, 1).bit_length()
        if not texels_per_pixel > 1:
            return 0
        return min(int(np.log2(texels_per_pixel)), last)

    def sample(self, uv: Floats, level: int) -> Floats:
        """Linear RGBA (N, 4) at `uv` (N, 2), bilinear between texel centres of one copy."""
        texels = self._level(level)
        height, width = texels.shape[:2]
        x = uv[:, 0] * width - np.float32(0.5)
        y = (1 - uv[:, 1]) * height - np.float32(0.5)
        left, top = np.floor(x), np.floor(y)
        fx, fy = (x - left)[:, None], (y - top)[:, None]
        columns, rows = left.astype(np.int32) % width, top.astype(np.int32) % height
        right, lower = (columns + 1) % width, (rows + 1) % height * width
        rows *= width
        flat = texels.reshape(-1, 4)
        mixed = flat.take(rows + columns, axis=0) * ((1 - fx) * (1 - fy))
        mixed += flat.take(rows + right, axis=0) * (fx * (1 - fy))
        mixed += flat.take(lower + columns, axis=0) * ((1 - fx) * fy)
        mixed += flat.take(lower + right, axis=0) * (fx * fy)
        return mixed

    def _level(self, level: int) -> Floats:
        if not self._levels:
            alpha = self.pixels[..., 3:].astype(np.float32) / 255.0
            self._levels.append(np.concatenate([decode(self.pixels[..., :3]), alpha], axis=2))
        while len(self._levels) <= level:
            self._levels.append(_halved(self._levels[-1]))
        return self._levels[level]


def _halved(texels: Floats) -> Floats:
    """Half the size, colours weighted by their alpha so that invisible texels do not bleed."""
    odd = [(0, texels.shape[0] % 2), (0, texels.shape[1] % 2), (0, 0)]
    blocks = np.pad(texels, odd, mode="edge")
    blocks = blocks.reshape(blocks.shape[0] // 2, 2, blocks.shape[1] // 2, 2, 4)
    weight = np.maximum(blocks[..., 3:], 1e-6)
    colors = (blocks[..., :3] * weight).sum(axis=(1, 3)) / weight.sum(axis=(1, 3))
    return np.concatenate([colors, blocks[..., 3:].mean(axis=(1, 3))], axis=2)
