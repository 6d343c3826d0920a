"""The report: one HTML file with everything inside, to be opened anywhere, offline."""

import importlib.metadata
import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets.splits import is_chosen
from t3d.report.comparison import comparison_tables
from t3d.report.figures import distribution
from t3d.report.gallery import (
    PARTS,
    ByPart,
    ShapeFolders,
    cards,
    chosen,
    ranked,
    side_by_side,
    solid_tiles,
)
from t3d.report.pictures import data_uri, input_image
from t3d.report.retrieval import retrieval_strips
from t3d.report.sections import inlined
from t3d.report.strip import Tile
from t3d.report.summary import Score, read_scores
from t3d.report.tables import CHOICES, DASH, METHODS, score_tables, significant, view_of
from t3d.report.training import overlaid, trainings
from t3d.report.viewer import script

LIBRARIES = ("t3d", "numpy", "scipy", "torch", "open3d", "trimesh", "scikit-image", "libigl")
"""Libraries whose versions the report states."""


@dataclass(frozen=True)
class Inputs:
    """What a report is made from: folders of artifacts, and what the runner knows of the run."""

    views: ByPart
    mesh: ByPart
    reconstructions: Mapping[str, ByPart]
    photos: Mapping[str, ByPart]
    template: Mapping[str, Path]
    correspondence: Mapping[str, Path]
    analysis: Path
    network: Mapping[str, Path]
    scores: Path
    split: Path
    failures: Sequence[Mapping[str, str]]
    recipe: Mapping[str, Any]


def report_page(inputs: Inputs, shown: int, size: int) -> tuple[str, Sequence[Tile]]:
    """The whole page, `shown` shapes per part of the split, pictures `size` pixels wide; and the strip of the
    first network's median test shape, empty where there is none.
    """
    result = json.loads((inputs.scores / "metrics.json").read_text(encoding="utf-8"))
    split = json.loads((inputs.split / "split.json").read_text(encoding="utf-8"))
    scores = read_scores(inputs.scores / "metrics.csv")
    lost_photos = [failure for failure in inputs.failures if failure["stage"] == "photos"]
    failures = [failure for failure in inputs.failures if failure not in lost_photos]
    losses = all_losses(failures, split["excluded"])
    metrics = flat(result)
    others = {**result, "protocols": result["protocols"][1:]}
    galleries = [_gallery(inputs, scores, variant, shown, size) for variant in inputs.network]
    median = galleries[0]["median"]
    text = render(
        "page.html",
        recipe=inputs.recipe,
        split=split,
        metrics=metrics,
        losses=losses,
        lost=len({loss["shape"] for loss in losses}),
        left_out=Counter(filter(is_chosen, split["excluded"].values())),
        headlines=[headline(metrics, variant) for variant in inputs.network],
        analysis=inlined(inputs.analysis),
        galleries=galleries,
        versus={part: _versus(inputs, scores, part, size) for part in PARTS},
        photos={variant: _photos(folders["photos"]) for variant, folders in inputs.photos.items()},
        lost_photos=lost_photos,
        other_protocols=score_tables(others),
        comparisons=comparison_tables({inputs.recipe["category"]: result}),
        retrieval=[(variant, _retrieval(inputs, scores, variant, size)) for variant in inputs.network],
        figures=_figures(inputs, scores, metrics["factor"]),
        warnings=_warnings(inputs),
        versions=versions(),
        viewer=script(),
    )
    return text, median.rows[0][2] if median and median.rows else ()


def flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """The Chamfer distance of the first protocol out of `metrics.json`, as the page's tables read it."""
    one, nothing = result["protocols"][0], dict.fromkeys(("mean", "median", "interval_median", "floor"))
    rows = [row | row["metrics"].get("chamfer-l2", nothing) for row in one["rows"]]
    factors = [row["factor"] for row in rows if "factor" in row]
    return {
        **{name: one[name] for name in ("protocol", "version", "comparisons")},
        "failures": one["failures"].removeprefix("counted as "),
        "factor": factors[0] if factors else 1.0,
        "floor": {part: next((row["floor"] for row in rows if row["part"] == part), None) for part in PARTS},
        "rows": rows,
    }


def render(name: str, **content: Any) -> str:
    """Fill a page's template; every text from outside is escaped, a missing name is an error."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": number,
        "duration": duration,
        "uri": data_uri,
        "method": method_name,
        "view": view_of,
    }
    environment.globals |= {"choices": CHOICES, "parts": PARTS}
    return environment.get_template(name).render(content)


def number(value: float | None, factor: float = 1.0) -> str:
    """Three significant digits without exponents; a dash where there is no number."""
    if value is None or not np.isfinite(value):
        return DASH
    return significant(value * factor).replace("-", "−")


def duration(seconds: float) -> str:
    """A time span in the two largest units that matter: 2 h 5 min, 3 min 12 s, 0.8 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def method_name(method: str) -> str:
    """A method of a score file in words."""
    return METHODS.get(method, f"reconstruction ({method})")


