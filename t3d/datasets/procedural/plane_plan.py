"""Kinds and measures of a procedural plane."""

import numpy as np
from numpy.typing import ArrayLike

from t3d.datasets.procedural.dice import Dice
from t3d.datasets.procedural.solid import Array

_OFTEN = "airliner airliner airliner airliner jet jet turboprop turboprop light light light glider".split()
_KINDS = """
airliner  .045 .075   .75 1.15  .15 .23  .18 .40  15 40   2 8  .36 .46  .10 .17  .25 .38
jet       .050 .070   .75 1.05  .16 .24  .25 .45   5 32   1 6  .42 .52  .16 .26  .30 .42
turboprop .050 .080   .95 1.30  .13 .18  .40 .80   0 8    0 5  .36 .44  .11 .18  .30 .42
light     .065 .100  1.10 1.50  .17 .25  .50 1.0  -3 6    1 7  .24 .36  .10 .20  .45 .60
glider    .035 .055  1.80 2.50  .09 .14  .25 .50  -2 5    1 6  .30 .38  .20 .30  .50 .62
fighter   .045 .065   .50 .85   .28 .50  .08 .35  25 58  -4 2  .38 .48  .25 .38  .10 .25
"""
"""Least and most of radius, span, root, taper, sweep, dihedral, station, nose and tail."""

_TRAITS = {
    "airliner": ("under2 under2 under2 under4 rear2", "plain plain plain T", 0.12),
    "jet": ("rear2", "T T cross plain", 0.0),
    "turboprop": ("prop2 prop2 prop4", "plain T twin", 0.6),
    "light": ("nose nose nose prop2", "plain plain T V twin", 0.5),
    "glider": ("none", "T T plain V", 0.6),
    "fighter": ("tail1 tail2 tail2", "plain fins fins V", 0.4),
}
"""Engines, tailplanes, and how often the wing is high."""


class Plan:
    """Measures of one plane in lengths of its fuselage, and degrees; the nose is at z = -0.5.

    tall: the fuselage's height by its width. nose, tail: shares of the length that narrow. root: chord at the
    root. taper: chord at the tip by that at the root. sweep: of the leading edge. station: where that meets
    the fuselage, share of the length. level: height of the wing in fuselage radii.
    """

    def __init__(self, dice: Dice) -> None:
        self.kind = kind = dice.pick([*_OFTEN, "fighter", "fighter"])
        engines, tails, high = _TRAITS[kind]
        self.engines, self.tailplane = dice.pick(engines.split()), dice.pick(tails.split())
        boxy = kind not in ("airliner", "jet", "glider")
        self.tall, self.square = dice.between(0.9, 1.2), dice.between(0.0, 0.6 if boxy else 0.3)
        self.blunt, self.upsweep = dice.between(1.4, 2.3), dice.between(0.0, 0.6)
        self.level = dice.between(0.6, 0.95) if dice.chance(high) else dice.between(-0.75, -0.2)
        if self.engines == "rear2":
            self.tailplane = dice.pick(("T", "T", "cross"))
        self.winglet = dice.between(0.03, 0.08) if not boxy and dice.chance(0.5) else 0.0
        self.gear = dice.chance(0.85 if kind == "light" else 0.25)
        self.biplane = kind == "light" and dice.chance(0.22)
        self.canard = kind in ("fighter", "jet") and dice.chance(0.25)
        row = next(line.split() for line in _KINDS.split("\n") if line.startswith(kind))
        least, most = map(float, row[1::2]), map(float, row[2::2])
        drawn = tuple(map(dice.between, least, most))
        self.radius, self.span, self.root, self.taper, self.sweep, self.dihedral = drawn[:6]
        self.station, self.nose, self.tail = drawn[6:]

    def half_width(self, share: ArrayLike) -> Array:
        """Radius of the fuselage at a share of its length from the nose."""
        s = np.asarray(share, dtype=np.float64)
        front = (1 - (1 - np.clip(s / self.nose, 0, 1)) ** self.blunt) ** (1 / self.blunt)
        rear = np.sin(np.clip((1 - s) / self.tail, 0, 1) * np.pi / 2).clip(0) ** 0.9
        end = 0.5 if self.engines.startswith("tail") else 0.1
        return self.radius * np.maximum(front, 0.02) * (end + (1 - end) * rear)

    def middle(self, share: ArrayLike) -> Array:
        """Height of the fuselage's axis at a share of its length: the tail rises."""
        rise = np.clip((np.asarray(share) - 1 + self.tail) / self.tail, 0, 1)
        return self.upsweep * self.radius * rise**1.5

    def wing(self, out: float) -> Array:
        """Leading edge of the wing at a distance from the middle, (3,)."""
        y = self.level * self.radius * self.tall * 0.85 + out * np.tan(np.radians(self.dihedral))
        return np.array([out, y, self.station - 0.5 + out * np.tan(np.radians(self.sweep))])
