"""glTF's colours, and what of them is not read."""

import json
import struct

import numpy as np
import pytest
import trimesh
from PIL import Image

from t3d.datasets.appearance import load_appearance
from t3d.geometry.shading import decode

QUAD = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def textured(path, change=None, **options):
    """A GLB of a quad with a picture, `change` applied to the JSON in it."""
    options = options or {"baseColorTexture": Image.new("RGB", (4, 4), (10, 200, 30)), "name": "wood"}
    material = trimesh.visual.material.PBRMaterial(**options)
    visual = trimesh.visual.TextureVisuals(uv=QUAD[:, :2], material=material)
    content = trimesh.Scene(trimesh.Trimesh(QUAD, FACES, visual=visual, process=False)).export(
        file_type="glb"
    )
    size = int.from_bytes(content[12:16], "little")
    header = json.loads(content[20 : 20 + size])
    if change is not None:
        change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    chunk = struct.pack("<I4s", len(text), b"JSON") + text + content[20 + size :]
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunk)) + chunk)
    return path


@pytest.mark.parametrize("name", ["KHR_texture_transform", "KHR_materials_pbrSpecularGlossiness"])
def test_what_is_not_read_of_the_colours_is_a_warning(tmp_path, name):
    appearance = load_appearance(
        textured(tmp_path / "a.glb", lambda header: header.update(extensionsUsed=[name]))
    )
    assert appearance.warnings == (f"{name} is not read: colours may be wrong",)


def test_an_unlit_material_keeps_its_looks(tmp_path):
    def change(header):
        header["materials"][0]["extensions"] = {"KHR_materials_unlit": {}}
        header["extensionsUsed"] = ["KHR_materials_unlit"]

    appearance = load_appearance(textured(tmp_path / "a.glb", change))
    assert appearance.parts[0].material.texture is not None
    assert appearance.warnings == ()


def test_a_texture_in_a_format_that_cannot_be_read_is_a_warning(tmp_path):
    def change(header):
        header["textures"][0] = {"extensions": {"KHR_texture_basisu": {"source": 0}}}

    appearance = load_appearance(textured(tmp_path / "a.glb", change))
    assert appearance.parts[0].material.texture is None
    assert appearance.warnings == ("material wood has a texture that cannot be read: drawn untextured",)


def test_vertex_colors_without_a_material_are_linear_too(tmp_path):
    mesh = trimesh.Trimesh(QUAD, FACES, process=False)
    mesh.visual.vertex_colors = np.tile(np.uint8([55, 255, 0, 255]), (4, 1))
    scene = trimesh.Scene(mesh)
    (tmp_path / "m.glb").write_bytes(scene.export(file_type="glb"))
    (part,) = load_appearance(tmp_path / "m.glb").parts
    assert decode(part.colors[0, :3]) == pytest.approx([55 / 255, 1, 0], abs=0.003)
