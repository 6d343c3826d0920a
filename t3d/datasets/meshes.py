"""Mesh files: one reader for every format, one deterministic writer."""

import importlib.util
import io
import json
import logging
import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.errors import DataError
from t3d.geometry.mesh import Mesh, bounds, concatenate, face_areas

log = logging.getLogger(__name__)

FORMATS = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf")
"""Suffixes that `load_geometry` reads, in lower case."""

MOST_FACES = 50_000_000
"""A shape with more is refused: a small scene file can place one mesh a million times."""

_EXTENTS = (1e-12, 1e12)  # sides of a shape's box: beyond, squares of lengths leave float32
_COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}


def load_geometry(path: Path) -> Mesh:
    """Triangles of a mesh file in its own frame, float64: scenes flattened, instances placed.

    Materials and textures are never opened, whether they are there or not. Vertices stay as the file
    has them: nothing is merged or dropped. DataError, in one line, for everything that has no usable
    triangles: no faces, points only, NaN, indices out of range, compressed or unreadable content.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise DataError(f"{path}: {suffix or 'no'} suffix; t3d reads {' '.join(FORMATS)}")
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a file but a folder, a pipe or a device; name a mesh file")
    try:
        mesh = _read(path, suffix)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # a broken file makes the readers raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: cannot be read as {suffix[1:].upper()} ({reason})") from error
    _check(mesh, str(path))
    return mesh


def read_ply(path: Path) -> Mesh:
    """The mesh of a PLY file; see `load_geometry`."""
    return load_geometry(path)


def _read(path: Path, suffix: str) -> Mesh:
    import trimesh

    if suffix in (".glb", ".gltf"):
        _refuse_compressed(path, suffix)
    if suffix == ".ply":
        check_ply(path)
    source: Any = path
    if suffix == ".obj":
        source = io.BytesIO(obj_geometry(path.read_bytes(), str(path)))
    with warnings.catch_warnings():
        # NumPy only warns when a text ends in the middle of its numbers, and returns what it has
        warnings.filterwarnings("error", message=".*read to its end.*", category=DeprecationWarning)
        options = {"process": False, "skip_materials": True} if suffix != ".stl" else {"process": False}
        scene = trimesh.load_scene(source, file_type=suffix[1:], **options)
    return _flatten(scene, str(path))


def _flatten(scene: Any, name: str) -> Mesh:
    """All triangles of a scene, in the order of the scene's nodes, with their transforms applied."""
    parts = []
    count = sum(
        len(getattr(scene.geometry[scene.graph[one][1]], "faces", ())) for one in scene.graph.nodes_geometry
    )
    if count > MOST_FACES:
        raise DataError(f"{name}: {count} faces with all instances; t3d takes at most {MOST_FACES}")
    for node in scene.graph.nodes_geometry:
        matrix, key = scene.graph[node]
        geometry = scene.geometry[key]
        if len(getattr(geometry, "faces", ())):
            vertices = np.asarray(geometry.vertices, dtype=np.float64)
            faces = np.asarray(geometry.faces, dtype=np.int64)
            parts.append(_placed(Mesh(vertices, faces), np.asarray(matrix)))
    if not parts:
        found = sorted({type(geometry).__name__ for geometry in scene.geometry.values()})
        raise DataError(
            f"{name}: no faces in it (found: {', '.join(found) or 'nothing'}); t3d needs triangles"
        )
    return concatenate(parts)


def _placed(mesh: Mesh, matrix: npt.NDArray[np.float64]) -> Mesh:
    """The mesh after a 4x4 transform; a mirroring one turns the winding so that outside stays outside."""
    if np.array_equal(matrix, np.eye(4)):  # adding zeros would not change much, but it would change bits
        return mesh
    vertices = mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    mirrored = np.linalg.det(matrix[:3, :3]) < 0
    return Mesh(vertices, mesh.faces[:, ::-1] if mirrored else mesh.faces)


