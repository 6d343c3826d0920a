"""Mesh files: one reader for every format, one deterministic writer."""

import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.datasets.gltf import GLTF, MARK, split_gltf
from t3d.datasets.obj import geometry_only
from t3d.errors import DataError
from t3d.geometry.mesh import Mesh, bounds, concatenate, face_areas

Array = npt.NDArray[np.float64]

FORMATS = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf")
"""Suffixes that `load_geometry` reads, in lower case."""

MOST_FACES = 50_000_000
"""A shape with more is refused: a small scene file can place one mesh a million times."""

_EXTENTS = (1e-12, 1e12)  # sides of a shape's box: beyond, squares of lengths leave float32
_COMPRESSED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")


def load_geometry(path: Path) -> Mesh:
    """Triangles of a mesh file in its own frame, float64: scenes flattened, instances placed.

    Materials and textures are never opened, whether they are there or not. Vertices stay as the file
    has them: nothing is merged or dropped. DataError, in one line, for everything that has no usable
    triangles: no faces, points only, NaN, indices out of range, compressed or unreadable content.
    """
    scene = _scene(path)
    parts = [_moved(geometry, matrix) for geometry, matrix in placed(scene, path)]
    if not parts:
        found = ", ".join(sorted({type(geometry).__name__ for geometry in scene.geometry.values()}))
        raise DataError(f"{path}: no faces in it (found: {found or 'nothing'}); t3d needs triangles")
    mesh = concatenate(parts)
    if fault := _fault(mesh):
        raise DataError(f"{path}: {fault}")
    return mesh


def read_ply(path: Path) -> Mesh:
    """The mesh of a PLY file; see `load_geometry`."""
    return load_geometry(path)


def read_points(path: Path) -> tuple[Array, Array]:
    """Points (N, 3) of a file without faces, and their normals (N, 3): zeros where it has none.

    DataError for a file with faces, without points, with some that are not finite, and for an unreadable one.
    """
    parts = list(_scene(path).geometry.values())
    if not parts or any(len(getattr(part, "faces", ())) for part in parts):
        raise DataError(f"{path}: not a file of points")
    points = np.concatenate([np.asarray(part.vertices, dtype=np.float64) for part in parts])
    if not len(points) or points.shape[1] != 3 or not np.isfinite(points).all():
        raise DataError(f"{path}: no points in it, or some that are not finite; make it anew")
    try:
        columns = parts[0].metadata["_ply_raw"]["vertex"]["data"]
        normals = np.column_stack([columns[name] for name in ("nx", "ny", "nz")])
    except (LookupError, ValueError):
        normals = np.zeros_like(points)
    return points, normals.astype(np.float64)


