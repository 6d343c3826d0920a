"""What trimesh (5.2) does not read of a glTF file's colour textures, and files made fit for it."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

UvTransform = NDArray[np.float64]
"""(2, 3): texture coordinates in a picture from those of a vertex, v downwards as in glTF."""


def complete_gltf(content: bytes, kind: str) -> tuple[bytes, dict[str, UvTransform]]:
    """A file ("gltf" or "glb") whose colour textures are base colours on the first set of coordinates.

    Materials are named "number:name", as names may repeat; also, by these names, how the materials that have
    a colour texture move it (KHR_texture_transform). The diffuse colour of a specular-glossiness material is
    its base colour: t3d draws no highlights. Raises ValueError for what is no JSON.
    """
    binary = kind == "glb"
    size = int.from_bytes(content[12:16], "little") if binary else len(content)
    start = 20 if binary else 0  # a GLB begins with 12 bytes, then the JSON chunk's length and type
    header: dict[str, Any] = json.loads(content[start : start + size])
    transforms: dict[str, UvTransform] = {}
    sets = []
    for number, material in enumerate(header.get("materials", [])):
        material["name"] = f"{number}:{material.get('name', '')}"
        sets.append(0)
        if texture := _color_texture(material):
            moved = texture.get("extensions", {}).get("KHR_texture_transform", {})
            transforms[material["name"]] = _matrix(moved)
            sets[-1] = int(moved.get("texCoord", texture.get("texCoord", 0)))
    for mesh in header.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            _choose(primitive.get("attributes", {}), sets, primitive.get("material"))
    text = json.dumps(header).encode()
    if not binary:
        return text, transforms
    text += b" " * (-len(text) % 4)
    chunk = struct.pack("<I4s", len(text), b"JSON") + text + content[start + size :]
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunk)) + chunk, transforms


def label(name: str) -> str:
    """A material's own name, out of that which `complete_gltf` gave it."""
    number, _, own = name.partition(":")
    return own or f"number {number}"


def _color_texture(material: dict[str, Any]) -> dict[str, Any] | None:
    """What a material says of its colour's texture, after a specular-glossiness one has been rewritten."""
    glossy = material.get("extensions", {}).pop("KHR_materials_pbrSpecularGlossiness", None)
    if glossy is not None:
        names = {"diffuseFactor": "baseColorFactor", "diffuseTexture": "baseColorTexture"}
        material["pbrMetallicRoughness"] = {names[key]: glossy[key] for key in names.keys() & glossy.keys()}
    found: dict[str, Any] | None = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
    return found


def _matrix(moved: Mapping[str, Any]) -> UvTransform:
    """Scale, then rotation, then offset, as KHR_texture_transform has it.

    The text's formula and its example turn to opposite sides; this follows its words and its example.
    """
    angle = float(moved.get("rotation", 0.0))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]]) * np.asarray(moved.get("scale", (1.0, 1.0)), np.float64)
    return np.column_stack([turn, np.asarray(moved.get("offset", (0.0, 0.0)), np.float64)])


def _choose(attributes: dict[str, Any], sets: list[int], material: int | None) -> None:
    """Make the set of coordinates that the material's texture wants the first one."""
    wanted = sets[material] if material is not None and material < len(sets) else 0
    if wanted:
        coordinates = attributes.pop(f"TEXCOORD_{wanted}", None)
        attributes.pop("TEXCOORD_0", None)
        if coordinates is not None:
            attributes["TEXCOORD_0"] = coordinates