def _check(mesh: Mesh, name: str) -> None:
    vertices, faces = mesh.vertices, mesh.faces
    if vertices.shape[1] != 3 or len(faces) == 0:
        raise DataError(f"{name}: no faces in three dimensions in it; t3d needs triangles")
    if faces.min() < 0 or faces.max() >= len(vertices):
        wrong = faces.min() if faces.min() < 0 else faces.max()
        raise DataError(f"{name}: a face uses vertex {wrong} of {len(vertices)}; export the mesh again")
    used = vertices[np.unique(faces)]
    if not np.isfinite(used).all():
        count = int((~np.isfinite(used).all(axis=1)).sum())
        raise DataError(f"{name}: {count} vertices are NaN or infinite; export the mesh again")
    extent = float(np.ptp(bounds(mesh), axis=0).max())
    if not _EXTENTS[0] <= extent <= _EXTENTS[1] or extent < 1e-10 * np.abs(used).max():
        what = (
            "all vertices are in one point"
            if extent == 0
            else f"size {extent:.3g} at {np.abs(used).max():.3g}"
        )
        raise DataError(f"{name}: {what}; scale it to a sensible size around the origin")
    if face_areas(mesh).max() <= 1e-14 * extent**2:
        raise DataError(f"{name}: no face has an area; export the mesh again")


def check_ply(path: Path) -> None:
    """DataError where a PLY's header promises more than the file can hold: readers make room for it first."""
    with path.open("rb") as file:
        header, end, _ = file.read(1 << 16).partition(b"end_header")
    promised = sum(map(int, re.findall(rb"(?m)^element +\S+ +(\d{1,4000})", header)))
    size = path.stat().st_size
    if promised > size or (not end and size > len(header)):
        raise DataError(
            f"{path}: its header has no end, or promises more rows ({promised}) than there are bytes"
        )


def _refuse_compressed(path: Path, suffix: str) -> None:
    """DataError for what trimesh would fill with zeros: geometry with required compression without a decoder,
    and numbers that are not in the file.
    """
    header = _gltf_header(path, suffix)
    size = path.stat().st_size
    if any("bufferView" not in one and one.get("count", 0) > size for one in header.get("accessors", [])):
        raise DataError(f"{path}: an accessor has no data, and promises more numbers than the file has bytes")
    required = header.get("extensionsRequired", [])
    for name in sorted(set(required) & set(_COMPRESSED)):
        if _COMPRESSED[name] != "Draco" or importlib.util.find_spec("DracoPy") is None:
            raise DataError(
                f"{path}: its geometry is {_COMPRESSED[name]}-compressed ({name}), which t3d does not"
                " decode; export it uncompressed"
            )


def _gltf_header(path: Path, suffix: str) -> dict[str, Any]:
    with path.open("rb") as file:
        if suffix == ".glb":
            magic, _, _, length, _ = struct.unpack("<4sIIII", file.read(20))
            if magic != b"glTF":
                raise DataError(f"{path}: not a GLB file (no glTF mark at its start)")
            size = path.stat().st_size
            header = json.loads(file.read(min(length, size)))
            while len(chunk := file.read(8)) == 8:  # readers make room for a chunk before they read it
                if (length := int.from_bytes(chunk[:4], "little")) > size:
                    raise DataError(f"{path}: a part of it promises {length} bytes of the file's {size}")
                file.seek(length, 1)
        else:
            header = json.loads(file.read())
    if not isinstance(header, dict):
        raise DataError(f"{path}: not a glTF file (its JSON is no object)")
    return header


def obj_geometry(content: bytes, name: str) -> bytes:
    """An OBJ file reduced to its vertices and faces, with positive indices to vertices only.

    What is left of it reads the same with and without textures, MTL files, normals, objects or groups,
    in any encoding. Relative indices count back from where they stand, which trimesh (5.2) ignores.
    DataError for an index that is zero or no number: trimesh would take the first vertex, or stop there.
    """
    text = re.sub(rb"\\\r?\n|#[^\r\n]*|[ \t]+", b" ", content).replace(b"\r", b"\n")
    lines = [line.strip() for line in re.findall(rb"^ ?[vf] .*$", text, re.MULTILINE)]
    vertices = [line for line in lines if line.startswith(b"v")]
    faces = re.sub(rb"/\S*", b"", b"\n".join(line for line in _absolute(lines) if line.startswith(b"f")))
    wrong = re.search(rb" (?!\+?0*[1-9][0-9]*(?:\s|$))(\S+)", faces)
    if wrong:
        raise DataError(f"{name}: face index {wrong[1].decode('ascii', 'replace')!r}; export the mesh again")
    return b"\n".join([*vertices, faces, b""])


