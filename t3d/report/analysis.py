"""Figures and tables of what networks learned: codes and views in the plane, errors by direction.

K shapes, V views of each, C numbers in a code or feature.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.splits import evenly
from t3d.report.figures import Panel, Series, chart
from t3d.report.sections import Rows, Section, section
from t3d.report.summary import Score

if TYPE_CHECKING:
    from t3d.models.network import Network

Reals = NDArray[np.floating]

AZIMUTH = "azimuth (°; 270: front, 90: back)"
"""Name of an axis, by the camera recipe's convention."""


def several(views: Mapping[str, Path], count: int) -> dict[str, Path]:
    """At most `count` shapes with more than one easy view, evenly over their sorted ids; `views` folders."""
    found = sorted(shape for shape, folder in views.items() if len([*folder.glob("easy/*.png")]) > 1)
    return {shape: views[shape] for shape in evenly(found, count)}


def pictures(views: Mapping[str, Path], count: int) -> list[NDArray[np.uint8]]:
    """At most `count` easy views (V, H, H, 3) of each shape, as many of all; `views`: folders by shape id."""
    from t3d.models.embeddings import easy_views

    read = [easy_views(folder, count) for folder in views.values()]
    return [images[: min(map(len, read))] for images in read]


def view_angles(folder: Path, names: Sequence[str]) -> Reals:
    """Azimuth in [0, 360) and elevation (N, 2), in degrees, of views (`easy/07`) as seen from the centre."""
    from t3d.datasets.cameras import read_cameras

    cameras = read_cameras(folder / "cameras.json")
    x, y, z = np.array([cameras[name[:4]][int(name[5:])].eye for name in names]).T
    return np.degrees([np.arctan2(z, x) % (2 * np.pi), np.arctan2(y, np.hypot(x, z))]).T


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


def binned(angles: Reals, values: Reals, width: float) -> tuple[Reals, Reals]:
    """Middles of the bins of angles (N,) that hold any, and the medians of the values (N,) in them."""
    number = np.floor(angles / width).astype(np.int64)
    there = np.unique(number)
    return (there + 0.5) * width, np.array([np.median(values[number == one]) for one in there])


def error_rows(scores: Sequence[Score], views: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Every score of a network on a known view, and where the view was seen from, in degrees."""
    rows = []
    for one in scores:
        if one.method == one.variant and one.view and one.shape in views and one.chamfer is not None:
            ((azimuth, elevation),) = view_angles(views[one.shape], [one.view]).tolist()
            about = {"variant": one.variant, "shape": one.shape, "view": one.view}
            rows.append(about | {"azimuth": azimuth, "elevation": elevation, "chamfer": one.chamfer})
    return rows


def error_panels(rows: Rows) -> list[Panel]:
    """Errors against azimuth and elevation: a dot per shape and view, medians of bins as a line."""
    panels = []
    for angle, across, width in (("azimuth", AZIMUTH, 60), ("elevation", "elevation (°)", 2.5)):
        series = []
        for number, variant in enumerate(dict.fromkeys(row["variant"] for row in rows)):
            mine = [(row[angle], row["chamfer"]) for row in rows if row["variant"] == variant]
            at, values = np.array(mine).T
            line = Series(f"{variant}, median", *binned(at, values, width), color=number)
            series += [Series("", at, values, True, number), line]
        panels.append(Panel("", across, "Chamfer distance (log scale)", series, "y"))
    return panels


def size_row(name: str, model: "Network", shapes: int) -> dict[str, Any]:
    """What is trained: a code book for `shapes` shapes grows with their number, an encoder does not."""
    size, code = model.encoder_parameters, len(model.mean_code)
    return {"encoder": name, "numbers": size, "code book": code * shapes, "equal at shapes": size // code}


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
