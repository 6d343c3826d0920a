"""Scores of reconstructions, of baselines and of oracles, under named protocols."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from t3d.pipeline import Each, Facts, Parts, Shapes, Variants, stage

if TYPE_CHECKING:
    import numpy as np

    from t3d.geometry.clouds import Body
    from t3d.geometry.protocols import Protocol
    from t3d.report.summary import Score

    Attempt = tuple[Mapping[str, Any], Body | str]  # labels as in `Score`; the mesh, or why there is none

PARTS = {"test": "test", "train": "train_scored"}
"""Part of the split by the name it has in the scores."""

BASELINES = {"template": "template", "mean-code": "mean"}
"""File of a baseline in the template's folder by its name in the scores."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """Under which protocols, and how intervals are found."""

    protocols: tuple[Literal["t3d-v1", "deepsdf", "disn", "p2m", "onet", "what3d"], ...] = (
        "deepsdf",
        "t3d-v1",
    )
    """Protocols of `t3d score`, the one that the report is about first (`docs/metrics.md`)."""

    skip: tuple[Literal["emd", "normals", "iou", "surface", "hausdorff"], ...] = ()
    """Kinds of metrics that are left out to save time."""

    resamples: int = 10_000
    """Bootstrap samples behind each 95 % interval."""


@dataclass(frozen=True)
class Inputs:
    """What is scored and what it is scored against, as the stage reads it, and what was lost on the way."""

    reconstructions: Mapping[str, Parts]
    oracle_code: Mapping[str, Parts]
    template: Shapes
    retrieved: Mapping[str, Mapping[str, Any]]
    """Content of `retrieval.json` by variant; that of the oracle under ""."""
    mesh: Parts
    surface: Parts
    failures: Sequence[Mapping[str, str]]

    def lost(self, shape: str) -> str:
        """What happened to a shape upstream."""
        return "; ".join(f"{one['stage']}: {one['reason']}" for one in self.failures if one["shape"] == shape)


@stage(
    per="set",
    version=2,
    command="evaluate",
    files=("metrics.csv", "metrics.json", "table.md", "table.tex"),
    timeout=None,
)
def scores(
    reconstructions: Annotated[Mapping[str, Parts], Each("test", "train_scored", variants=True)],
    oracle_code: Annotated[Mapping[str, Parts], Each("test", "train_scored", variants=True)],
    retrieval: Annotated[Shapes, Variants()],
    oracle_retrieval: Path,
    mesh: Annotated[Parts, Each("train", "test", "train_scored")],
    surface: Annotated[Parts, Each("test", "train_scored")],
    template: Annotated[Shapes, Variants()],
    split: Path,
    *,
    out: Path,
    params: Params,
    rng: "np.random.Generator",
    threads: int,
    failures: Sequence[Mapping[str, str]],
) -> Facts:
    """Score every network and its baselines on test and on some training shapes; failures are penalised."""
    from concurrent.futures import ThreadPoolExecutor

    from t3d.datasets.formats import read_json
    from t3d.geometry.protocols import chosen
    from t3d.report.results import compare, write
    from t3d.report.tables import score_tables

    found = {**retrieval, "": oracle_retrieval}.items()
    retrieved = {variant: read_json(folder / "retrieval.json") for variant, folder in found}
    inputs = Inputs(reconstructions, oracle_code, template, retrieved, mesh, surface, failures)
    protocols, seed = chosen(params.protocols, params.skip), int(rng.integers(2**32))
    parts = read_json(split / "split.json")
    wanted = [(part, shape) for part, name in PARTS.items() for shape in parts[name]]
    expected = {variant: _views(shapes) for variant, shapes in reconstructions.items()}

    def scored(who: tuple[str, str]) -> "list[Score]":
        return _scores(inputs, *who, [*_attempts(inputs, *who, expected)], protocols, seed)

    with ThreadPoolExecutor(threads) as pool:  # the search for nearest points lets other threads run
        rows = [row for found in pool.map(scored, wanted) for row in found]
    metrics = compare(rows, protocols, seed, params.resamples)
    write(out, "metrics", metrics, rows, score_tables(metrics))
    return {"protocols": [one["label"] for one in metrics["protocols"]], "rows": len(rows)}


def _views(made: Parts) -> dict[tuple[str, str], int]:
    """How many views are scored by level and choice: what is expected of a shape that was lost, too."""
    from t3d.datasets.formats import read_json

    counts: dict[tuple[str, str], int] = {}
    for folder in (one for shapes in made.values() for one in shapes.values()):
        for level, choices in read_json(folder / "choices.json")["views"].items():
            for choice, views in choices.items():
                counts[level, choice] = max(len(views), counts.get((level, choice), 0))
    return counts or {("easy", "fix"): 1}


