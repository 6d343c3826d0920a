"""Small files that stages write and read: JSON, transforms, signed distance samples."""

import io
import json
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError
from t3d.geometry.normalize import Transform
from t3d.geometry.stretch import Stretch

MOST_BYTES = 4 << 30
"""A larger array of an NPZ file is refused: a small compressed file can hold what fills the memory."""

Samples = npt.NDArray[np.float32]

_BROKEN: tuple[type[Exception], ...] = (EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError)
_BROKEN += (struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error)  # what NPZ readers raise

_ALIGNMENT = 64  # bytes: a cache line, and what NPY headers are padded to
_PADDING_ID = 0xD935  # id of the zip extra field that only pads, as zipalign uses it


def write_json(path: Path, value: Any) -> None:
    """Write plain values (NumPy numbers and arrays too) with sorted keys and a trailing newline.

    NaN and infinity raise ValueError: JSON has neither.
    """
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def read_json(path: Path) -> Any:
    """Values of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_transform(path: Path, transform: Transform, stretch: Stretch | None = None) -> None:
    """Write `transform.json`: 4x4 matrix original -> unit, and the offset and scale it is made of.

    stretch: how a virtual shape was made, of which the original frame is that after the stretch.
    """
    extra = {"stretch": asdict(stretch)} if stretch else {}
    write_json(path, {"matrix": transform.matrix(), **asdict(transform), **extra})


def read_transform(path: Path) -> Transform:
    """The transform that `write_transform` wrote, bit by bit."""
    values = read_json(path)
    return Transform(np.array(values["offset"], dtype=np.float64), values["scale"], values["mode"])


def read_stretch(path: Path) -> Stretch | None:
    """How a virtual shape was made of its original, from its `transform.json`; None of another shape."""
    cuts = read_json(path).get("stretch")
    return Stretch(np.array(cuts["before"]), np.array(cuts["after"])) if cuts else None


def read_normalization(path: Path) -> Transform:
    """The transform in a `normalization.npz`, also in one of DeepSDF's `NormalizationParameters`.

    Raises DataError where `offset` (3,) or `scale`, a positive number, is missing or not finite.
    """
    offset, scale = read_npz(path, "offset", "scale")
    if offset.size != 3 or scale.size != 1 or not np.isfinite([*offset.flat, *scale.flat]).all():
        shapes = f"offset {offset.shape} and scale {scale.shape}"
        raise DataError(f"{path.name}: {shapes} are not a vector and a number")
    if scale.item() <= 0:
        raise DataError(f"{path.name}: scale {scale.item()} is not positive")
    return Transform(offset.reshape(3).astype(np.float64), float(scale.item()))


def write_normalization(path: Path, transform: Transform) -> None:
    """Write a `normalization.npz`: `offset` (3,) and `scale` (), float64."""
    write_npz(path, {"offset": transform.offset, "scale": np.array(transform.scale)})


def read_npz(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    """Arrays of an NPZ file by name; objects are refused. Raises DataError for anything else."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = [read_array(archive, name) for name in names]
    except _BROKEN as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path.name}: no NPZ file with {' and '.join(names)} ({reason})") from error
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise DataError(f"{path.name}: {' and '.join(names)} are not all numbers")
    return arrays


def read_array(archive: Any, name: str) -> npt.NDArray[Any]:
    """An array of an open NPZ file; ValueError where its header promises what is not there, or too much."""
    size = archive.zip.getinfo(f"{name}.npy").file_size
    with archive.zip.open(f"{name}.npy") as member:
        one = np.lib.format.read_magic(member) == (1, 0)
        shape, _, dtype = getattr(np.lib.format, f"read_array_header_{1 if one else 2}_0")(member)
    if math.prod(shape) * dtype.itemsize > min(size, MOST_BYTES):
        raise ValueError(f"{name} is said to be {dtype} {shape}")
    return np.asarray(archive[name])


def write_samples(path: Path, pos: Samples, neg: Samples) -> None:
    """Write DeepSDF's sample file: `pos` and `neg`, (N, 4) float32 rows of x, y, z, signed distance.

    Unit frame, negative inside (DeepSDF `src/PreprocessMesh.cpp`).
    """
    write_npz(path, {"pos": np.asarray(pos, dtype=np.float32), "neg": np.asarray(neg, dtype=np.float32)})


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write an uncompressed NPZ with fixed time stamps and aligned data, so that it can be mapped.

    Same arrays, same bytes. `numpy.load` reads it like any other.
    """
    with path.open("wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array, order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.external_attr = 0o644 << 16
            start = file.tell() + 30 + len(entry.filename) + 4  # local header, name, head of the padding
            padding = -start % _ALIGNMENT
            entry.extra = struct.pack("<HH", _PADDING_ID, padding) + bytes(padding)
            archive.writestr(entry, content.getbuffer())


def open_samples(path: Path) -> tuple[Samples, Samples]:
    """`pos` and `neg` (N, 4) float32, mapped from the file: rows are read from disk when they are used.

    Any uncompressed NPZ will do; DataError for a compressed or torn one.
    """
    try:
        return _map_member(path, "pos"), _map_member(path, "neg")
    except _BROKEN as error:
        raise DataError(f"{path}: no sample file ({error}); make it again with sample-sdf") from error


def _map_member(path: Path, name: str) -> Samples:
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError("its arrays are compressed")
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        file.seek(entry.header_offset + 30 + name_length + extra_length)
        np.lib.format.read_magic(file)
        shape, column_major, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.float32 or column_major or len(shape) != 2 or shape[1] != 4:
            raise ValueError(f"{name} is {dtype} {shape}, not float32 (N, 4) by rows")
        if shape[0] == 0:  # an empty map is an error to the operating system
            return np.zeros(shape, dtype=np.float32)
        return np.memmap(file, dtype=dtype, mode="r", offset=file.tell(), shape=shape)
