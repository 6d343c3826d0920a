"""Backs of procedural chairs: board, padded, slats, ladder, cross, splat, shell, Windsor hoop, oval."""

import numpy as np

from t3d.datasets.procedural.chair_plan import Plan
from t3d.datasets.procedural.dice import Dice
from t3d.datasets.procedural.parts import block, oval, revolve, rod, sweep
from t3d.datasets.procedural.solid import FORTH, RIGHT, UP, Array, Solid, both, called


def back(plan: Plan, dice: Dice) -> list[Solid]:
    """The back, drawn upright around x = 0 from height 0 at z = 0, then bent, leaned and put in place."""
    draw = {"panel": _panel, "upholstered": _upholstered, "shell": _shell, "hoop": _hoop, "oval": _oval}
    solids = draw.get(plan.backrest, _framed)(plan, dice)
    if plan.legs == "swivel" and plan.backrest != "shell":
        high = 0.2 + 0.5 * plan.back
        bracket = block((0.09, high, 0.03), 0.01).at(0, high / 2 - 0.1, 0.014)
        solids = [*(solid.at(0, 0.08) for solid in solids), *called("back", "base", bracket)]
    round_seat = plan.seating == "round" and plan.backrest != "shell"
    narrow = 0.55 if round_seat else 0.74 if plan.seating == "trapeze" else 0.96
    rear = 0.41 * plan.depth if round_seat else plan.depth / 2 - 0.6 * plan.bar
    half = plan.width / 2 * narrow
    return [
        solid.stretched(narrow)
        .pushed("z", lambda x, y, z: -plan.bend * (x / half) ** 2 * np.clip(y / plan.back, 0, 1))
        .turned("x", plan.lean)
        .at(0, plan.seat - 0.7 * plan.thick, rear)
        for solid in solids
    ]


def _posts(plan: Plan, dice: Dice) -> list[Solid]:
    """An upright at each side."""
    top = plan.back + dice.pick((0.0, 0.02, 0.05))
    x = (plan.width - plan.bar) / 2
    path = np.linspace((x, 0, 0), (x, top, 0), 5)
    return called("back", "frame", *both(sweep(path, plan.bar, plan.bar, RIGHT, 0.7, 8)))


def _rail(plan: Plan, y: float, high: float, thick: float) -> list[Solid]:
    """A bar from post to post."""
    x = (plan.width - plan.bar) / 2
    return called("back", "frame", sweep(np.linspace((-x, y, 0), (x, y, 0), 9), high, thick, UP, 0.6))


def _framed(plan: Plan, dice: Dice) -> list[Solid]:
    """Two posts with a ladder of rails, or with slats, a cross or a vase-shaped splat under a top rail."""
    top, x, posts = plan.back - 0.02, plan.width / 2 - plan.bar, _posts(plan, dice)
    low, high = dice.between(0.06, 0.14), dice.between(0.04, 0.11)
    posts += _rail(plan, top, high, 0.025)
    if plan.backrest == "ladder":
        levels = np.linspace(plan.back * dice.between(0.2, 0.4), top, dice.whole(2, 5))[:-1]
        high = min(high, 0.7 * plan.back / (len(levels) + 1))
        return posts + [bar for y in levels for bar in _rail(plan, float(y), high, 0.02)]
    if plan.backrest == "cross":
        ways = (np.linspace((-s * x, low, 0), (s * x, top, 0), 7) for s in (-1, 1))
        bars = [sweep(way, 0.03, 0.016, FORTH, 0.5, 8) for way in ways]
        return posts + _rail(plan, low, 0.035, 0.022) + called("back", "frame", *bars)
    if plan.backrest == "splat":
        waist, share = dice.between(0.3, 0.8), np.linspace(0, 1, 9)
        widths = dice.between(0.1, 0.2) * (1 - (1 - waist) * np.sin(2 * np.pi * share) ** 2)
        return posts + called("back", "frame", sweep(np.outer(share, (0, top, 0)), widths, 0.016, RIGHT, 0.8))
    low = low if plan.back > 0.3 and dice.chance(0.5) else 0.0
    size, places = dice.between(0.012, 0.035), np.linspace(-x, x, dice.whole(2, 8) + 2)[1:-1]
    ways = (np.linspace((at, low, 0), (at, top, 0), 4) for at in places)
    slats = called("back", "frame", *(sweep(way, size, 0.014, RIGHT, 0.5, 8) for way in ways))
    return posts + slats + (_rail(plan, low, 0.04, 0.022) if low else [])


