"""Lengths of words."""

from dataclasses import dataclass
from pathlib import Path

from t3d.pipeline import Facts, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """How to count."""

    factor: int = 1
    """Every length is multiplied by it."""
    scales: tuple[float, ...] = (1.0,)
    """Further factors."""
    lists: tuple[Path, ...] = ()
    """Files that are part of the key by content."""


@stage(per="shape", version=2, command="measure")
def lengths(words: Path, *, out: Path, params: Params) -> Facts:
    """Lengths of the words of one text."""
    found = [len(word) * params.factor for word in (words / "words.txt").read_text().split("\n")]
    (out / "lengths.txt").write_text("\n".join(map(str, found)))
    return {"longest": max(found)}
