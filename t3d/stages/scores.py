"""Scores of reconstructions, of baselines and of oracles, under named protocols."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from t3d.pipeline import Each, Facts, Parts, Shapes, Variants, stage

if TYPE_CHECKING:
    import numpy as np

    from t3d.geometry.clouds import Body
    from t3d.geometry.protocols import Protocol
    from t3d.report.summary import Score

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
class Attempt:
    """A prediction for a shape that has to be scored, whether it is there or not."""

    labels: Mapping[str, Any]
    """Method, variant, level, choice, view and answer, as in `Score`."""
    file: Path | None
    reason: str = ""
    """Why the file is not there, where that is known."""
    placed: bool = True
    """Whether it is in the original frame already; else in the unit frame."""


@dataclass(frozen=True)
class Inputs:
    """Folders of what is scored, as the stage reads them, and what was lost on the way."""

    reconstructions: Mapping[str, Parts]
    oracle_code: Mapping[str, Parts]
    mesh: Parts
    surface: Parts
    template: Shapes
    retrieved: Mapping[str, Mapping[str, Any]]
    """Content of `retrieval.json` by variant; that of the oracle under ""."""
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
    inputs = Inputs(reconstructions, oracle_code, mesh, surface, template, retrieved, failures)
    protocols, seed = chosen(params.protocols, params.skip), int(rng.integers(2**32))
    parts = read_json(split / "split.json")
    wanted = [(part, shape) for part, name in PARTS.items() for shape in parts[name]]
    views = {variant: _views(shapes) for variant, shapes in reconstructions.items()}

    def scored(who: tuple[str, str]) -> "list[Score]":
        return _scores(inputs, who, [*_attempts(inputs, *who, views)], protocols, seed)

    with ThreadPoolExecutor(threads) as pool:  # the search for nearest points lets other threads run
        rows = [row for found in pool.map(scored, wanted) for row in found]
    metrics = compare(rows, protocols, seed, params.resamples)
    write(out, "metrics", metrics, rows, score_tables(metrics))
    return {"protocols": [one["label"] for one in metrics["protocols"]], "rows": len(rows)}


def _views(made: Parts) -> dict[tuple[str, str], int]:
    """How many views are scored by level and choice: what is expected of a shape that was lost, too."""
    from t3d.datasets.formats import read_json

    counts: dict[tuple[str, str], int] = {}
    for shapes in made.values():
        for folder in shapes.values():
            for level, choices in read_json(folder / "choices.json")["views"].items():
                for choice, views in choices.items():
                    counts[level, choice] = max(len(views), counts.get((level, choice), 0))
    return counts or {("easy", "fix"): 1}


def _attempts(
    inputs: Inputs, part: str, shape: str, views: Mapping[str, Mapping[tuple[str, str], int]]
) -> Iterator[Attempt]:
    """Everything that is to be scored for a shape, in the order of the tables."""
    from t3d.report.summary import ANY

    name = PARTS[part]
    for variant in sorted(inputs.reconstructions):
        folder = inputs.reconstructions[variant].get(name, {}).get(shape)
        seen = list(_pictures(folder, views[variant]))
        for labels, view in seen:
            yield _reconstruction(
                {**labels, "method": variant, "variant": variant}, folder, view, inputs.lost(shape)
            )
        for labels, view in seen:
            found = inputs.retrieved[variant].get(shape, {}).get(view, {})
            yield _retrieved({**labels, "method": "retrieval", "variant": variant}, found, inputs.mesh)
        blind = {"variant": variant, "level": ANY, "choice": ANY, "view": ""}
        for method, file in BASELINES.items():
            folder = inputs.template[variant]
            reason = _outcome(folder / "template.json", file)
            yield Attempt({**blind, "method": method}, folder / f"{file}.ply", reason, placed=False)
        yield from _oracle(inputs.oracle_code[variant], name, shape, blind, inputs.lost(shape))
    labels = {"method": "oracle-retrieval", "variant": "", "level": ANY, "choice": ANY, "view": ""}
    yield _retrieved(labels, inputs.retrieved[""].get(shape, {}), inputs.mesh)


def _pictures(
    folder: Path | None, expected: Mapping[tuple[str, str], int]
) -> Iterator[tuple[dict[str, str], str]]:
    """Level, choice and view of every picture that a shape is made from; empty views where it was lost."""
    from t3d.datasets.formats import read_json

    chosen = read_json(folder / "choices.json")["views"] if folder else {}
    for (level, choice), count in expected.items():
        for view in chosen.get(level, {}).get(choice, [""] * count):
            yield {"level": level, "choice": choice, "view": view}, view


def _reconstruction(labels: Mapping[str, str], folder: Path | None, view: str, lost: str) -> Attempt:
    if folder is None or not view:
        return Attempt(labels, None, lost or "no reconstruction was made")
    return Attempt(labels, folder / f"{view}.ply", _outcome(folder / "choices.json", view))


def _retrieved(labels: Mapping[str, str], found: Mapping[str, Any], mesh: Parts) -> Attempt:
    if not found:
        return Attempt(labels, None, "no training shape to retrieve, or no picture to retrieve by")
    labels = {**labels, "answer": found["shape"]}
    return Attempt(labels, mesh["train"][found["shape"]] / "mesh.ply", placed=False)


def _oracle(made: Parts, part: str, shape: str, blind: Mapping[str, str], lost: str) -> Iterator[Attempt]:
    """The attempt from the best code; none where that was not asked for."""
    from t3d.datasets.formats import read_json

    folder, labels = made.get(part, {}).get(shape), {**blind, "method": "oracle-code"}
    known = folder or next((one for shapes in made.values() for one in shapes.values()), None)
    if known is None or read_json(known / "code.json")["status"] == "off":
        return
    if folder is None:
        yield Attempt(labels, None, lost or "no code was sought")
    else:
        yield Attempt(labels, folder / "mesh.ply", read_json(folder / "code.json").get("reason", ""))


def _outcome(path: Path, key: str) -> str:
    """Why an extraction left no file, from the statuses beside it."""
    from t3d.datasets.formats import read_json

    status: str = read_json(path).get(key, {}).get("reason", "")
    return status


def _scores(
    inputs: Inputs,
    who: tuple[str, str],
    attempts: Sequence[Attempt],
    protocols: "Sequence[Protocol]",
    seed: int,
) -> "list[Score]":
    """Scores of a shape's attempts; a mesh that stands for several is scored once."""
    from t3d.report.summary import subjects

    part, shape = who
    found = subjects(protocols, shape, seed, lambda: _truth(inputs, part, shape), True)
    read = {(one.file, one.reason): _prediction(one, inputs, part, shape) for one in attempts}
    scored = [{key: subject.score(body) for key, body in read.items()} for subject in found]
    return [
        replace(known[one.file, one.reason], **one.labels, part=part) for known in scored for one in attempts
    ]


