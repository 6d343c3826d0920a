"""Figures and tables of what networks learned: codes and views in the plane, errors by direction.

K shapes, V views of each, C numbers in a code or feature.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.splits import evenly
from t3d.geometry.correspondence import lattice
from t3d.geometry.mesh import Mesh, bounds, face_areas
from t3d.report.figures import Panel, Series, chart
from t3d.report.gallery import ShapeFolders, Subject, ranked, view_camera
from t3d.report.scoring import Score, read_scores
from t3d.report.sections import Section, section
from t3d.report.tables import Rows

if TYPE_CHECKING:
    from t3d.models.network import Network

Reals = NDArray[np.floating]
Networks = Mapping[str, "Network"]
Clouds = Mapping[str, Reals]
"""Codes (K, C) or views (K, V, C) by network or encoder."""

DIRECTIONS = (("azimuth (°; 270: front, 90: back)", 45.0), ("elevation (°)", 5.0))
"""Names of axes, by the camera recipe's convention, and widths of bins in degrees."""

DRAWN = 300
"""Of pairs of codes, so that no network hides another."""

WORST = 0.05
"""Share of the shapes whose reconstructions are looked at as the worst, at least one."""

LOOSE = 0.1
"""Share of the area beside the largest piece from which a mesh counts as fragments."""

OFF = 0.25
"""Distance between the sides of bounding boxes from which a mesh counts as far off, in unit-frame lengths."""


def several(views: Mapping[str, Path], count: int) -> dict[str, Path]:
    """At most `count` shapes with more than one easy view, evenly over their sorted ids; `views` folders."""
    found = sorted(shape for shape, folder in views.items() if len([*folder.glob("easy/*.png")]) > 1)
    return {shape: views[shape] for shape in evenly(found, count)}


def pictures(views: Mapping[str, Path], count: int) -> list[NDArray[np.uint8]]:
    """At most `count` easy views (V, H, H, 3) of each shape, as many of all; `views`: folders by shape id."""
    from t3d.models.embeddings import easy_views

    return _alike([easy_views(folder, count) for folder in views.values()])


def azimuths(views: Mapping[str, Path], count: int) -> Reals:
    """Azimuths (K, V) in degrees of these views."""
    from t3d.models.embeddings import easy_numbers

    numbers = {folder: easy_numbers(folder, count) for folder in views.values()}
    return np.array(_alike([[direction(at, f"easy/{n:02d}")[0] for n in of] for at, of in numbers.items()]))


def _alike(rows: Sequence[Any]) -> list[Any]:
    """The rows, all as short as the shortest."""
    return [row[: min(map(len, rows))] for row in rows]


def plane(rows: Reals) -> Reals:
    """Rows (M, C), M > 2, in two dimensions by t-SNE (van der Maaten & Hinton 2008); the same every time."""
    from sklearn.manifold import TSNE

    plan = TSNE(perplexity=min(30.0, (len(rows) - 1) / 3), init="pca", random_state=0)
    return np.asarray(plan.fit_transform(rows.astype(np.float64)))


def code_panels(codes: Reals, unseen: Reals) -> list[Panel]:
    """Codes of training shapes (K, C) and mean encodings of unseen ones (U, C), by PCA and by t-SNE."""
    from sklearn.decomposition import PCA

    both, count = np.concatenate([codes, unseen]), len(codes)
    fitted = PCA(2, svd_solver="full").fit(both)
    shares = enumerate(fitted.explained_variance_ratio_, start=1)
    across, up = (f"component {number} ({share:.0%} of the variance)" for number, share in shares)
    flat, places = fitted.transform(both), plane(both)
    return [Panel("PCA", across, up, _dots(flat, count)), Panel("t-SNE", "", "", _dots(places, count))]


def _dots(rows: Reals, count: int) -> list[Series]:
    parts = {"training shapes": rows[:count].T, "unseen shapes": rows[count:].T}
    return [Series(name, x, y, True) for name, (x, y) in parts.items()]


def cloud_panel(title: str, views: Reals) -> Panel:
    """Views (K, V, C) in the plane by t-SNE, one colour and mark per shape, in turn."""
    x, y = plane(views.reshape(-1, views.shape[-1])).T.reshape(2, *views.shape[:2])
    return Panel(f"{title}: t-SNE", "", "", [Series("", *pair, dots=True) for pair in zip(x, y, strict=True)])


