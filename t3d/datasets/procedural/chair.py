"""Procedural chairs and stools: ten backs, five arms, nine kinds of legs, five seats, stretchers."""

import numpy as np

from t3d.datasets.procedural.chair_back import back
from t3d.datasets.procedural.chair_plan import Plan
from t3d.datasets.procedural.dice import Dice
from t3d.datasets.procedural.looks import Material, fabric, metal, plastic, wood
from t3d.datasets.procedural.parts import block, oval, revolve, rod, rounded_path, sweep
from t3d.datasets.procedural.solid import RIGHT, UP, Array, Solid, both, called


def chair(dice: Dice) -> tuple[list[Solid], dict[str, Material]]:
    """One chair: its parts in metres and their materials."""
    plan = Plan(dice)
    solids = [*_seat(plan, dice), *_legs(plan, dice)]
    if plan.backrest != "none":
        solids += [*back(plan, dice), *_arms(plan, dice)]
    frame = metal(dice) if plan.legs in ("cantilever", "sled") or dice.chance(0.12) else wood(dice)
    if dice.chance(0.15):
        frame = plastic(dice)
    base = metal(dice) if plan.legs in ("swivel", "pedestal") else frame
    hard = plastic(dice) if plan.backrest == "shell" or plan.legs == "swivel" else frame
    return solids, {"frame": frame, "base": base, "hard": hard, "cloth": fabric(dice)}


def _seat(plan: Plan, dice: Dice) -> list[Solid]:
    thick, half, deep = plan.thick, plan.width / 2, plan.depth / 2
    if plan.seating == "round":
        inner, soft = half - 0.3 * thick, 0.3 * thick
        profile = [(inner, 0), (half, soft), (half, thick - soft), (inner, thick)]
        return called("seat", "hard", revolve(profile, 28).at(0, plan.seat - thick))
    board = block((plan.width, thick, plan.depth), dice.between(0.005, 0.45 * thick), 2, (6, 1, 6))
    if plan.seating == "trapeze":
        narrow = dice.between(0.1, 0.28)
        board = board.pushed("x", lambda x, y, z: -x * narrow * (z / plan.depth + 0.5))
    if plan.seating == "saddle":  # the middle pressed down, the front edge rolled over
        dip, wave = dice.between(0.01, 0.03), dice.between(0.0, 0.02)
        board = board.pushed("y", lambda x, y, z: -dip * (1 - (x / half) ** 2) * (1 - (z / deep) ** 2))
        board = board.pushed("y", lambda x, y, z: -wave * np.clip(-z / deep, 0, 1) ** 3)
    solids = called("seat", "hard", board.at(0, plan.seat - thick / 2))
    if plan.seating == "cushion":
        high = dice.between(0.04, 0.09)
        pad = block((0.96 * plan.width, high, 0.96 * plan.depth), 0.45 * high, 2, (4, 1, 4), (0, 0.02, 0))
        solids += called("seat", "cloth", pad.at(0, plan.seat + 0.3 * high))
    return solids


def _arms(plan: Plan, dice: Dice) -> list[Solid]:
    if plan.arms == "none" or plan.backrest == "shell":
        return []
    high, edge, x = dice.between(0.17, 0.26), plan.width / 2 - 0.014, plan.width / 2 + 0.02
    rear = plan.depth / 2 + high * np.tan(np.radians(plan.lean)) - 0.02
    inner, low, y, front = x - 0.02, plan.under, plan.seat + high, -plan.depth * dice.between(0.2, 0.46)
    if plan.seating == "trapeze":
        inner, edge = x - 0.08, edge - 0.03
    if plan.arms == "panel":
        arm = block((0.05, high + 0.05, 0.9 * plan.depth), 0.02, 2).at(x - 0.015, plan.seat + high / 2, 0.02)
        return called("arm", "cloth", *both(arm))
    if plan.arms == "loop":
        path = rounded_path([(inner, y, rear), (x + 0.02, y, front), (edge, low, front + 0.06)], 0.09, 6)
        return called("arm", "frame", *both(sweep(path, 0.026, 0.026, RIGHT, 0.2, 10)))
    way = [(inner, y + 0.015, rear), (x, y, 0.4 * rear + 0.6 * front), (x + 0.015, y, front - 0.03)]
    rest = sweep(way, dice.between(0.03, 0.08), 0.03, RIGHT, 0.7)
    at = front + 0.02 if plan.arms == "rail" else 0.5 * (front + rear)
    post = rod((edge, low, at), (x, y, at), (0.016, 0.014))
    cover = "cloth" if plan.arms == "pad" else "frame"
    return called("arm", cover, *both(rest)) + called("arm", "frame", *both(post))


