"""What corresponds between the shapes of a category by way of its template: pictures and figures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t3d.pipeline import Each, Facts, Parts, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many training shapes are shown and compared."""

    sheet: int = 60
    """Training shapes on the sheet that shows them in the template's colours, evenly over the sorted ids."""
    compared: int = 24
    """Training shapes of which every ordered pair is compared."""
    shown: int = 3
    """Of those, how many are shown on their way to the template, and pairs that are shown."""
    between: int = 128
    """Cells of the box [-1, 1]^3 along each axis for shapes between two codes."""
    picture: int = 160
    """Width of a picture, in pixels."""


@stage(
    per="set",
    version=4,
    command="template",
    files=("sections.json", "pairs.csv", "sheet.png", "steps.png", "transfer.png", "between.png"),
)
def correspondence(
    network: Path,
    template: Path,
    mesh: Annotated[Parts, Each("train")],
    labels: Annotated[Parts, Each("train")],
    *,
    out: Path,
    params: Params,
) -> Facts:
    """Warp training shapes to the template, and carry points and labels of parts from one to another."""
    from t3d.datasets.images import write_png
    from t3d.datasets.meshes import read_ply
    from t3d.datasets.splits import evenly
    from t3d.models.network import load
    from t3d.report import correspondence as report
    from t3d.report.pictures import sheet
    from t3d.report.sections import write_sections
    from t3d.report.tables import write_table

    model, paths = load(network), (template / "template.ply", template / "mean.ply")
    standard, mean = (read_ply(path) if path.exists() else None for path in paths)
    artist = report.Artist(model, standard, mean, params.picture, params.between)
    known = {shape: model.codes[shape] for shape in sorted(mesh["train"].keys() & model.codes.keys())}
    meshes = {shape: mesh["train"][shape] for shape in known if shape in labels["train"]}
    compared = {shape: meshes[shape] for shape in evenly(list(meshes), params.compared)}
    members, parts = report.read_members(compared, labels["train"], known, model)
    together = {shape: meshes[shape] for shape in evenly(list(meshes), params.sheet)}
    drawn = artist.pictures(members, params.shown, together, known)
    for name, rows in drawn.items():
        tiles = [tile for row in rows for tile in row]
        write_png(out / f"{name}.png", sheet(tiles, params.picture, min(len(rows[0]), 8)))
    pairs = report.pair_rows(members)
    write_table(out / "pairs.csv", pairs)
    overlaps = report.overlap_rows([one.code for one in members], model)
    tables = {"sheet": overlaps, "transfer": report.pair_summary(pairs)}
    return write_sections(out, report.sections(tables, list(drawn), parts))
