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
from numpy.typing import NDArray

from t3d.datasets.splits import is_chosen
from t3d.report.figures import curves, distribution
from t3d.report.gallery import (
    PARTS,
    ByPart,
    Card,
    ShapeFolders,
    cards,
    family,
    read_scores,
    template_tiles,
    turning_tiles,
)
from t3d.report.pictures import data_uri, input_image
from t3d.report.summary import Score
from t3d.report.tables import CHOICES, DASH, METHODS, published_tables, significant

LOSSES = {"rec": "reconstruction", "pointwise": "point-wise", "pointpair": "point-pair", "val": "validation"}
"""What the columns of curve files are called in legends; others keep their name."""

SHARES = {"retrieval": "shapes found again", "spread": "spread of embeddings"}
"""Columns that are shares of what could be, and their names; they get a figure of their own."""

NO_LOSS = frozenset(("epoch", "lr", "code_norm", "rank", *SHARES))
"""Columns of curve files that are no losses."""

PHASES = {"codes": "Codes", "pretrain": "Pre-training"}
"""What a network was built on, by the name of its curves' file."""

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
    network: Mapping[str, Path]
    scores: Path
    split: Path
    failures: Sequence[Mapping[str, str]]
    recipe: Mapping[str, Any]


def report_page(inputs: Inputs, shown: int, size: int) -> str:
    """The whole page: `shown` shapes per part of the split, pictures `size` pixels wide."""
    from t3d.datasets.published import rows

    metrics = json.loads((inputs.scores / "metrics.json").read_text(encoding="utf-8"))
    split = json.loads((inputs.split / "split.json").read_text(encoding="utf-8"))
    scores = read_scores(inputs.scores / "metrics.csv")
    lost_photos = [failure for failure in inputs.failures if failure["stage"] == "photos"]
    failures = [failure for failure in inputs.failures if failure not in lost_photos]
    losses = all_losses(failures, split["excluded"])
    return render(
        recipe=inputs.recipe,
        split=split,
        metrics=metrics,
        losses=losses,
        lost=len({loss["shape"] for loss in losses}),
        left_out=Counter(filter(is_chosen, split["excluded"].values())),
        headlines=[headline(metrics, variant) for variant in inputs.network],
        galleries=[_gallery(inputs, scores, variant, shown, size) for variant in inputs.network],
        published=published_tables(rows(inputs.recipe["category"])),
        photos={variant: _photos(folders["photos"]) for variant, folders in inputs.photos.items()},
        lost_photos=lost_photos,
        figures=_figures(inputs, scores, metrics["factor"]),
        warnings=_warnings(inputs),
        versions=versions(),
    )


def render(**content: Any) -> str:
    """Fill the page's template; every text from outside is escaped, a missing name is an error."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": number,
        "duration": duration,
        "uri": data_uri,
        "film": lambda frames: data_uri(*frames),
        "method": method_name,
    }
    environment.globals |= {"choices": CHOICES, "parts": PARTS}
    return environment.get_template("page.html").render(content)


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
    mine = [row for row in metrics["rows"] if (row["variant"], row["part"]) == (variant, "test")]
    bars = []
    for method in (variant, "template", "mean-code"):
        rows = [row for row in mine if row["method"] == method and row["median"] is not None]
        bars += sorted(rows, key=lambda row: row["choice"] != "fix")[:1]
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


def read_curves(path: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a `curves.csv` as (N,) arrays; what was not measured at a step is NaN."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = [[float(cell) if cell else np.nan for cell in line.split(",")] for line in lines]
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), head.count(",") + 1).T
    return dict(zip(head.split(","), columns, strict=True))


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
    median = next((card for card in by_part["test"] if card.label in ("median", "only shape")), None)
    subject = folders.subject("test", median.shape, "fix") if median else None
    return {
        "variant": variant,
        "cards": by_part,
        "median": median,
        "turning": turning_tiles(subject, inputs.template[variant], size) if subject else [],
        "template": template_tiles(inputs.template[variant], network, size),
        "family": family(_subjects(folders, by_part["train"]), network, size),
    }


def _photos(folders: Mapping[str, Path]) -> dict[str, tuple[str, list[str]]]:
    """What the stage `photos` drew of each photograph, as inline images, and of what it warned."""
    drawn = {shape: data_uri(input_image(folder, "photo.preview")) for shape, folder in folders.items()}
    return {shape: (drawn[shape], _noted(folder)) for shape, folder in folders.items()}


def _subjects(folders: ShapeFolders, shown: Sequence[Card]) -> dict[str, Any]:
    found = {card.shape: folders.subject("train", card.shape, "fix") for card in shown}
    return {shape: subject for shape, subject in found.items() if subject}


def _figures(inputs: Inputs, scores: Sequence[Score], factor: float) -> dict[str, Any]:
    scored = [part for part in PARTS if any(one.part == part for one in scores)]
    training = [
        _training(path, variant)
        for variant, folder in inputs.network.items()
        for path in (*sorted(folder.glob("curves-*.csv")), folder / "curves.csv")
    ]
    return {"training": training, "scores": [_spread(scores, part, factor) for part in scored]}


def _training(path: Path, variant: str) -> dict[str, Any]:
    """Figures of one `curves.csv`, or `curves-PHASE.csv` of what came before; none of a single line."""
    phase = path.stem.partition("-")[2]
    title = f"{PHASES.get(phase, phase or 'Network')} {variant}"
    columns = read_curves(path)
    seconds, step = columns.pop("seconds", np.zeros(1)), columns["step"]
    losses = {LOSSES.get(name, name): values for name, values in columns.items() if name not in NO_LOSS}
    shares = {SHARES[name]: values for name, values in columns.items() if name in SHARES}
    figures = [curves(losses, title)] if len(losses) > 1 else []
    if shares and len(step) > 1:
        figures.append(curves({"step": step, **shares}, title, share=True))
    return {"title": title, "seconds": float(seconds.max(initial=0)), "figures": figures}


def _spread(scores: Sequence[Score], part: str, factor: float) -> dict[str, Any]:
    methods = dict.fromkeys((one.variant, one.method) for one in scores)
    groups = []
    for variant, method in methods:
        rows = [one for one in scores if (one.variant, one.method, one.part) == (variant, method, part)]
        values = [
            one.chamfer * factor for one in rows if one.choice == rows[0].choice and one.chamfer is not None
        ]
        several = len({own for own, _ in methods}) > 1 and method != variant
        groups.append((method_name(method) + (f" ({variant})" if several else ""), values))
    title = "Every test shape" if part == "test" else "Training shapes"
    return {"title": title, "svg": distribution(groups, title, f"Chamfer distance × {factor:g} (log scale)")}


def _warnings(inputs: Inputs) -> list[tuple[str, str]]:
    """Warnings that stages left in the manifests of the shapes shown here: (shape, warning)."""
    every = (inputs.mesh, inputs.views, *inputs.photos.values())
    named = [pair for folders in every for shapes in folders.values() for pair in shapes.items()]
    return sorted({(shape, text) for shape, folder in named for text in _noted(folder)})


def _noted(folder: Path) -> list[str]:
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))["facts"] if manifest.exists() else {}
    return list(facts.get("warnings", ()))
