"""Figures and tables of what networks learned: codes and views in the plane, errors, sizes.

K shapes, V views of each, C numbers in a code or feature.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.splits import evenly
from t3d.geometry.correspondence import lattice
from t3d.report.figures import Panel, Series, chart
from t3d.report.gallery import ShapeFolders
from t3d.report.pictures import input_view
from t3d.report.sections import Rows, Section, section, write_sections
from t3d.report.summary import Score
from t3d.report.worst import worst_rows

if TYPE_CHECKING:
    from t3d.models.network import Network

Reals = NDArray[np.floating]

Shown = tuple[Section, str]
"""A section of one figure, and the figure's text."""

AZIMUTH = "azimuth (°; 270: front, 90: back)"
"""Name of an axis, by the camera recipe's convention."""

Seen = tuple[Reals, Reals]
"""What an encoder says of views of some shapes (K, V, C), and their azimuths and elevations (K, V, 2)."""


def thumbnail(folder: Path) -> NDArray[np.uint8]:
    """A small picture (H, W, 4) of a shape from its `views`, from the front and a side by the recipe."""
    from PIL import Image

    names = sorted(path.stem for path in (folder / "easy").glob("*.png"))
    view = input_view(folder, f"easy/{names[len(names) * 4 // 5]}")
    return np.asarray(Image.fromarray(view).resize((48, 48), Image.Resampling.BOX))


def several(views: Mapping[str, Path], count: int) -> dict[str, Path]:
    """At most `count` shapes with more than one easy view, evenly over their sorted ids; `views` folders."""
    found = sorted(shape for shape, folder in views.items() if len([*folder.glob("easy/*.png")]) > 1)
    return {shape: views[shape] for shape in evenly(found, count)}


def look(encode: Callable[[Any], Reals], views: Mapping[str, Path], count: int) -> Seen:
    """At most `count` easy views of each shape, as many of all; `views`: folders by shape id."""
    from t3d.models.embeddings import easy_views

    read = {folder: easy_views(folder, count) for folder in views.values()}
    least = min(len(names) for names, _ in read.values())
    encoded = np.stack([encode(images[:least]) for _, images in read.values()])
    angles = [view_angles(folder, names[:least]) for folder, (names, _) in read.items()]
    return encoded, np.array(angles)


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


def code_panels(codes: Reals, unseen: Reals, pictures: Sequence[NDArray[np.uint8]]) -> list[Panel]:
    """Codes of training shapes (K, C) and mean encodings of unseen ones (U, C), by PCA and by t-SNE.

    pictures: of the training shapes, drawn at their place in the t-SNE.
    """
    from sklearn.decomposition import PCA

    both, count = np.concatenate([codes, unseen]), len(codes)
    fitted = PCA(2, svd_solver="full").fit(both)
    first, second = (
        f"component {n} ({s:.0%} of the variance)" for n, s in enumerate(fitted.explained_variance_ratio_, 1)
    )
    flat, places = fitted.transform(both), plane(both)
    parts = {"training shapes": slice(count), "unseen shapes": slice(count, None)}
    dots = [
        [Series(name, rows[part, 0], rows[part, 1], True) for name, part in parts.items()]
        for rows in (flat, places)
    ]
    return [
        Panel("PCA", first, second, dots[0]),
        Panel("t-SNE: training shapes, unseen ones as dots", "", "", dots[1], legend=None, pictures=pictures),
    ]


def cloud_panel(title: str, views: Reals) -> Panel:
    """Views (K, V, C) in the plane by t-SNE, one colour and mark per shape, in turn."""
    places = plane(views.reshape(-1, views.shape[-1])).reshape(*views.shape[:2], 2)
    return Panel(title, "", "", [Series("", dots.T[0], dots.T[1], True) for dots in places], legend=None)


def cosine_panel(title: str, views: Reals) -> Panel:
    """Distributions of cosines of embeddings (K, V, C) within and between shapes."""
    from t3d.models.embeddings import cosines

    edges = np.linspace(-1, 1, 41)
    shares = [np.histogram(values, edges)[0] / len(values) for values in cosines(views)]
    names = ("views of one shape", "views of two shapes")
    series = [Series(name, edges[1:] - 0.025, share) for name, share in zip(names, shares, strict=True)]
    return Panel(title, "cosine", "share of pairs", series, limits=(0, None))


def binned(angles: Reals, values: Reals, width: float) -> tuple[Reals, Reals]:
    """Middles of the bins of angles (N,) that hold any, and the medians of the values (N,) in them."""
    number = np.floor(angles / width).astype(np.int64)
    there = np.unique(number)
    return (there + 0.5) * width, np.array([np.median(values[number == one]) for one in there])


def drift_panel(seen: Mapping[str, Seen]) -> Panel:
    """How far encodings of views are from their shape's mean, by azimuth; medians of bins, by network."""
    from t3d.models.embeddings import drift

    medians = {
        name: binned(at[..., 0].ravel(), drift(views).ravel(), 30) for name, (views, at) in seen.items()
    }
    lines = [Series(name, *pair) for name, pair in medians.items()]
    return Panel(
        "", AZIMUTH, "distance to the shape's mean\n/ distance between shapes", lines, limits=(0, None)
    )


def warp_panel(title: str, network: "Network", codes: Reals, points: Reals) -> Panel:
    """For every pair of codes (K, C) how far apart they warp points (N, 3), against their distance."""
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    apart, places = pdist(codes), np.stack([network.warp(points, code) for code in codes], axis=1)
    moved = np.mean([pdist(place) for place in places], axis=0)
    heading = f"{title}: rank correlation {spearmanr(apart, moved).statistic:.2f}"
    dots = [Series("", apart, moved, dots=True)]
    return Panel(
        heading,
        "distance of two codes",
        "mean distance of warped points\n(unit frame)",
        dots,
        limits=(0, None),
    )


