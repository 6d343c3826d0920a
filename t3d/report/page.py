"""The report: one HTML file with everything inside, to be opened anywhere, offline; a page across reports."""

import base64
import hashlib
import importlib.metadata
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.formats import read_json
from t3d.datasets.images import read_rgb
from t3d.datasets.splits import is_chosen
from t3d.report.comparison import published_tables, solution_tables
from t3d.report.figures import Series, curves, distribution
from t3d.report.gallery import ShapeFolders, cards, side_by_side, solid_tiles
from t3d.report.pictures import Tile, data_uri
from t3d.report.scoring import PARTS, ByPart, Score, read_scores
from t3d.report.sections import inlined
from t3d.report.tables import DASH, METHODS, method_name, score_tables, significant, view_of

LIBRARIES = ("t3d", "numpy", "scipy", "torch", "open3d", "trimesh", "scikit-image", "libigl")
"""Libraries whose versions the report states."""

CURVES = {"rec": "reconstruction", "pointwise": "point-wise", "pointpair": "point-pair", "val": "validation"}
CURVES |= {"retrieval": "shapes found again", "spread": "spread of embeddings"}
"""What the columns of curve files are called in legends; others keep their name."""

SHARES = ("retrieval", "spread")
"""Columns of curve files that are shares of what could be; they get a figure of their own."""

NO_LOSS = frozenset(("step", "seconds", "epoch", "lr", "code_norm", "rank", *SHARES))
"""Columns of curve files that are no losses."""

PHASES = {"": "Network", "codes": "Codes", "pretrain": "Pre-training"}
"""What is trained, by what follows `curves-` in the name of its curves' file."""

Latest = tuple[Path, Path, bool]
"""Folders of a category's `report` and `scores`, and whether its shapes are procedural."""


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
    result, split = read_json(inputs.scores / "metrics.json"), read_json(inputs.split / "split.json")
    scores, runs = read_scores(inputs.scores / "metrics.csv"), {inputs.recipe["category"]: result}
    lost_photos = [failure for failure in inputs.failures if failure["stage"] == "photos"]
    failures = [failure for failure in inputs.failures if failure not in lost_photos]
    losses = all_losses(failures, split["excluded"])
    rows = chamfer_rows(result["protocols"][0])
    factor = next((row["factor"] for row in rows), 1.0)
    shapes = {
        name: ShapeFolders(inputs.views, inputs.mesh, inputs.reconstructions[name]) for name in inputs.network
    }
    galleries = [_gallery(inputs, scores, *pair, shown, size) for pair in shapes.items()]
    text = render(
        "page.html",
        recipe=inputs.recipe,
        split=split,
        factor=factor,
        losses=losses,
        left_out=Counter(filter(is_chosen, split["excluded"].values())),
        headlines=[headline(rows, variant) for variant in inputs.network],
        galleries=galleries,
        versus={part: side_by_side(shapes, part, scores, size) for part in PARTS},
        photos={variant: _photos(folders["photos"]) for variant, folders in inputs.photos.items()},
        lost_photos=lost_photos,
        tables=[*solution_tables(runs), *score_tables(result)],
        comparisons=result["protocols"][0]["comparisons"],
        published=published_tables(runs),
        spreads=[_spread(scores, part, factor) for part in PARTS],
        training=[one for variant, folder in inputs.network.items() for one in trainings(folder, variant)],
        overlaid=overlaid(inputs.network),
        analysis=inlined(inputs.analysis),
        warnings=_warnings(inputs),
        versions=versions(),
        viewer=script(),
    )
    return text, galleries[0]["median"]


def overview_page(work: Path, found: Mapping[str, Latest]) -> str:
    """The page, to be written into the work folder; found: by category, folders below it."""
    entries = {
        category: (report.relative_to(work).as_posix(), (report / "median.png").exists(), procedural)
        for category, (report, _, procedural) in found.items()
    }
    runs = {category: read_json(scores / "metrics.json") for category, (_, scores, _) in found.items()}
    own, published = solution_tables(runs), published_tables(runs)
    return render("overview.html", entries=entries, own=own, published=published)


def render(name: str, **content: Any) -> str:
    """Fill a page's template; every text from outside is escaped, a missing name is an error."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    pages = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters.update(number=number, duration=duration, uri=data_uri, method=method_name, view=view_of)
    return pages.get_template(name).render(content)


def number(value: float | None, factor: float = 1.0) -> str:
    """Three significant digits without exponents; a dash where there is no number."""
    return DASH if value is None else significant(value * factor).replace("-", "−")


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: 2:05:00."""
    return str(timedelta(seconds=round(seconds)))