def _absolute(lines: list[bytes]) -> Iterator[bytes]:
    """Lines of an OBJ file with every relative face index replaced by the one it stands for."""
    vertices = 0
    for line in lines:
        vertices += line.startswith(b"v")
        if line.startswith(b"f") and b" -" in line:
            indices = [int(token.partition(b"/")[0]) for token in line.split()[1:]]
            absolute = [index if index >= 0 else vertices + 1 + index for index in indices]
            yield b"f " + b" ".join(b"%d" % index for index in absolute)
        else:
            yield line


def face_groups(path: Path) -> list[str]:
    """The group (`g`) that each triangle of an OBJ file is in, in the order of `load_geometry`'s faces.

    Empty for other formats, without groups, and for polygons of more corners, whose triangles have no order
    of their own.
    """
    if path.suffix.lower() != ".obj":
        return []
    group, groups = "", []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, rest = line.strip().partition(" ")
        if key == "g":
            group = rest.strip()
        elif key == "f":
            groups.append(group)
            if len(rest.split()) != 3:
                return []
    return groups if len(set(groups)) > 1 else []


_VERTEX = [("x", "<f8"), ("y", "<f8"), ("z", "<f8")]
_COLOR = [("red", "u1"), ("green", "u1"), ("blue", "u1")]
_POINT = np.dtype([*_VERTEX, ("nx", "<f8"), ("ny", "<f8"), ("nz", "<f8")])


def write_ply(path: Path, mesh: Mesh, colors: npt.NDArray[np.uint8] | None = None) -> None:
    """Write a binary PLY with double coordinates; the same mesh always gives the same bytes.

    colors: (V, 3) uint8 red, green, blue per vertex.
    """
    rows = np.zeros(len(mesh.vertices), dtype=_VERTEX if colors is None else _VERTEX + _COLOR)
    for axis, (key, _) in enumerate(_VERTEX):
        rows[key] = mesh.vertices[:, axis]
    if colors is not None:
        for channel, (key, _) in enumerate(_COLOR):
            rows[key] = colors[:, channel]
    faces = np.zeros(len(mesh.faces), dtype=[("count", "u1"), ("indices", "<i4", 3)])
    faces["count"], faces["indices"] = 3, mesh.faces
    face_head = f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
    path.write_bytes(_ply_head(rows, face_head) + rows.tobytes() + faces.tobytes())


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh as PLY (`write_ply`), or by trimesh as OBJ or GLB, by the path's suffix."""
    import trimesh

    if path.suffix == ".ply":
        write_ply(path, mesh)
    else:
        trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(path)


def _ply_head(rows: npt.NDArray[Any], faces: str = "") -> bytes:
    kinds = {"f": "double", "u": "uchar"}
    names = rows.dtype.names or ()
    properties = "".join(f"property {kinds[rows.dtype[name].kind]} {name}\n" for name in names)
    head = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(rows)}\n{properties}{faces}end_header\n"
    )
    return head.encode("ascii")


def write_points(path: Path, points: npt.ArrayLike, normals: npt.ArrayLike) -> None:
    """Write points (N, 3) with unit normals (N, 3) as a binary PLY without faces, in double."""
    values = np.ascontiguousarray(np.concatenate([points, normals], axis=1), dtype="<f8")
    rows = values.view(_POINT).reshape(-1)
    path.write_bytes(_ply_head(rows) + rows.tobytes())


def read_points(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points (N, 3) and normals (N, 3) that `write_points` wrote; DataError for any other file."""
    content = path.read_bytes()
    head, mark, body = content.partition(b"end_header\n")
    rows = np.frombuffer(body[: len(body) // _POINT.itemsize * _POINT.itemsize], dtype=_POINT)
    if _ply_head(rows) != head + mark or len(rows) * _POINT.itemsize != len(body):
        raise DataError(f"{path}: not a point file written by t3d; make it again with `t3d evaluate`")
    values = rows.view("<f8").reshape(-1, 6)
    return values[:, :3].copy(), values[:, 3:].copy()
