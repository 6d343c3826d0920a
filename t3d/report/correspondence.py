"""Pictures and figures of what corresponds: shapes and the template they are all warped to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.formats import read_json, read_npz
from t3d.datasets.meshes import read_ply
from t3d.datasets.splits import evenly
from t3d.geometry.correspondence import Placed, counterparts, cycle_error, label_agreement, lattice, overlap
from t3d.geometry.mesh import Mesh, bounds
from t3d.report.figures import SERIES
from t3d.report.pictures import ANGLES, Tile, around, place_colors, reach, tile, warped
from t3d.report.sections import Section, section
from t3d.report.tables import Rows

if TYPE_CHECKING:
    from t3d.models.network import Floats, Network

Folders = Mapping[str, Path]
Codes = Mapping[str, "Floats"]
"""By shape."""

EDGE = 0.04
"""Longest edge of triangles that are coloured by their corners, in unit-frame lengths."""

PARTS = dict(
    zip("blue vermilion green pink orange sky-blue yellow".split(), (*SERIES, "#f0e442"), strict=True)
)
"""Colours of parts, in turn, by what they are called."""

GRID = 32
"""Cells of the box [-1, 1]^3 along each axis at which insides are compared."""

WAYS = ("through the template", "in the unit frame")
"""Where a point's counterpart on another shape is looked for, the nearest one there."""


@dataclass(frozen=True, eq=False)
class Member:
    """A training shape: its mesh in the unit frame, its code, and labelled points on its surface, by `WAYS`
    with their places in the template's frame and in the unit frame.
    """

    shape: str
    mesh: Mesh
    code: "Floats"
    placed: Mapping[str, Placed]


def read_members(
    meshes: Folders, labels: Folders, codes: Codes, network: "Network"
) -> tuple[list[Member], list[str]]:
    """Shapes from their `mesh` and `labels` folders, and the names that their labels are places in."""
    named = {shape: read_json(labels[shape] / "parts.json") for shape in meshes}
    names = sorted({name for some in named.values() for name in some})
    members = []
    for shape, folder in meshes.items():
        points, found = read_npz(labels[shape] / "labels.npz", "points", "labels")
        numbers = np.array([*map(names.index, named[shape]), -1])[found]
        places = (network.warp(points, codes[shape]).astype(np.float64), points)
        placed = {way: Placed(points, at, numbers) for way, at in zip(WAYS, places, strict=True)}
        members.append(Member(shape, read_fine(folder), codes[shape], placed))
    return members, names


def read_fine(folder: Path) -> Mesh:
    """The mesh of a `mesh` folder, its faces divided until edges are short enough to be coloured."""
    from trimesh.remesh import subdivide_to_size

    mesh = read_ply(folder / "mesh.ply")
    vertices, faces = subdivide_to_size(mesh.vertices, mesh.faces, EDGE, max_iter=20)
    return Mesh(np.asarray(vertices), np.asarray(faces, dtype=np.int64))


Drawing = tuple[str, Mesh | None, NDArray[np.uint8]]
"""A caption, a mesh or None where there is no surface, and colours (V, 3) of its vertices."""


def tiles(row: Sequence[Drawing], size: int) -> list[Tile]:
    """Drawings from the front, all by one camera, which sees whatever a warp moves out."""
    camera = around(*ANGLES[0], size, reach(mesh for _, mesh, _ in row if mesh))
    return [tile(caption, mesh, camera, colors) for caption, mesh, colors in row]


