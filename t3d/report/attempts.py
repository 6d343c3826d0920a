"""What is scored of every shape: what networks made of its pictures, their baselines, and oracles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from t3d.datasets.formats import read_json, read_transform
from t3d.datasets.meshes import read_ply, read_points
from t3d.errors import DataError
from t3d.geometry.clouds import Body, Cloud
from t3d.geometry.mesh import Mesh
from t3d.geometry.protocols import Protocol
from t3d.report.scoring import ANY, PARTS, ByPart, Predictions, Score, scores_of

BASELINES = {"template": "template", "mean-code": "mean"}
"""File of a baseline in the template's folder by its name in the scores."""

Labels = dict[str, Any]
"""Some of those of a `Score`."""


@dataclass(frozen=True)
class Made:
    """What one network made and what it is compared with: folders, and the content of `retrieval.json`."""

    variant: str
    reconstructions: ByPart
    oracle_code: ByPart
    template: Path
    retrieved: Mapping[str, Any]

    @cached_property
    def views(self) -> dict[tuple[str, str], int]:
        """How many views are scored by level and choice: what is expected of a shape that was lost, too."""
        counts: dict[tuple[str, str], int] = {}
        for folder in (one for shapes in self.reconstructions.values() for one in shapes.values()):
            for level, choices in read_json(folder / "choices.json")["views"].items():
                for choice, views in choices.items():
                    counts[level, choice] = max(len(views), counts.get((level, choice), 0))
        return counts or {("easy", "fix"): 1}

    @cached_property
    def sought(self) -> bool:
        """Whether best codes were asked for."""
        known = next((folder for shapes in self.oracle_code.values() for folder in shapes.values()), None)
        return known is not None and read_json(known / "code.json")["status"] != "off"


@dataclass(frozen=True)
class Truths:
    """What shapes are scored against, what training shapes are nearest, and what was lost on the way."""

    mesh: ByPart
    surface: ByPart
    nearest: Mapping[str, Any]
    failures: Sequence[Mapping[str, str]]

    def lost(self, shape: str) -> str:
        """What happened to a shape upstream."""
        return "; ".join(f"{one['stage']}: {one['reason']}" for one in self.failures if one["shape"] == shape)

    def body(self, part: str, shape: str) -> tuple[Body, Body, None]:
        """The mesh and the visible points of a shape, in its original frame; DataError where it was lost."""
        mesh, surface = (one.get(PARTS[part], {}).get(shape) for one in (self.mesh, self.surface))
        if mesh is None or surface is None:
            raise DataError(self.lost(shape) or "no surface points were made")
        points = Cloud(read_points(surface / "surface.ply")[0])
        return _original(mesh / "mesh.ply", mesh), Body(points), None


def scored(
    truths: Truths, made: Sequence[Made], who: tuple[str, str], protocols: Sequence[Protocol], seed: int
) -> list[Score]:
    """Every score of a shape, in the order of the tables; who: part as in score files, and id."""
    part, shape = who
    load = partial(truths.body, part, shape)
    return scores_of(shape, protocols, load, _attempts(truths, made, part, shape), seed, floors=True)


def _attempts(truths: Truths, made: Sequence[Made], part: str, shape: str) -> Predictions:
    """Everything that is to be scored for a shape: labels, and the mesh or why there is none."""
    name, lost = PARTS[part], truths.lost(shape)
    blind = {"part": part, "level": ANY, "choice": ANY, "view": ""}
    read = cache(partial(_read, truths.mesh.get(name, {}).get(shape)))

    def retrieved(labels: Labels, found: Mapping[str, str]) -> tuple[Labels, Body | str]:
        if not found:
            return labels, "no training shape to retrieve, or no picture to retrieve by"
        mesh = truths.mesh["train"][found["shape"]] / "mesh.ply"
        return labels | {"answer": found["shape"]}, read(mesh, "", False)

    for one in made:
        who, answers = {"variant": one.variant, "part": part}, one.retrieved.get(shape, {})
        folder, best = (of.get(name, {}).get(shape) for of in (one.reconstructions, one.oracle_code))
        known = read_json(folder / "choices.json") if folder else {"views": {}}
        seen = [
            who | {"level": level, "choice": choice, "view": view}
            for (level, choice), count in one.views.items()
            for view in known["views"].get(level, {}).get(choice, [""] * count)  # none of a lost shape
        ]
        for labels in seen:
            view = labels["view"]
            found = read(folder / f"{view}.ply", known[view].get("reason", "")) if folder and view else lost
            yield labels | {"method": one.variant}, found or "no reconstruction was made"
        for labels in seen:
            yield retrieved(labels | {"method": "retrieval"}, answers.get(labels["view"], {}))
        for method, file in BASELINES.items():
            reason = read_json(one.template / "template.json").get(file, {}).get("reason", "")
            yield who | blind | {"method": method}, read(one.template / f"{file}.ply", reason, False)
        if one.sought:
            found = read(best / "mesh.ply", read_json(best / "code.json").get("reason", "")) if best else lost
            yield who | blind | {"method": "oracle-code"}, found or "no code was sought"
    yield retrieved(blind | {"method": "oracle-retrieval", "variant": ""}, truths.nearest.get(shape, {}))


def _read(truth: Path | None, file: Path, reason: str, placed: bool = True) -> Body | str:
    """A predicted mesh in the original frame, or why there is none that can be scored.

    truth: the shape's `mesh` folder. reason: why the file is not there, where that is known. placed: whether
    the file is in the original frame already; else in the unit frame.
    """
    if not file.is_file():
        return reason or f"{file.name}: missing"
    if truth is None:
        return "no ground truth to place it by"
    try:
        return Body(read_ply(file)) if placed else _original(file, truth)
    except DataError as error:
        return str(error)


def _original(file: Path, truth: Path) -> Body:
    """A mesh of the unit frame in the original one of a `mesh` folder."""
    mesh = read_ply(file)
    return Body(Mesh(read_transform(truth / "transform.json").invert(mesh.vertices), mesh.faces))
