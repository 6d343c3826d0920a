"""Kinds and measures of a procedural sofa."""

from dataclasses import dataclass

from t3d.datasets.procedural.dice import Dice

ARMS = "box box pad pad rolled rolled slim sloped flared open none".split()
BACKS = "cushions cushions cushions bench tight channels arched pillows".split()
LEGS = "plinth blocks tapered tapered splayed sled pins".split()


@dataclass(frozen=True)
class Plan:
    """Measures of one sofa, metres and degrees; heights are above the floor, x = z = 0 is mid-seat.

    floor: underside of the base. base: its top, where cushions lie. back, arm_top: heights of their tops.
    thick: of the back's frame. chaise: side of the long seat, -1, 1 or 0 for none. reach: how far it reaches
    beyond the others. corner: it has a back along its outer side.
    """

    seats: int
    width: float
    depth: float
    floor: float
    base: float
    cushion: float
    back: float
    thick: float
    lean: float
    arm: str
    arm_width: float
    arm_top: float
    backrest: str
    legs: str
    chaise: int
    reach: float
    corner: bool

    @property
    def seat(self) -> float:
        """Top of the seat cushions."""
        return self.base + self.cushion

    @property
    def one(self) -> float:
        """Width of one seat."""
        return self.width / self.seats

    @property
    def detail(self) -> int:
        """Bevel segments of cushions: fewer where there are many."""
        return 2 if self.seats <= 2 else 1


def draw_plan(dice: Dice) -> Plan:
    """Measures and kinds of one sofa."""
    seats, legs, arm = dice.pick((1, 2, 2, 2, 3, 3, 3, 4)), dice.pick(LEGS), dice.pick(ARMS)
    floor = dice.between(0.03, 0.09) if legs in ("plinth", "blocks") else dice.between(0.1, 0.2)
    seat = dice.between(0.36, 0.48)
    cushion = dice.between(0.08, min(0.2, seat - floor - 0.07))
    back = seat + dice.between(0.26, 0.52)
    narrow = arm in ("slim", "open")
    level = dice.chance(0.2) and not narrow
    chaise = dice.pick((-1, 1)) if seats > 1 and dice.chance(0.35) else 0
    return Plan(
        seats=seats,
        width=seats * dice.between(0.52, 0.78),
        depth=dice.between(0.5, 0.72),
        floor=floor,
        base=seat - cushion,
        cushion=cushion,
        back=back,
        thick=dice.between(0.07, 0.2),
        lean=dice.between(2, 16),
        arm=arm,
        arm_width=dice.between(0.04, 0.08) if narrow else dice.between(0.1, 0.3),
        arm_top=back - 0.01 if level else seat + dice.between(0.08, min(0.26, back - seat)),
        backrest=dice.pick(BACKS),
        legs=legs,
        chaise=chaise,
        reach=dice.between(0.4, 0.95),
        corner=chaise != 0 and dice.chance(0.35),
    )
