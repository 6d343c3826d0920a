"""Scores of reconstructions and of baselines that ignore the image, under the protocol `deepsdf`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from t3d.pipeline import Each, Facts, Parts, Shapes, Variants, stage

if TYPE_CHECKING:
    import numpy as np

    from t3d.geometry.evaluation import Truth
    from t3d.geometry.mesh import Mesh
    from t3d.geometry.normalize import Transform
    from t3d.report.summary import Score

PARTS = {"test": "test", "train": "train_scored"}
"""Part of the split by the name it has in the scores."""

BASELINES = {"template": "template", "mean-code": "mean"}
"""File of a baseline in the template's folder by its name in the scores."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """How intervals are found; everything else is fixed by the protocol."""

    resamples: int = 10_000
    """Bootstrap samples behind each 95 % interval."""


@dataclass(frozen=True)
class Attempt:
    """A prediction for a shape that has to be scored, whether it is there or not."""

    labels: Mapping[str, str]
    """Method, variant, level, choice and view, as in `Score`."""
    file: Path
    placed: bool
    """Whether it is in the original frame already; else in the unit frame."""
    reason: str
    """Why the file is not there, where that is known."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A shape with its ground truth, if it has one."""

    part: str
    shape: str
    truth: "Truth | None"
    transform: "Transform | None"
    reason: str
    """Why it was lost upstream, if it was."""
    floor: float | None


