"""Which shapes a report shows, and their pictures: reconstructions from best to worst, the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from t3d.geometry.mesh import Mesh
from t3d.report.pictures import (
    MADE,
    TRUE,
    around,
    draw,
    input_view,
    place_colors,
    view_camera,
)
from t3d.report.strip import Subject, Tile, reconstruction, strip
from t3d.report.summary import Score
from t3d.report.viewer import solid

if TYPE_CHECKING:
    from t3d.models.network import Network

ByPart = Mapping[str, Mapping[str, Path]]
"""Folder of a per-shape artifact, by part of the split and shape id."""

PARTS = {"test": "test", "train": "train_scored"}
"""Part of the split by the name it has in score files."""

ANGLES = ((-35.0, 22.0), (145.0, 22.0))
"""Azimuth and elevation in degrees of the two pictures of a template: from the front, from behind."""


@dataclass(frozen=True)
class Card:
    """One shape of a gallery: its place in the ranking, and a score and a strip for each view choice."""

    shape: str
    label: str
    rows: tuple[tuple[str, Score, tuple[Tile, ...]], ...]


def ranked(scores: Sequence[Score], variant: str, part: str) -> list[Score]:
    """Scores of one network on one part from the fixed view, best first, those without a number last."""
    mine = [one for one in at_first_level(scores, variant, part) if one.choice == "fix"]
    return sorted(mine, key=lambda one: (one.chamfer is None, one.chamfer or 0.0, one.shape))


def at_first_level(scores: Sequence[Score], method: str, part: str) -> list[Score]:
    """Scores of one method on one part from views of its first level: easy ones, where there are any."""
    mine = [one for one in scores if (one.method, one.part) == (method, part)]
    return [one for one in mine if one.level == min(other.level for other in mine)]


def chosen(count: int, shown: int) -> list[int]:
    """Ranks to show out of `count`: first, middle and last, the others spread evenly between; at least 3."""
    anchors = {0, (count - 1) // 2, count - 1} if count else set()
    others = [rank for rank in range(count) if rank not in anchors]
    extra = min(max(shown - len(anchors), 0), len(others))
    spread = {others[(2 * index + 1) * len(others) // (2 * extra)] for index in range(extra)}
    return sorted(anchors | spread)


def rank_label(rank: int, count: int) -> str:
    """What a place in the ranking is called: best, median, worst, or its number."""
    if count == 1:
        return "only shape"
    names = {(count - 1) // 2: "median", count - 1: "worst", 0: "best"}
    return names.get(rank, f"rank {rank + 1} of {count}")


@dataclass(frozen=True)
class ShapeFolders:
    """ByPart of the per-shape artifacts that pictures are made from, for one variant."""

    views: ByPart
    mesh: ByPart
    reconstructions: ByPart

    def subject(self, part: str, shape: str, choice: str) -> Subject | None:
        """What is needed to draw a shape from the view of a choice; None when something of it is lost."""
        from t3d.datasets.formats import read_json

        name = PARTS[part]
        found = [one.get(name, {}).get(shape) for one in (self.views, self.mesh, self.reconstructions)]
        views, mesh, made = found
        if views is None or mesh is None or made is None:
            return None
        return Subject(views, mesh, made, read_json(made / "choices.json")[choice])


def cards(
    scores: Sequence[Score], folders: ShapeFolders, network: "Network", part: str, shown: int, size: int
) -> list[Card]:
    """The gallery of one part of the split, from best to worst, pictures `size` pixels wide."""
    order = ranked(scores, network.variant, part)
    mine = at_first_level(scores, network.variant, part)
    by_choice = {(one.shape, one.choice): one for one in reversed(mine)}  # of several draws the first
    found = []
    for rank in chosen(len(order), shown):
        shape = order[rank].shape
        rows = []
        for choice in ("fix", "rnd"):
            score = by_choice.get((shape, choice))
            if score:
                subject = folders.subject(part, shape, choice)
                tiles = strip(subject, network, size) if subject else []
                rows.append((choice, score, tuple(tiles)))
        found.append(Card(shape, rank_label(rank, len(order)), tuple(rows)))
    return found


def side_by_side(
    folders: Mapping[str, ShapeFolders], shapes: Sequence[str], part: str, size: int
) -> list[tuple[str, list[Tile]]]:
    """For each shape its id, input view, ground truth, and what every variant made of that view.

    Shapes that one of the variants has lost are left out.
    """
    from t3d.datasets.meshes import read_ply

    strips = []
    for shape in shapes:
        subjects = {variant: one.subject(part, shape, "fix") for variant, one in folders.items()}
        known = {variant: one for variant, one in subjects.items() if one}
        if len(known) < len(folders):
            continue
        first = next(iter(known.values()))
        camera = view_camera(first.views, first.view, size)
        truth = draw(read_ply(first.mesh / "mesh.ply"), camera, TRUE)
        tiles = [Tile("input view", input_view(first.views, first.view)), Tile("ground truth", truth)]
        for variant, subject in known.items():
            made = reconstruction(subject)
            tiles.append(Tile(variant, draw(made, camera, MADE) if made else None, "no surface"))
        strips.append((shape, tiles))
    return strips


def solid_tiles(subject: Subject, template: Path, size: int) -> list[Tile]:
    """A reconstruction, the true shape and the template, to be turned; what has no surface is left out."""
    from t3d.datasets.meshes import read_ply

    made, path = reconstruction(subject), template / "template.ply"
    tiles = [_solid("reconstruction", made, MADE, size)] if made else []
    tiles.append(_solid("ground truth", read_ply(subject.mesh / "mesh.ply"), TRUE, size))
    if path.exists():
        mesh = read_ply(path)
        tiles.append(_solid("template", mesh, place_colors(mesh.vertices), size))
    return tiles


def _solid(caption: str, mesh: Mesh, color: tuple[int, int, int] | NDArray[np.uint8], size: int) -> Tile:
    return Tile(caption, draw(mesh, around(*ANGLES[0], size), color), solid=solid(mesh, color))
