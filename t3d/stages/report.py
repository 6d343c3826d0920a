"""The report of a run: one HTML file that works offline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from t3d.pipeline import Each, Facts, Parts, Shapes, Variants, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """How much the report shows."""

    shapes: int = 8
    """Shapes shown of the test and of the training part each, at least best, median and worst."""

    picture: int = 224
    """Width of the drawn pictures, in pixels (that of the rendered views)."""


@stage(per="set", version=4, command="report", files=("report.html",))
def report(
    views: Annotated[Parts, Each("test", "train_scored")],
    mesh: Annotated[Parts, Each("train", "test", "train_scored")],
    reconstructions: Annotated[Mapping[str, Parts], Each("test", "train_scored", variants=True)],
    photos: Annotated[Mapping[str, Parts], Each("photos", variants=True)],
    template: Annotated[Shapes, Variants()],
    correspondence: Annotated[Shapes, Variants()],
    analysis: Path,
    network: Annotated[Shapes, Variants()],
    scores: Path,
    split: Path,
    *,
    out: Path,
    params: Params,
    failures: Sequence[Mapping[str, str]],
    recipe: Mapping[str, Any],
) -> Facts:
    """Gather pictures, scores, curves and failures in one page; beside it the median test shape's strip."""
    from t3d.datasets.images import write_png
    from t3d.report.page import Inputs, report_page
    from t3d.report.pictures import sheet

    made = (views, mesh, reconstructions, photos, template, correspondence, analysis, network, scores, split)
    text, median = report_page(Inputs(*made, failures, recipe), max(params.shapes, 3), params.picture)
    (out / "report.html").write_text(text, encoding="utf-8")
    if median:
        write_png(out / "median.png", sheet(median, params.picture))
    return {"bytes": len(text.encode())}