def _panel(plan: Plan, dice: Dice) -> list[Solid]:
    """A board, from the seat up or between posts."""
    gap, thick = dice.pick((0.0, 0.08, 0.25 * plan.back)), dice.between(0.015, 0.03)
    board = block((plan.width, plan.back - gap, thick), dice.between(0.004, 0.012), 2, (8, 3, 1))
    return called("back", "hard", board.at(0, (plan.back + gap) / 2)) + (_posts(plan, dice) if gap else [])


def _upholstered(plan: Plan, dice: Dice) -> list[Solid]:
    """A padded board, on posts where it starts above the seat, with wings at times."""
    gap, thick, swell = dice.pick((0.02, 0.1, 0.1)), dice.between(0.04, 0.1), dice.between(0.0, 0.03)
    high = plan.back - gap
    pad = block((plan.width, high, thick), 0.42 * thick, 2, (8, 4, 1), (0, 0, swell))
    solids = [pad.at(0, gap + high / 2)]
    if plan.back > 0.5 and dice.chance(0.3):
        wing = block((0.05, 0.55 * high, dice.between(0.12, 0.2)), 0.022, 2)
        solids += both(wing.at(plan.width / 2 - 0.015, plan.back - 0.3 * high, -0.07))
    posts = _posts(plan, dice) if gap > 0.05 and plan.legs != "swivel" else []
    return called("back", "cloth", *solids) + posts


def _shell(plan: Plan, dice: Dice) -> list[Solid]:
    """A shell around the seat's rear, as of a tub chair: drawn 1 high, then cut lower towards the front."""
    half, deep = plan.width / 2, plan.width / 2 * dice.between(0.9, 1.1)
    opening, fall = np.radians(dice.between(55, 100)), dice.pick((0, 2, 4))
    angle = np.linspace(-opening, opening, 17)
    path = np.stack([half * np.sin(angle), 0 * angle, deep * (np.cos(angle) - 1) + 0.02], axis=1)
    shell = sweep(path, 1, dice.between(0.015, 0.05), UP, 0.75, 16)

    def rise(x: Array, y: Array, z: Array) -> Array:
        rear = np.cos(np.arctan2(x / half, (z - 0.02) / deep + 1))
        return (y + 0.5) * plan.back * (0.55 + 0.45 * rear**fall) - y

    return called("back", dice.pick(("hard", "cloth")), shell.pushed("y", rise))


def _hoop(plan: Plan, dice: Dice) -> list[Solid]:
    """A bent bow with spindles, as of a Windsor chair."""
    angle, half = np.linspace(-np.pi / 2, np.pi / 2, 17), (plan.width - plan.bar) / 2
    bow = np.stack([half * np.sin(angle), plan.back * np.cos(angle).clip(0) ** 0.7, 0 * angle], axis=1)
    solids = [sweep(bow, 0.8 * plan.bar, 0.8 * plan.bar, FORTH, sides=8)]
    for x in np.linspace(-1, 1, dice.whole(3, 9) + 2)[1:-1]:
        top = plan.back * (1 - x**2) ** 0.35
        solids.append(rod((0.9 * x * half, 0, 0), (x * half, top, 0), (0.007, 0.006), 6))
    return called("back", "frame", *solids)


def _oval(plan: Plan, dice: Dice) -> list[Solid]:
    """A ring with a padded middle on two short posts."""
    half, tall = (plan.width - plan.bar) / 2, min(0.36, plan.back) / 2
    middle = max(0.0, plan.back - 0.36) * 0.5 + tall
    ring = sweep(oval(half, tall, "xy"), plan.bar, plan.bar, FORTH, closed=True, sides=8).at(0, middle)
    x, radii = 0.82 * half, (0.5 * plan.bar, 0.4 * plan.bar)
    posts = both(rod((x, 0, 0), (x, middle - 0.4 * tall, 0), radii))
    pad = revolve([(half * 0.6, -0.02), (half, -0.008), (half, 0.008), (half * 0.6, 0.02)], 24)
    pad = pad.turned("x", 90).stretched(1, tall / half, 1).at(0, middle)
    padded = plan.legs == "swivel" or dice.chance(0.75)
    return called("back", "frame", ring, *posts) + called("back", "cloth", *([pad] if padded else []))