@stage(
    per="set",
    version=1,
    command="evaluate",
    files=("metrics.csv", "metrics.json", "table.md", "table.tex"),
)
def scores(
    reconstructions: Annotated[Mapping[str, Parts], Each("test", "train_scored", variants=True)],
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

    from t3d.datasets.formats import read_json, write_json
    from t3d.report.summary import write_scores

    seed = int(rng.integers(2**32))

    def scored(part: str, shape: str) -> "tuple[Subject, list[Score]]":
        name = PARTS[part]
        subject = _subject((part, shape), surface.get(name, {}).get(shape), failures, seed)
        made = {variant: reconstructions[variant].get(name, {}) for variant in sorted(reconstructions)}
        attempts = _attempts(shape, made, template, subject.reason)
        return subject, [_score(subject, attempt, seed) for attempt in attempts]

    parts = read_json(split / "split.json")
    wanted = [(part, shape) for part, name in PARTS.items() for shape in parts[name]]
    with ThreadPoolExecutor(threads) as pool:  # the search for nearest points lets other threads run
        done = list(pool.map(lambda task: scored(*task), wanted))
    write_scores(out / "metrics.csv", [score for _, found in done for score in found])
    metrics = _metrics(done, seed, params.resamples)
    write_json(out / "metrics.json", metrics)
    _write_tables(out, metrics)
    return {"protocol": metrics["protocol"], "rows": metrics["rows"]}


def _subject(
    who: tuple[str, str],
    surface: Path | None,
    failures: Sequence[Mapping[str, str]],
    seed: int,
) -> Subject:
    """The ground truth of a shape from its `surface` folder (None: lost upstream)."""
    from t3d.datasets.formats import read_normalization
    from t3d.datasets.meshes import read_points
    from t3d.geometry.clouds import Body, Cloud
    from t3d.geometry.evaluation import truth
    from t3d.geometry.metrics import sampling_floor
    from t3d.geometry.protocols import DEEPSDF

    part, shape = who
    records = [f"{record['stage']}: {record['reason']}" for record in failures if record["shape"] == shape]
    reason = "; ".join(records)
    if surface is None:
        return Subject(part, shape, None, None, reason or "no surface points were made", None)
    points, _ = read_points(surface / "surface.ply")
    floor = sampling_floor(points, _generator(seed, shape))
    true = truth(DEEPSDF, Body(Cloud(points)), _generator(seed, shape))
    transform = read_normalization(surface / "normalization.npz")
    return Subject(part, shape, true, transform, reason, floor)


def _attempts(shape: str, made: Mapping[str, Shapes], template: Shapes, lost: str) -> Iterator[Attempt]:
    """Everything that is to be scored for a shape, in the order of the tables."""
    from t3d.report.summary import ANY

    for variant, folders in made.items():
        for choice in ("fix", "rnd"):
            labels = {"method": variant, "variant": variant, "level": "easy", "choice": choice}
            yield _reconstruction(labels, folders.get(shape), lost)
        for method, name in BASELINES.items():
            labels = {"method": method, "variant": variant, "level": "easy", "choice": ANY, "view": ""}
            reason = _outcome(template[variant] / "template.json", name)
            yield Attempt(labels, template[variant] / f"{name}.ply", False, reason)


def _reconstruction(labels: Mapping[str, str], folder: Path | None, lost: str) -> Attempt:
    from t3d.datasets.formats import read_json

    if folder is None:
        return Attempt({**labels, "view": ""}, Path(), True, lost or "no reconstruction was made")
    view = read_json(folder / "choices.json")[labels["choice"]]
    reason = _outcome(folder / "choices.json", view)
    return Attempt({**labels, "view": view}, folder / f"{view}.ply", True, reason)


def _outcome(path: Path, key: str) -> str:
    """Why an extraction left no file, from the statuses beside it."""
    from t3d.datasets.formats import read_json

    status: str = read_json(path).get(key, {}).get("reason", "")
    return status


def _score(subject: Subject, attempt: Attempt, seed: int) -> "Score":
    from t3d.errors import DataError
    from t3d.geometry.clouds import Body
    from t3d.geometry.evaluation import evaluate, failed
    from t3d.geometry.protocols import DEEPSDF
    from t3d.report.summary import FAILED, NO_TRUTH, OK, Score

    chamfer_only = replace(DEEPSDF, metrics=DEEPSDF.metrics[:1])  # its EMD costs most, and is shown nowhere

    labels = {**attempt.labels, "part": subject.part, "shape": subject.shape}
    if subject.truth is None or subject.transform is None:
        return Score(**labels, status=NO_TRUTH, reason=subject.reason, chamfer=None)
    rng = _generator(seed, subject.shape)
    try:
        prediction = Body(_prediction(attempt, subject.transform))
    except DataError as error:
        values, status, reason = failed(chamfer_only, subject.truth, rng), FAILED, str(error)
    else:
        values, status, reason = evaluate(chamfer_only, subject.truth, prediction, rng), OK, ""
    return Score(**labels, status=status, reason=reason, chamfer=values["chamfer-l2"])


def _prediction(attempt: Attempt, transform: "Transform") -> "Mesh":
    """The predicted mesh in the original frame; DataError where there is none that can be scored."""
    from t3d.datasets.meshes import read_ply
    from t3d.errors import DataError
    from t3d.geometry.mesh import Mesh

    if not attempt.file.is_file():
        raise DataError(attempt.reason or f"{attempt.file.name}: missing")
    mesh = read_ply(attempt.file)
    return mesh if attempt.placed else Mesh(transform.invert(mesh.vertices), mesh.faces)


def _generator(seed: int, shape: str) -> "np.random.Generator":
    """The same for all methods on a shape, and independent of which other shapes there are."""
    import numpy as np

    return np.random.default_rng([seed, *shape.encode()])


def _metrics(done: "Sequence[tuple[Subject, list[Score]]]", seed: int, resamples: int) -> dict[str, Any]:
    """Content of `metrics.json`; the floor of a part is the mean of its shapes' floors."""
    from t3d.geometry.protocols import DEEPSDF, FAILURES
    from t3d.report.summary import comparisons, summaries

    found = [score for _, of_shape in done for score in of_shape]
    floors: dict[str, list[float]] = {part: [] for part in PARTS}
    for subject, _ in done:
        floors[subject.part] += [subject.floor] if subject.floor is not None else []
    return {
        "protocol": DEEPSDF.name,
        "protocol_version": DEEPSDF.version,
        "factor": DEEPSDF.metrics[0].factor,
        "failures": FAILURES,
        "floor": {part: sum(known) / len(known) if known else None for part, known in floors.items()},
        "rows": summaries(found, seed, resamples),
        "comparisons": comparisons(found, seed, resamples),
    }


def _write_tables(out: Path, metrics: Mapping[str, Any]) -> None:
    from t3d.report.tables import latex, markdown, score_tables

    tables = score_tables(metrics)
    (out / "table.md").write_text("\n".join(map(markdown, tables)), encoding="utf-8")
    (out / "table.tex").write_text("\n".join(map(latex, tables)), encoding="utf-8")
