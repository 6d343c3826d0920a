"""glTF's colour textures: other sets of coordinates, moved pictures, specular-glossiness materials."""

import json
import struct

import numpy as np
import pytest
import trimesh
from PIL import Image

from t3d.datasets.appearance import load_appearance
from t3d.datasets.gltf import complete_gltf, label
from t3d.errors import DataError
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


def test_faces_without_vertices_are_bad_data(tmp_path):
    def change(header):
        header["accessors"][header["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]["count"] = 0

    with pytest.raises(DataError, match="all vertices are in one point"):
        load_appearance(textured(tmp_path / "a.glb", change))


def moved(**values):
    def change(header):
        texture = header["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
        texture["extensions"] = {"KHR_texture_transform": values}

    return change


def corners(path):
    """Coordinates that v upwards belong to the corners (0, 0), (1, 0), (1, 1), (0, 1) of a quad."""
    (part,) = load_appearance(path).parts
    assert part.material.texture is not None
    return part.uv[np.argsort(np.arctan2(part.vertices[:, 1] - 0.5, part.vertices[:, 0] - 0.5))]


def test_an_offset_and_a_scale_move_the_picture(tmp_path):
    """The glTF extension's example that turns v upside down, and half of a picture."""
    upside_down = corners(textured(tmp_path / "a.glb", moved(offset=[0, 1], scale=[1, -1])))
    assert upside_down == pytest.approx(np.array([[0, 1], [1, 1], [1, 0], [0, 0]]))
    right = corners(textured(tmp_path / "b.glb", moved(offset=[0.5, 0], scale=[0.5, 1])))
    assert right == pytest.approx(np.array([[0.5, 0], [1, 0], [1, 1], [0.5, 1]]))


def test_a_quarter_turn_stays_in_the_lower_left_quadrant(tmp_path):
    """The example of the extension's own text, which says so."""
    uv = corners(textured(tmp_path / "a.glb", moved(offset=[0, 1], rotation=np.pi / 2, scale=[0.5, 0.5])))
    assert uv == pytest.approx(np.array([[0.5, 0], [0.5, 0.5], [0, 0.5], [0, 0]]), abs=1e-9)


@pytest.mark.parametrize("where", ["info", "extension"])
def test_the_second_set_of_coordinates_is_used_where_asked_for(tmp_path, where):
    def change(header):
        attributes = header["meshes"][0]["primitives"][0]["attributes"]
        attributes["TEXCOORD_1"] = attributes.pop("TEXCOORD_0")
        texture = header["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
        texture["texCoord"] = 1 if where == "info" else 0
        if where == "extension":
            texture["extensions"] = {"KHR_texture_transform": {"texCoord": 1}}

    assert corners(textured(tmp_path / "a.glb", change)) == pytest.approx(QUAD[:, :2])


def test_a_set_of_coordinates_that_is_not_there_is_a_warning(tmp_path):
    def change(header):
        header["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] = 3

    appearance = load_appearance(textured(tmp_path / "a.glb", change))
    assert appearance.parts[0].material.texture is None
    assert appearance.warnings == ("material wood has a texture but no usable coordinates: drawn untextured",)


def test_specular_glossiness_has_its_diffuse_color_and_texture(tmp_path):
    def change(header):
        base = header["materials"][0].pop("pbrMetallicRoughness")
        glossy = {"diffuseFactor": [1, 0.5, 1, 1], "diffuseTexture": base["baseColorTexture"]}
        header["materials"][0]["extensions"] = {"KHR_materials_pbrSpecularGlossiness": glossy}

    appearance = load_appearance(textured(tmp_path / "a.glb", change))
    material = appearance.parts[0].material
    assert material.color == pytest.approx((1, 0.5, 1, 1), abs=1 / 255)
    assert material.texture[0, 0].tolist() == [10, 200, 30, 255]
    assert appearance.warnings == ()


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


def test_materials_of_the_same_name_stay_apart():
    moves = [{"scale": [2, 2]}, {"offset": [0.5, 0]}]
    materials = [
        {
            "name": "same",
            "pbrMetallicRoughness": {
                "baseColorTexture": {"index": 0, "extensions": {"KHR_texture_transform": move}}
            },
        }
        for move in moves
    ]
    content, transforms = complete_gltf(json.dumps({"materials": [*materials, {}]}).encode())
    names = [material["name"] for material in json.loads(content)["materials"]]
    assert names == ["0:same", "1:same", "2:"]
    assert transforms["0:same"].tolist() == [[2, 0, 0], [0, 2, 0]]
    assert transforms["1:same"].tolist() == [[1, 0, 0.5], [0, 1, 0]]
    assert [label(name) for name in names] == ["same", "same", "number 2"]


def test_vertex_colors_without_a_material_are_linear_too(tmp_path):
    mesh = trimesh.Trimesh(QUAD, FACES, process=False)
    mesh.visual.vertex_colors = np.tile(np.uint8([55, 255, 0, 255]), (4, 1))
    scene = trimesh.Scene(mesh)
    (tmp_path / "m.glb").write_bytes(scene.export(file_type="glb"))
    (part,) = load_appearance(tmp_path / "m.glb").parts
    assert decode(part.colors[0, :3]) == pytest.approx([55 / 255, 1, 0], abs=0.003)
