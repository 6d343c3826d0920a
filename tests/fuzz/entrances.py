"""Where bytes of others enter t3d: each takes any bytes and must answer with a value or one line of error."""

import contextlib
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from t3d.datasets import cameras, given, images, splits
from t3d.datasets.appearance import load_appearance
from t3d.datasets.beside import sidecars
from t3d.datasets.formats import open_samples, read_normalization
from t3d.datasets.meshes import load_geometry, read_ply, read_points, write_ply
from t3d.datasets.obj import face_groups
from t3d.datasets.photographs import read_photograph
from t3d.errors import DataError, UsageError
from t3d.geometry.parts import same_surface
from t3d.pipeline.sources import FileIndex
from t3d.pipeline.store import MANIFEST, Place, Store, damage, read_manifest

BETWEEN = b"\n%%\n"
"""Parts one file's bytes from the next's: an OBJ and its MTL; the splits for training and for testing."""

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextlib.contextmanager
def folder_of(**files: bytes):
    """A folder that holds the named files (`a__b` is a.b) while it is needed."""
    folder = Path(tempfile.mkdtemp(prefix="t3d-fuzz-", dir=MEMORY))
    try:
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_bytes(content)
        yield folder
    finally:
        shutil.rmtree(folder)


def answer(call: Callable[..., Any], *arguments: Any) -> Any:
    """The result, or None for an error of one line; every other exception is a finding."""
    said = ""
    try:
        return call(*arguments)
    except (DataError, UsageError) as error:
        said = str(error)
    assert len(said.splitlines()) == 1, "an error must be one line"
    return None


def picture() -> bytes:
    """A small texture."""
    return images.png(2, 2, 8, 2, zlib.compress(b"\0\xff\0\0\0\xff\0" * 2))


def mesh(suffix: str) -> Callable[[bytes], None]:
    """Geometry, looks, and the names of files beside, of a mesh file."""

    def enter(data: bytes) -> None:
        model, _, library = data.partition(BETWEEN)
        files = {"wood__png": picture(), "model__mtl": library} if library else {}
        with folder_of(**files, **{f"model__{suffix}": model}) as folder:
            path = folder / f"model.{suffix}"
            sidecars(path, folder, lambda file, name, compute: compute(file))
            face_groups(path)
            shape, looks = answer(load_geometry, path), answer(load_appearance, path)
            if shape is not None and len(shape.faces) < 10_000:
                write_ply(folder / "again.ply", shape)
                again = read_ply(folder / "again.ply")
                assert np.array_equal(again.vertices, shape.vertices, equal_nan=True)
                assert np.array_equal(again.faces, shape.faces)
            if shape is not None and looks and same_surface(looks.parts, shape):
                for part in looks.parts:
                    assert 0 <= part.faces.min(initial=0) <= part.faces.max(initial=0) < len(part.vertices)
                    assert part.uv is None or np.isfinite(part.uv).all()

    return enter


def image(data: bytes) -> None:
    """A photograph, its mask, and a picture of imported views."""
    with contextlib.suppress(ValueError):
        images.opened(data)
    with folder_of(**{"0__png": data}) as folder:
        answer(read_photograph, folder / "0.png")
        answer(read_photograph, folder / "0.png", folder / "0.png")
        answer(given._pictures, folder)


def camera(data: bytes) -> None:
    """A file of cameras; the table beside imported views."""
    with folder_of(cameras__json=data) as folder:
        path = folder / "cameras.json"
        levels = answer(cameras.read_cameras, path) or {}
        answer(cameras.given_cameras, [path], 8)
        views = answer(given._cameras, path, given.Transform(np.zeros(3), 1.0, "none"), 8) or []
    for one in [*(view.camera for view in views), *(one for level in levels.values() for one in level)]:
        assert np.isfinite([*one.c2w.flat, one.fl, one.cx, one.cy]).all()


def split(data: bytes) -> None:
    """Split files for training and testing."""
    train, _, test = data.partition(BETWEEN)
    with folder_of(a_train__json=train, a_test__json=test) as folder:
        files = sorted(folder.glob("*.json"))
        answer(splits.listed_split, files, "sofa", [f"s{index}" for index in range(12)], 0, 0.1)


def manifest(data: bytes) -> None:
    """An artifact's manifest, a failure's record, the memory of files: broken ones are as good as none."""
    with folder_of(**{MANIFEST.replace(".", "__"): data}) as folder:
        read_manifest(folder)
        damage(folder)
        FileIndex(folder / MANIFEST)
        place = Place("sdf", "s", "l", "k")
        record = folder / f"{place.folder}.failed.json"
        record.parent.mkdir(parents=True)
        record.write_bytes(data)
        Store(folder).failure(place)


def arrays(data: bytes) -> None:
    """Samples and transforms of others."""
    with folder_of(samples__npz=data) as folder:
        answer(open_samples, folder / "samples.npz")
        answer(read_normalization, folder / "samples.npz")
        answer(given.take_samples, folder, folder)


def points(data: bytes) -> None:
    """Surface points of t3d and of others."""
    with folder_of(surface__ply=data) as folder:
        answer(read_points, folder / "surface.ply")
        answer(given.take_surface, folder, folder)


ENTRANCES: dict[str, Callable[[bytes], None]] = {
    **{suffix: mesh(suffix) for suffix in ("obj", "off", "ply", "stl", "glb", "gltf")},
    **{one.__name__: one for one in (image, camera, split, manifest, arrays, points)},
}
