"""Procedural sofas: 1 to 4 seats, eight kinds of arms, six of back, six of legs, chaises, corners, bows."""

import numpy as np

from t3d.datasets.procedural.dice import Dice
from t3d.datasets.procedural.looks import Material, fabric, metal, wood
from t3d.datasets.procedural.parts import block, revolve, rod, rounded_path, sweep
from t3d.datasets.procedural.solid import Solid, called

ARMS = "box box pad pad rolled rolled slim sloped flared open none".split()
BACKS = "cushions cushions cushions bench tight channels arched pillows".split()
LEGS = "plinth blocks tapered tapered splayed sled pins".split()


class Plan:
    """Kinds and measures of one sofa, metres and degrees; heights are above the floor, x = z = 0 is mid-seat.

    floor: underside of the base. base: its top, where cushions lie. seat: their top. back, arm_top: heights
    of their tops. thick: of the back's frame. one: width of a seat. chaise: side of the long seat, -1, 1 or 0
    for none. reach: how far it reaches beyond the others. corner: it has a back along its outer side. detail:
    bevel segments of cushions, fewer where there are many.
    """

    def __init__(self, dice: Dice) -> None:
        self.seats = dice.pick((1, 2, 2, 2, 3, 3, 3, 4))
        self.legs, self.arm = dice.pick(LEGS), dice.pick(ARMS)
        self.floor = dice.between(0.03, 0.09) if self.legs in ("plinth", "blocks") else dice.between(0.1, 0.2)
        self.seat = dice.between(0.36, 0.48)
        self.cushion = dice.between(0.08, min(0.2, self.seat - self.floor - 0.07))
        self.base, self.back = self.seat - self.cushion, self.seat + dice.between(0.26, 0.52)
        narrow = self.arm in ("slim", "open")
        level = dice.chance(0.2) and not narrow
        self.chaise = dice.pick((-1, 1)) if self.seats > 1 and dice.chance(0.35) else 0
        self.width = self.seats * dice.between(0.52, 0.78)
        self.one, self.depth = self.width / self.seats, dice.between(0.5, 0.72)
        self.thick, self.lean = dice.between(0.07, 0.2), dice.between(2, 16)
        self.arm_width = dice.between(0.04, 0.08) if narrow else dice.between(0.1, 0.3)
        low = self.back - 0.01 if level else self.seat
        self.arm_top = low + (0.0 if level else dice.between(0.08, min(0.26, self.back - self.seat)))
        self.backrest, self.reach = dice.pick(BACKS), dice.between(0.4, 0.95)
        self.corner = self.chaise != 0 and dice.chance(0.35)
        self.detail = 2 if self.seats <= 2 else 1

    def row(self, count: int) -> list[float]:
        """Places along x of `count` equal things over the whole width."""
        return [self.width / count * (i - (count - 1) / 2) for i in range(count)]

    def reach_at(self, x: float) -> float:
        """How far the seat at `x` reaches beyond the others."""
        return self.reach if self.chaise and x * self.chaise > self.width / 2 - self.one else 0.0


def sofa(dice: Dice) -> tuple[list[Solid], dict[str, Material]]:
    """One sofa: its parts in metres and their materials."""
    plan = Plan(dice)
    solids = [*_base(plan), *_seats(plan, dice), *_back(plan, dice), *_arms(plan, dice), *_legs(plan, dice)]
    if plan.corner:
        solids += _corner(plan)
    elif dice.chance(0.4):
        solids += _throws(plan, dice)
    if plan.chaise == 0 and plan.seats > 1 and plan.legs != "sled" and dice.chance(0.15):
        bow = dice.between(0.12, 0.3) * plan.width / 2
        solids = [s.pushed("z", lambda x, y, z: -bow * (2 * x / plan.width) ** 2) for s in solids]
    materials = {"cloth": fabric(dice)}
    materials["cushion"] = materials["cloth"] if dice.chance(0.6) else fabric(dice)
    materials["legs"] = metal(dice) if plan.legs in ("sled", "pins") else wood(dice)
    return solids, {**materials, "frame": wood(dice), "throw": fabric(dice)}


