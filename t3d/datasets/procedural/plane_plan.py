"""Kinds and measures of a procedural plane."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from t3d.datasets.procedural.dice import Dice
from t3d.datasets.procedural.parts import Array

_MEASURES = "radius span root taper sweep dihedral station nose tail".split()
_KINDS = """
airliner  .045 .075   .75 1.15  .15 .23  .18 .40  15 40   2 8  .36 .46  .10 .17  .25 .38
jet       .050 .070   .75 1.05  .16 .24  .25 .45   5 32   1 6  .42 .52  .16 .26  .30 .42
turboprop .050 .080   .95 1.30  .13 .18  .40 .80   0 8    0 5  .36 .44  .11 .18  .30 .42
light     .065 .100  1.10 1.50  .17 .25  .50 1.0  -3 6    1 7  .24 .36  .10 .20  .45 .60
glider    .035 .055  1.80 2.50  .09 .14  .25 .50  -2 5    1 6  .30 .38  .20 .30  .50 .62
fighter   .045 .065   .50 .85   .28 .50  .08 .35  25 58  -4 2  .38 .48  .25 .38  .10 .25
"""
_OFTEN = "airliner airliner airliner airliner jet jet turboprop turboprop light light light glider".split()
_TAILS = {
    "airliner": "plain plain plain T",
    "jet": "T T cross plain",
    "turboprop": "plain T twin",
    "light": "plain plain T V twin",
    "glider": "T T plain V",
    "fighter": "plain fins fins V",
}
_ENGINES = {
    "airliner": "under2 under2 under2 under4 rear2",
    "jet": "rear2",
    "turboprop": "prop2 prop2 prop4",
    "light": "nose nose nose prop2",
    "glider": "none",
    "fighter": "tail1 tail2 tail2",
}
_HIGH_WINGS = {"turboprop": 0.6, "light": 0.5, "airliner": 0.12, "fighter": 0.4, "glider": 0.6}


@dataclass(frozen=True)
class Plan:
    """Measures of one plane in lengths of its fuselage, and degrees; the nose is at z = -0.5.

    tall: the fuselage's height by its width. nose, tail: shares of the length that narrow. root: chord at the
    root. taper: chord at the tip by that at the root. sweep: of the leading edge. station: where that meets
    the fuselage, share of the length. level: height of the wing in fuselage radii.
    """

    kind: str
    radius: float
    tall: float
    square: float
    nose: float
    blunt: float
    tail: float
    upsweep: float
    span: float
    root: float
    taper: float
    sweep: float
    dihedral: float
    station: float
    level: float
    engines: str
    tailplane: str
    winglet: float
    gear: bool
    biplane: bool
    canard: bool

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


def draw_plan(dice: Dice) -> Plan:
    """Measures and kinds of one plane."""
    kind = dice.pick([*_OFTEN, "fighter", "fighter"])
    row = next(line for line in _KINDS.split("\n") if line.startswith(kind)).split()[1:]
    limits = zip(_MEASURES, row[::2], row[1::2], strict=True)
    engines, tailplane = dice.pick(_ENGINES[kind].split()), dice.pick(_TAILS[kind].split())
    boxy = 0.3 if kind in ("airliner", "jet", "glider") else 0.6
    return Plan(
        kind=kind,
        tall=dice.between(0.9, 1.2),
        square=dice.between(0.0, boxy),
        blunt=dice.between(1.4, 2.3),
        upsweep=dice.between(0.0, 0.6),
        level=dice.between(0.6, 0.95) if dice.chance(_HIGH_WINGS.get(kind, 0)) else dice.between(-0.75, -0.2),
        engines=engines,
        tailplane=dice.pick(("T", "T", "cross")) if engines == "rear2" else tailplane,
        winglet=dice.between(0.03, 0.08) if boxy < 0.5 and dice.chance(0.5) else 0.0,
        gear=dice.chance(0.85 if kind == "light" else 0.25),
        biplane=kind == "light" and dice.chance(0.22),
        canard=kind in ("fighter", "jet") and dice.chance(0.25),
        **{name: dice.between(float(low), float(high)) for name, low, high in limits},
    )
