"""Seeded choices: every number of a procedural shape comes from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Dice:
    """Draws from a generator through `random()` alone, whose stream no version of numpy may change."""

    rng: np.random.Generator

    def between(self, low: float, high: float) -> float:
        """A number in [low, high), rounded to 1e-4."""
        return round(low + (high - low) * float(self.rng.random()), 4)

    def whole(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(float(self.rng.random()) * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return float(self.rng.random()) < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely; an option listed twice is twice as likely."""
        return options[self.whole(0, len(options) - 1)]


def dice_for(seed: int, category: str, index: int) -> Dice:
    """The dice of one shape: independent of every other shape, of the order and of the machine."""
    return Dice(np.random.Generator(np.random.PCG64([seed, int.from_bytes(category.encode(), "big"), index])))
