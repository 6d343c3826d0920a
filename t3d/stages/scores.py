"""Scores of reconstructions, of baselines and of oracles, under named protocols."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from t3d.pipeline import Each, Facts, Parts, Shapes, Variants, stage

if TYPE_CHECKING:
    import numpy as np

    from t3d.geometry.clouds import Body
    from t3d.geometry.mesh import Mesh
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
    """Folders of what is scored, as the stage reads them, what was lost on the way, and the protocols."""

    reconstructions: Mapping[str, Parts]
    oracle_code: Mapping[str, Parts]
    mesh: Parts
    surface: Parts
    template: Shapes
    retrieved: Mapping[str, Mapping[str, Any]]
    """Content of `retrieval.json` by variant; that of the oracle under ""."""
    failures: Sequence[Mapping[str, str]]
    protocols: "Sequence[Protocol]"
    seed: int

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
    protocols, seed = chosen(params.protocols, params.skip), int(rng.integers(2**32))
    folders = (reconstructions, oracle_code, mesh, surface, template)
    inputs = Inputs(*folders, retrieved, failures, protocols, seed)
    parts = read_json(split / "split.json")
    wanted = [(part, shape) for part, name in PARTS.items() for shape in parts[name]]
    expected = {variant: _views(shapes) for variant, shapes in reconstructions.items()}
    sought = {variant for variant, shapes in oracle_code.items() if _sought(shapes)}

    def scored(who: tuple[str, str]) -> "list[Score]":
        return _scores(inputs, *who, [*_attempts(inputs, *who, expected, sought)])

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


def _sought(made: Parts) -> bool:
    """Whether best codes were asked for."""
    from t3d.datasets.formats import read_json

    known = next((folder for shapes in made.values() for folder in shapes.values()), None)
    return known is not None and read_json(known / "code.json")["status"] != "off"


def _attempts(
    inputs: Inputs,
    part: str,
    shape: str,
    expected: Mapping[str, Mapping[tuple[str, str], int]],
    sought: Collection[str],
) -> Iterator[Attempt]:
    """Everything that is to be scored for a shape, in the order of the tables."""
    from t3d.datasets.formats import read_json
    from t3d.report.summary import ANY

    lost, blind = inputs.lost(shape), {"level": ANY, "choice": ANY, "view": ""}
    for variant in sorted(inputs.reconstructions):
        who, template = {"method": variant, "variant": variant}, inputs.template[variant]
        made, oracle = (
            one[variant].get(PARTS[part], {}).get(shape)
            for one in (inputs.reconstructions, inputs.oracle_code)
        )
        known = read_json(made / "choices.json") if made else {"views": {}}
        seen = [*_pictures(known["views"], expected[variant])]
        for labels in seen:
            reason = known[labels["view"]].get("reason", "") if labels["view"] else lost
            file = made / f"{labels['view']}.ply" if made and labels["view"] else None
            yield Attempt({**who, **labels}, file, reason or "no reconstruction was made")
        for labels in seen:
            found = inputs.retrieved[variant].get(shape, {}).get(labels["view"], {})
            yield _retrieved({**who, **labels, "method": "retrieval"}, found, inputs.mesh)
        for method, name in BASELINES.items():
            reason = read_json(template / "template.json").get(name, {}).get("reason", "")
            yield Attempt({**who, **blind, "method": method}, template / f"{name}.ply", reason, placed=False)
        if variant in sought:
            reason = read_json(oracle / "code.json").get("reason", "") if oracle else lost
            file = oracle / "mesh.ply" if oracle else None
            yield Attempt({**who, **blind, "method": "oracle-code"}, file, reason or "no code was sought")
    labels = {"method": "oracle-retrieval", "variant": "", **blind}
    yield _retrieved(labels, inputs.retrieved[""].get(shape, {}), inputs.mesh)


def _pictures(
    chosen: Mapping[str, Mapping[str, Sequence[str]]], expected: Mapping[tuple[str, str], int]
) -> Iterator[dict[str, str]]:
    """Level, choice and view of every picture that a shape is made from; empty views where it was lost."""
    for (level, choice), count in expected.items():
        for view in chosen.get(level, {}).get(choice, [""] * count):
            yield {"level": level, "choice": choice, "view": view}


def _retrieved(labels: Mapping[str, str], found: Mapping[str, Any], mesh: Parts) -> Attempt:
    if not found:
        return Attempt(labels, None, "no training shape to retrieve, or no picture to retrieve by")
    labels = {**labels, "answer": found["shape"]}
    return Attempt(labels, mesh["train"][found["shape"]] / "mesh.ply", placed=False)


def _scores(inputs: Inputs, part: str, shape: str, attempts: Sequence[Attempt]) -> "list[Score]":
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
        return Body(_original(mesh / "mesh.ply", mesh)), Body(points), None

    found = subjects(inputs.protocols, shape, inputs.seed, truth, True)
    read = {(one.file, one.reason): _prediction(one, mesh) for one in attempts}
    scored = [{key: subject.score(body) for key, body in read.items()} for subject in found]
    return [
        replace(known[one.file, one.reason], **one.labels, part=part) for known in scored for one in attempts
    ]


def _prediction(attempt: Attempt, truth: Path | None) -> "Body | str":
    """The predicted mesh in the original frame, or why there is none that can be scored."""
    from t3d.datasets.meshes import read_ply
    from t3d.errors import DataError
    from t3d.geometry.clouds import Body

    if attempt.file is None or not attempt.file.is_file():
        return attempt.reason or "missing"
    try:
        return Body(read_ply(attempt.file) if attempt.placed else _original(attempt.file, truth))
    except DataError as error:
        return str(error)


def _original(path: Path, truth: Path | None) -> "Mesh":
    """A mesh of the unit frame, by the way back of a `mesh` folder."""
    from t3d.datasets.formats import read_transform
    from t3d.datasets.meshes import read_ply
    from t3d.errors import DataError
    from t3d.geometry.mesh import Mesh

    if truth is None:
        raise DataError("no ground truth to place it by")
    mesh = read_ply(path)
    return Mesh(read_transform(truth / "transform.json").invert(mesh.vertices), mesh.faces)