@dataclass(frozen=True, eq=False)
class Artist:
    """Draws shapes of a network in the colours of its template, pictures `size` pixels wide.

    template, mean: the network's meshes, None where there is no surface; the template's box has all colours,
    what is beyond is clamped. resolution: cells along each axis where surfaces have to be found.
    """

    network: "Network"
    template: Mesh | None
    mean: Mesh | None
    size: int
    resolution: int

    def drawing(self, caption: str, mesh: Mesh | None, places: NDArray[np.floating] | None = None) -> Drawing:
        """A mesh coloured by places (V, 3) of its vertices on the template: their own, if none are given."""
        own = mesh.vertices if mesh else np.empty((0, 3))
        return caption, mesh, self.colors(own if places is None else places)

    def colors(self, places: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Colours (N, 3) of places (N, 3) in the template's frame."""
        low, high = bounds(self.template) if self.template else (-np.ones(3), np.ones(3))
        return place_colors(2 * (places - low) / (high - low) - 1)

    def warped(self, caption: str, mesh: Mesh | None, code: "Floats") -> Drawing:
        """A mesh coloured by where on the template its code warps it to."""
        return self.drawing(caption, mesh, None if mesh is None else warped(mesh, self.network, code))

    def steps(self, member: Member) -> list[Drawing]:
        """A shape, the same at the four supervised steps of its warp, colours following, and the template."""
        vertices, faces = member.mesh.vertices, member.mesh.faces
        stages = [stage.astype(np.float64) for stage in self.network.warp_steps(vertices, member.code)]
        every = self.network.steps // len(stages)
        drawings = [self.drawing(member.shape, member.mesh, stages[-1])]
        for number, places in enumerate(stages, start=1):
            drawings.append(self.drawing(f"step {every * number}", Mesh(places, faces), stages[-1]))
        return [*drawings, self.drawing("template", self.template)]

    def transfer(self, source: Member, target: Member) -> list[Drawing]:
        """Parts of a shape (places, if it has none) carried to another by template and by place; its own."""
        template, unit = WAYS
        ours, mesh, vertices = source.placed, target.mesh, target.mesh.vertices
        carried = [
            (f"parts of {source.shape}", source.mesh, ours[unit], source.mesh.vertices),
            (template, mesh, ours[template], warped(mesh, self.network, target.code)),
            (unit, mesh, ours[unit], vertices),
            (f"parts of {target.shape}", mesh, target.placed[unit], vertices),
        ]
        return [(name, on, _paint(placed)[counterparts(placed, at)]) for name, on, placed, at in carried]

    def between(self, one: Member, other: Member) -> Iterator[Drawing]:
        """Shapes of the codes on the straight line between two."""
        for share in np.linspace(0, 1, 7):
            code = ((1 - share) * one.code + share * other.code).astype(np.float32)
            caption = {0.0: one.shape, 1.0: other.shape}.get(float(share), f"{share:.0%}")
            yield self.warped(caption, self._surface(code), code)

    def _surface(self, code: "Floats") -> Mesh | None:
        from t3d.geometry.isosurface import NoSurface, extract

        try:
            return extract(lambda at: self.network.sdf(at, code), self.resolution)
        except NoSurface:
            return None

    def pictures(
        self, members: Sequence[Member], shown: int, sheet: Folders, codes: Codes
    ) -> dict[str, list[list[Tile]]]:
        """Rows of tiles of each picture by its name, with `shown` members or pairs of them.

        sheet: `mesh` folders of the shapes shown together, after template and mean; codes: theirs.
        """
        pairs = list(zip(members, members[len(members) // 2 :], strict=False))
        together = [self.warped(one, read_fine(folder), codes[one]) for one, folder in sheet.items()]
        mean = self.warped("mean code", self.mean, self.network.mean_code)
        drawn: dict[str, list[list[Drawing]]] = {
            "sheet": [[self.drawing("template", self.template), mean, *together]],
            "steps": [self.steps(one) for one in evenly(members, shown)],
            "transfer": [self.transfer(*pair) for pair in evenly(pairs, shown)],
            "between": [list(self.between(*pair)) for pair in evenly(pairs, 2)],
        }
        return {name: [tiles(row, self.size) for row in rows] for name, rows in drawn.items()}


def _paint(placed: Placed) -> NDArray[np.uint8]:
    """Colours (N, 3) of labelled points: of their parts, grey without, of their places where none has any."""
    if (placed.labels < 0).all():
        return place_colors(placed.points)
    palette = np.array([tuple(bytes.fromhex(color[1:])) for color in PARTS.values()], np.uint8)
    return np.where(placed.labels[:, None] < 0, np.uint8(225), palette[placed.labels % len(palette)])


def pair_rows(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Two rows for every ordered pair: what transfer through the template and in the unit frame come to."""
    rows = []
    for one, other in permutations(members, 2):
        for way in WAYS:
            pair = one.placed[way], other.placed[way]
            figures = {"label agreement": label_agreement(*pair), "cycle error": cycle_error(*pair)}
            rows.append({"source": one.shape, "target": other.shape, "nearest point": way, **figures})
    return rows


def pair_summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over pairs, both ways of each; pairs that share no part have no label agreement."""
    summary = []
    for way in WAYS if rows else ():
        means: dict[str, Any] = {"nearest point": way}
        for name in ("label agreement", "cycle error"):
            known = [row[name] for row in rows if row["nearest point"] == way and row[name] is not None]
            means |= {name: float(np.mean(known)) if known else None, f"pairs, {name}": len(known)}
        summary.append(means)
    return summary


def overlap_rows(codes: Sequence["Floats"], network: "Network") -> list[dict[str, Any]]:
    """How much what may stand for all shapes, the template or a mean, shares with each of them."""
    points = lattice(GRID)
    each, template = [network.sdf(points, code) for code in codes], network.template_sdf(points)
    means = {"mean code": network.sdf(points, network.mean_code), "mean distance": np.mean(each, axis=0)}
    rows = []
    for name, values in {"template": template, **means}.items():
        shared = float(np.mean([overlap(values, one) for one in each]))
        figures = {"IoU with the template": overlap(values, template), "mean IoU with the shapes": shared}
        rows.append({"shape": name, **figures, "shapes": len(each)})
    return rows


def sections(tables: Mapping[str, Rows], names: Sequence[str], parts: Sequence[str]) -> list[Section]:
    """The sections of the pictures named, with their tables; parts: names of the shapes' parts."""
    colored = ", ".join(f"{part} {color}" for part, color in zip(parts, cycle(PARTS), strict=False))
    about = colored or "without parts: its place there"
    return [section("correspondence", one, f"{one}.png", tables.get(one, ()), about) for one in names]
