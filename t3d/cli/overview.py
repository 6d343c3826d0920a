"""`t3d overview`: one page across the categories of a work folder."""

from pathlib import Path

import click

from t3d.cli.console import say
from t3d.errors import UsageError


@click.command()
@click.option(
    "--work", type=click.Path(path_type=Path), default=Path("work"), envvar="T3D_WORK", help="The store."
)
def overview(work: Path) -> None:
    """The latest reports of all categories on one page, WORK/index.html, with their scores side by side."""
    from t3d.pipeline.runs import latest_run
    from t3d.report.page import overview_page

    found = {}
    for runs in sorted(work.glob("*/runs")):
        root = runs.parent
        try:
            made = latest_run(root, "report")
        except UsageError:
            continue
        report, scores = (root / made["artifacts"][name][""] for name in ("report", "scores"))
        found[root.name] = report, scores, not made["settings"].get("data")
    if not found:
        raise UsageError(f"{work}: no report in it yet; start one with `t3d run`")
    path = work / "index.html"
    path.write_text(overview_page(work, found), encoding="utf-8")
    say(str(path))
