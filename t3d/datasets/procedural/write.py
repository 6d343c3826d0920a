"""Procedural shapes as files, in ShapeNet v2's layout: OBJ with groups, MTL, PNG textures.

Numbers are written with fixed formatting and pictures without compression, so that a shape has the same bytes
on every machine.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.images import png as png_file
from t3d.datasets.procedural.chair import chair
from t3d.datasets.procedural.dice import dice_for
from t3d.datasets.procedural.looks import Image, Material
from t3d.datasets.procedural.plane import plane
from t3d.datasets.procedural.sofa import sofa
from t3d.datasets.procedural.solid import Array, Faces, Solid
from t3d.geometry.mesh import Mesh, area_vectors, concatenate
from t3d.geometry.shading import decode

CATEGORIES = {"sofa": sofa, "chair": chair, "plane": plane}
"""Generator of each procedural category: the parts in metres, and the materials that they name, by dice."""

VERSION = 2
"""Raised whenever the same seed gives other shapes."""

CREASE = np.cos(np.radians(42))
"""Faces that meet at a sharper angle keep their edge when the shape is shaded smoothly."""


def write_shape(class_folder: Path, category: str, index: int, seed: int) -> Path:
    """Write shape number `index` under `class_folder`; its folder, named like `sofa-0007`."""
    solids, materials = CATEGORIES[category](dice_for(seed, category, index))
    folder = class_folder / f"{category}-{index:04d}"
    models, images = folder / "models", folder / "images"
    models.mkdir(parents=True)
    used = {name: materials[name] for name in dict.fromkeys(solid.material for solid in solids)}
    (models / "model_normalized.obj").write_text(obj_text(normalized(solids), used), newline="\n")
    (models / "model_normalized.mtl").write_text(mtl_text(used), newline="\n")
    for name, material in used.items():
        if material.texture is not None:
            images.mkdir(exist_ok=True)
            (images / f"{name}.png").write_bytes(png(material.texture))
    return folder


def normalized(solids: Sequence[Solid]) -> list[Solid]:
    """The parts moved and scaled together: box-centred, bounding-box diagonal 1, coordinates to 1e-6."""
    points = np.concatenate([solid.vertices for solid in solids])
    low, high = points.min(axis=0), points.max(axis=0)
    centre, size = (low + high) / 2, float(np.linalg.norm(high - low))
    # Adding zero turns -0.0 into 0.0, whose sign is rounding noise.
    return [solid.mapped(lambda points: np.round((points - centre) / size, 6) + 0.0) for solid in solids]


def obj_text(solids: Sequence[Solid], materials: Mapping[str, Material]) -> str:
    """An OBJ with a group per part, texture coordinates and normals that keep sharp edges."""
    mesh = concatenate([Mesh(solid.vertices, solid.faces) for solid in solids])
    uv, uv_number = _texture_coordinates(solids, materials)
    rounded = np.round(corner_normals(mesh.vertices, mesh.faces).reshape(-1, 3), 3) + 0.0
    normals, normal_number = np.unique(rounded, axis=0, return_inverse=True)
    numbers = [mesh.faces, uv_number, normal_number.reshape(-1, 3)]
    corners = np.stack(numbers, axis=2).reshape(-1, 9) + 1
    text = "mtllib model_normalized.mtl\n" + _rows("v %.6f %.6f %.6f\n", mesh.vertices)
    text += _rows("vt %.4f %.4f\n", uv) + _rows("vn %.3f %.3f %.3f\n", normals)
    ends = np.cumsum([len(solid.faces) for solid in solids])
    for solid, rows in zip(solids, np.split(corners, ends[:-1]), strict=True):
        text += f"g {solid.name}\nusemtl {solid.material}\n"
        text += _rows("f %d/%d/%d %d/%d/%d %d/%d/%d\n", rows)
    return text


def _rows(template: str, table: NDArray[np.float64] | Faces) -> str:
    return (template * len(table)) % tuple(table.ravel().tolist())


def _texture_coordinates(solids: Sequence[Solid], materials: Mapping[str, Material]) -> tuple[Array, Faces]:
    """Texture coordinates (N, 2) and their numbers (F, 3): faces are projected along their main axis."""
    tables, numbers, start = [], [], 0
    for solid in solids:
        material = materials[solid.material]
        axis = np.zeros(len(solid.faces), dtype=np.int64) if material.side else _main_axis(solid)
        key = solid.faces * 3 + axis[:, None]
        distinct, number = np.unique(key.ravel(), return_inverse=True)
        flat = _projected(solid.rest[distinct // 3], distinct % 3, material.grain)
        # Off the grid by a bit, so that round measures are no ties that an ulp would turn.
        tables.append(np.round(flat / material.tile + 3.3e-5, 4) + 0.0)
        numbers.append(number.reshape(-1, 3) + start)
        start += len(distinct)
    return np.concatenate(tables), np.concatenate(numbers)


def _main_axis(solid: Solid) -> Faces:
    """The axis (F,) that each face at rest looks along most."""
    normal = np.abs(area_vectors(Mesh(solid.rest, solid.faces)))
    return (normal / normal.max(axis=1, keepdims=True)).round(6).argmax(axis=1)


def _projected(rest: Array, axis: Faces, grain: bool) -> Array:
    """Positions (N, 3) without coordinate `axis` (N,): (N, 2), with `grain` the part's long way first."""
    u, v = np.where(axis == 0, 2, 0), np.where(axis == 1, 2, 1)
    if grain:
        u, v = np.where(v == np.ptp(rest, axis=0).argmax(), (v, u), (u, v))
    rows = np.arange(len(rest))
    return np.stack([rest[rows, u], rest[rows, v]], axis=1)


