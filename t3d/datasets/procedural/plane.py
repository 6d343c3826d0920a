"""Procedural planes: airliners, business jets, propeller planes, biplanes, gliders and fighters."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from t3d.datasets.procedural.dice import Dice
from t3d.datasets.procedural.looks import LIVERIES, METALS, Color, Material, camouflage, livery, shade
from t3d.datasets.procedural.parts import airfoil, block, loft, panel, revolve, rod, section
from t3d.datasets.procedural.solid import FORTH, Array, Solid, both, called

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


def plane(dice: Dice) -> tuple[list[Solid], dict[str, Material]]:
    """One plane: its parts in fuselage lengths and their materials."""
    plan = Plan(dice)
    solids = [_fuselage(plan), *_wings(plan, dice), *_tail(plan, dice), *_engines(plan, dice)]
    if plan.kind in ("light", "glider", "fighter"):
        solids += _canopy(plan, dice)
    if plan.gear:
        solids += _gear(plan, dice)
    return solids, _paints(plan, dice)


def _fuselage(plan: Plan) -> Solid:
    """Rings along z; its texture coordinates are shares of height and length, so that paint fits any size."""
    share = np.concatenate([plan.nose * np.linspace(0, 1, 9) ** 2, np.linspace(plan.nose, 1, 14)[1:]])
    share[0] = 0.002
    curve = section(22, plan.square)
    flat = plan.half_width(share)[:, None, None] * curve * (1, plan.tall)
    flat[:, :, 1] += plan.middle(share)[:, None]
    long = np.broadcast_to(share[:, None], flat.shape[:2])
    body = loft(np.dstack([flat, long - 0.5]))
    high = np.broadcast_to(0.5 + 0.49 * curve[:, 1], long.shape)
    rest = np.stack([0 * high, high, 0.005 + 0.99 * long], axis=2).reshape(-1, 3)
    ends = [[0, 0.5, 0.005], [0, 0.5, 0.995]]
    return called("fuselage", "body", replace(body, rest=np.concatenate([rest, ends])))[0]


def _wings(plan: Plan, dice: Dice) -> list[Solid]:
    """Main wings with winglets, struts, a second pair or canards."""
    thick = dice.between(0.05, 0.07) if plan.kind == "fighter" else dice.between(0.09, 0.14)
    kink = dice.between(0.0, 0.35) if plan.kind in ("airliner", "jet") else 0.0
    share = np.array([0, 0.15, 0.36, 0.7, 0.96, 1.0])
    chords = plan.root * (1 + (plan.taper - 1) * share + kink * np.clip(0.36 - share, 0, 1))
    path = np.array([plan.wing(out) for out in plan.span / 2 * share])
    if plan.winglet:
        path = np.concatenate([path, path[-1:] + np.array([0.25, 1, 0.8]) * plan.winglet])
        chords = np.append(chords, 0.5 * chords[-1])
    else:  # a rounded tip
        path[-1, 2] += 0.12 * chords[-1]
        chords[-1] *= 0.75
    wing = airfoil(path, chords, thick)
    wings = called("wing", "wing", *both(wing))
    if plan.biplane or (plan.kind == "light" and plan.level > 0.5):
        wings += _braces(plan, wing)
    if plan.canard:
        reach = 0.22 * plan.span + plan.radius
        fore = panel((0, 0.4 * plan.radius, plan.nose - 0.5), reach, (0.1, 0.05), 35, 2)
        wings += called("wing", "wing", *both(fore))
    return wings


def _braces(plan: Plan, wing: Solid) -> list[Solid]:
    """The second pair of wings of a biplane, with struts; or the struts of a high wing."""
    inner, tip = (plan.wing(out) + 0.4 * plan.root * FORTH for out in (0.5 * plan.radius, 0.3 * plan.span))
    if not plan.biplane:
        return called("strut", "wing", *both(rod(inner * (1.2, -0.7, 1), tip, (0.008, 0.008), 8)))
    shift = np.array([0, (-1 if plan.level > 0 else 1) * max(0.16, 2 * plan.radius), 0.03])
    starts = (inner, tip - 0.04 * FORTH, tip + 0.04 * FORTH)
    struts = both(*(rod(start, start + shift, (0.006, 0.006), 6) for start in starts))
    return called("wing", "wing", *both(wing.at(*shift))) + called("strut", "wing", *struts)


def _tail(plan: Plan, dice: Dice) -> list[Solid]:
    """Fins and tailplanes."""
    chord = dice.between(0.09, 0.15) * (0.75 if plan.kind == "glider" else 1.0)
    reach, high, taper = dice.between(0.15, 0.24), dice.between(0.12, 0.2), dice.between(0.4, 0.8)
    lean = dice.between(5, 30) if plan.kind in ("light", "glider") else dice.between(20, 45)
    cant = dice.between(38, 52) if plan.tailplane == "V" else dice.between(62, 90)
    at = 0.97 - chord - 0.45 * high * np.tan(np.radians(lean))
    root = np.array([0, float(plan.middle(at)), at - 0.5])
    if plan.tailplane == "V":
        fin = panel(root, 1.2 * high + 0.05, (1.1 * chord, 0.6 * chord), lean, cant)
        return called("fin", "fin", *both(fin))
    flat = panel(root, reach, (chord, chord * taper), 0.7 * lean, dice.between(0, 7))
    chords = (1.3 * chord, 0.7 * chord)
    fins = [panel(root, high + 0.5 * plan.radius, chords, lean, 90)]
    lift = {"T": 0.95, "cross": 0.45}.get(plan.tailplane, 0.0) * (high + 0.5 * plan.radius)
    flat = flat.at(0, lift, lift * np.tan(np.radians(lean)))
    if plan.tailplane == "twin":
        end = root + np.array([0.94 * reach, -0.3 * high, 0.5 * reach * np.tan(np.radians(0.7 * lean))])
        fins = both(panel(end, high, (chord, 0.6 * chord), 12, 90))
    if plan.tailplane == "fins":
        fins = both(panel(root + np.array([0.55, 0.2, 0]) * plan.radius, high, chords, lean, cant))
    return called("tailplane", "wing", *both(flat)) + called("fin", "fin", *fins)


def _engines(plan: Plan, dice: Dice) -> list[Solid]:
    """Nacelles under the wing or at the rear, propellers, or jet pipes."""
    size, long = dice.between(0.022, 0.034), dice.between(0.1, 0.16)
    if plan.engines.startswith("tail"):
        return _pipes(plan, dice)
    if plan.engines == "nose":
        return _propeller((0, 0, -0.5), dice.between(0.13, 0.18), 0.35 * plan.radius, dice)
    if plan.engines == "rear2":
        middle, y = dice.between(0.65, 0.76), 0.35 * plan.radius
        x, z = float(plan.half_width(middle)) + 1.1 * size, middle - 0.5
        arm = block((1.6 * size + 0.03, 0.012, 0.6 * long), 0.005).at(x - size, y, z)
        pod = _nacelle(size, long).at(x, y, z)
        return called("engine", "engine", *both(pod)) + called("pylon", "wing", *both(arm))
    spots = {"4": (0.3, 0.55), "2": (dice.between(0.26, 0.36),)}.get(plan.engines[-1], ())
    return [solid for spot in spots for solid in _on_wing(plan, spot, size, long, dice)]


def _on_wing(plan: Plan, spot: float, size: float, long: float, dice: Dice) -> list[Solid]:
    """An engine on each wing at a share of the half span, with its pylon or propeller."""
    x, y, z = plan.wing(spot * plan.span / 2)
    if plan.engines.startswith("prop"):
        pod = revolve([(0.5 * size, -long), (size, -0.8 * long), (size, 0.2 * long), (0.25 * size, long)])
        screw = _propeller((x, y, z - 0.55 * long), dice.between(0.08, 0.11), 0.5 * size, dice)
        return called("engine", "engine", *both(pod.turned("x", 90).at(x, y, z + 0.45 * long))) + both(*screw)
    drop = 1.25 * size
    pylon = block((0.012, drop + 0.02, 0.75 * long), 0.005).at(x, y - drop / 2, z + 0.1 * long)
    pod = _nacelle(size, long).at(x, y - drop, z - 0.15 * long)
    return called("engine", "engine", *both(pod)) + called("pylon", "wing", *both(pylon))


def _nacelle(size: float, long: float) -> Solid:
    """A jet engine around z: open at the front, a cone at the rear."""
    radii = (0.75, 0.8, 0.88, 0.96, 1.0, 0.95, 0.72, 0.6, 0.3, 0.06)
    places = (-0.3, -0.46, -0.5, -0.46, -0.25, 0.15, 0.38, 0.4, 0.42, 0.6)
    return revolve([(size * r, long * y) for r, y in zip(radii, places, strict=True)], 18).turned("x", 90)


def _pipes(plan: Plan, dice: Dice) -> list[Solid]:
    """Jet pipes at the tail, and intakes beside the fuselage."""
    two, r = plan.engines == "tail2", plan.radius
    size, end = r * (0.55 if two else 0.62), float(plan.middle(1.0))
    profile = ((1, -0.16), (1, -0.02), (0.85, 0.03), (0.7, 0.03), (0.62, 0.0))
    pipe = revolve([(size * radius, z) for radius, z in profile]).turned("x", 90)
    pipe = pipe.at(0.6 * r if two else 0.0, end, 0.49)
    intake = block((0.8 * r, 1.1 * r, dice.between(0.25, 0.45)), 0.012)
    pipes, intakes = both(pipe) if two else [pipe], both(intake.at(0.95 * r, -0.1 * r, plan.nose - 0.3))
    return called("engine", "engine", *pipes) + called("intake", "intake", *intakes)


def _propeller(hub: tuple[float, float, float], reach: float, size: float, dice: Dice) -> list[Solid]:
    """A spinner and two to four blades in front of `hub`."""
    spinner = revolve([(size, 0.02), (0.95 * size, -0.01), (0.6 * size, -0.035), (0.1 * size, -0.05)], 14)
    blade = block((0.022, reach, 0.007), 0.003, 1, (1, 3, 1)).at(0, reach / 2, -0.02)
    count, first = dice.pick((2, 3, 3, 4)), dice.between(0, 90)
    blades = (blade.turned("z", first + 360 * k / count).at(*hub) for k in range(count))
    return called("spinner", "fin", spinner.turned("x", 90).at(*hub)) + called("propeller", "engine", *blades)


def _canopy(plan: Plan, dice: Dice) -> list[Solid]:
    """A glass canopy; airliners have their windows painted on."""
    angle = np.linspace(0.12, np.pi - 0.12, 9)
    bubble = revolve([(float(np.sin(a)), float(-np.cos(a))) for a in angle]).turned("x", 90)
    at = plan.station - 0.02 if plan.kind == "light" else plan.nose * 0.75 + 0.02
    y = float(plan.middle(at)) + 0.62 * float(plan.half_width(at)) * plan.tall
    bubble = bubble.stretched(0.72 * plan.radius, 0.85 * plan.radius, dice.between(0.08, 0.14))
    return called("canopy", "glass", bubble.at(0, y, at - 0.5))


def _gear(plan: Plan, dice: Dice) -> list[Solid]:
    """Three wheels on struts, under the nose and the wings."""
    size, track = dice.between(0.02, 0.03), dice.between(1.2, 2.2) * plan.radius
    floor, main = -plan.radius * plan.tall - dice.between(0.045, 0.08), plan.station + 0.5 * plan.root - 0.5
    profile = [(0.7 * size, -0.3 * size), (size, -0.2 * size), (size, 0.2 * size), (0.7 * size, 0.3 * size)]
    wheel, nose = revolve(profile, 14).turned("z", 90), min(plan.nose * 0.9, 0.18) - 0.5
    legs = both(rod((0.5 * plan.radius, -0.4 * plan.radius, main), (track, floor, main), (0.009, 0.007), 8))
    legs.append(rod((0, 0, nose), (0, floor, nose), (0.009, 0.007), 8))
    wheels = [*both(wheel.at(track + 0.2 * size, floor, main)), wheel.at(0, floor, nose)]
    return called("gear", "engine", *legs) + called("wheel", "tyre", *wheels)


def _paints(plan: Plan, dice: Dice) -> dict[str, Material]:
    """A livery painted on from the side, or camouflage for fighters; wings, fin and engines to match."""
    color, steel = dice.pick(LIVERIES), dice.pick(METALS)
    base: Color = dice.pick(((240, 240, 238), (240, 240, 238), (214, 218, 222), shade(color, 1.6)))
    paints = {"glass": Material((40, 52, 66), 0.9), "tyre": Material((28, 28, 30))}
    if plan.kind == "fighter":
        wing = camouflage(dice)
        body, engine = replace(wing, tile=(1.0, 1.0), side=True), Material((70, 70, 74), 0.6)
        return paints | {"body": body, "intake": wing, "wing": wing, "fin": wing, "engine": engine}
    cockpit = plan.nose if plan.kind in ("airliner", "jet", "turboprop") else 0.0
    return paints | {
        "body": livery(dice, base, color, windows=plan.kind != "glider", cockpit=cockpit),
        "fin": Material(color if dice.chance(0.75) else base, 0.3),
        "wing": Material(dice.pick((base, base, (200, 204, 208), shade(steel, 1.1), color)), 0.3),
        "engine": Material(dice.pick((base, color, steel)), 0.5),
    }
