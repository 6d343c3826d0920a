"""Which prediction belongs to which ground truth, and shapes as their files have them."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from t3d.datasets.catalogue import find_model
from t3d.datasets.formats import read_array
from t3d.datasets.meshes import FORMATS, load_geometry
from t3d.errors import DataError, UsageError
from t3d.geometry.clouds import Cloud, Shape

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
    for path in (predicted, true):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
    if table is not None:
        return _listed(table, predicted, true)
    if predicted.is_file() and true.is_file():
        return [Match(true.stem, true, (("", predicted),))]
    views, truths = _by_shape(predicted), _by_shape(true)
    if not views.keys() & truths.keys():
        names = [", ".join(sorted(side)[:3]) or "none" for side in (views, truths)]
        raise UsageError(
            f"no prediction ({names[0]}) is named like a ground truth ({names[1]}); pair them with --pairs"
        )
    return [
        Match(shape, truths.get(shape), _views(shape, views.get(shape)))
        for shape in sorted(views.keys() | truths.keys())
    ]


def companions(folder: Path) -> dict[str, Path]:
    """Files or folders of more ground truth by shape, named as in `matches`."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    return _by_shape(folder)


def _by_shape(path: Path) -> dict[str, Path]:
    """Files and folders by id; UsageError for two of one id."""
    if path.is_file():
        return {path.stem: path}
    found: dict[str, Path] = {}
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or not (entry.is_dir() or entry.suffix.lower() in SUFFIXES):
            continue
        shape = entry.name if entry.is_dir() else entry.stem
        if shape in found:
            raise UsageError(f"{path}: {found[shape].name} and {entry.name} are the same shape; remove one")
        found[shape] = entry
    return found


def _views(shape: str, entry: Path | None) -> tuple[tuple[str, Path | None], ...]:
    """The views of a prediction, by their path in its folder."""
    if entry is None or entry.is_file():
        return (("", entry),)
    files = sorted(file for file in entry.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    return tuple((str(file.relative_to(entry).with_suffix("")), file) for file in files) or (("", None),)


def _listed(table: Path, predicted: Path, true: Path) -> list[Match]:
    """Pairs from a CSV with the columns `prediction`, `truth` and, if wanted, `shape` and `view`.

    Files are relative to the two folders; an empty one is missing. UsageError for two rows of one view.
    """
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"prediction", "truth"} <= rows[0].keys():
        raise UsageError(f"{table}: needs the columns prediction and truth, and a row; shape and view may be")
    groups: dict[str, tuple[Path | None, dict[str, Path | None]]] = {}
    for number, row in enumerate(rows, 2):
        names = {key: (value or "").strip() for key, value in row.items() if key}
        files = [
            base / names[key] if names[key] else None
            for key, base in (("prediction", predicted), ("truth", true))
        ]
        known = next((file.stem for file in reversed(files) if file is not None), "")
        shape, view = names.get("shape") or known, names.get("view", "")
        truth, views = groups.setdefault(shape, (files[1], {}))
        if truth != files[1] or view in views:
            raise UsageError(f"{table}, line {number}: {shape!r} is there already; name its view or shape")
        views[view] = files[0]
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
        return _from_arrays(path)
    try:
        return load_geometry(path)
    except DataError as error:
        cloud = _points_only(path) if "no faces in it" in str(error) else None
        if cloud is None:
            raise
        return cloud


def _from_arrays(path: Path) -> Cloud:
    names = ("points", "normals", "loc", "scale")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: read_array(file, name).astype(np.float64) for name in names if name in file}
        points = arrays["points"] * arrays.get("scale", 1.0) + arrays.get("loc", 0.0)
    except Exception as error:  # a broken archive makes its readers raise anything
        raise DataError(f"{path}: no array `points` in it ({' '.join(str(error).split())})") from error
    return _checked(Cloud(points, arrays.get("normals")), path)


def _points_only(path: Path) -> Cloud | None:
    """The vertices of a file without any faces; None where it has not even those."""
    import trimesh

    parts = list(trimesh.load_scene(path, process=False).geometry.values())
    if not parts or any(len(getattr(part, "faces", ())) for part in parts):
        return None
    points = np.concatenate([np.asarray(part.vertices, dtype=np.float64) for part in parts])
    rows = parts[0].metadata.get("_ply_raw", {}).get("vertex", {}).get("data", {})
    names = rows if isinstance(rows, dict) else rows.dtype.names or ()  # of a text file: columns by name
    normals = None
    if len(parts) == 1 and {"nx", "ny", "nz"} <= set(names):
        normals = np.stack([np.ravel(rows[axis]) for axis in ("nx", "ny", "nz")], axis=1).astype(np.float64)
    return _checked(Cloud(points, normals), path) if len(points) else None


def _checked(cloud: Cloud, path: Path) -> Cloud:
    points, normals = cloud.points, cloud.normals
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise DataError(f"{path}: its points are {points.shape}, not (N, 3) with N > 0")
    if not np.isfinite(points).all():
        raise DataError(f"{path}: {int((~np.isfinite(points)).any(axis=1).sum())} points are NaN or infinite")
    if normals is None or normals.shape != points.shape or not np.isfinite(normals).all():
        return Cloud(points)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return Cloud(points, normals / lengths) if (lengths > 0).all() else Cloud(points)
