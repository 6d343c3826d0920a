"""Scores of reconstructions, of baselines and of oracles, under named protocols."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from t3d.pipeline import Each, Facts, Parts, Progress, Shapes, Variants, stage
from t3d.stages import Rng


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
    rng: Rng,
    progress: Progress,
    threads: int,
    failures: Sequence[Mapping[str, str]],
) -> Facts:
    """Score every network and its baselines on test and on some training shapes; failures are penalised."""
    from t3d.datasets.formats import read_json
    from t3d.geometry.protocols import chosen
    from t3d.report.attempts import Made, Truths, scored
    from t3d.report.results import compare, write
    from t3d.report.scoring import PARTS
    from t3d.report.tables import score_tables

    protocols, seed = chosen(params.protocols, params.skip), int(rng.integers(2**32))
    nearest, *answers = (read_json(one / "retrieval.json") for one in (oracle_retrieval, *retrieval.values()))
    truths = Truths(mesh, surface, nearest, failures)
    made = [
        Made(name, reconstructions[name], oracle_code[name], template[name], found)
        for name, found in sorted(zip(retrieval, answers, strict=True))
    ]
    parts = read_json(split / "split.json")
    wanted = [(part, shape) for part, name in PARTS.items() for shape in parts[name]]
    rows = _each(lambda one: scored(truths, made, one, protocols, seed), wanted, threads, progress)
    metrics = compare(rows, protocols, seed, params.resamples)
    write(out, "metrics", metrics, rows, score_tables(metrics))
    return {"protocols": [one["label"] for one in metrics["protocols"]], "rows": len(rows)}


def _each(
    score: Callable[[Any], list[Any]], shapes: Sequence[Any], threads: int, progress: Progress
) -> list[Any]:
    """The scores of all shapes, in order."""
    from concurrent.futures import ThreadPoolExecutor

    rows: list[Any] = []
    with ThreadPoolExecutor(threads) as pool:  # the search for nearest points lets other threads run
        for done, found in enumerate(pool.map(score, shapes), start=1):
            rows += found
            progress(done, len(shapes))
    return rows
