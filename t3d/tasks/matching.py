"""Which prediction belongs to which ground truth, and shapes as their files have them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from t3d.datasets.catalogue import find_model
from t3d.datasets.formats import read_array
from t3d.datasets.meshes import FORMATS, Array, load_geometry, read_points
from t3d.errors import DataError, UsageError
from t3d.geometry.clouds import Cloud, Shape
from t3d.report.tables import read_table

SUFFIXES = frozenset((*FORMATS, ".npz"))
"""Files that can be scored, in lower case."""


@dataclass(frozen=True)
class Match:
    """A shape that is to be scored: files by view, whether they are there or not."""

    shape: str
    truth: Path | None
    predictions: tuple[tuple[str, Path | None], ...]
    """Pairs of view (empty where there is one file per shape) and file (None: missing)."""


def matches(predicted: Path, true: Path, table: Path | None = None) -> list[Match]:
    """Every shape that either side knows, by id in sorted order.

    predicted, true: a file each; or folders. In a folder `<id>.<suffix>` is a shape's file and `<id>/` a
    shape's folder: all files below it are views of a prediction, and the model in it (ShapeNet v1, v2, or
    a single file) is the ground truth. table: see `_listed`. UsageError where nothing matches.
    """
    if table is not None:
        return _listed(table, predicted, true)
    views, truths = by_shape(predicted), by_shape(true)
    if predicted.is_file() and true.is_file():
        return [Match(true.stem, true, (("", predicted),))]
    if not views.keys() & truths.keys():
        ours, theirs = (", ".join(sorted(side)[:3]) or "none" for side in (views, truths))
        what = f"no prediction ({ours}) is named like a ground truth ({theirs})"
        raise UsageError(f"{what}; pair them with --pairs")
    every = sorted(views.keys() | truths.keys())
    return [Match(shape, truths.get(shape), _views(views.get(shape))) for shape in every]


def by_shape(path: Path) -> dict[str, Path]:
    """Files and folders in a folder by id, or a file by its name; UsageError for two of one id."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if path.is_file():
        return {path.stem: path}
    found: dict[str, Path] = {}
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or not (entry.is_dir() or entry.suffix.lower() in SUFFIXES):
            continue
        first = found.setdefault(entry.name if entry.is_dir() else entry.stem, entry)
        if first != entry:
            raise UsageError(f"{path}: {first.name} and {entry.name} are the same shape; remove one")
    return found


def _views(entry: Path | None) -> tuple[tuple[str, Path | None], ...]:
    """The views of a prediction, by their path in its folder."""
    if entry is None or entry.is_file():
        return (("", entry),)
    files = sorted(file for file in entry.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    return tuple((str(file.relative_to(entry).with_suffix("")), file) for file in files) or (("", None),)


def _listed(table: Path, predicted: Path, true: Path) -> list[Match]:
    """Pairs from a CSV with the columns `prediction`, `truth` and, if wanted, `shape` and `view`.

    Files are relative to the two folders; an empty one is missing. UsageError for two rows of one view.
    """
    rows = read_table(table)
    if not rows or not {"prediction", "truth"} <= rows[0].keys():
        raise UsageError(f"{table}: needs the columns prediction and truth, and a row; shape and view may be")
    groups: dict[str, tuple[Path | None, dict[str, Path | None]]] = {}
    for number, row in enumerate(rows, 2):
        made, truth = row["prediction"] or "", row["truth"] or ""
        shape, view = row.get("shape") or Path(truth or made).stem, row.get("view") or ""
        there = true / truth if truth else None
        first, views = groups.setdefault(shape, (there, {}))
        if first != there or view in views:
            raise UsageError(f"{table}, line {number}: {shape!r} is there already; name its view or shape")
        views[view] = predicted / made if made else None
    return [Match(shape, truth, tuple(views.items())) for shape, (truth, views) in sorted(groups.items())]


def load_shape(path: Path) -> Shape:
    """The mesh or, where a file has points only, the cloud; DataError for everything else.

    A folder stands for the model in it. NPZ: `points` with or without `normals`, and Occupancy Networks'
    `loc` and `scale`, which bring its points back to the mesh's frame.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if path.is_dir():
        own = path / "pointcloud.npz"  # Occupancy Networks
        path = own if own.is_file() else find_model(path)
    if path.suffix.lower() == ".npz":
        return _cloud(*_arrays(path), path)
    try:
        return load_geometry(path)
    except DataError as error:
        try:
            return _cloud(*read_points(path), path)
        except DataError:
            raise error from None


def _arrays(path: Path) -> tuple[Array, Array | None]:
    """Points and normals of an NPZ file."""
    names = ("points", "normals", "loc", "scale")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: read_array(file, name).astype(np.float64) for name in names if name in file}
        return arrays["points"] * arrays.get("scale", 1.0) + arrays.get("loc", 0.0), arrays.get("normals")
    except Exception as error:  # a broken archive makes its readers raise anything
        raise DataError(f"{path}: no array `points` in it ({' '.join(str(error).split())})") from error


def _cloud(points: Array, normals: Array | None, path: Path) -> Cloud:
    """A cloud with normals of length 1, or without any where some have no direction."""
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise DataError(f"{path}: its points are {points.shape}, not (N, 3) with N > 0")
    if not np.isfinite(points).all():
        raise DataError(f"{path}: {int((~np.isfinite(points)).any(axis=1).sum())} points are NaN or infinite")
    if normals is None or normals.shape != points.shape or not np.isfinite(normals).all():
        return Cloud(points)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return Cloud(points, normals / lengths) if (lengths > 0).all() else Cloud(points)
