"""Figures and tables of what networks learned: codes and views in the plane, errors by direction.

K shapes, V views of each, C numbers in a code or feature.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.splits import evenly
from t3d.geometry.correspondence import lattice
from t3d.report.figures import Panel, Series, chart
from t3d.report.sections import Rows, Section, section
from t3d.report.summary import Score

if TYPE_CHECKING:
    from t3d.models.network import Network

Reals = NDArray[np.floating]

AZIMUTH = "azimuth (°; 270: front, 90: back)"
"""Name of an axis, by the camera recipe's convention."""

WIDTH = 45.0
"""Of the bins of azimuths, in degrees."""


def several(views: Mapping[str, Path], count: int) -> dict[str, Path]:
    """At most `count` shapes with more than one easy view, evenly over their sorted ids; `views` folders."""
    found = sorted(shape for shape, folder in views.items() if len([*folder.glob("easy/*.png")]) > 1)
    return {shape: views[shape] for shape in evenly(found, count)}


def pictures(views: Mapping[str, Path], count: int) -> list[NDArray[np.uint8]]:
    """At most `count` easy views (V, H, H, 3) of each shape, as many of all; `views`: folders by shape id."""
    from t3d.models.embeddings import easy_views

    read = [easy_views(folder, count) for folder in views.values()]
    return [images[: min(map(len, read))] for images in read]


def plane(rows: Reals) -> Reals:
    """Rows (M, C), M > 2, in two dimensions by t-SNE (van der Maaten & Hinton 2008); the same every time."""
    from sklearn.manifold import TSNE

    near = min(30.0, (len(rows) - 1) / 3)
    made: Reals = TSNE(perplexity=near, init="pca", random_state=0).fit_transform(rows.astype(np.float64))
    return made


def code_panels(codes: Reals, unseen: Reals) -> list[Panel]:
    """Codes of training shapes (K, C) and mean encodings of unseen ones (U, C), by PCA and by t-SNE."""
    from sklearn.decomposition import PCA

    both, count = np.concatenate([codes, unseen]), len(codes)
    fitted = PCA(2, svd_solver="full").fit(both)
    first, second = (
        f"component {n + 1} ({fitted.explained_variance_ratio_[n]:.0%} of the variance)" for n in (0, 1)
    )
    flat, places = fitted.transform(both), plane(both)
    return [Panel("PCA", first, second, _dots(flat, count)), Panel("t-SNE", "", "", _dots(places, count))]


def _dots(rows: Reals, count: int) -> list[Series]:
    parts = {"training shapes": rows[:count].T, "unseen shapes": rows[count:].T}
    return [Series(name, x, y, True) for name, (x, y) in parts.items()]


def cloud_panel(title: str, views: Reals) -> Panel:
    """Views (K, V, C) in the plane by t-SNE, one colour and mark per shape, in turn."""
    x, y = plane(views.reshape(-1, views.shape[-1])).T.reshape(2, *views.shape[:2])
    return Panel(title, "", "", [Series("", *pair, dots=True) for pair in zip(x, y, strict=True)])


def azimuth(folder: Path, view: str) -> float:
    """From where a view (`easy/07`) of a `views` folder looks at the centre, in [0, 360) degrees."""
    from t3d.datasets.cameras import read_cameras

    level, number = view.split("/")
    x, _, z = read_cameras(folder / "cameras.json")[level][int(number)].eye
    return float(np.degrees(np.arctan2(z, x)) % 360)


def error_panel(scores: Sequence[Score], views: Mapping[str, Path]) -> Panel:
    """Errors of networks against the azimuth of the view: dots, medians of bins of `WIDTH` as lines."""
    found: dict[str, list[tuple[float, float]]] = {}
    for one in scores:
        if one.method == one.variant and one.view and one.shape in views and one.chamfer is not None:
            found.setdefault(one.variant, []).append((azimuth(views[one.shape], one.view), one.chamfer))
    series = []
    for number, (variant, pairs) in enumerate(found.items()):
        at, errors = np.array(pairs).T
        bins = np.unique(at // WIDTH)
        medians = np.array([np.median(errors[at // WIDTH == one]) for one in bins])
        line = Series(f"{variant}, median", (bins + 0.5) * WIDTH, medians, color=number)
        series += [Series("", at, errors, True, number), line]
    return Panel("", AZIMUTH, "Chamfer distance (log scale)", series, "y")


def code_row(name: str, model: "Network", codes: Reals, shapes: int) -> dict[str, Any]:
    """What is trained: a code book for `shapes` shapes grows with their number, an encoder does not; and
    whether close codes (K, C) warp points alike.
    """
    size, code = model.encoder_parameters, len(model.mean_code)
    sizes = {"encoder": name, "numbers": size, "code book": code * shapes, "equal at shapes": size // code}
    return sizes | {"warps against codes": warp_correlation(model, codes, lattice(8))}


def warp_correlation(network: "Network", codes: Reals, points: Reals) -> float:
    """Rank correlation over pairs of codes (K, C): how far apart they are, and they warp points (N, 3)."""
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    places = np.stack([network.warp(points, code) for code in codes], axis=1)
    moved = np.mean([pdist(place) for place in places], axis=0)
    return float(spearmanr(pdist(codes), moved).statistic)


def write_figure(out: Path, name: str, panels: Sequence[Panel], rows: Rows = (), about: str = "") -> Section:
    """Draw panels into an SVG file of the folder; its section of the page."""
    found = section("analysis", name, f"{name}-{about}".rstrip("-") + ".svg", rows, about)
    (out / next(iter(found.figures))).write_text(chart(found.title, panels), encoding="utf-8")
    return found


def cloud_section(out: Path, about: str, clouds: Mapping[str, Reals]) -> Section:
    """Views (K, V, C) by encoder: in the plane, and how well they tell shapes apart."""
    from t3d.models.embeddings import measures

    rows = [{"encoder": one, **measures(views), "shapes": len(views)} for one, views in clouds.items()]
    return write_figure(out, "views", [cloud_panel(*one) for one in clouds.items()], rows, about)
