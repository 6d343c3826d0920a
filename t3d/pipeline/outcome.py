"""What became of an item, and how items are wired to those that they read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from t3d.pipeline.graph import ItemId
from t3d.pipeline.store import Failure, Place

State = Literal["kept", "made", "failed", "blocked"]
Wire = Any
"""Where an input comes from: an `ItemId`, or a mapping (part, shape, variant) down to them."""


@dataclass(frozen=True)
class Outcome:
    """What became of one item; `failures` are all those at or above it, its own included.

    seconds, memory (the most bytes held at once), host: what it took, and where.
    """

    node: str
    shape: str
    state: State
    place: Place | None = None
    path: str = ""
    digest: str = ""
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0
    memory: int = 0
    host: str = ""

    @property
    def there(self) -> bool:
        """Whether the artifact exists."""
        return self.state in ("kept", "made")


Known = Mapping[ItemId, Outcome]
"""Outcomes of items, above all of those that an item reads."""


def leaves(wire: Wire) -> list[ItemId]:
    """Every item of a wire."""
    if isinstance(wire, Mapping):
        return [leaf for one in wire.values() for leaf in leaves(one)]
    return [wire]


def filled(wire: Wire, outcomes: Known, value: Callable[[Outcome], Any]) -> Any:
    """The wire with each item replaced by its value; items that are not there are left out."""
    if not isinstance(wire, Mapping):
        return value(outcomes[wire])
    return {
        name: filled(one, outcomes, value)
        for name, one in wire.items()
        if isinstance(one, Mapping) or outcomes[one].there
    }
