"""Kinds and measures of a procedural chair."""

from dataclasses import dataclass

from t3d.datasets.procedural.dice import Dice

BACKS = "panel upholstered slats slats ladder ladder shell hoop splat cross oval".split()
LEGS = (
    "straight straight tapered tapered splayed splayed sled cantilever swivel swivel pedestal rocker".split()
)
SEATS = "board board cushion cushion trapeze saddle round".split()
ARMS = "none none none rail rail loop pad panel".split()
STRETCHERS = "none none H box front".split()


@dataclass(frozen=True)
class Plan:
    """Measures of one chair, metres and degrees; x = z = 0 is mid-seat.

    seat: height of its top. thick: of the seat. back: its height above the seat. bend: how far the back's
    sides come forward. bar: width of posts and legs. tall: it is a bar stool.
    """

    width: float
    depth: float
    seat: float
    thick: float
    back: float
    lean: float
    bend: float
    backrest: str
    legs: str
    seating: str
    arms: str
    stretchers: str
    bar: float
    tall: bool

    @property
    def under(self) -> float:
        """Height within the seat's board, where legs end."""
        return self.seat - 0.6 * self.thick


def draw_plan(dice: Dice) -> Plan:
    """Measures and kinds of one chair."""
    legs, backrest, seating = dice.pick(LEGS), dice.pick(BACKS), dice.pick(SEATS)
    tall = legs in ("straight", "tapered", "splayed", "pedestal") and dice.chance(0.14)
    if legs == "swivel" and backrest not in ("panel", "upholstered", "oval"):
        backrest = dice.pick(("upholstered", "shell"))
    if legs in ("swivel", "cantilever"):
        seating = dice.pick(("cushion", "board", "saddle"))
    four = legs in ("straight", "tapered", "splayed")
    width = dice.between(0.32, 0.4) if tall else dice.between(0.38, 0.6)
    return Plan(
        width=width,
        depth=width * (1.0 if seating == "round" else dice.between(0.85, 1.1)),
        seat=dice.between(0.6, 0.78) if tall else dice.between(0.38, 0.5),
        thick=dice.between(0.025, 0.07),
        back=dice.between(0.2, 0.4) if tall else dice.between(0.3, 0.75),
        lean=dice.between(3, 18),
        bend=dice.between(0.0, 0.09),
        backrest="none" if tall and dice.chance(0.4) else backrest,
        legs=legs,
        seating=seating,
        arms="none" if tall or seating == "round" else dice.pick(ARMS),
        stretchers="box" if tall else dice.pick(STRETCHERS) if four else "none",
        bar=dice.between(0.024, 0.05),
        tall=tall,
    )
