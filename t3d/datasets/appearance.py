"""How shapes look: parts with materials, out of mesh files and the material and texture files beside them."""

import io
import logging
import warnings as python_warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t3d.datasets import images
from t3d.datasets.beside import Beside, complete_obj
from t3d.datasets.gltf import UvTransform, complete_gltf, label
from t3d.errors import DataError
from t3d.geometry.parts import GREY, Material, Part
from t3d.geometry.shading import encode

log = logging.getLogger(__name__)

WHITE = (1.0, 1.0, 1.0, 1.0)
INVISIBLE = 0.02
"""Materials more transparent than this on the whole are drawn opaque: the shape has them, so its pictures
must, and writers disagree on whether `Tr 1` means opaque."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Appearance:
    """Parts of a shape in its original frame, and what could not be read of its looks, a line each."""

    parts: list[Part]
    warnings: tuple[str, ...]


def load_parts(path: Path) -> list[Part]:
    """Parts of a mesh file with their materials, in the file's own frame; warnings are logged.

    Raises DataError where the file cannot be read or has no triangles.
    """
    appearance = load_appearance(path)
    for warning in appearance.warnings:
        log.warning("%s: %s", path, warning)
    return appearance.parts


def load_appearance(path: Path) -> Appearance:
    """Like `load_parts`; a missing, broken or refused material or texture is a warning, not an error.

    Placed instances of a scene become parts of their own. A texture replaces an MTL's `Kd`, as Blender's
    importer has it. `Kd` counts as linear light: so do Blender 2.79, with which the published pictures were
    made, and pyrender take it, and exporters of linear programs write it; as sRGB, most real shapes come out
    almost black. All numbers of glTF are linear too; colours of vertices in other files are sRGB.
    """
    beside = Beside(path)
    try:
        scene, uv_transforms = _scene(path, beside)
        reader = _Reader(beside, uv_transforms)
        parts = [_part(mesh, matrix, reader) for mesh, matrix in _nodes(scene)]
    except Exception as error:  # a broken file makes the readers raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path.name}: its materials cannot be read ({reason})") from error
    if not parts:
        raise DataError(f"{path.name}: no faces in it; t3d needs triangles")
    if not any(
        (part.vertices != part.vertices[:1]).any() for part in parts
    ):  # trimesh's stand-in for lost data
        raise DataError(
            f"{path.name}: all vertices are in one point; if it is compressed, export it as it is"
        )
    reader.note_lost()
    return Appearance(parts, tuple(dict.fromkeys(beside.warnings)))


def _scene(path: Path, beside: Beside) -> tuple[Any, dict[str, UvTransform] | None]:
    """What trimesh reads, and how glTF's textured materials move their pictures, None for other formats."""
    import trimesh

    content, transforms = path.read_bytes(), None
    kind = path.suffix.lower()[1:]
    if kind == "obj":
        content = complete_obj(content, beside.library())
    elif kind in ("gltf", "glb"):
        content, transforms = complete_gltf(content, kind)
    options = {"process": False} if kind != "stl" else {}
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        scene = trimesh.load_scene(io.BytesIO(content), file_type=kind, resolver=beside, **options)
    return scene, transforms


def _nodes(scene: Any) -> Iterator[tuple[Any, npt.NDArray[np.float64]]]:
    for node in scene.graph.nodes_geometry:
        matrix, key = scene.graph[node]
        if len(getattr(scene.geometry[key], "faces", ())):
            yield scene.geometry[key], np.asarray(matrix, dtype=np.float64)


def _part(mesh: Any, matrix: npt.NDArray[np.float64], reader: "_Reader") -> Part:
    """One mesh of the scene where its node puts it."""
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    faces = np.asarray(mesh.faces, dtype=np.int64)
    normals = mesh.vertex_normals if "vertex_normals" in mesh._cache.cache else None
    visual, colors = mesh.visual, None
    if visual.kind == "face":
        colors = np.repeat(np.asarray(visual.face_colors, dtype=np.uint8), 3, axis=0)
        vertices, faces = vertices[faces].reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3)
        normals, uv, material = None, None, Material(WHITE)
    elif visual.kind == "vertex":
        colors, uv, material = reader.vertex_colors(visual), None, Material(WHITE)
    else:
        colors, uv, material = reader.textured(visual, len(vertices))
    if not np.array_equal(matrix, np.eye(4)):
        vertices = vertices @ matrix[:3, :3].T + matrix[:3, 3]
        normals = None if normals is None else normals @ np.linalg.pinv(matrix[:3, :3])
    return Part(vertices, faces, normals, uv, material, colors)


