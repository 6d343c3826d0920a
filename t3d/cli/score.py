"""`t3d score`: any method's meshes under named protocols."""

import json
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import click

from t3d.cli.console import grouped, say

PATH = click.Path(path_type=Path)
NAMES = ("t3d-v1", "deepsdf", "disn", "p2m", "onet", "what3d")
FRAMES = ("same", "unit", "edge", "disn", "p2m")


@click.command()
@click.argument("pred", type=PATH)
@click.argument("gt", type=PATH)
@click.option("-p", "--protocol", multiple=True, type=click.Choice([*NAMES, "all"]), default=NAMES[:1],
              show_default=True, help="What is measured, and how; may be repeated.")  # fmt: skip
@click.option("--out", type=PATH, help="Folder for scores.json, scores.csv, table.md and table.tex.")
@click.option("--pairs", type=PATH, help="CSV of what belongs together: prediction, truth[, shape, view].")
@click.option("--gt-points", type=PATH, help="Clouds that a protocol brings as ground truth, in GT's frame.")
@click.option("--gt-meshes", type=PATH, help="Re-meshed surfaces that a protocol brings, in GT's frame.")
@click.option("--frame", type=click.Choice(FRAMES), default="same", show_default=True,
              help="Frame of PRED: GT's, or that of DeepSDF, ONet, DISN, Pixel2Mesh.")  # fmt: skip
@click.option("--failures", type=click.Choice(["penalise", "drop"]), default="penalise", show_default=True,
              help="Count lost predictions as a point in the middle, or leave them out.")  # fmt: skip
@click.option("--max-failures", type=click.IntRange(0), help="More lost: status 1. [default: 10 % of PRED]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of drawn points.")
@click.option("--workers", type=click.IntRange(0), help="Processes; 0: only this one. [default: one per CPU]")
@click.option("--timeout", type=click.FloatRange(0), default=600, show_default=True,
              help="Seconds for a prediction; longer is a failure. 0, or --workers 0: no limit.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No tables, no progress.")
@click.option("--json", "as_json", is_flag=True, help="One machine-readable last line.")
def score(pred: Path, gt: Path, **options: Any) -> None:
    """Score the shapes in PRED against those in GT.

    Both are files, or folders of files named by shape: PLY, OBJ, OFF, STL, GLB (meshes or points), NPZ
    (points). A folder named by a shape holds a file per view. Missing, empty and broken predictions are
    penalised, not left out.
    """
    from t3d.geometry.protocols import find_protocol
    from t3d.pipeline.runner import cores
    from t3d.report import results, tables
    from t3d.tasks import score as task

    names = NAMES if "all" in options["protocol"] else dict.fromkeys(options["protocol"])
    protocols, own = tuple(map(find_protocol, names)), (options["gt_points"], options["gt_meshes"])
    jobs = task.jobs_of((pred, gt, options["pairs"]), own, protocols, options["seed"])
    workers = min(cores() if options["workers"] is None else options["workers"], len(jobs))
    frame = "original" if options["frame"] == "same" else options["frame"]
    where = sys.stderr if sys.stderr.isatty() and not options["quiet"] else StringIO()
    with click.progressbar(length=len(jobs), label="scoring", file=where) as bar:
        placed, limit = [replace(job, frame=frame) for job in jobs], options["timeout"] or None
        scores = task.run(placed, workers, lambda: bar.update(1), limit)
    given = [name for name, folder in zip(("points", "meshes"), own, strict=True) if folder]
    result = results.summarise(scores, protocols, given, options["seed"], options["failures"] == "drop")
    result["frame"] = frame
    _tell(result)
    printed = tables.result_tables(result)
    if not options["quiet"]:
        click.echo("\n".join(map(tables.markdown, printed)))
    if options["out"]:
        results.write(options["out"], "scores", result, scores, printed)
    if options["as_json"]:
        click.echo(json.dumps(result))
    lost, most = {(one["shape"], one["view"]) for one in result["lost"]}, options["max_failures"]
    raise SystemExit(int(len(lost) > (0.1 * len(scores) / len(protocols) if most is None else most)))


def _tell(result: dict[str, Any]) -> None:
    """Losses and doubts, to standard error."""
    for line in grouped((f"{one['shape']} {one['view']}".strip(), one["reason"]) for one in result["lost"]):
        say(f"lost: {line}")
    if result["boxes"]["same"] is False:
        say(
            f"warning: boxes of predictions are {result['boxes']['ratio']:.3g} times as large as the ground"
            f" truth's and {result['boxes']['shift']:.2g} diagonals away (medians); if that is no error of"
            " theirs, name their --frame"
        )
