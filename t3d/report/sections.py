"""Sections of a page: a title, figures with captions and a table, as files that outlive the page.

Stages write them, with every figure as a file that stands on its own and `sections.json` beside them; the
report and the gallery read them back.
"""

import csv
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets.formats import read_json
from t3d.report.figures import themed
from t3d.report.pictures import data_uri

SECTIONS = "sections.json"

Rows = Sequence[Mapping[str, Any]]
"""A table: plain values by the name of their column."""


@dataclass(frozen=True)
class Section:
    """One section: file names of figures (`.svg`, `.png`) with their captions, and a table."""

    title: str
    figures: Mapping[str, str]
    rows: Rows = ()


def section(part: str, name: str, file: str, rows: Rows = (), about: str = "") -> Section:
    """A section of one figure, with title and caption from `captions.toml`, `about` where they say {}."""
    words = tomllib.loads(Path(__file__).with_name("captions.toml").read_text(encoding="utf-8"))[part][name]
    return Section(words["title"].format(about), {file: words["text"].format(about)}, rows)


def write_sections(folder: Path, sections: Sequence[Section]) -> None:
    """Write `sections.json`, and each table as CSV named like the section's first figure, which is there."""
    text = json.dumps([asdict(section) for section in sections], indent=1)  # columns keep their order
    (folder / SECTIONS).write_text(text + "\n", encoding="utf-8")
    for section in sections:
        if section.rows:
            write_table((folder / next(iter(section.figures))).with_suffix(".csv"), section.rows)


def inlined(folder: Path) -> list[tuple[Section, Mapping[str, str]]]:
    """The sections that a stage left in its folder, each with the figures as elements for a page, by name.

    SVG as it is, in the page's colours; pictures as inline images that their caption describes.
    """
    sections = [Section(**values) for values in read_json(folder / SECTIONS)]
    return [(one, {name: _element(folder / name, one.title) for name in one.figures}) for one in sections]


def _element(path: Path, title: str) -> str:
    from html import escape

    from PIL import Image

    if path.suffix == ".svg":
        return (
            f'<div role="img" aria-label="{escape(title)}">{themed(path.read_text(encoding="utf-8"))}</div>'
        )
    with Image.open(path) as image:
        source = data_uri(np.asarray(image.convert("RGBA")))
        return f'<img src="{source}" alt="{escape(title)}" width="{image.width}" height="{image.height}">'


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows of plain values as CSV, columns in the order of the first row's; None is left empty."""
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
