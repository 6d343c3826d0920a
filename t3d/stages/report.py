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
    """Shapes shown of the test and of the training part each; best, median and worst are always there."""

    picture: int = 224
    """Width of the drawn pictures, in pixels (that of the rendered views)."""


@stage(per="set", version=1, command="report", files=("report.html",))
def report(
    views: Annotated[Parts, Each("test", "train_scored")],
    mesh: Annotated[Parts, Each("train", "test", "train_scored")],
    reconstructions: Annotated[Mapping[str, Parts], Each("test", "train_scored", variants=True)],
    template: Annotated[Shapes, Variants()],
    network: Annotated[Shapes, Variants()],
    scores: Path,
    split: Path,
    *,
    out: Path,
    params: Params,
    failures: Sequence[Mapping[str, str]],
    recipe: Mapping[str, Any],
) -> Facts:
    """Gather pictures, scores, curves and failures in one page."""
    from t3d.report.page import Inputs, report_page

    inputs = Inputs(views, mesh, reconstructions, template, network, scores, split, failures, recipe)
    page = report_page(inputs, params.shapes, params.picture).encode()
    (out / "report.html").write_bytes(page)
    return {"bytes": len(page)}
