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
    protocol_note: str
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
    return [_row(entry, content["protocols"], name) for entry in content["rows"] if name in entry["printed"]]


def _row(entry: dict[str, Any], protocols: dict[str, Any], category: str) -> Published:
    protocol = protocols[entry["protocol"]]
    factor, shapes, own = protocol["factor"], protocol["shapes"][category], protocol.get("own", {})
    mean, median = (None if one is None else one / factor for one in entry["printed"][category])
    kept = {name: entry[name] for name in ("method", "protocol", "certainty", "source")}
    note = protocol["note"]
    return Published(
        protocol_note=note, mean=mean, median=median, factor=factor, shapes=shapes, own=own, **kept
    )