def headline(metrics: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """Median scores of one network and of its baselines on test shapes from the fixed view, as bars."""
    mine = [row for row in metrics["rows"] if row["variant"] in (variant, "") and row["part"] == "test"]
    bars = []
    for method in (variant, *METHODS):
        rows = [row for row in mine if row["method"] == method and row["median"] is not None]
        bars += sorted(rows, key=lambda row: (row["choice"] != "fix", row.get("level") == "hard"))[:1]
    largest = max((row["median"] for row in bars), default=0.0) or 1.0
    shares = [{**row, "share": row["median"] / largest} for row in bars]
    found = next((row for row in bars if row["method"] == variant), None)
    return {"variant": variant, "bars": shares, "score": found, "floor": metrics["floor"].get("test")}


def all_losses(failures: Sequence[Mapping[str, str]], excluded: Mapping[str, str]) -> list[dict[str, str]]:
    """Every shape lost and why: failures of stages, then what the split excludes though nobody asked."""
    known = {failure["shape"] for failure in failures}
    left_out = [
        {"shape": shape, "stage": "split", "kind": "excluded", "reason": reason}
        for shape, reason in excluded.items()
        if shape not in known and not is_chosen(reason)
    ]
    return sorted([*map(dict, failures), *left_out], key=lambda loss: (loss["shape"], loss["stage"]))


def versions() -> dict[str, str]:
    """Python and the installed libraries that may change numbers."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _gallery(inputs: Inputs, scores: Sequence[Score], variant: str, shown: int, size: int) -> dict[str, Any]:
    from t3d.models.network import load

    network = load(inputs.network[variant])
    folders = ShapeFolders(inputs.views, inputs.mesh, inputs.reconstructions[variant])
    by_part = {part: cards(scores, folders, network, part, shown, size) for part in PARTS}
    named = {card.label: card for card in by_part["test"] if not card.label.startswith("rank")}
    subjects = {label: folders.subject("test", card.shape, "fix") for label, card in named.items()}
    template = inputs.template[variant]
    return {
        "variant": variant,
        "cards": by_part,
        "median": next((named[label] for label in ("median", "only shape", "best") if label in named), None),
        "solids": {label: solid_tiles(one, template, size) for label, one in subjects.items() if one},
        "sections": inlined(inputs.correspondence[variant]),
    }


def _versus(inputs: Inputs, scores: Sequence[Score], part: str, size: int) -> list[Any]:
    """Some shapes, from the first network's best to its worst, by all networks; nothing for a single one."""
    if len(inputs.network) < 2:
        return []
    order = ranked(scores, next(iter(inputs.network)), part)
    shapes = [order[rank].shape for rank in chosen(len(order), 4)]
    made = {
        variant: ShapeFolders(inputs.views, inputs.mesh, inputs.reconstructions[variant])
        for variant in inputs.network
    }
    return side_by_side(made, shapes, part, size)


def _photos(folders: Mapping[str, Path]) -> dict[str, tuple[str, list[str]]]:
    """What the stage `photos` drew of each photograph, as inline images, and of what it warned."""
    drawn = {shape: data_uri(input_image(folder, "photo.preview")) for shape, folder in folders.items()}
    return {shape: (drawn[shape], _noted(folder)) for shape, folder in folders.items()}


def _retrieval(inputs: Inputs, scores: Sequence[Score], variant: str, size: int) -> list[Any]:
    """Strips of the best, the median and the worst test shape of one network."""
    order = ranked(scores, variant, "test")
    shapes = [order[rank].shape for rank in chosen(len(order), 3)]
    mesh = {shape: folder for folders in inputs.mesh.values() for shape, folder in folders.items()}
    mine = [one for one in scores if one.part == "test" and one.variant in (variant, "")]
    return retrieval_strips(shapes, mine, (inputs.views.get("test", {}), mesh), size)


def _figures(inputs: Inputs, scores: Sequence[Score], factor: float) -> dict[str, Any]:
    scored = [part for part in PARTS if any(one.part == part for one in scores)]
    training = [one for variant, folder in inputs.network.items() for one in trainings(folder, variant)]
    return {
        "training": training,
        "overlaid": overlaid(inputs.network),
        "scores": [_spread(scores, part, factor) for part in scored],
    }


def _spread(scores: Sequence[Score], part: str, factor: float) -> dict[str, Any]:
    methods = dict.fromkeys((one.variant, one.method) for one in scores)
    groups = []
    for variant, method in methods:
        rows = [one for one in scores if (one.variant, one.method, one.part) == (variant, method, part)]
        values = [
            one.chamfer * factor for one in rows if one.group == rows[0].group and one.chamfer is not None
        ]
        several = len({own for own, _ in methods if own}) > 1 and method != variant and variant
        groups.append((method_name(method) + (f" ({variant})" if several else ""), values))
    title = "Every test shape" if part == "test" else "Training shapes"
    return {"title": title, "svg": distribution(groups, title, f"Chamfer × {factor:g} (log scale)")}


def _warnings(inputs: Inputs) -> list[tuple[str, str]]:
    """Warnings that stages left in the manifests of the shapes shown here: (shape, warning)."""
    every = (inputs.mesh, inputs.views, *inputs.photos.values())
    shown = [folders.get(part, {}) for folders in every for part in (*PARTS.values(), "photos")]
    named = [pair for shapes in shown for pair in shapes.items()]
    return sorted({(shape, text) for shape, folder in named for text in _noted(folder)})


def _noted(folder: Path) -> list[str]:
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))["facts"] if manifest.exists() else {}
    return list(facts.get("warnings", ()))