class _Reader:
    """Turns trimesh's materials into ours; decodes every picture once."""

    def __init__(self, beside: Beside, uv_transforms: dict[str, UvTransform] | None) -> None:
        self._beside, self._uv_transforms = beside, uv_transforms
        self._decoded: dict[int, tuple[Any, Pixels | None]] = {}
        self._bare: set[str] = set()

    def vertex_colors(self, visual: Any) -> Pixels:
        """Colours, sRGB bytes (V, 4), of a visual without a material."""
        colors: Pixels = np.asarray(visual.vertex_colors, dtype=np.uint8)
        return colors if self._uv_transforms is None else _bytes(colors)

    def textured(
        self, visual: Any, count: int
    ) -> tuple[Pixels | None, npt.NDArray[np.float64] | None, Material]:
        """Colours by vertex, texture coordinates and material of a visual with a material, or without any."""
        source = getattr(visual, "material", None)
        uv = getattr(visual, "uv", None)
        uv = None if uv is None or len(uv) != count else np.nan_to_num(np.asarray(uv, np.float64))
        colors = getattr(visual, "vertex_attributes", {}).get("color")
        material = self._material(source, uv is not None)
        if uv is not None and self._uv_transforms and material.texture is not None:
            uv = _moved(uv, self._uv_transforms[visual.material.name])
        if colors is None or len(colors) != count:
            return None, uv, material
        return _bytes(np.asarray(colors)), uv, material

    def _material(self, source: Any, mapped: bool) -> Material:
        if source is None:
            return Material()
        if hasattr(source, "baseColorFactor"):
            return self._checked(self._pbr(source, mapped), source.name)
        return self._checked(self._mtl(source, mapped), source.name)

    def _pbr(self, source: Any, mapped: bool) -> Material:
        """A glTF material: factors are linear, 1 where absent."""
        factor = source.baseColorFactor
        red, green, blue, alpha = WHITE if factor is None else (float(v) / 255 for v in factor)
        return Material(
            (red, green, blue, alpha),
            self._pixels(source.baseColorTexture, source.name, mapped),
            (source.alphaMode or "OPAQUE").lower(),
            0.5 if source.alphaCutoff is None else float(source.alphaCutoff),
        )

    def _mtl(self, source: Any, mapped: bool) -> Material:
        """An MTL material: `Kd`, unless there is a texture, and `d` or `Tr`."""
        keys = source.kwargs
        alpha = _number(keys.get("d"), None)
        alpha = 1 - _number(keys.get("tr"), 0.0) if alpha is None else alpha
        texture = self._pixels(source.image, source.name, mapped)
        if texture is not None:
            mode = "mask" if alpha >= 1 and np.ptp(texture[..., 3]) > 127 else "opaque"
            return Material((1.0, 1.0, 1.0, alpha), texture, "blend" if alpha < 1 else mode)
        red, green, blue = _kd(keys.get("kd"))
        return Material((red, green, blue, alpha), None, "blend" if alpha < 1 else "opaque")

    def _checked(self, material: Material, name: str | None) -> Material:
        if material.alpha_mode != "opaque" and material.color[3] < INVISIBLE:
            self._beside.warn(f"material {self._said(name)} is fully transparent: drawn opaque")
            return Material((*material.color[:3], 1.0), material.texture)
        return material

    def _pixels(self, image: Any, name: str | None, mapped: bool) -> Pixels | None:
        if getattr(image, "format", None) is None:  # none at all, or the single texel that trimesh makes up
            self._bare.add(str(name))
            return None
        if not mapped:
            said = self._said(name)
            self._beside.warn(f"material {said} has a texture but no usable coordinates: drawn untextured")
            return None
        if id(image) not in self._decoded:  # the picture is kept too, so that its id stays its own
            self._decoded[id(image)] = (image, self._read(image, name))
        return self._decoded[id(image)][1]

    def _read(self, image: Any, name: str | None) -> Pixels | None:
        try:
            return images.texture(image)
        except (OSError, ValueError, SyntaxError):
            self._beside.warn(f"texture of material {self._said(name)} cannot be read: drawn untextured")
            return None

    def _said(self, name: str | None) -> str:
        """What a file calls a material."""
        return str(name) if self._uv_transforms is None else label(name)

    def note_lost(self) -> None:
        """Warn of glTF's textures that trimesh dropped without a word."""
        for name in sorted(self._bare & (self._uv_transforms or {}).keys()):
            self._beside.warn(f"texture of material {label(name)} cannot be read: drawn untextured")


def _moved(uv: npt.NDArray[np.float64], transform: UvTransform) -> npt.NDArray[np.float64]:
    """Texture coordinates (V, 2), v upwards, by a transform of glTF's, whose v points down."""
    moved = np.stack([uv[:, 0], 1 - uv[:, 1], np.ones(len(uv))], axis=1) @ transform.T
    return np.stack([moved[:, 0], 1 - moved[:, 1]], axis=1)


def _bytes(colors: npt.NDArray[Any]) -> Pixels:
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


def _number(values: Any, absent: float | None) -> Any:
    """The first of an MTL line's words as a number in [0, 1]; `absent` if it is none."""
    for word in values or ():
        try:
            return min(max(float(word), 0.0), 1.0)
        except ValueError:  # `-halo` before the factor
            continue
    return absent
