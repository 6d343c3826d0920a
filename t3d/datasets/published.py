"""Scores that others published, each with its protocol, test shapes, source and certainty."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t3d.datasets.categories import canonical


@dataclass(frozen=True)
class Published:
    """One method's score for one category."""

    method: str
    protocol: str
    """Name of the protocol; another than t3d's own wherever anything in it differs."""
    note: str
    """Frame, points, views and treatment of failures."""
    mean: float | None
    """Raw: what was printed, divided by `factor`."""
    median: float | None
    factor: float
    """By what the source multiplies for printing."""
    shapes: str
    """Test shapes."""
    own: dict[str, Any]
    """Which own figures may stand beside it: `protocol`, `metric`, and `drop` (of evaluated shapes only) or
    `lengths` (their factor); empty: none."""
    certainty: str
    """"verified" in code or in a primary document; "recalled": check it before quoting."""
    source: str


def rows(category: str) -> list[Published]:
    """Everything published about a category in any spelling; empty for unknown ones."""
    name = canonical(category)
    content = json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))
    found = []
    for row in content["rows"]:
        printed, about = row.pop("printed"), content["protocols"][row["protocol"]]
        if name in printed:
            mean, median = (None if one is None else one / about["factor"] for one in printed[name])
            facts = {"own": {}, **about, **row, "shapes": about["shapes"][name]}
            found.append(Published(mean=mean, median=median, **facts))
    return found
