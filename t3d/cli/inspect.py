"""`t3d inspect`: a line per mesh."""

import json
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="A JSON object per mesh and line.")
def inspect(paths: tuple[Path, ...], as_json: bool) -> None:
    """What each mesh is, what is wrong with it, and how its inside is told from its outside.

    PATHS are mesh files, or folders of them. Status 1 if a mesh is refused.
    """
    from t3d.tasks import inspect as task

    listed = [pair for path in paths for pair in task.meshes(path).items()]
    width = max(len(shape) for shape, _ in listed)
    refused = 0
    for shape, path in listed:
        found = task.inspect(path)
        refused += found["verdict"].startswith("refused")
        row = {"shape": shape, "path": str(path), **found}
        click.echo(json.dumps(row) if as_json else f"{shape:<{width}}  {_line(found)}")
    raise SystemExit(1 if refused else 0)


def _line(found: dict[str, Any]) -> str:
    state, _, reasons = found["verdict"].partition(": ")
    if state == "refused":
        return f"refused  {reasons}"
    closed = "watertight" if found["watertight"] else "open" if found["open_edges"] else "nonmanifold"
    winding = "consistent" if found["consistent_winding"] else "mixed"
    known = f"{found['faces']:>8} faces  {found['components']:>5} parts  {closed:<11}  {winding:<10}"
    why = f"{reasons + '; ' if reasons else ''}sign: {found['sign_method']} ({found['sign_reason']})"
    return f"{state:<7}  {known}  {found['texture']:<8}  {why}"