def chamfer_rows(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a protocol of `metrics.json`, the statistics of their Chamfer distance beside labels."""
    nothing = dict.fromkeys(("mean", "median", "interval_median", "floor")) | {"factor": 1.0}
    return [row | row["metrics"].get("chamfer-l2", nothing) for row in one["rows"]]


def headline(rows: Iterable[Mapping[str, Any]], variant: str) -> dict[str, Any]:
    """Median scores of one network and of its baselines on test shapes from the fixed view, as bars."""
    bars: dict[str, Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["choice"] != "fix", row["level"] == "hard")):
        if row["variant"] in (variant, "") and row["part"] == "test" and row["median"] is not None:
            bars.setdefault(row["method"], row)
    ordered = [bars[method] for method in (variant, *METHODS) if method in bars]
    largest = max((row["median"] for row in ordered), default=0.0) or 1.0
    shares = [{**row, "share": row["median"] / largest} for row in ordered]
    return {"variant": variant, "bars": shares, "score": bars.get(variant)}


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
    there = {one.name: one.version for one in importlib.metadata.distributions()}
    return {"python": platform.python_version(), **{name: there[name] for name in LIBRARIES if name in there}}


def _gallery(
    inputs: Inputs, scores: Sequence[Score], variant: str, folders: ShapeFolders, shown: int, size: int
) -> dict[str, Any]:
    from t3d.models.network import load

    network = load(inputs.network[variant])
    by_part = {part: cards(scores, folders, network, part, shown, size) for part in PARTS}
    strips = {label: tiles for label, _, tiles in by_part["test"]}
    named = {label: one.shape for label, one, _ in by_part["test"] if not label.startswith("rank")}
    subjects = {label: folders.subject("test", shape) for label, shape in named.items()}
    template, middle = inputs.template[variant], ("median", "only shape", "best")  # best: of two
    return {
        "variant": variant,
        "cards": by_part,
        "median": next((strips[label] for label in middle if label in strips), ()),
        "solids": {label: solid_tiles(one, template, size) for label, one in subjects.items() if one},
        "sections": inlined(inputs.correspondence[variant]),
    }


def _photos(folders: Mapping[str, Path]) -> dict[str, tuple[np.ndarray, list[str]]]:
    """What the stage `photos` drew of each photograph, and of what it warned."""
    return {shape: (read_rgb(one / "photo.preview.png"), _noted(one)) for shape, one in folders.items()}


def _spread(scores: Sequence[Score], part: str, factor: float) -> dict[str, Any]:
    """Every shape's score by method, from fixed easy views where views matter."""
    groups: dict[str, list[float]] = {}
    for one in scores:
        if one.part == part and one.choice in ("fix", "any") and one.level != "hard":
            whose = f" ({one.variant})" if one.variant not in ("", one.method) else ""
            values = groups.setdefault(method_name(one.method) + whose, [])
            values += [] if one.chamfer is None else [one.chamfer * factor]
    title = "Every test shape" if part == "test" else "Training shapes"
    figure = distribution(groups, title, f"Chamfer × {factor:g} (log scale)") if groups else ""
    return {"title": title, "svg": figure}


def _warnings(inputs: Inputs) -> list[tuple[str, str]]:
    """Warnings that stages left in the manifests of the shapes shown here: (shape, warning)."""
    every = (inputs.mesh, inputs.views, *inputs.photos.values())
    shown = [folders.get(part, {}) for folders in every for part in (*PARTS.values(), "photos")]
    return sorted({(shape, text) for of in shown for shape, folder in of.items() for text in _noted(folder)})


def _noted(folder: Path) -> list[str]:
    manifest = folder / "manifest.json"
    return read_json(manifest)["facts"].get("warnings", []) if manifest.exists() else []


def read_curves(path: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a `curves.csv` as (N,) arrays; what was not measured at a step is NaN."""
    table = np.genfromtxt(path, delimiter=",", names=True, ndmin=1)
    return {name: table[name] for name in table.dtype.names or ()}


def trainings(folder: Path, variant: str) -> list[dict[str, Any]]:
    """Title, seconds and figures of every phase of the training of a network, by its curve files.

    Losses are in one figure, shares in another; a file of a single line has none.
    """
    found = []
    for path in (*sorted(folder.glob("curves-*.csv")), folder / "curves.csv"):
        columns, title = read_curves(path), f"{PHASES[path.stem.partition('-')[2]]} {variant}"
        lines = {name: Series(CURVES.get(name, name), columns["step"], columns[name]) for name in columns}
        losses = [one for name, one in lines.items() if name not in NO_LOSS]
        shares = [one for name, one in lines.items() if name in SHARES]
        drawn = [(losses, False), (shares, True)] if len(columns["step"]) > 1 else []
        figures = [curves(title, series, share) for series, share in drawn if series]
        found.append({"title": title, "seconds": columns["seconds"].max(initial=0), "figures": figures})
    return found


def overlaid(networks: Mapping[str, Path]) -> str:
    """Training loss of solution 2 by pre-training in one figure; nothing where there is but one."""
    read = {name: read_curves(folder / "curves.csv") for name, folder in networks.items() if name[:2] == "s2"}
    lines = [Series(name, columns["step"], columns["loss"]) for name, columns in read.items()]
    return curves("Training loss of solution 2, by pre-training", lines) if len(lines) > 1 else ""


def script() -> tuple[str, str]:
    """The viewer's JavaScript, and the source expression by which a content security policy allows it."""
    text = (Path(__file__).parent / "viewer.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return text, f"'sha256-{digest}'"