def _scene(path: Path) -> Any:
    """What trimesh reads of a file without its materials; DataError for what it cannot read."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise DataError(f"{path}: {suffix or 'no'} suffix; t3d reads {' '.join(FORMATS)}")
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a file but a folder, a pipe or a device; name a mesh file")
    try:
        return read_scene(path, geometry_only if suffix == ".obj" else None, skip_materials=True)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # a broken file makes the readers raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: cannot be read as {suffix[1:].upper()} ({reason})") from error


def read_scene(path: Path, fit: Callable[[bytes], bytes] | None = None, **options: Any) -> Any:
    """What trimesh reads of a file whose content `fit` has mended; raises anything for a broken one."""
    import trimesh

    suffix = path.suffix.lower()
    if suffix in GLTF:
        _refuse_unread(path)
    elif suffix == ".ply":
        _refuse_endless(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # NumPy only warns when a text ends in the middle of its numbers, and returns what it has
        warnings.filterwarnings("error", message=".*read to its end.*", category=DeprecationWarning)
        source: Any = io.BytesIO(fit(path.read_bytes())) if fit else path
        return trimesh.load_scene(source, file_type=suffix[1:], process=False, **options)


def placed(scene: Any, path: Path) -> Iterator[tuple[Any, Array]]:
    """All geometries of a scene that have faces, with their 4x4 transforms, in the order of its nodes."""
    count = 0
    for node in scene.graph.nodes_geometry:
        matrix, key = scene.graph[node]
        faces = len(getattr(scene.geometry[key], "faces", ()))
        count += faces
        if count > MOST_FACES:
            raise DataError(f"{path}: {count} faces with all instances; t3d takes at most {MOST_FACES}")
        if faces:
            yield scene.geometry[key], np.asarray(matrix, dtype=np.float64)


def _moved(geometry: Any, matrix: Array) -> Mesh:
    """A mesh after a 4x4 transform; a mirroring one turns the winding so that outside stays outside."""
    vertices, faces = np.asarray(geometry.vertices, np.float64), np.asarray(geometry.faces, np.int64)
    if np.array_equal(matrix, np.eye(4)):  # adding zeros would not change much, but it would change bits
        return Mesh(vertices, faces)
    mirrored = np.linalg.det(matrix[:3, :3]) < 0
    return Mesh(vertices @ matrix[:3, :3].T + matrix[:3, 3], faces[:, ::-1] if mirrored else faces)


def _fault(mesh: Mesh) -> str:
    """Why a mesh has no usable triangles; empty if it has."""
    vertices, faces = mesh.vertices, mesh.faces
    if vertices.shape[1] != 3 or len(faces) == 0:
        return "no faces in three dimensions in it; t3d needs triangles"
    if faces.min() < 0 or faces.max() >= len(vertices):
        return f"a face uses vertex {faces.max()} of {len(vertices)}, or one below 0; export the mesh again"
    used = vertices[np.unique(faces)]
    if broken := int((~np.isfinite(used).all(axis=1)).sum()):
        return f"{broken} vertices are NaN or infinite; export the mesh again"
    extent, farthest = float(np.ptp(bounds(mesh), axis=0).max()), np.abs(used).max()
    if extent == 0:
        return "all vertices are in one point; export the mesh again"
    if not _EXTENTS[0] <= extent <= _EXTENTS[1] or extent < 1e-10 * farthest:
        return f"size {extent:.3g} at {farthest:.3g}; scale it to a sensible size around the origin"
    return "" if face_areas(mesh).max() > 1e-14 * extent**2 else "no face has an area; export the mesh again"


def _refuse_endless(path: Path) -> None:
    """DataError where a PLY's header promises more than the file can hold: readers make room for it first."""
    with path.open("rb") as file:
        header, end, _ = file.read(1 << 16).partition(b"end_header")
    promised = sum(map(int, re.findall(rb"(?m)^element +\S+ +(\d{1,4000})", header)))
    size = path.stat().st_size
    if promised > size or (not end and size > len(header)):
        raise DataError(f"{path}: its header has no end, or promises more rows ({promised}) than bytes")


def _refuse_unread(path: Path) -> None:
    """DataError for what trimesh would fill with zeros: geometry with required compression without a decoder,
    and numbers that are not in the file.
    """
    content = path.read_bytes()
    if path.suffix.lower() == ".glb" and not content.startswith(MARK):
        raise DataError(f"{path}: not a GLB file (no glTF mark at its start)")
    header, rest = split_gltf(content)
    if not isinstance(header, dict):
        raise DataError(f"{path}: not a glTF file (its JSON is no object)")
    while len(rest) >= 8:  # readers make room for a chunk before they read it
        if (length := int.from_bytes(rest[:4], "little")) > len(content):
            raise DataError(f"{path}: a part of it promises {length} bytes of the file's {len(content)}")
        rest = rest[8 + length :]
    promised = (one.get("count", 0) for one in header.get("accessors", []) if "bufferView" not in one)
    if max(promised, default=0) > len(content):
        raise DataError(f"{path}: an accessor has no data, and promises more numbers than the file has bytes")
    for name in set(_COMPRESSED).intersection(header.get("extensionsRequired", [])):
        if "draco" not in name or importlib.util.find_spec("DracoPy") is None:
            raise DataError(f"{path}: its geometry is compressed ({name}); export it uncompressed")


def write_ply(path: Path, mesh: Mesh) -> None:
    """Write a binary PLY with double coordinates; the same mesh always gives the same bytes."""
    faces = np.zeros(len(mesh.faces), dtype=[("count", "u1"), ("indices", "<i4", 3)])
    faces["count"], faces["indices"] = 3, mesh.faces
    head = f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
    path.write_bytes(_ply("x y z", mesh.vertices, head) + faces.tobytes())


def write_points(path: Path, points: npt.ArrayLike, normals: npt.ArrayLike) -> None:
    """Write points (N, 3) with unit normals (N, 3) as a binary PLY without faces, in double."""
    path.write_bytes(_ply("x y z nx ny nz", np.concatenate([points, normals], axis=1)))


def _ply(names: str, rows: Array, more: str = "") -> bytes:
    """A PLY with a row of doubles by vertex; `more` of its head comes behind them."""
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(rows)}\n"
    head += "".join(f"property double {name}\n" for name in names.split())
    return f"{head}{more}end_header\n".encode("ascii") + np.asarray(rows, dtype="<f8").tobytes()


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh as PLY (`write_ply`), or by trimesh as OBJ or GLB, by the path's suffix."""
    import trimesh

    if path.suffix == ".ply":
        write_ply(path, mesh)
    else:
        trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(path)
