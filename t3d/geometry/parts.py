"""What a renderer draws: parts with a material each, joined into one soup of triangles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t3d.errors import DataError
from t3d.geometry.mesh import Indices, Mesh, bounds, concatenate, face_areas, weld
from t3d.geometry.shading import Floats, decode
from t3d.geometry.stretch import Stretch

GREY = (0.5, 0.5, 0.5, 1.0)
"""Linear colour of what has no material: a light neutral grey, 188 of 255 in sRGB."""

Whole = NDArray[np.integer[Any]]

_TINY = np.float32(1e-30)


@dataclass(frozen=True)
class Material:
    """How a part looks: base colour, times the texture if any; glTF 2.0's terms and alpha rules."""

    color: tuple[float, float, float, float] = GREY
    """Linear RGB and alpha."""
    texture: NDArray[np.uint8] | None = None
    """(H, W, 4) sRGB and alpha, or nothing."""
    alpha_mode: str = "opaque"
    """"opaque" ignores alpha, "mask" keeps what reaches `cutoff`, "blend" mixes with what is behind."""
    cutoff: float = 0.5


@dataclass(frozen=True)
class Part(Mesh):
    """Triangles of one material.

    normals: (V, 3) for smooth shading, None for flat; zero or senseless ones count as flat. uv: (V, 2), v
    upwards. colors: (V, 3 or 4) sRGB bytes that multiply the material.
    """

    normals: NDArray[np.float64] | None = None
    uv: NDArray[np.float64] | None = None
    material: Material = Material()
    colors: NDArray[np.uint8] | None = None


def plain(mesh: Mesh, color: ArrayLike = (188, 188, 188)) -> list[Part]:
    """A mesh as it is, flat shaded, in one sRGB colour (3,) or in one per vertex (V, 3), bytes."""
    shade = np.asarray(color, dtype=np.uint8)
    if shade.ndim == 2:
        return [Part(mesh.vertices, mesh.faces, material=Material((1.0, 1.0, 1.0, 1.0)), colors=shade)]
    red, green, blue = (float(value) for value in decode(shade))
    return [Part(mesh.vertices, mesh.faces, material=Material((red, green, blue, 1.0)))]


def same_surface(parts: Sequence[Part], mesh: Mesh) -> bool:
    """Whether parts are the mesh, read another way: boxes equal to 0.1 % of the diagonal, no area lost."""
    joined = concatenate(parts)
    if not np.isfinite(joined.vertices[joined.faces]).all():
        return False
    ours, theirs = bounds(joined), bounds(mesh)
    near = np.abs(ours - theirs).max() < 1e-3 * np.linalg.norm(theirs[1] - theirs[0])
    return bool(near and face_areas(joined).sum() > 0.99 * face_areas(mesh).sum())


def stretched(part: Part, stretch: Stretch) -> Part:
    """A part with its vertices moved, its normals turned with the surface and its faces still outside."""
    mesh = stretch.stretched(part)
    normals = None if part.normals is None else part.normals / stretch.slopes(part.vertices)
    return replace(part, vertices=mesh.vertices, faces=mesh.faces, normals=normals)


class Corners:
    """Values that vary linearly over each triangle: K <= 4 numbers at each corner."""

    def __init__(self, values: Floats) -> None:
        """values: (F, 3, K)."""
        self._width = values.shape[2]
        stored = 1 << (self._width - 1).bit_length()  # NumPy takes rows of 8 or 16 bytes fastest
        padded = np.pad(values, [(0, 0), (0, 0), (0, stored - self._width)])
        self._first = np.ascontiguousarray(padded[:, 0])
        self._along = [padded[:, corner] - padded[:, 0] for corner in (1, 2)]

    def at(self, face: NDArray[np.integer[Any]], inside: Floats) -> Floats:
        """Values (N, K) on faces (N,) at Embree's barycentric (u, v), `inside` (N, 2)."""
        mixed = self._first.take(face, axis=0)
        for corner, along in enumerate(self._along):
            mixed += along.take(face, axis=0) * inside[:, corner, None]
        return mixed[:, : self._width]


@dataclass(frozen=True)
class Soup:
    """Parts joined: F triangles and their attributes by face or corner, all float32.

    vertices (V, 3), faces (F, 3); normals (F, 3) of the planes; smooth: normals at corners, on the plane
    normal's side, or None if all is flat; rgba (F, 4), linear, times `colors` at corners, if any; uv at
    corners, or None; texture (F,) index into `textures`, -1 for none; density (F,): texels per unit of
    length, 0 without texture; cutoff (F,): 0 blends, infinite is opaque; behind (F,): which face is seen from
    the back, or None if no two faces share their place. Of faces that do, all but the first are without
    extent in `faces`.
    """

    vertices: Floats
    faces: NDArray[np.uint32]
    normals: Floats
    smooth: Corners | None
    rgba: Floats
    colors: Corners | None
    uv: Corners | None
    texture: NDArray[np.int32]
    textures: list[NDArray[np.uint8]]
    density: Floats
    cutoff: Floats
    behind: NDArray[np.int64] | None


