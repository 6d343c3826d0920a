"""One page across the categories of a work folder: links to their reports, and their scores side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from t3d.datasets.formats import read_json
from t3d.report.comparison import published_tables, solution_tables
from t3d.report.page import render


@dataclass(frozen=True)
class Entry:
    """A category with its latest report: links relative to the page, and what `metrics.json` holds."""

    category: str
    report: str
    picture: str
    procedural: bool
    metrics: dict[str, Any]


def entry(work: Path, category: str, folders: tuple[Path, Path], procedural: bool) -> Entry:
    """The entry of a category out of its folders of `report` and `scores` below `work`."""
    report, scores = folders
    link = quote(report.relative_to(work).as_posix())
    picture = f"{link}/median.png" if (report / "median.png").exists() else ""
    return Entry(category, f"{link}/report.html", picture, procedural, read_json(scores / "metrics.json"))


def overview_page(entries: Sequence[Entry]) -> str:
    """The page, to be written into the work folder."""
    runs = {one.category: one.metrics for one in entries}
    own, published = solution_tables(runs), published_tables(runs)
    return render("overview.html", entries=entries, own=own, published=published)