def _legs(plan: Plan, dice: Dice) -> list[Solid]:
    special = {"sled": _sled, "cantilever": _cantilever, "swivel": _swivel, "pedestal": _pedestal}
    if plan.legs in special:
        return called("leg", "base", *special[plan.legs](plan, dice))
    inset = 0.2 * plan.width if plan.seating == "round" else 0.6 * plan.bar
    splay = dice.between(0.05, 0.14) if plan.legs in ("splayed", "rocker") else dice.pick((0.0, 0.0, 0.025))
    foot = {"tapered": 0.5, "splayed": 0.55}.get(plan.legs, 1.0)
    x, z = plan.width / 2 - inset, plan.depth / 2 - inset
    tops = np.array([(x, plan.under, -z), (x * (0.78 if plan.seating == "trapeze" else 1.0), plan.under, z)])
    feet = tops * (1 + splay, 0, 1 + splay)
    square = 0.0 if plan.legs == "splayed" or plan.seating == "round" else 0.8
    widths = plan.bar * np.linspace(1, foot, 3)
    ways = (np.linspace(top, end, 3) for top, end in zip(tops, feet, strict=True))
    legs = [sweep(way, widths, widths, RIGHT, square, 10) for way in ways]
    if plan.legs == "rocker":
        t = np.linspace(-0.35, 1.35, 11)[:, None]
        curve = feet[0] + t * (feet[1] - feet[0]) + (0.16 * (t - 0.5) ** 2 - 0.04) * UP
        legs.append(sweep(curve, plan.bar, plan.bar, RIGHT, 0.7, 10))
    share = dice.between(0.25, 0.6)
    return called("leg", "frame", *both(*legs)) + _stretchers(plan, *(feet + share * (tops - feet)))


def _stretchers(plan: Plan, front: Array, rear: Array) -> list[Solid]:
    """Bars between points on the right legs and their mirror images: H, box, front only, or none."""
    flip, size = np.array([-1, 1, 1]), (0.3 * plan.bar, 0.3 * plan.bar)
    sides = both(rod(front, rear, size, 8))
    first, last, middle = (rod(at * flip, at, size, 8) for at in (front, rear, (front + rear) / 2))
    bars = {"H": [*sides, middle], "box": [*sides, first, last], "front": [first]}
    return called("stretcher", "frame", *bars.get(plan.stretchers, []))


def _sled(plan: Plan, dice: Dice) -> list[Solid]:
    """A bent bar at each side."""
    x, z = plan.width / 2 - 0.03, plan.depth / 2 - 0.03
    size, out = dice.between(0.016, 0.03), dice.between(0.0, 0.05)
    feet = [(x + out, size / 2, -z - out), (x + out, size / 2, z + out)]
    path = rounded_path([(x, plan.under, -z), *feet, (x, plan.under, z)], 0.05)
    return both(sweep(path, size, size, RIGHT, dice.pick((0.0, 0.8)), 8))


def _cantilever(plan: Plan, dice: Dice) -> list[Solid]:
    """A bent tube: down at the front, back along the floor."""
    x, y, z, size = plan.width / 2 - 0.02, plan.under, plan.depth / 2, dice.between(0.02, 0.03)
    low = size / 2
    corners = [(x, y, z - 0.05), (x, y, -z + 0.01), (x, low, -z - 0.02), (x, low, z)]
    bars = both(sweep(rounded_path(corners, 0.09, 6), size, size, RIGHT, sides=8))
    return [*bars, rod((-x, low, z - 0.02), (x, low, z - 0.02), (low, low), 8)]


def _swivel(plan: Plan, dice: Dice) -> list[Solid]:
    """A gas lift on five feet with castors."""
    reach, tip, hub = dice.between(0.24, 0.34), dice.between(0.05, 0.08), dice.between(0.08, 0.12)
    lift = rod((0, hub - 0.03, 0), (0, plan.under, 0), (0.028, 0.024), 14)
    plate = block((0.6 * plan.width, 0.03, 0.5 * plan.depth), 0.01).at(0, plan.seat - plan.thick - 0.008)
    path = [(0, hub, 0), (0, hub - 0.01, 0.4 * reach), (0, tip, reach)]
    foot = sweep(path, (0.05, 0.045, 0.03), 0.03, RIGHT, 0.5, 8)
    pin = rod((0, tip, reach - 0.012), (0, 0.028, reach - 0.012), (0.01, 0.01), 6)
    wheel = revolve([(0.02, -0.02), (0.028, -0.014), (0.028, 0.014), (0.02, 0.02)], 10).turned("z", 90)
    leg = (foot, pin, wheel.at(0, 0.028, reach - 0.012))
    return [lift, plate, *(part.turned("y", 72.0 * k + 36) for k in range(5) for part in leg)]


def _pedestal(plan: Plan, dice: Dice) -> list[Solid]:
    """A tulip foot: a disc that narrows to a stem and widens under the seat; a ring for the feet if tall."""
    foot, stem, head = dice.between(0.2, 0.28), dice.between(0.02, 0.045), dice.between(0.06, 0.14)
    share = np.linspace(0, 1, 9)
    flare = (foot - stem) * (1 - share) ** 4 + stem + min(head, 0.4 * plan.width) * share**5
    levels = 0.012 + share * (plan.seat - 0.95 * plan.thick - 0.012)
    solids = [revolve([(foot, 0.0), *zip(flare.tolist(), levels.tolist(), strict=True)], 22)]
    if plan.tall:
        y = 0.4 * plan.seat
        solids.append(sweep(oval(0.16, 0.16, "xz"), 0.018, 0.018, UP, closed=True, sides=8).at(0, y))
        solids += both(rod((0, y, 0), (0.16, y, 0), (0.009, 0.009), 6))
    return solids
