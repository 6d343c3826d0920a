"""How shapes look: parts with materials, out of mesh files and the material and texture files beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.datasets import images, meshes
from t3d.datasets.beside import Beside
from t3d.datasets.gltf import GLTF, UvTransform, complete_gltf, label
from t3d.datasets.obj import with_materials
from t3d.errors import DataError
from t3d.geometry.mesh import Mesh
from t3d.geometry.parts import GREY, Material, Part, same_surface
from t3d.geometry.shading import encode

WHITE = (1.0, 1.0, 1.0, 1.0)
INVISIBLE = 0.02
"""Materials more transparent than this on the whole are drawn opaque: the shape has them, so its pictures
must, and writers disagree on whether `Tr 1` means opaque."""

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Appearance:
    """Parts of a shape in its original frame, and what could not be read of its looks, a line each."""

    parts: list[Part]
    warnings: tuple[str, ...]


def load_appearance(path: Path) -> Appearance:
    """Parts of a mesh file with their materials, in the file's own frame.

    A missing, broken or refused material or texture is a warning; DataError where the file cannot be read or
    has no triangles. Placed instances of a scene become parts of their own. A texture replaces an MTL's `Kd`,
    as Blender's importer has it. `Kd` counts as linear light: so do Blender 2.79, with which the published
    pictures were made, and pyrender take it, and exporters of linear programs write it; as sRGB, most real
    shapes come out almost black. All numbers of glTF are linear too; colours of vertices in other files are
    sRGB.
    """
    reader = _Reader(path)
    try:
        scene = meshes.read_scene(path, reader.fit, resolver=reader.beside)
        parts = [reader.part(mesh, matrix) for mesh, matrix in meshes.placed(scene, path)]
    except Exception as error:  # a broken file makes the readers raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path.name}: its materials cannot be read ({reason})") from error
    if not parts:
        raise DataError(f"{path.name}: no faces in it; t3d needs triangles")
    if not any((part.vertices != part.vertices[:1]).any() for part in parts):  # made up by trimesh
        raise DataError(f"{path.name}: all vertices are in one point; export it uncompressed")
    return Appearance(parts, tuple(dict.fromkeys(reader.beside.warnings)))


def appearance_on(path: Path, mesh: Mesh, move: Callable[[Part], Part] | None = None) -> Appearance:
    """The looks of a mesh file as they fit `mesh`, in whose frame `move` puts the file's parts.

    No parts where they are unusable: the mesh is then to be drawn in grey, which the last warning says.
    """
    try:
        found = load_appearance(path)
    except DataError as error:
        return Appearance([], (f"drawn in grey: {error}",))
    parts = list(map(move, found.parts)) if move else found.parts
    if same_surface(parts, mesh):
        return Appearance(parts, found.warnings)
    reason = "drawn in grey: its materials stand on another surface than the mesh"
    return Appearance([], (*found.warnings, reason))


class _Reader:
    """Turns trimesh's meshes and materials into ours; decodes every picture once."""

    def __init__(self, path: Path) -> None:
        self.beside = Beside(path)
        self._suffix = path.suffix.lower()
        self._moves: Mapping[str, UvTransform] = {}
        self._decoded: dict[int, Pixels | None] = {}

    def fit(self, content: bytes) -> bytes:
        """The file's content with what trimesh would not read of its looks brought into its reach."""
        if self._suffix == ".obj":
            return with_materials(content, self.beside.library())
        if self._suffix in GLTF:
            content, self._moves = complete_gltf(content)
        return content

    def part(self, mesh: Any, matrix: Floats) -> Part:
        """One mesh of the scene where its node puts it."""
        vertices = np.asarray(mesh.vertices, dtype=np.float64)
        faces = np.asarray(mesh.faces, dtype=np.int64)
        normals = mesh.vertex_normals if "vertex_normals" in mesh._cache.cache else None
        visual, uv, material = mesh.visual, None, Material(WHITE)
        colors: Pixels | None
        if visual.kind == "face":
            colors = np.repeat(np.asarray(visual.face_colors, dtype=np.uint8), 3, axis=0)
            vertices, faces = vertices[faces].reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3)
            normals = None
        elif visual.kind == "vertex":
            colors = np.asarray(visual.vertex_colors, dtype=np.uint8)
            colors = _srgb(colors) if self._suffix in GLTF else colors
        else:
            colors, uv, material = self._textured(visual, len(vertices))
        if not np.array_equal(matrix, np.eye(4)):
            vertices = vertices @ matrix[:3, :3].T + matrix[:3, 3]
            normals = None if normals is None else normals @ np.linalg.pinv(matrix[:3, :3])
        return Part(vertices, faces, normals, uv, material, colors)

    def _textured(self, visual: Any, count: int) -> tuple[Pixels | None, Floats | None, Material]:
        """Colours by vertex, texture coordinates and material of a visual with a material, or without any."""
        uv = getattr(visual, "uv", None)
        uv = None if uv is None or len(uv) != count else np.nan_to_num(np.asarray(uv, np.float64))
        colors = getattr(visual, "vertex_attributes", {}).get("color")
        colors = None if colors is None or len(colors) != count else _srgb(np.asarray(colors))
        source = getattr(visual, "material", None)
        if source is None:
            return colors, uv, Material()
        material = self._pbr(source, uv) if hasattr(source, "baseColorFactor") else self._mtl(source, uv)
        if material.alpha_mode != "opaque" and material.color[3] < INVISIBLE:
            self._warn(source, "is fully transparent: drawn opaque")
            material = Material((*material.color[:3], 1.0), material.texture)
        if uv is not None and material.texture is not None and source.name in self._moves:
            uv = _moved(uv, self._moves[source.name])
        return colors, uv, material

    def _pbr(self, source: Any, uv: Floats | None) -> Material:
        """A glTF material: factors are linear, 1 where absent."""
        factor = source.baseColorFactor
        red, green, blue, alpha = WHITE if factor is None else (float(v) / 255 for v in factor)
        texture = self._pixels(source, source.baseColorTexture, uv)
        cutoff = 0.5 if source.alphaCutoff is None else float(source.alphaCutoff)
        return Material((red, green, blue, alpha), texture, (source.alphaMode or "OPAQUE").lower(), cutoff)

    def _mtl(self, source: Any, uv: Floats | None) -> Material:
        """An MTL material: `Kd`, unless there is a texture, and `d` or `Tr`."""
        alpha = _number(source.kwargs.get("d"), 1 - _number(source.kwargs.get("tr"), 0.0))
        texture = self._pixels(source, source.image, uv)
        color = WHITE[:3] if texture is not None else _kd(source.kwargs.get("kd"))
        holes = texture is not None and np.ptp(texture[..., 3]) > 127
        mode = "blend" if alpha < 1 else "mask" if holes else "opaque"
        return Material((*color, alpha), texture, mode)

    def _warn(self, source: Any, what: str) -> None:
        name = label(str(source.name)) if self._suffix in GLTF else source.name
        self.beside.warnings.append(f"material {name} {what}")

    def _pixels(self, source: Any, image: Any, uv: Floats | None) -> Pixels | None:
        if getattr(image, "format", None) is None:  # none at all, or the single texel that trimesh makes up
            if source.name in self._moves:  # trimesh drops what it cannot read without a word
                self._warn(source, "has a texture that cannot be read: drawn untextured")
            return None
        if uv is None:
            self._warn(source, "has a texture but no usable coordinates: drawn untextured")
            return None
        if id(image) not in self._decoded:  # the scene keeps every picture, so that ids stay their own
            try:
                self._decoded[id(image)] = images.texture(image)
            except (OSError, ValueError, SyntaxError):
                self._warn(source, "has a texture that cannot be read: drawn untextured")
                self._decoded[id(image)] = None
        return self._decoded[id(image)]


