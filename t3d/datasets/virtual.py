"""Virtual shapes: deformed training shapes, named after their originals, that only training sees."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

PART = "virtual"
"""Their part of the split; who reads "train" only sees none of them."""

_ID = re.compile(r"(.+)~[0-9]+", re.DOTALL)
T = TypeVar("T")


def original(shape: str) -> str:
    """Id of the shape that a virtual one is made of; empty for any other id.

    >>> original("chair 7~2"), original("chair 7")
    ('chair 7', '')
    """
    found = _ID.fullmatch(shape)
    return found[1] if found else ""


def virtual_ids(shapes: Iterable[str], count: int) -> list[str]:
    """`count` virtual ids for each shape: `<id>~1`, `<id>~2`, ..."""
    return [f"{shape}~{number}" for shape in shapes for number in range(1, count + 1)]


def learned(parts: Mapping[str, Mapping[str, T]]) -> dict[str, dict[str, T]]:
    """What a training reads: as "train" the training part and the virtual shapes made of it, and "val"."""
    return {"train": {**parts.get("train", {}), **parts.get(PART, {})}, "val": {**parts.get("val", {})}}