def cosine_panel(title: str, views: Reals) -> Panel:
    """Distributions of the cosines of views (K, V, C) within and between shapes."""
    from t3d.models.embeddings import cosines

    edges = np.linspace(-1, 1, 41)
    shares = [np.histogram(values, edges)[0] / len(values) for values in cosines(views)]
    names = ("views of one shape", "views of two shapes")
    series = [Series(name, edges[1:] - 0.025, share) for name, share in zip(names, shares, strict=True)]
    across, up = "cosine (bins of 0.05)", "share of pairs"
    return Panel(f"{title}: pairs of views", across, up, series, limits=(0, None))


def direction(folder: Path, view: str) -> tuple[float, float]:
    """Azimuth in [0, 360) and elevation, in degrees, of the eye of a view (`easy/07`) of a `views` folder."""
    x, y, z = view_camera(folder, view).eye
    return float(np.degrees(np.arctan2(z, x)) % 360), float(np.degrees(np.arctan2(y, np.hypot(x, z))))


def error_panels(scores: Sequence[Score], views: Mapping[str, Path]) -> list[Panel]:
    """Errors of networks against azimuth and elevation of the view: dots, and medians of bins as lines."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for one in scores:
        if one.method == one.variant and one.view and one.shape in views and one.chamfer is not None:
            angles = direction(views[one.shape], one.view)
            found.setdefault(one.variant, []).append((*angles, one.chamfer))
    panels = []
    for angle, (across, width) in enumerate(DIRECTIONS):
        series = []
        for number, (variant, rows) in enumerate(found.items()):
            at, errors = np.array(rows).T[[angle, 2]]
            line = Series(f"{variant}, median", *_medians(at, errors, width), color=number)
            series += [Series("", at, errors, True, number), line]
        panels.append(Panel("", across, "Chamfer distance (log scale)", series, "y"))
    return panels


def _medians(at: Reals, values: Reals, width: float) -> tuple[Reals, Reals]:
    bins = np.unique(at // width)
    return (bins + 0.5) * width, np.array([np.median(values[at // width == one]) for one in bins])


def warp_distances(network: "Network", codes: Reals, points: Reals) -> Reals:
    """For pairs of codes (K, C) how far apart they are, and how far they warp points (N, 3) apart on average:
    (2, P).
    """
    from scipy.spatial.distance import pdist

    places = np.stack([network.warp(points, code) for code in codes], axis=1)
    return np.stack([pdist(codes), np.mean([pdist(place) for place in places], axis=0)])


def growth_panel(rows: Rows, shapes: int) -> Panel:
    """Numbers in encoders and in the code book as training shapes grow, from `code_row` for `shapes`."""
    counts, book = np.geomspace(10, 1e6, 16), rows[0]["code book"]
    sizes = {row["encoder"]: row["numbers"] for row in rows}
    encoders = [Series(f"encoder of {name}", counts, np.full(16, size)) for name, size in sizes.items()]
    largest = max(sizes.values())
    books = [
        Series("code book", counts, counts * book / shapes),
        Series(f"here: {shapes} shapes", np.full(2, shapes), np.array([book, largest])),
    ]
    across, up = "training shapes (log scale)", "trained numbers (log scale)"
    return Panel("Encoder and code book", across, up, [*encoders, *books], "xy", (None, 1e3 * largest))


def code_row(name: str, model: "Network", shapes: int, pairs: Reals) -> dict[str, Any]:
    """What is trained: a code book for `shapes` shapes grows with their number, an encoder does not; and
    whether close codes warp points alike: rank correlation of the `pairs` of `warp_distances`.
    """
    from scipy.stats import spearmanr

    size, code = model.encoder_parameters, len(model.mean_code)
    sizes = {"encoder": name, "numbers": size, "code book": code * shapes, "equal at shapes": size // code}
    return sizes | {"warps against codes": float(spearmanr(*pairs).statistic)}


def write_figure(out: Path, name: str, panels: Sequence[Panel], rows: Rows = (), about: str = "") -> Section:
    """Draw panels into an SVG file of the folder; its section of the page."""
    found = section("analysis", name, f"{name}-{about}".rstrip("-") + ".svg", rows, about)
    (out / next(iter(found.figures))).write_text(chart(found.title, panels), encoding="utf-8")
    return found


def code_sections(out: Path, models: Networks, codes: Clouds, views: Clouds, shapes: int) -> list[Section]:
    """Codes (K, C) of some of `shapes` training shapes and of views (U, V, C) of unseen ones, by network."""
    drawn = [
        write_figure(out, "codes", code_panels(codes[name], seen.mean(1)), about=name)
        for name, seen in views.items()
    ]
    return [*drawn, warp_section(out, models, codes, shapes), cloud_section(out, "codes", views)]


def warp_section(out: Path, models: Networks, codes: Clouds, shapes: int) -> Section:
    """How codes (K, C) by network go with warps, and what a code book for `shapes` shapes costs."""
    pairs = {name: warp_distances(model, codes[name], lattice(8)) for name, model in models.items()}
    rows = [code_row(name, model, shapes, pairs[name]) for name, model in models.items()]
    thin = {name: found[:, :: found.shape[1] // DRAWN + 1] for name, found in pairs.items()}
    moved = "mean distance of warped points\n(unit-frame lengths)"
    dots = [Series(name, x, y, True) for name, (x, y) in thin.items()]
    near = Panel("Pairs of training shapes", "distance of two codes", moved, dots)
    return write_figure(out, "warps", [near, growth_panel(rows, shapes)], rows)


def cloud_section(out: Path, about: str, clouds: Clouds) -> Section:
    """Views (K, V, C) by encoder: in the plane, and their cosines: how well they tell shapes apart."""
    from t3d.models.embeddings import measures

    rows = [{"encoder": one, **measures(views), "shapes": len(views)} for one, views in clouds.items()]
    panels = [draw(*one) for one in clouds.items() for draw in (cloud_panel, cosine_panel)]
    return write_figure(out, "views", panels, rows, about)


def drift_section(out: Path, clouds: Clouds, at: Reals) -> Section:
    """How far codes of views (K, V, C) by network are from their shape's mean, by azimuth `at` (K, V)."""
    from t3d.models.embeddings import drift

    across, width = DIRECTIONS[0]
    lines = [Series(name, *_medians(at.ravel(), drift(one).ravel(), width)) for name, one in clouds.items()]
    up = "distance to the shape's mean\n/ distance between shapes"
    return write_figure(out, "azimuth", [Panel("", across, up, lines, limits=(0, None))])


