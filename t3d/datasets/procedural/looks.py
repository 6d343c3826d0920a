"""Colours, materials and simple textures of procedural shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.procedural.dice import Dice

Color = tuple[int, int, int]
Image = NDArray[np.uint8]


def _palette(text: str) -> list[Color]:
    """Colours from their hexadecimal codes."""
    return [(int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for code in text.split()]


FABRICS = _palette(
    "b2aca0 787c82 3e424a e4dccc c4a47c 96623e 5e3a2c 2e5278 5a8aa8 28605c"
    " 567a52 869260 c6a03a ce703a ac3e34 7a2434 c4848c 745484 3a3454 222428"
)
WOODS = _palette("c49c6c a67648 805432 603c26 422a1e d6b88c 2e2420")
METALS = _palette("babec2 787c80 2c2e32 be9c5c e4e6e8")
PLASTICS = _palette("eeeeea 202226 cc3c30 eeb232 4092a0 709c58 e28248")
LIVERIES = _palette("1e4080 ba262c 14766a e89624 5c367a 22242c 3c8cc8 347034 961e4e")
CAMOUFLAGES = list(map(_palette, ("788086 5c646c", "686c4e 464c3a", "b2a07c 867050", "969ea4 868e96")))


@dataclass(frozen=True)
class Material:
    """Diffuse colour, shininess 0 .. 1, and at times a texture of which one tile covers `tile` metres (u, v).

    side: the texture is projected along x only, as if painted on from the side. grain: u runs along the part.
    """

    color: Color
    shine: float = 0.1
    texture: Image | None = None
    tile: tuple[float, float] = (0.2, 0.2)
    side: bool = False
    grain: bool = False


def shade(color: Color, factor: float) -> Color:
    """A darker (factor < 1) or lighter (> 1) colour."""
    r, g, b = (max(0, min(255, round(value * factor))) for value in color)
    return r, g, b


def _paint(index: NDArray[np.int64], colors: Sequence[Color]) -> Image:
    """Texture (H, W, 3) from the number of a colour at each pixel; row 0 is the top."""
    return np.asarray(colors, dtype=np.uint8)[index]


def fabric(dice: Dice) -> Material:
    """Plain cloth, leather, or a woven, striped or checked cloth."""
    color, pattern = dice.pick(FABRICS), dice.pick("plain plain plain leather weave stripes checks".split())
    other = dice.pick([shade(color, 0.72), shade(color, 1.3), dice.pick(FABRICS)])
    tile, width = dice.between(0.12, 0.3), dice.whole(5, 22)
    y, x = np.indices((64, 64))
    images = {
        "weave": _paint((x // 4 + y // 4) % 2, [color, shade(color, 0.82)]),
        "stripes": _paint((x % 32 < width) * 1, [color, other]),
        "checks": _paint((x % 32 < width) * 1 + (y % 32 < width), [color, shade(color, 0.84), other]),
    }
    return Material(color, 0.45 if pattern == "leather" else 0.05, images.get(pattern), (tile, tile))


def wood(dice: Dice) -> Material:
    """Wood with grain lines along u, or painted dark enough to hide it."""
    color, bend = dice.pick(WOODS), np.zeros((64, 64))
    y, x = np.indices((64, 64))
    for turns in (1, 2, 3):
        bend += dice.between(1.0, 3.5) * np.sin(2 * np.pi * (turns * x / 64 + dice.between(0, 1)))
    grain = np.floor(3.999 * (0.5 + 0.5 * np.sin(2 * np.pi * (4 * y + bend) / 64))).astype(np.int64)
    texture = _paint(grain, [shade(color, factor) for factor in (0.9, 0.95, 1.0, 1.05)])
    return Material(color, 0.2, texture if dice.chance(0.7) else None, (0.5, 0.25), grain=True)


def metal(dice: Dice) -> Material:
    """Chrome, steel, black lacquer or brass."""
    return Material(dice.pick(METALS), 0.8)


def plastic(dice: Dice) -> Material:
    """A plain bright or neutral plastic."""
    return Material(dice.pick(PLASTICS), 0.4)


def camouflage(dice: Dice) -> Material:
    """Two-tone blotches."""
    tones, field = dice.pick(CAMOUFLAGES), np.zeros((64, 64))
    y, x = np.indices((64, 64))
    for _ in range(5):
        turns = dice.whole(1, 3) * x + dice.whole(-3, 3) * y
        field += np.sin(2 * np.pi * (turns / 64 + dice.between(0, 1)))
    return Material(tones[0], 0.1, _paint((field > 0.3) * 1, tones), (0.6, 0.6))


def livery(dice: Dice, base: Color, color: Color, windows: bool, cockpit: float) -> Material:
    """A plane's paint: u is the share of the length, v of the height. Stripe, belly, tail, windows.

    cockpit: share of the length that the nose takes, where a painted windscreen is wanted; else 0.
    """
    y, x = np.indices((64, 256))
    length, height = (x + 0.5) / 256, 1 - (y + 0.5) / 64
    index = np.zeros((64, 256), dtype=np.int64)
    low, wide, last = dice.between(0.3, 0.5), dice.between(0.03, 0.12), dice.between(0.6, 0.85)
    index[(height < low) & dice.chance(0.6)] = 2
    index[(np.abs(height - low) < wide / 2) & dice.chance(0.7)] = 1
    index[(length + dice.between(-0.2, 0.3) * height > dice.between(0.72, 0.9)) & dice.chance(0.6)] = 1
    row = (np.abs(height - 0.6) < 0.035) & (length > 0.13) & (length < last)
    index[row & (x // 2 % 2 == 0) & windows] = 3
    index[(length > 0.3 * cockpit) & (length < 0.5 * cockpit) & (np.abs(height - 0.74) < 0.08)] = 3
    belly = dice.pick(((176, 182, 190), shade(base, 0.86), color))
    return Material(base, 0.3, _paint(index, [base, color, belly, (44, 54, 68)]), (1.0, 1.0), side=True)