def _truth(inputs: Inputs, part: str, shape: str) -> "tuple[Body, Body, None]":
    """The mesh and the visible points of a shape, in its original frame; DataError where they were lost."""
    from t3d.datasets.formats import read_transform
    from t3d.datasets.meshes import read_ply, read_points
    from t3d.errors import DataError
    from t3d.geometry.clouds import Body, Cloud
    from t3d.geometry.mesh import Mesh

    mesh, surface = (one.get(PARTS[part], {}).get(shape) for one in (inputs.mesh, inputs.surface))
    if mesh is None or surface is None:
        raise DataError(inputs.lost(shape) or "no surface points were made")
    unit = read_ply(mesh / "mesh.ply")
    whole = Mesh(read_transform(mesh / "transform.json").invert(unit.vertices), unit.faces)
    return Body(whole), Body(Cloud(read_points(surface / "surface.ply")[0])), None


def _prediction(attempt: Attempt, inputs: Inputs, part: str, shape: str) -> "Body | str":
    """The predicted mesh in the original frame, or why there is none that can be scored."""
    from t3d.datasets.formats import read_transform
    from t3d.datasets.meshes import read_ply
    from t3d.errors import DataError
    from t3d.geometry.clouds import Body
    from t3d.geometry.mesh import Mesh

    if attempt.file is None or not attempt.file.is_file():
        return attempt.reason or f"{attempt.file and attempt.file.name}: missing"
    folder = inputs.mesh.get(PARTS[part], {}).get(shape)
    if folder is None:
        return "no ground truth to place it by"
    try:
        mesh = read_ply(attempt.file)
    except DataError as error:
        return str(error)
    if not attempt.placed:
        mesh = Mesh(read_transform(folder / "transform.json").invert(mesh.vertices), mesh.faces)
    return Body(mesh)
