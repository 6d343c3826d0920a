"""Which shapes a report shows, and their pictures: strips of one shape each, from best to worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.cameras import read_cameras
from t3d.datasets.formats import read_json, read_npz, read_transform
from t3d.datasets.images import read_rgb
from t3d.datasets.meshes import read_ply
from t3d.geometry.cameras import Camera, resized
from t3d.geometry.mesh import Mesh
from t3d.report import pictures
from t3d.report.pictures import MADE, TRUE, Color, Tile, tile
from t3d.report.scoring import PARTS, ByPart, Score
from t3d.report.tables import method_name

if TYPE_CHECKING:
    from t3d.models.network import Network


def view_camera(views: Path, view: str) -> Camera:
    """Camera of a rendered view such as `easy/30` of a `views` folder, in the unit frame."""
    level, number = view.split("/")
    return read_cameras(views / "cameras.json")[level][int(number)]


@dataclass(frozen=True)
class Subject:
    """One shape reconstructed from one of its views: folders of its artifacts, and the view (`easy/30`)."""

    views: Path
    mesh: Path
    reconstruction: Path
    view: str

    def camera(self, size: int) -> Camera:
        """That of the view, for pictures `size` pixels wide."""
        return resized(view_camera(self.views, self.view), size)

    def image(self) -> NDArray[np.uint8]:
        """The view itself, (H, W, 3) on white."""
        return read_rgb(self.views / f"{self.view}.png")

    def seen(self) -> Tile:
        """The view without its background."""
        level, number = self.view.split("/")
        (masks,) = read_npz(self.views / "masks.npz", level)
        return Tile("input view", pictures.cut_out(self.image(), masks[int(number)]))

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


Card = tuple[str, Score, list[Tile]]
"""One shape of a gallery: its place in the ranking, its score and its strip, empty where it was lost."""


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
    colors = pictures.template_colors(mesh, subject.image(), network) if mesh else TRUE
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
        found.append((rank_label(rank, len(order)), order[rank], tiles))
    return found


def side_by_side(
    folders: Mapping[str, ShapeFolders], part: str, scores: Sequence[Score], size: int
) -> list[tuple[str, list[Tile]]]:
    """Some shapes, from the first network's best to its worst, each with its id, input view, ground truth,
    what every network made of that view, and the training shapes that retrieval by the first network and the
    oracle answer with.

    Shapes that one of the networks has lost are left out.
    """
    order, strips = ranked(scores, next(iter(folders)), part), []
    for shape in (order[rank].shape for rank in chosen(len(order), 4)):
        known = [one for one in (of.subject(part, shape) for of in folders.values()) if one]
        if len(known) == len(folders):
            camera = known[0].camera(size)
            made = zip(folders, known, strict=True)
            tiles = [known[0].seen(), tile("ground truth", known[0].truth(), camera)]
            tiles += [tile(method_name(who), one.made(), camera, MADE) for who, one in made]
            own = [one for one in scores if (one.part, one.shape) == (part, shape)]
            strips.append((shape, [*tiles, *_answers(own, *next(iter(folders.items())), camera)]))
    return strips


def _answers(scores: Sequence[Score], variant: str, folders: ShapeFolders, camera: Camera) -> list[Tile]:
    """What retrieval by the pictures of a variant and the oracle answer for a shape, by its scores."""
    asked = {"retrieved": ("retrieval", variant, "fix"), "oracle": ("oracle-retrieval", "", "any")}
    train, tiles = folders.mesh.get("train", {}), []
    for name, key in asked.items():
        found = [one.answer for one in scores if (one.method, one.variant, one.choice) == key]
        if found and found[0] in train:
            mesh = read_ply(train[found[0]] / "mesh.ply")
            tiles.append(tile(f"{name}: {found[0]}", mesh, camera, MADE))
    return tiles


def solid_tiles(subject: Subject, template: Path, size: int) -> list[Tile]:
    """A reconstruction, the true shape and the template, to be turned; what has no surface is left out."""
    path = template / "template.ply"
    standard = read_ply(path) if path.exists() else None
    drawn: list[tuple[str, Mesh | None, Color]] = [("reconstruction", subject.made(), MADE)]
    drawn.append(("ground truth", subject.truth(), TRUE))
    drawn.append(("template", standard, pictures.place_colors(standard.vertices) if standard else TRUE))
    tiles = []
    for caption, mesh, color in drawn:
        if mesh:
            camera = pictures.around(*pictures.ANGLES[0], size, pictures.reach([mesh]))
            tiles.append(Tile(caption, pictures.draw(mesh, camera, color), solid=pictures.solid(mesh, color)))
    return tiles