def _attempts(
    inputs: Inputs, part: str, shape: str, expected: Mapping[str, Mapping[tuple[str, str], int]]
) -> "Iterator[Attempt]":
    """Everything that is to be scored for a shape, in the order of the tables; a mesh is read once."""
    from t3d.datasets.formats import read_json
    from t3d.report.summary import ANY

    name, lost, train = PARTS[part], inputs.lost(shape), inputs.mesh.get("train", {})
    read = cache(partial(_read, inputs.mesh.get(name, {}).get(shape)))
    blind = {"level": ANY, "choice": ANY, "view": ""}

    def retrieved(labels: Mapping[str, str], found: Mapping[str, str]) -> "Attempt":
        if not found:
            return labels, "no training shape to retrieve, or no picture to retrieve by"
        return {**labels, "answer": found["shape"]}, read(train[found["shape"]] / "mesh.ply", "", False)

    for variant in sorted(inputs.reconstructions):
        who, answers = {"method": variant, "variant": variant}, inputs.retrieved[variant].get(shape, {})
        folder = inputs.reconstructions[variant].get(name, {}).get(shape)
        known = read_json(folder / "choices.json") if folder else {"views": {}}
        seen = [*_pictures(known["views"], expected[variant])]
        for labels in seen:
            if folder and labels["view"]:
                reason = known[labels["view"]].get("reason", "")
                yield who | labels, read(folder / f"{labels['view']}.ply", reason)
            else:
                yield who | labels, lost or "no reconstruction was made"
        for labels in seen:
            yield retrieved({**who, **labels, "method": "retrieval"}, answers.get(labels["view"], {}))
        template = inputs.template[variant]
        for method, file in BASELINES.items():
            reason = read_json(template / "template.json").get(file, {}).get("reason", "")
            yield {**who, **blind, "method": method}, read(template / f"{file}.ply", reason, False)
        for folder in _sought(inputs.oracle_code[variant], name, shape):
            best = (
                read(folder / "mesh.ply", read_json(folder / "code.json").get("reason", ""))
                if folder
                else lost
            )
            yield {**who, **blind, "method": "oracle-code"}, best or "no code was sought"
    labels = {"method": "oracle-retrieval", "variant": "", **blind}
    yield retrieved(labels, inputs.retrieved[""].get(shape, {}))


def _pictures(
    chosen: Mapping[str, Mapping[str, Sequence[str]]], expected: Mapping[tuple[str, str], int]
) -> Iterator[dict[str, str]]:
    """Level, choice and view of every picture that a shape is made from; empty views where it was lost."""
    for (level, choice), count in expected.items():
        for view in chosen.get(level, {}).get(choice, [""] * count):
            yield {"level": level, "choice": choice, "view": view}


def _sought(made: Parts, part: str, shape: str) -> list[Path | None]:
    """The folder of a shape's best code, None where it was lost; nothing if codes were not asked for."""
    from t3d.datasets.formats import read_json

    asked = next((folder for shapes in made.values() for folder in shapes.values()), None)
    if asked is None or read_json(asked / "code.json")["status"] == "off":
        return []
    return [made.get(part, {}).get(shape)]


def _read(truth: Path | None, file: Path, reason: str, placed: bool = True) -> "Body | str":
    """A predicted mesh in the original frame, or why there is none that can be scored.

    truth: the shape's `mesh` folder. reason: why the file is not there, where that is known. placed: whether
    the file is in the original frame already; else in the unit frame.
    """
    from t3d.datasets.meshes import read_ply
    from t3d.errors import DataError
    from t3d.geometry.clouds import Body

    if not file.is_file():
        return reason or f"{file.name}: missing"
    if truth is None:
        return "no ground truth to place it by"
    try:
        return Body(read_ply(file)) if placed else _original(file, truth)
    except DataError as error:
        return str(error)


def _original(file: Path, truth: Path) -> "Body":
    """A mesh of the unit frame in the original one of a `mesh` folder."""
    from t3d.datasets.formats import read_transform
    from t3d.datasets.meshes import read_ply
    from t3d.geometry.clouds import Body
    from t3d.geometry.mesh import Mesh

    mesh = read_ply(file)
    return Body(Mesh(read_transform(truth / "transform.json").invert(mesh.vertices), mesh.faces))


def _scores(
    inputs: Inputs,
    part: str,
    shape: str,
    attempts: "Sequence[Attempt]",
    protocols: "Sequence[Protocol]",
    seed: int,
) -> "list[Score]":
    """Scores of a shape's attempts; a mesh that stands for several is scored once."""
    from t3d.datasets.meshes import read_points
    from t3d.errors import DataError
    from t3d.geometry.clouds import Body, Cloud
    from t3d.report.summary import subjects

    mesh, surface = (one.get(PARTS[part], {}).get(shape) for one in (inputs.mesh, inputs.surface))

    def truth() -> tuple[Body, Body, None]:
        if mesh is None or surface is None:
            raise DataError(inputs.lost(shape) or "no surface points were made")
        points = Cloud(read_points(surface / "surface.ply")[0])
        return _original(mesh / "mesh.ply", mesh), Body(points), None

    rows = []
    for subject in subjects(protocols, shape, seed, truth, True):
        score = cache(subject.score)
        rows += [replace(score(prediction), **labels, part=part) for labels, prediction in attempts]
    return rows