def _base(plan: Plan) -> list[Solid]:
    """The box under the cushions, and that of the chaise."""
    wide = plan.width + (plan.arm_width if plan.arm not in ("none", "open") else 0)
    high, deep = plan.base - plan.floor, plan.depth + 0.8 * plan.thick
    y, x = plan.floor + high / 2, plan.chaise * (plan.width - plan.one) / 2
    base = block((wide, high, deep), 0.02, flat=(8, 1, 1)).at(0, y, 0.4 * plan.thick)
    long = block((plan.one, high, plan.reach + 0.2), 0.02).at(x, y, 0.1 - (plan.depth + plan.reach) / 2)
    return called("base", "cloth", base, *([long] if plan.chaise else []))


def _seats(plan: Plan, dice: Dice) -> list[Solid]:
    """One cushion per seat, or one for all; the chaise has its own long one."""
    bench, soft, swell = dice.chance(0.25), dice.between(0.015, 0.06), dice.between(0.0, 0.04)
    front, count = dice.between(0.0, 0.03), 1 if bench and plan.chaise == 0 else plan.seats
    flat, solids = (4 if count == plan.seats else 10, 1, 3), []
    for x in plan.row(count):
        deep = plan.depth + front + plan.reach_at(x)
        size = (plan.width / count - 0.008, plan.cushion + 0.012, deep)
        cushion = block(size, soft, plan.detail, flat, (0, swell, 0))
        solids.append(cushion.at(x, plan.seat - plan.cushion / 2, (plan.depth - deep) / 2))
    return called("seat", "cushion", *solids)


def _back(plan: Plan, dice: Dice) -> list[Solid]:
    """The frame and what one leans on, drawn upright and then tilted."""
    wide = plan.width + (1.2 * plan.arm_width if plan.arm not in ("none", "open", "flared") else 0)
    high, edge = plan.back - plan.floor - 0.02, dice.between(0.02, 0.5 * plan.thick)
    frame = block((wide, high, plan.thick), edge, 2, (8, 2, 1))
    frame = frame.at(0, plan.back - high / 2, (plan.depth + plan.thick) / 2)
    if plan.backrest == "arched":
        rise, seat = dice.between(0.05, 0.16) / (plan.back - plan.seat), plan.seat
        frame = frame.pushed("y", lambda x, y, z: rise * (y - seat).clip(0) * np.cos(np.pi * x / wide))
    solids = called("back", "cloth", frame)
    if plan.backrest not in ("tight", "arched"):
        solids += _rests(plan, dice)
    if plan.backrest == "cushions" and dice.chance(0.15):
        high = dice.between(0.1, 0.2)
        rest = block((plan.one * 0.8, high, 0.09), 0.035, 2)
        rest = rest.at(0, plan.back + high / 2 - 0.04, (plan.depth + plan.thick) / 2)
        solids += called("headrest", "cushion", *(rest.at(x) for x in plan.row(plan.seats)))
    return [solid.turned("x", plan.lean, (0, plan.base, plan.depth / 2)) for solid in solids]


def _rests(plan: Plan, dice: Dice) -> list[Solid]:
    """Back cushions, channels or loose pillows before the upright frame."""
    high, thick, kind = plan.back - plan.seat, dice.between(0.09, 0.18), plan.backrest
    channels = plan.seats * dice.whole(2, 4)
    rows = {"channels": channels, "bench": 1}.get(kind, plan.seats)
    over = {"channels": 0.98, "pillows": dice.between(0.8, 1.2)}.get(kind, dice.between(0.85, 1.0))
    swell = {"channels": 0.0, "pillows": dice.between(0.03, 0.07)}.get(kind, dice.between(0.0, 0.03))
    size = (plan.width / rows - 0.006, high * over, thick * (0.6 if kind == "channels" else 1))
    round_ = {"channels": 0.45 * min(size[0], size[2]), "pillows": 0.45 * thick}
    soft = round_.get(kind, dice.between(0.02, 0.06))
    flat = {"channels": (1, 2, 1), "bench": (10, 3, 1)}.get(kind, (4, 3, 1))
    rest = block(size, soft, 1 if kind == "channels" else plan.detail, flat, (0, 0, swell))
    rest = rest.at(0, plan.seat + size[1] / 2 - 0.015, plan.depth / 2 - size[2] / 2 + 0.03)
    if kind == "pillows":
        rest = rest.at(0, 0, -0.03).turned("x", dice.between(2, 9), (0, plan.seat, plan.depth / 2))
    material = "cloth" if kind == "channels" else "cushion"
    return called("back", material, *(rest.at(x) for x in plan.row(rows)))


