"""Which shapes a report shows, and their pictures: strips of one shape each, from best to worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from t3d.datasets.formats import read_json, read_transform
from t3d.datasets.images import read_rgb
from t3d.datasets.meshes import read_ply
from t3d.geometry.cameras import Camera
from t3d.geometry.mesh import Mesh
from t3d.report import pictures
from t3d.report.pictures import MADE, TRUE, Color, Tile, tile
from t3d.report.summary import PARTS, ByPart, Score
from t3d.report.tables import method_name
from t3d.report.viewer import solid

if TYPE_CHECKING:
    from t3d.models.network import Network


@dataclass(frozen=True)
class Subject:
    """One shape reconstructed from one of its views: folders of its artifacts, and the view (`easy/30`)."""

    views: Path
    mesh: Path
    reconstruction: Path
    view: str

    def camera(self, size: int) -> Camera:
        """That of the view, for pictures `size` pixels wide."""
        return pictures.view_camera(self.views, self.view, size)

    def seen(self) -> Tile:
        """The view itself."""
        return Tile("input view", pictures.input_view(self.views, self.view))

    def truth(self) -> Mesh:
        """The true shape, in the unit frame."""
        return read_ply(self.mesh / "mesh.ply")

    def made(self) -> Mesh | None:
        """The reconstruction, in the unit frame by the ground truth's transform; None: there is none."""
        path = self.reconstruction / f"{self.view}.ply"
        if not path.exists():
            return None
        mesh = read_ply(path)
        return Mesh(read_transform(self.mesh / "transform.json").apply(mesh.vertices), mesh.faces)

    def reason(self) -> str:
        """Why there is none, as far as the reconstruction noted it."""
        status = read_json(self.reconstruction / "choices.json").get(self.view, {})
        return str(status.get("reason", ""))


@dataclass(frozen=True)
class ShapeFolders:
    """Folders of the per-shape artifacts that pictures are made from, for one variant."""

    views: ByPart
    mesh: ByPart
    reconstructions: ByPart

    def subject(self, part: str, shape: str) -> Subject | None:
        """What is needed to draw a shape from the fixed view; None when something of it is lost."""
        folders = [one.get(PARTS[part], {}) for one in (self.views, self.mesh, self.reconstructions)]
        if not all(shape in shapes for shapes in folders):
            return None
        views, mesh, made = (shapes[shape] for shapes in folders)
        return Subject(views, mesh, made, read_json(made / "choices.json")["fix"])


@dataclass(frozen=True)
class Card:
    """One shape of a gallery: its place in the ranking, its score and its strip, empty where it was lost."""

    shape: str
    label: str
    score: Score
    tiles: Sequence[Tile]


def ranked(scores: Sequence[Score], variant: str, part: str) -> list[Score]:
    """Scores of one network on one part from the fixed view, best first, those without a number last.

    Of views of the first level: easy ones, where there are any.
    """
    mine = [one for one in scores if (one.method, one.part, one.choice) == (variant, part, "fix")]
    first = [one for one in mine if one.level == min(other.level for other in mine)]
    return sorted(first, key=lambda one: (one.chamfer is None, one.chamfer or 0.0, one.shape))


def chosen(count: int, shown: int) -> list[int]:
    """Ranks to show out of `count`, at most `shown` > 2: the first, the middle, the last, others evenly."""
    spread = np.linspace(0, count - 1, min(count, shown - 1)).astype(int).tolist()
    return sorted({*spread, (count - 1) // 2}) if count else []


def rank_label(rank: int, count: int) -> str:
    """What a place in the ranking is called: best, median, worst, or its number."""
    if count == 1:
        return "only shape"
    names = {(count - 1) // 2: "median", count - 1: "worst", 0: "best"}
    return names.get(rank, f"rank {rank + 1} of {count}")


def strip(subject: Subject, network: "Network", size: int) -> list[Tile]:
    """Four tiles from the camera of the input view, the drawn ones `size` pixels wide.

    Meshes are drawn in the unit frame. Where the network made no surface, its two tiles say why.
    """
    camera, mesh = subject.camera(size), subject.made()
    note = "" if mesh else subject.reason()
    image = read_rgb(subject.views / f"{subject.view}.png")
    colors = pictures.template_colors(mesh, image, network) if mesh else TRUE
    return [
        subject.seen(),
        tile("reconstruction", mesh, camera, MADE, note),
        tile("ground truth", subject.truth(), camera),
        tile("template colours", mesh, camera, colors, note),
    ]


def cards(
    scores: Sequence[Score], folders: ShapeFolders, network: "Network", part: str, shown: int, size: int
) -> list[Card]:
    """The gallery of one part of the split, from best to worst, pictures `size` pixels wide."""
    order, found = ranked(scores, network.variant, part), []
    for rank in chosen(len(order), shown):
        subject = folders.subject(part, order[rank].shape)
        tiles = strip(subject, network, size) if subject else []
        found.append(Card(order[rank].shape, rank_label(rank, len(order)), order[rank], tiles))
    return found


def side_by_side(
    folders: Mapping[str, ShapeFolders], shapes: Sequence[str], part: str, scores: Sequence[Score], size: int
) -> list[tuple[str, list[Tile]]]:
    """For each shape its id, input view, ground truth, what every variant made of that view, and the training
    shapes that retrieval by the first variant and the oracle answer with.

    Shapes that one of the variants has lost are left out.
    """
    first, strips = next(iter(folders)), []
    for shape in shapes:
        subjects = {variant: one.subject(part, shape) for variant, one in folders.items()}
        known = {variant: one for variant, one in subjects.items() if one}
        if len(known) == len(folders):
            camera = known[first].camera(size)
            truth = tile("ground truth", known[first].truth(), camera)
            made = [tile(method_name(who), one.made(), camera, MADE) for who, one in known.items()]
            found = _retrieved([one for one in scores if (one.part, one.shape) == (part, shape)], first)
            train = folders[first].mesh.get("train", {})
            answers = [
                tile(f"{how}: {answer}", read_ply(train[answer] / "mesh.ply"), camera, MADE)
                for how, answer in found.items()
                if answer in train
            ]
            strips.append((shape, [known[first].seen(), truth, *made, *answers]))
    return strips


def _retrieved(scores: Sequence[Score], variant: str) -> dict[str, str]:
    """What retrieval by the pictures of a variant and the oracle answer for a shape."""
    names = {("retrieval", variant, "fix"): "retrieved", ("oracle-retrieval", "", "any"): "oracle"}
    keys = {(one.method, one.variant, one.choice): one.answer for one in reversed(scores)}
    return {name: keys[key] for key, name in names.items() if key in keys}


def solid_tiles(subject: Subject, template: Path, size: int) -> list[Tile]:
    """A reconstruction, the true shape and the template, to be turned; what has no surface is left out."""
    made, path = subject.made(), template / "template.ply"
    tiles = [_solid("reconstruction", made, MADE, size)] if made else []
    tiles.append(_solid("ground truth", subject.truth(), TRUE, size))
    if path.exists():
        mesh = read_ply(path)
        tiles.append(_solid("template", mesh, pictures.place_colors(mesh.vertices), size))
    return tiles


def _solid(caption: str, mesh: Mesh, color: Color, size: int) -> Tile:
    camera = pictures.around(*pictures.ANGLES[0], size, pictures.reach([mesh]))
    return replace(tile(caption, mesh, camera, color), solid=solid(mesh, color))