def join(parts: Sequence[Part]) -> Soup:
    """One soup of all parts that have faces; DataError if none has."""
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        raise DataError("nothing to draw: the shape has no faces; check the mesh file")
    joined, counts = concatenate(parts), [len(part.faces) for part in parts]
    earliest, order, behind = _twins(joined)
    hidden = earliest != np.arange(len(earliest))
    vertices, faces = joined.vertices.astype(np.float32), np.take_along_axis(joined.faces, order, axis=1)
    planes = _plane_normals(vertices[faces])
    index, textures = _textures(parts)
    texture = np.repeat(index, counts).astype(np.int32)
    colors = [None if part.colors is None else _linear(part.colors) for part in parts]
    rgba = _by_corner(colors, parts, faces, 4, 1.0)
    normals = _by_corner([part.normals for part in parts], parts, faces, 3)
    smooth = None if normals is None else _smooth(normals, planes)
    uv = _by_corner([part.uv for part in parts], parts, faces, 2) if textures else None
    return Soup(
        vertices=vertices,
        faces=np.where(hidden[:, None], faces[:, :1], faces).astype(np.uint32),
        normals=planes,
        smooth=None if smooth is None else Corners(smooth),
        rgba=np.repeat(np.array([part.material.color for part in parts], dtype=np.float32), counts, axis=0),
        colors=None if rgba is None else Corners(rgba),
        uv=None if uv is None else Corners(uv),
        texture=texture,
        textures=textures,
        density=_density(textures, texture, vertices[faces], uv),
        cutoff=np.repeat([_cutoff(part.material) for part in parts], counts).astype(np.float32),
        behind=behind if hidden.any() else None,
    )


def _twins(mesh: Mesh) -> tuple[Indices, Indices, Indices]:
    """Faces that share their three places: modelling programs double faces, reversed, to colour each side.

    A ray would meet either of them. The first face at the same place (F,), corners in the order of that
    face's (F, 3), and the face to draw where this one is seen from behind (F,).
    """
    faces = weld(mesh).faces
    ranking = np.argsort(faces, axis=1)
    ranked = np.take_along_axis(faces, ranking, axis=1)
    _, first, place = np.unique(ranked, axis=0, return_index=True, return_inverse=True)
    earliest, behind = first[place.reshape(-1)], np.arange(len(faces))
    rises = (faces < np.roll(faces, -1, axis=1)).sum(axis=1)
    even = rises == 2  # whether it is an even permutation of its sorted corners
    reversed_twins = np.flatnonzero(even != even[earliest])[::-1]  # so that the first of several stays
    behind[earliest[reversed_twins]] = reversed_twins
    return earliest, np.take_along_axis(ranking, np.argsort(ranking, axis=1)[earliest], axis=1), behind


def _plane_normals(corners: Floats) -> Floats:
    """Unit normals (F, 3) of triangles (F, 3, 3); zero for triangles without area."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.maximum(lengths, _TINY)


def _by_corner(
    values: Sequence[ArrayLike | None], parts: Sequence[Part], faces: Whole, width: int, absent: float = 0.0
) -> Floats | None:
    """Values by vertex of each part at the corners of all faces, (F, 3, width); None where none has any."""
    if all(value is None for value in values):
        return None
    missing = [np.full((len(part.vertices), width), absent) for part in parts]
    pairs = zip(values, missing, strict=True)
    whole = [np.asarray(other if value is None else value, dtype=np.float32) for value, other in pairs]
    return np.concatenate(whole)[faces]


def _smooth(normals: Floats, planes: Floats) -> Floats:
    """The file's normals at corners (F, 3, 3), unit, turned to the side of the planes' normals (F, 3).

    Files disagree on the side and some hold zeros or noise: a face with a corner normal that is not finite
    or leans more than about 84 degrees from its plane's normal is drawn flat.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.linalg.norm(normals, axis=2, keepdims=True)
        normals = normals / np.maximum(lengths, _TINY)
        lean = np.einsum("fci,fi->fc", normals, planes)
        flat = ~(np.abs(lean) > 0.1).all(axis=1)
    normals = normals * np.where(lean < 0, -1, 1)[..., None].astype(np.float32)
    normals[flat] = planes[flat, None]
    return normals


def _linear(colors: NDArray[np.uint8]) -> Floats:
    """Vertex colours (V, 3 or 4) as linear RGBA (V, 4)."""
    alpha, opaque = colors[:, 3:] / np.float32(255), np.ones((len(colors), 1), dtype=np.float32)
    return np.concatenate([decode(colors[:, :3]), alpha, opaque], axis=1)[:, :4]


def _textures(parts: Sequence[Part]) -> tuple[list[int], list[NDArray[np.uint8]]]:
    """Which texture each part has (-1: none), and the different textures; parts may share one array."""
    used = [None if part.uv is None else part.material.texture for part in parts]
    different = {id(pixels): pixels for pixels in used if pixels is not None}
    number = {key: place for place, key in enumerate(different)}
    return [number.get(id(pixels), -1) for pixels in used], list(different.values())


def _density(
    textures: Sequence[NDArray[np.uint8]], texture: NDArray[np.int32], corners: Floats, uv: Floats | None
) -> Floats:
    """Texels per unit of length (F,), the geometric mean over directions."""
    if uv is None:
        return np.zeros(len(texture), np.float32)
    edges, sides = corners[:, 1:] - corners[:, :1], uv[:, 1:] - uv[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    covered = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    sizes = [float(np.prod(one.shape[:2])) for one in textures]
    texels = np.array([*sizes, 0.0], dtype=np.float32).take(texture, mode="wrap")
    density: Floats = np.sqrt(covered * texels / np.maximum(area, _TINY))
    return density


def _cutoff(material: Material) -> float:
    return {"mask": max(material.cutoff, 1e-6), "blend": 0.0}.get(material.alpha_mode, np.inf)