def _arms(plan: Plan, dice: Dice) -> list[Solid]:
    """Both arms from one drawing of the right one; that of a chaise may be as long as the chaise."""
    if plan.arm == "none":
        return []
    right = [solid.at((plan.width + plan.arm_width) / 2) for solid in _arm(plan, dice)]
    long = [solid.pushed("z", lambda x, y, z: np.where(z < 0, -plan.reach, 0.0)) for solid in right]
    chosen = long if dice.chance(0.3) else right
    sides = [side for side in (-1, 1) if not (plan.corner and side == plan.chaise)]
    drawn = [(side, solid) for side in sides for solid in (chosen if side == plan.chaise else right)]
    return [solid if side > 0 else solid.mirrored() for side, solid in drawn]


def _arm(plan: Plan, dice: Dice) -> list[Solid]:
    """One arm around x = 0, its outer side towards +x."""
    if plan.arm == "open":
        return _open_arm(plan, dice)
    deep, top, wide, middle = plan.depth + 0.7 * plan.thick, plan.arm_top, plan.arm_width, 0.35 * plan.thick
    low = plan.floor if plan.legs != "plinth" else 0.01
    if plan.arm == "rolled":
        radius = max(0.06, 0.5 * wide)
        panel = block((wide * 0.85, top - radius - low, deep), 0.02).at(0, (top - radius + low) / 2, middle)
        roll = revolve([(0.8 * radius, 0), (radius, 0.02), (radius, deep), (0.8 * radius, deep + 0.02)], 18)
        roll = roll.turned("x", 90).at(0.2 * radius, top - radius, middle - deep / 2 - 0.01)
        return called("arm", "cloth", panel, roll)
    soft = {"pad": 0.42 * wide, "slim": 0.012}.get(plan.arm, dice.between(0.015, 0.05))
    swell = (0.03, 0.03, 0) if plan.arm == "pad" else (0, 0, 0)
    arm = block((wide, top - low, deep), soft, 2, (1, 2, 2), swell).at(0, (top + low) / 2, middle)
    if plan.arm == "sloped":
        drop, base, deep = dice.between(0.25, 0.6), plan.base, plan.depth
        arm = arm.pushed("y", lambda x, y, z: -drop * (y - base).clip(0) * (0.5 - z / deep).clip(0, 1))
    if plan.arm == "flared":
        arm = arm.turned("z", -dice.between(7, 17), (0, plan.base, 0))
    return called("arm", "cloth", arm)


def _open_arm(plan: Plan, dice: Dice) -> list[Solid]:
    """A bent wooden bar, and a rail that fixes it to the base."""
    wide, low, top = plan.arm_width, plan.floor + 0.02, plan.arm_top
    front, rear = -plan.depth / 2, plan.depth / 2
    corners = [(0, low, front + 0.05), (0, top, front), (0, top, rear + 0.6 * plan.thick), (0, low, rear)]
    bar = sweep(rounded_path(corners, dice.pick((0.01, 0.08, 0.2))), wide, 0.04, (1, 0, 0), squareness=0.8)
    ends = [(-0.6 * wide, low + 0.04, z) for z in (front + 0.03, rear - 0.02)]
    return called("arm", "frame", bar, sweep(ends, wide + 0.02, 0.06, (1, 0, 0), squareness=0.8))


