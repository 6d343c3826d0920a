"""Kinds and measures of a procedural chair."""

from t3d.datasets.procedural.dice import Dice

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
