"""Procedural chairs and stools: ten backs, five arms, nine kinds of legs, five seats, stretchers."""

import numpy as np

from t3d.datasets.procedural.dice import Dice
from t3d.datasets.procedural.looks import Material, fabric, metal, plastic, wood
from t3d.datasets.procedural.parts import block, oval, revolve, rod, rounded_path, sweep
from t3d.datasets.procedural.solid import FORTH, RIGHT, UP, Array, Solid, both, called

BACKS = "panel upholstered slats slats ladder ladder shell hoop splat cross oval".split()
LEGS = "straight straight tapered tapered splayed splayed sled cantilever".split()
LEGS += "swivel swivel pedestal rocker".split()
SEATS = "board board cushion cushion trapeze saddle round".split()
ARMS = "none none none rail rail loop pad panel".split()
STRETCHERS = "none none H box front".split()


class Plan:
    """Measures of one chair, metres and degrees; x = z = 0 is mid-seat.

    seat: height of its top. thick: of the seat. under: height within its board, where legs end. back: its
    height above the seat. bend: how far the back's sides come forward. bar: width of posts and legs. tall: it
    is a bar stool.
    """

    def __init__(self, dice: Dice) -> None:
        self.legs, self.backrest, self.seating = dice.pick(LEGS), dice.pick(BACKS), dice.pick(SEATS)
        four = self.legs in ("straight", "tapered", "splayed")
        self.tall = tall = (four or self.legs == "pedestal") and dice.chance(0.14)
        if self.legs == "swivel" and self.backrest not in ("panel", "upholstered", "oval"):
            self.backrest = dice.pick(("upholstered", "shell"))
        if self.legs in ("swivel", "cantilever"):
            self.seating = dice.pick(("cushion", "board", "saddle"))
        self.width = dice.between(0.32, 0.4) if tall else dice.between(0.38, 0.6)
        self.depth = self.width * (1.0 if self.seating == "round" else dice.between(0.85, 1.1))
        self.seat = dice.between(0.6, 0.78) if tall else dice.between(0.38, 0.5)
        self.thick = dice.between(0.025, 0.07)
        self.under = self.seat - 0.6 * self.thick
        self.back = dice.between(0.2, 0.4) if tall else dice.between(0.3, 0.75)
        self.lean, self.bend = dice.between(3, 18), dice.between(0.0, 0.09)
        self.backrest = "none" if tall and dice.chance(0.4) else self.backrest
        self.arms = "none" if tall or self.seating == "round" else dice.pick(ARMS)
        self.stretchers = "box" if tall else dice.pick(STRETCHERS) if four else "none"
        self.bar = dice.between(0.024, 0.05)


def chair(dice: Dice) -> tuple[list[Solid], dict[str, Material]]:
    """One chair: its parts in metres and their materials."""
    plan = Plan(dice)
    solids = [*_seat(plan, dice), *_legs(plan, dice)]
    if plan.backrest != "none":
        solids += [*_back(plan, dice), *_arms(plan, dice)]
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


def _back(plan: Plan, dice: Dice) -> list[Solid]:
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