def _corner(plan: Plan) -> list[Solid]:
    """A back along the outer side of the long seat, with cushions before it."""
    high, long = plan.back - plan.floor - 0.02, plan.depth + plan.thick + plan.reach
    x, z, deep = plan.width / 2, plan.depth / 2, (long - plan.thick - 0.16) / 2
    frame = block((plan.thick, high, long), 0.03, 2)
    frame = frame.at((plan.width + plan.thick) / 2, plan.back - high / 2, z + plan.thick - long / 2)
    size = (0.12, 0.9 * (plan.back - plan.seat), deep)
    rest = block(size, 0.045, 2, (1, 3, 4), (0.025, 0, 0))
    rest = rest.at(x - 0.04, plan.seat + size[1] / 2 - 0.015, z - 0.16 - deep / 2)
    solids = called("back", "cloth", frame) + called("back", "cushion", rest, rest.at(0, 0, -deep - 0.01))
    solids = [solid.turned("z", -0.5 * plan.lean, (x, plan.base, 0)) for solid in solids]
    return solids if plan.chaise > 0 else [solid.mirrored() for solid in solids]


def _legs(plan: Plan, dice: Dice) -> list[Solid]:
    """What the base stands on."""
    x, front, rear = plan.width / 2 - 0.05, 0.06 - plan.depth / 2, plan.depth / 2 + 0.3 * plan.thick
    places = [(side * x, z) for side in (-1, 1) for z in (front, rear)]
    if plan.chaise:
        inner = plan.chaise * (plan.width / 2 - plan.one + 0.05)
        places += [(plan.chaise * x, front - plan.reach), (inner, front - plan.reach)]
    elif plan.width > 1.9:
        places += [(0.0, front), (0.0, rear)]
    top = plan.floor + 0.03
    if plan.legs == "plinth":
        return _plinths(plan, top)
    if plan.legs == "sled":
        return _sleds(plan, sorted({place[0] for place in places}), front, rear, dice.between(0.02, 0.04))
    size = {"blocks": 0.05, "pins": 0.013}.get(plan.legs, dice.between(0.02, 0.035))
    tilt = dice.between(0.15, 0.4) * plan.floor if plan.legs == "splayed" else 0.0
    if plan.legs == "blocks":
        leg = block((2 * size, top, 2 * size), 0.006).at(0, top / 2)
        return called("leg", "legs", *(leg.at(x, 0, z) for x, z in places))
    radii = (size, size if plan.legs == "pins" else 0.5 * size)
    feet = [(x + tilt * np.sign(x), 0, z + tilt * np.sign(z)) for x, z in places]
    rods = [rod((x, top, z), foot, radii) for (x, z), foot in zip(places, feet, strict=True)]
    return called("leg", "legs", *rods)


def _plinths(plan: Plan, top: float) -> list[Solid]:
    """A set-back box under the base, and one under the chaise."""
    x, z = plan.chaise * (plan.width - plan.one) / 2, 0.1 - (plan.depth + plan.reach) / 2
    plinth = block((plan.width - 0.04, top, plan.depth), 0.01, flat=(8, 1, 1)).at(0, top / 2)
    step = block((plan.one - 0.06, top, plan.reach + 0.1), 0.01).at(x, top / 2, z)
    return called("leg", "legs", plinth, *([step] if plan.chaise else []))


def _sleds(plan: Plan, columns: list[float], front: float, rear: float, size: float) -> list[Solid]:
    """Bent bars from front to rear, one under each column."""
    high, solids = plan.floor + 0.02, []
    for x in columns:
        end = front - plan.reach_at(x)
        corners = [(x, high, end), (x, size / 2, end), (x, size / 2, rear), (x, high, rear)]
        solids.append(sweep(rounded_path(corners, 0.04), size, size, (1, 0, 0), 0.6))
    return called("leg", "legs", *solids)


def _throws(plan: Plan, dice: Dice) -> list[Solid]:
    """Loose square pillows leaning on the back."""
    solids = []
    for side in dice.pick(((-1,), (1,), (-1, 1), (-1, 1))):
        size = dice.between(0.34, 0.46)
        pillow = block((size, size, 0.09), 0.04, 1, (4, 4, 1), (0, 0, 0.05))
        pillow = pillow.turned("z", dice.between(-12, 12)).turned("x", plan.lean + dice.between(8, 20))
        pillow = pillow.turned("y", side * dice.between(5, 35))
        x = side * max(0.0, plan.width / 2 - size / 2 - dice.between(0.0, 0.12))
        solids.append(pillow.at(x, plan.seat + size / 2 - 0.03, plan.depth / 2 - 0.2))
    return called("pillow", "throw", *solids)