def error_section(out: Path, scores: Path, folders: Mapping[str, ShapeFolders]) -> Section:
    """Errors of test shapes by direction, from a `metrics.csv`; table: what is wrong with the worst."""
    test = [one for one in read_scores(scores) if one.part == "test"]
    views = next(iter(folders.values())).views["test"]
    worst = [row for name, found in folders.items() for row in worst_rows(test, found, name)]
    return write_figure(out, "errors", error_panels(test, views), worst)


def worst_rows(scores: Sequence[Score], folders: ShapeFolders, variant: str) -> list[dict[str, Any]]:
    """A network's worst test shapes from the fixed view, worst first, and what is wrong with each.

    Shapes without ground truth are none.
    """
    known = [one for one in ranked(scores, variant, "test") if one.chamfer is not None]
    rows = []
    for one in known[::-1][: math.ceil(WORST * len(known))]:
        found = {"kind": flaw(folders.subject("test", one.shape)), "chamfer": one.chamfer}
        rows.append({"variant": variant, "shape": one.shape, "view": one.view, **found})
    return rows


def flaw(subject: Subject | None) -> str:
    """`missing`, `empty`, `fragments`, `far off`, or `other form` where the mesh is whole and in place.

    See `LOOSE` and `OFF`.
    """
    made = subject.made() if subject else None
    if subject is None or made is None:
        return "empty" if subject and subject.reason() else "missing"
    if loose_share(made) > LOOSE:
        return "fragments"
    return "far off" if np.abs(bounds(made) - bounds(subject.truth())).max() > OFF else "other form"


def loose_share(mesh: Mesh) -> float:
    """Share of the area that does not belong to the connected piece with the largest."""
    from trimesh.graph import connected_component_labels

    edges = np.concatenate([mesh.faces[:, :2], mesh.faces[:, 1:]])
    piece = connected_component_labels(edges, len(mesh.vertices))[mesh.faces[:, 0]]
    areas = np.bincount(piece, face_areas(mesh))
    return float(1 - areas.max() / areas.sum())