def _moved(uv: Floats, transform: UvTransform) -> Floats:
    """Texture coordinates (V, 2), v upwards, by a transform of glTF's, whose v points down."""
    moved = np.stack([uv[:, 0], 1 - uv[:, 1], np.ones(len(uv))], axis=1) @ transform.T
    return np.stack([moved[:, 0], 1 - moved[:, 1]], axis=1)


def _srgb(colors: npt.NDArray[Any]) -> Pixels:
    """Linear colours by vertex (glTF's), as floats in [0, 1] or as integers, in sRGB bytes."""
    peak = 1.0 if colors.dtype.kind == "f" else float(np.iinfo(colors.dtype).max)
    values = np.clip(colors.astype(np.float32) / peak, 0, 1)
    alpha = np.round(values[:, 3:] * 255).astype(np.uint8)
    return np.concatenate([encode(values[:, :3]), alpha], axis=1)


def _kd(value: Any) -> tuple[float, float, float]:
    """Linear colour of an MTL's `Kd`, three numbers in [0, 1]."""
    channels = np.asarray(value if isinstance(value, list) else [], dtype=np.float64)
    if len(channels) != 3 or not np.isfinite(channels).all():
        return GREY[:3]
    red, green, blue = (float(linear) for linear in np.clip(channels, 0, 1))
    return red, green, blue


def _number(words: Any, absent: float) -> float:
    """The last of an MTL line's words (`-halo` may stand before it) as a number in [0, 1], or `absent`."""
    try:
        return min(max(float(words[-1]), 0.0), 1.0)
    except (TypeError, ValueError, IndexError):
        return absent
