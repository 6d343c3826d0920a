"""Sections of a page: a title, figures with captions and a table, as files that outlive the page.

Stages write them, with every figure as a file that stands on its own and `sections.json` beside them; the
report and the gallery read them back.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from t3d.datasets.formats import read_json, write_json

SECTIONS = "sections.json"


@dataclass(frozen=True)
class Section:
    """One section: file names of figures (`.svg`, `.png`) with their captions, a table, what it means."""

    title: str
    figures: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]] = ()
    note: str = ""


def write_sections(folder: Path, sections: Sequence[Section]) -> None:
    """Write `sections.json`, and each table as CSV named like the section's first figure, which is there."""
    write_json(folder / SECTIONS, [asdict(section) for section in sections])
    for section in sections:
        if section.rows:
            write_table((folder / next(iter(section.figures))).with_suffix(".csv"), section.rows)


def read_sections(folder: Path) -> list[Section]:
    """The sections that a stage left in its folder."""
    return [Section(**values) for values in read_json(folder / SECTIONS)]


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows of plain values as CSV, columns in the order of the first row's; None is left empty."""
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