def error_rows(scores: Sequence[Score], views: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Every score of a network on a known view, and where the view was seen from, in degrees."""
    rows = []
    for one in scores:
        if one.method == one.variant and one.view and one.shape in views and one.chamfer is not None:
            ((azimuth, elevation),) = view_angles(views[one.shape], [one.view]).tolist()
            about = {"variant": one.variant, "shape": one.shape, "view": one.view}
            rows.append(about | {"azimuth": azimuth, "elevation": elevation, "chamfer": one.chamfer})
    return rows


def error_panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Errors against azimuth and elevation: a dot per shape and view, medians of bins as a line."""
    panels = []
    for angle, across, width in (("azimuth", AZIMUTH, 60), ("elevation", "elevation (°)", 2.5)):
        series = []
        for number, variant in enumerate(dict.fromkeys(row["variant"] for row in rows)):
            mine = [(row[angle], row["chamfer"]) for row in rows if row["variant"] == variant]
            at, values = np.array(mine).T
            series += [
                Series("", at, values, True, number),
                Series(f"{variant}, median", *binned(at, values, width), color=number),
            ]
        panels.append(Panel("", across, "Chamfer distance (log scale)", series, "y"))
    return panels


def _shown(name: str, panels: Sequence[Panel], rows: Rows = (), about: str = "") -> Shown:
    found = section("analysis", name, f"{name}-{about}".rstrip("-") + ".svg", rows, about)
    return found, chart(found.title, panels)


def write(out: Path, made: Sequence[Shown]) -> dict[str, Rows]:
    """Write sections with their figures into a folder; the rows of those that have some, by title."""
    for found, figure in made:
        for name in found.figures:
            (out / name).write_text(figure, encoding="utf-8")
    write_sections(out, [found for found, _ in made])
    return {found.title: list(found.rows) for found, _ in made if found.rows}


def code_sections(
    models: Mapping[str, "Network"],
    known: Mapping[str, Mapping[str, Reals]],
    train: Mapping[str, Path],
    unseen: Mapping[str, Path],
    count: int,
) -> list[Shown]:
    """Codes of training shapes (`known`) and of `count` views of unseen ones, by network.

    train, unseen: `views` folders. Nothing can be compared with fewer than two unseen shapes.
    """
    if len(unseen) < 2:
        return []
    seen = {name: look(model.encode, unseen, count) for name, model in models.items()}
    codes = {name: np.stack(list(known[name].values())) for name in models}
    found = []
    for name, (views, _) in seen.items():
        pictures = [thumbnail(train[shape]) for shape in known[name]]
        found.append(_shown("codes", code_panels(codes[name], views.mean(1), pictures), about=name))
    found += cloud_sections("codes", {name: views for name, (views, _) in seen.items()})
    found.append(_shown("azimuth", [drift_panel(seen)]))
    warps = [warp_panel(name, model, codes[name], lattice(8)) for name, model in models.items()]
    return [*found, _shown("warps", warps)]


def cloud_sections(about: str, clouds: Mapping[str, Reals]) -> list[Shown]:
    """Views (K, V, C) by encoder: in the plane, how well they tell shapes apart, their cosines."""
    from t3d.models.embeddings import measures

    rows = [{"encoder": one, **measures(views), "shapes": len(views)} for one, views in clouds.items()]
    planes, cosines = zip(*((cloud_panel(*one), cosine_panel(*one)) for one in clouds.items()), strict=True)
    return [_shown("views", planes, rows, about), _shown("cosines", cosines, about=about)]


def contrast_sections(
    pretrain: Mapping[str, Path], unseen: Mapping[str, Path], count: int, seed: int
) -> list[Shown]:
    """The same of features before and after contrastive pre-training; none without `pretrain` folders."""
    from t3d.models.embeddings import features, pretrained

    encoders = pretrained(pretrain, seed).items() if pretrain and len(unseen) > 1 else ()
    clouds = {name: look(partial(features, one), unseen, count)[0] for name, one in encoders}
    return cloud_sections("pre-training", clouds) if clouds else []


def error_section(
    scores: Sequence[Score], views: Mapping[str, Path], folders: Mapping[str, ShapeFolders]
) -> Shown:
    """Errors of the test part by direction, and what is wrong with the worst of each network."""
    bad = []
    for name, found in folders.items():
        mine = [one for one in scores if (one.method, one.level, one.choice) == (name, "easy", "fix")]
        bad += worst_rows(mine, {one.shape: found.subject("test", one.shape, "fix") for one in mine})
    return _shown("errors", error_panels(error_rows(scores, views)), bad)


def growth_section(models: Mapping[str, "Network"], shapes: int) -> Shown:
    """Sizes of code book and encoders for `shapes` training shapes and for other numbers of them."""
    code, counts = len(next(iter(models.values())).mean_code), np.logspace(1, 6, 16)
    lines, rows = [Series(f"code book, {code} per shape", counts, code * counts)], []
    for name, model in models.items():
        size = model.encoder_parameters
        lines.append(Series(f"encoder of {name}", counts, np.full(16, size)))
        rows.append(
            {"encoder": name, "numbers": size, "code book": code * shapes, "equal at shapes": size // code}
        )
    lines.append(Series(f"here: {shapes} shapes", np.array([shapes]), np.array([code * shapes]), dots=True))
    return _shown("growth", [Panel("", "training shapes", "trained numbers", lines, "xy")], rows)
