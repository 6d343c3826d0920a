"""What trimesh (5.2) does not read of a glTF file's colour textures, and files made fit for it."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

GLTF = (".gltf", ".glb")
"""Suffixes of the format, in lower case."""

MARK = b"glTF"
"""How a binary file begins."""

UvTransform = NDArray[np.float64]
"""(2, 3): texture coordinates in a picture from those of a vertex, v downwards as in glTF."""


def split_gltf(content: bytes) -> tuple[Any, memoryview]:
    """The JSON of a file, text or binary, and the chunks behind it; ValueError for what is no JSON."""
    size = int.from_bytes(content[12:16], "little") if content.startswith(MARK) else len(content)
    start = 20 if content.startswith(MARK) else 0  # behind 12 bytes and the first chunk's length and type
    return json.loads(content[start : start + size]), memoryview(content)[start + size :]


def complete_gltf(content: bytes) -> tuple[bytes, dict[str, UvTransform]]:
    """A file, text or binary, whose colour textures are base colours on the first set of coordinates.

    Materials are named "number:name", as names may repeat; also, by these names, how the materials that have
    a colour texture move it (KHR_texture_transform). The diffuse colour of a specular-glossiness material is
    its base colour: t3d draws no highlights.
    """
    header, rest = split_gltf(content)
    transforms: dict[str, UvTransform] = {}
    sets: dict[int, int] = {}
    for number, material in enumerate(header.get("materials", [])):
        material["name"] = f"{number}:{material.get('name', '')}"
        if texture := _color_texture(material):
            moved = texture.get("extensions", {}).get("KHR_texture_transform", {})
            transforms[material["name"]] = _matrix(moved)
            sets[number] = int(moved.get("texCoord", texture.get("texCoord", 0)))
    for mesh in header.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            if wanted := sets.get(primitive.get("material")):
                _make_first(wanted, primitive.get("attributes", {}))
    text = json.dumps(header).encode()
    if not content.startswith(MARK):
        return text, transforms
    text += b" " * (-len(text) % 4)
    chunk = struct.pack("<I4s", len(text), b"JSON") + text + rest
    return struct.pack("<4sII", MARK, 2, 12 + len(chunk)) + chunk, transforms


def label(name: str) -> str:
    """A material's own name, out of that which `complete_gltf` gave it."""
    number, _, own = name.partition(":")
    return own or f"number {number}"


def _color_texture(material: dict[str, Any]) -> Any:
    """What a material says of its colour's texture, after a specular-glossiness one has been rewritten."""
    glossy = material.get("extensions", {}).pop("KHR_materials_pbrSpecularGlossiness", None)
    if glossy is not None:
        names = {"diffuseFactor": "baseColorFactor", "diffuseTexture": "baseColorTexture"}
        material["pbrMetallicRoughness"] = {names[key]: glossy[key] for key in names.keys() & glossy.keys()}
    return material.get("pbrMetallicRoughness", {}).get("baseColorTexture")


def _matrix(moved: Mapping[str, Any]) -> UvTransform:
    """Scale, then rotation, then offset, as KHR_texture_transform has it.

    The text's formula and its example turn to opposite sides; this follows its words and its example.
    """
    angle = float(moved.get("rotation", 0.0))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]]) * np.asarray(moved.get("scale", (1.0, 1.0)), np.float64)
    return np.column_stack([turn, np.asarray(moved.get("offset", (0.0, 0.0)), np.float64)])


def _make_first(wanted: int, attributes: dict[str, Any]) -> None:
    """Give a primitive the set of texture coordinates that its material wants as its only first one."""
    attributes.pop("TEXCOORD_0", None)
    if f"TEXCOORD_{wanted}" in attributes:
        attributes["TEXCOORD_0"] = attributes.pop(f"TEXCOORD_{wanted}")