def corner_normals(vertices: Array, faces: Faces) -> Array:
    """Unit normals (F, 3, 3) at corners: the mean over the vertex's faces within the crease angle.

    Faces weigh by area and by their angle at the vertex, so that how quads are halved does not show.
    """
    from scipy import sparse

    corners = vertices[faces]
    sides = np.roll(corners, -1, axis=1) - corners
    weighted = np.cross(sides[:, 0], sides[:, 1])
    unit = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
    ways = sides / np.linalg.norm(sides, axis=2, keepdims=True)
    angles = np.arccos(np.clip(-np.einsum("fij,fij->fi", ways, np.roll(ways, 1, axis=1)), -1, 1))
    at = sparse.csr_array((np.ones(faces.size), (np.arange(faces.size), faces.ravel())))  # vertex by corner
    corner, other = (at @ at.T).sorted_indices().nonzero()
    smooth = np.einsum("ij,ij->i", unit[corner // 3], unit[other // 3]) > CREASE
    corner, other = corner[smooth], other[smooth]
    parts = weighted[other // 3] * angles.ravel()[other][:, None]
    normals: Array = np.stack([np.bincount(corner, parts[:, k]) for k in range(3)], axis=1)
    return (normals / np.linalg.norm(normals, axis=1, keepdims=True)).reshape(-1, 3, 3)


def mtl_text(materials: Mapping[str, Material]) -> str:
    """An MTL; its numbers are linear, textures sRGB and in `../images`, as in ShapeNet v2."""
    blocks = []
    for name, one in materials.items():
        plain = decode(np.asarray(one.color if one.texture is None else (255, 255, 255), np.uint8)).tolist()
        text = "newmtl {}\nKd {:.5f} {:.5f} {:.5f}\nKa 0.0000 0.0000 0.0000\n".format(name, *plain)
        text += "Ks {0:.4f} {0:.4f} {0:.4f}\nNs {1:.1f}\n".format(one.shine / 2, 10 + 190 * one.shine)
        picture = "" if one.texture is None else f"map_Kd ../images/{name}.png\n"
        blocks.append(f"{text}illum 2\n{picture}")
    return "\n".join(blocks)


def png(image: Image) -> bytes:
    """An 8-bit RGB image (H, W, 3) as PNG with stored (uncompressed) data.

    Compressors differ between versions and builds of zlib; stored blocks (RFC 1951, 3.2.4) never do.
    """
    height, width = image.shape[:2]
    raw = b"".join(b"\0" + row.tobytes() for row in image)
    data = b"\x78\x01"
    for start in range(0, len(raw), 65535):
        block = raw[start : start + 65535]
        data += struct.pack("<BHH", start + 65535 >= len(raw), len(block), len(block) ^ 0xFFFF) + block
    return png_file(width, height, 8, 2, data + struct.pack(">I", zlib.adler32(raw)))
