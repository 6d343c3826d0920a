"""Sections of a page: a title, figures with captions and a table, as files that outlive the page.

Stages write them, with every figure as a file that stands on its own and `sections.json` beside them; the
report and the gallery read them back.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from t3d.datasets.formats import read_json
from t3d.report.figures import themed
from t3d.report.pictures import Picture
from t3d.report.tables import Rows, write_table

SECTIONS = "sections.json"


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


def write_sections(folder: Path, sections: Sequence[Section]) -> dict[str, Rows]:
    """Write `sections.json`, and each table as CSV named like the section's first figure, which is there;
    the tables by title.
    """
    text = json.dumps([asdict(section) for section in sections], indent=1)  # columns keep their order
    (folder / SECTIONS).write_text(text + "\n", encoding="utf-8")
    tables = [one for one in sections if one.rows]
    for one in tables:
        write_table((folder / next(iter(one.figures))).with_suffix(".csv"), one.rows)
    return {one.title: list(one.rows) for one in tables}


def inlined(folder: Path) -> list[tuple[Section, Mapping[str, str | Picture]]]:
    """The sections that a stage left in its folder, each with its figures by name: charts as `<svg>` elements
    in the page's colours, and pictures.
    """
    sections = [Section(**values) for values in read_json(folder / SECTIONS)]
    return [(one, {name: _figure(folder / name) for name in one.figures}) for one in sections]


def _figure(path: Path) -> str | Picture:
    from PIL import Image

    if path.suffix == ".svg":
        return themed(path.read_text(encoding="utf-8"))
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))
