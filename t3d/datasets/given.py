"""Artifacts that a data set brings along, in `<class>/<id>/given/<stage>/`: taken over after a close look.

Samples and surface points are DeepSDF's files, views those of the method's authors (docs/layouts.md).
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from t3d.datasets.cameras import LEVELS, view_path, write_cameras
from t3d.datasets.formats import read_json, read_normalization, read_npz, write_normalization, write_samples
from t3d.datasets.images import opened, write_png
from t3d.datasets.meshes import read_points, write_points
from t3d.errors import DataError
from t3d.geometry.cameras import centred, look_at
from t3d.geometry.normalize import BUFFER, Transform
from t3d.geometry.recipe import View, towards

METADATA = "rendering_metadata.txt"

Facts = Mapping[str, Any]


def take_samples(folder: Path, out: Path) -> Facts:
    """Copy `samples.npz` of DeepSDF's form: `pos` and `neg`, (N, 4) rows of x, y, z, signed distance.

    Rows whose distance is NaN are left out (DeepSDF `deep_sdf/data.py`). DataError where other values are not
    finite, or a sign is wrong.
    """
    pos, neg = (rows.astype(np.float32) for rows in read_npz(folder / "samples.npz", "pos", "neg"))
    if any(rows.ndim != 2 or rows.shape[1] != 4 for rows in (pos, neg)):
        raise DataError(f"samples.npz: pos {pos.shape}, neg {neg.shape} are not both (N, 4)")
    rows = len(pos) + len(neg)
    pos, neg = (part[~np.isnan(part[:, 3])] for part in (pos, neg))
    count = len(pos) + len(neg)
    if not (count and np.isfinite(pos).all() and np.isfinite(neg).all()):
        raise DataError("samples.npz: no samples in it, or infinite ones; make it anew")
    if (pos[:, 3] < 0).any() or (neg[:, 3] > 0).any():
        raise DataError("samples.npz: a distance in pos is below 0, or one in neg above; inside is negative")
    write_samples(out / "samples.npz", pos, neg)
    return {"points": count, "inside": len(neg) / count, "nan_rows": rows - count}


def take_surface(folder: Path, out: Path) -> Facts:
    """Copy `surface.ply`, points in the file's own frame, and `normalization.npz`.

    Normals are zero where the file has none. DataError where there are no points, or not all are finite.
    """
    points, normals = read_points(folder / "surface.ply")
    transform = read_normalization(folder / "normalization.npz")
    write_points(out / "surface.ply", points, normals)
    write_normalization(out / "normalization.npz", transform)
    return {"points": len(points), "normals": bool(normals.any())}


def take_views(folder: Path, out: Path) -> Facts:
    """Copy RGBA pictures `easy/00.png`, ... and the ten numbers of each in `easy/rendering_metadata.txt`.

    The masks are the opacities; pictures are put on white as in the authors' `rgba2rgb.py`. Cameras come into
    the unit frame by `normalization.npz`; `recipe_length` is then one length of the mesh file, and the box is
    that of the ball which holds every shape. DataError where something is missing, broken or not square.
    """
    transform = read_normalization(folder / "normalization.npz")
    cameras, masks = {}, {}
    for level in LEVELS if (folder / LEVELS[1]).is_dir() else LEVELS[:1]:
        rgb, masks[level] = _pictures(folder / level)
        count, height, width = masks[level].shape
        cameras[level] = _cameras(folder / level / METADATA, transform, width)
        if len(cameras[level]) != count or height != width:
            what = f"{count} pictures {width} x {height}, {len(cameras[level])} cameras"
            raise DataError(f"{level}: {what}; there must be one each, and the pictures square")
        (out / level).mkdir()
        for number, picture in enumerate(rgb):
            write_png(out / view_path(level, number), picture)
    np.savez_compressed(out / "masks.npz", **cast(dict[str, Any], masks))
    box = np.array([[-1.0] * 3, [1.0] * 3]) / BUFFER
    write_cameras(out / "cameras.json", cameras, transform, box, transform.scale)
    return {"views": sum(map(len, masks.values()))}


def _pictures(folder: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Pictures on white (V, H, W, 3) and opacities (V, H, W) in the order of their numbers."""
    from PIL import Image

    rgb, alpha = [], []
    try:
        for path in sorted(folder.glob("[!.]*.png"), key=lambda path: int(path.stem)):
            image = opened(path.read_bytes())
            white, opacity = Image.new("RGB", image.size, "white"), image.getchannel("A")
            white.paste(image, mask=opacity)
            rgb.append(np.asarray(white))
            alpha.append(np.asarray(opacity))
        return np.stack(rgb), np.stack(alpha)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{folder.name}: no RGBA pictures of one size, 00.png, ... ({error})") from error


def _cameras(path: Path, transform: Transform, size: int) -> list[View]:
    """Views around the centre of the shape's box, in lengths of the mesh file."""
    try:
        lines = [line.strip(" ,[]\r\n") for line in path.read_text().splitlines()]
        return [_view([float(value) for value in line.split(",")], transform, size) for line in lines if line]
    except (OSError, ValueError) as error:
        raise DataError(f"{path.parent.name}/{path.name}: cannot be read ({error})") from error


def _view(row: Sequence[float], transform: Transform, size: int) -> View:
    """The view of one line, its camera in the unit frame; `t3d.tasks.layouts` writes such lines."""
    if len(row) != 10 or not np.isfinite(row).all() or row[2] != 0 or min(row[4:6]) <= 0:
        raise ValueError(f"{row} is not azimuth, elevation, 0, d, lens, sensor, farthest, x, y, z")
    azimuth, elevation, _, share, lens, sensor, farthest, x, y, z = row
    shift = np.array([x, z, -y]) - transform.offset
    c2w = look_at(share * farthest * towards(azimuth, elevation), (0.0, 0.0, 0.0))
    c2w[:3, 3] = (c2w[:3, 3] - shift) * transform.scale
    camera = centred(c2w, lens / sensor * size, size)
    return View(camera, azimuth, elevation, share * farthest, tuple(shift.tolist()), tries=1, fitted=False)


def take_model(folder: Path, out: Path) -> Facts:
    """Copy the files of a trained part: `codes`, `pretrain-VARIANT`, `network-VARIANT`.

    DataError where `config.json` does not say that it is one; what reads the weights looks at them.
    """
    try:
        kind = read_json(folder / "config.json")["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder.name}/config.json: not of a trained part ({error})") from error
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns("manifest.json"), dirs_exist_ok=True)
    return {"format": kind}


TAKEN = {"sdf": take_samples, "surface": take_surface, "views": take_views}
"""What can be given of a shape, by stage, and what takes it over."""

MODELS = ("codes", "pretrain", "network")
"""What can be given of the whole set, in `<class>/given/`, with "-VARIANT" behind it but for codes."""
