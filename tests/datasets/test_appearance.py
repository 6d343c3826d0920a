"""Parts and materials out of OBJ, PLY and glTF files, and what becomes of looks that cannot be read."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from t3d.datasets.appearance import appearance_on, load_appearance
from t3d.datasets.meshes import load_geometry
from t3d.errors import DataError
from t3d.geometry.mesh import Mesh
from t3d.geometry.parts import GREY
from t3d.geometry.shading import decode

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))
VERTICES = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
FACES = "usemtl m\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
CUBE = trimesh.creation.box((1, 1, 1))


def save_picture(path, color=(255, 128, 0), size=(4, 4)):
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(path)


def obj(folder, material, faces=FACES):
    """An OBJ file of a quad with a material library `newmtl m` of the given lines; picture.png is there."""
    save_picture(folder / "picture.png")
    (folder / "m.mtl").write_text("newmtl m\n" + material)
    (folder / "m.obj").write_text("mtllib m.mtl\n" + VERTICES + faces)
    return folder / "m.obj"


def only(path):
    """The single part's material, and the warnings."""
    appearance = load_appearance(path)
    (part,) = appearance.parts
    return part.material, appearance.warnings


def glb(path, scene):
    path.write_bytes(scene.export(file_type="glb"))
    return path


def pbr(**options):
    material = trimesh.visual.material.PBRMaterial(**options)
    mesh = CUBE.copy()
    mesh.visual = trimesh.visual.TextureVisuals(uv=mesh.vertices[:, :2] + 0.5, material=material)
    return mesh


def test_a_texture_replaces_kd(tmp_path):
    material, warnings = only(obj(tmp_path, "Kd 0.4 0.4 0.4\nmap_Kd -s 1 1 1 picture.png\n"))
    assert material.color == (1, 1, 1, 1)
    assert material.texture[2, 2].tolist() == [255, 128, 0, 255]
    assert material.alpha_mode == "opaque"
    assert warnings == ()


def test_texture_coordinates_come_along(tmp_path):
    (part,) = load_appearance(obj(tmp_path, "map_Kd picture.png\n")).parts
    assert np.array_equal(part.uv, part.vertices[:, :2])
    assert part.normals is None


@pytest.mark.parametrize(
    ("lines", "color", "mode"),
    [
        ("Kd 1 0 0.5\n", (1, 0, 0.5, 1), "opaque"),
        ("Kd 0.5\n", (0.5, 0.5, 0.5, 1), "opaque"),
        ("Kd 7 -1 0.5\n", (1, 0, 0.5, 1), "opaque"),
        ("Kd 1 0 0 # red\nd 0.25\n", (1, 0, 0, 0.25), "blend"),
        ("Kd 1 0 0\nd -halo 0.25\n", (1, 0, 0, 0.25), "blend"),
        ("Kd 1 0 0\nTr 0.25\n", (1, 0, 0, 0.75), "blend"),
        ("Kd 1 0 0\nd 1.0\nTr 0.4\n", (1, 0, 0, 1), "opaque"),
        ("Ks 1 1 1\n", GREY, "opaque"),
        ("Kd spectral file.rfl\n", GREY, "opaque"),
    ],
)
def test_mtl_colors_and_transparency(tmp_path, lines, color, mode):
    material, warnings = only(obj(tmp_path, lines))
    assert material.color == pytest.approx(color)
    assert (material.alpha_mode, material.texture, warnings) == (mode, None, ())


@pytest.mark.parametrize("lines", ["Kd 1 0 0\nd 0\n", "Kd 1 0 0\nTr 1\n"])
def test_a_fully_transparent_material_is_drawn_opaque(tmp_path, lines):
    material, warnings = only(obj(tmp_path, lines))
    assert material.color == (1, 0, 0, 1)
    assert material.alpha_mode == "opaque"
    assert warnings == ("material m is fully transparent: drawn opaque",)


def test_a_texture_with_holes_is_cut_out(tmp_path):
    path = obj(tmp_path, "map_Kd leaf.png\n")
    leaf = np.full((4, 4, 4), 255, np.uint8)
    leaf[:2, :, 3] = 0
    Image.fromarray(leaf).save(tmp_path / "leaf.png")
    assert only(path)[0].alpha_mode == "mask"


def test_a_lone_material_without_usemtl_is_used(tmp_path):
    path = obj(tmp_path, "map_Kd picture.png\n", FACES.replace("usemtl m\n", ""))
    assert only(path)[0].texture is not None


def test_without_any_material_a_shape_is_grey(tmp_path):
    (tmp_path / "m.obj").write_text(VERTICES + FACES)
    material, warnings = only(tmp_path / "m.obj")
    assert (material.color, material.texture, warnings) == (GREY, None, ())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.png", "is not in the shape's folder"),
        ("../picture.png", "is not in the shape's folder"),
        ("noise.png", "cannot be read"),
        ("torn.png", "cannot be read"),
    ],
)
def test_unreadable_textures_are_warnings(tmp_path, name, said):
    folder = tmp_path / "shape"
    folder.mkdir()
    path = obj(folder, f"Kd 1 0 0\nmap_Kd {name}\n")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(folder / "torn.png")
    (folder / "torn.png").write_bytes((folder / "torn.png").read_bytes()[:4000])
    (folder / "noise.png").write_bytes(b"noise")
    if name.startswith(".."):
        (folder / "picture.png").rename(tmp_path / "picture.png")
    material, warnings = only(path)
    assert material.texture is None
    assert material.color == (1, 0, 0, 1)
    assert len(warnings) == 1
    assert said in warnings[0]


@pytest.mark.parametrize("faces", ["usemtl m\nf 1 2 3\n", "usemtl m\nf 1/91 2/92 3/93\n"])
def test_a_texture_without_coordinates_is_a_warning(tmp_path, faces):
    material, warnings = only(obj(tmp_path, "Kd 1 0 0\nmap_Kd picture.png\n", faces))
    assert (material.color, material.texture) == ((1, 0, 0, 1), None)
    assert warnings == ("material m has a texture but no usable coordinates: drawn untextured",)


def test_a_missing_library_is_a_warning(tmp_path):
    path = obj(tmp_path, "")
    (tmp_path / "m.mtl").unlink()
    material, warnings = only(path)
    assert material.color == GREY
    assert warnings == ("material library m.mtl is not in the shape's folder: drawn untextured",)


def test_vertex_colors_of_a_ply(tmp_path):
    mesh = trimesh.Trimesh(CUBE.vertices, CUBE.faces, process=False)
    mesh.visual.vertex_colors = np.arange(32, dtype=np.uint8).reshape(8, 4) * 8 % 255
    mesh.export(tmp_path / "m.ply")
    (part,) = load_appearance(tmp_path / "m.ply").parts
    assert np.array_equal(part.colors, mesh.visual.vertex_colors)
    assert part.material.color == (1, 1, 1, 1)


def test_face_colors_of_a_ply(tmp_path):
    mesh = trimesh.Trimesh(CUBE.vertices, CUBE.faces, process=False)
    mesh.visual.face_colors = np.arange(48, dtype=np.uint8).reshape(12, 4) * 5
    mesh.export(tmp_path / "m.ply")
    (part,) = load_appearance(tmp_path / "m.ply").parts
    for corner in range(3):
        assert np.array_equal(part.colors[part.faces[:, corner]][:, :3], mesh.visual.face_colors[:, :3])
    assert np.array_equal(part.vertices[part.faces], CUBE.triangles)


def test_gltf_base_color_alpha_and_texture(tmp_path):
    picture = Image.new("RGBA", (4, 4), (10, 20, 30, 40))
    mesh = pbr(
        baseColorFactor=[0.5, 1.0, 1.0, 0.75], baseColorTexture=picture, alphaMode="MASK", alphaCutoff=0.1
    )
    material, warnings = only(glb(tmp_path / "m.glb", trimesh.Scene(mesh)))
    assert material.color == pytest.approx((0.5, 1, 1, 0.75), abs=1 / 255)
    assert material.texture[0, 0].tolist() == [10, 20, 30, 40]
    assert (material.alpha_mode, material.cutoff, warnings) == ("mask", pytest.approx(0.1), ())


def test_gltf_vertex_colors_multiply_the_material(tmp_path):
    mesh = pbr(baseColorFactor=[1.0, 0.0, 0.0, 1.0])
    mesh.visual.vertex_attributes["color"] = np.tile(np.uint8([55, 255, 255, 255]), (len(mesh.vertices), 1))
    (part,) = load_appearance(glb(tmp_path / "m.glb", trimesh.Scene(mesh))).parts
    assert decode(part.colors[0, :1])[0] == pytest.approx(55 / 255, abs=0.003)  # glTF's are linear
    assert part.material.color == (1, 0, 0, 1)


def test_instances_are_placed_and_their_normals_turned(tmp_path):
    scene = trimesh.Scene()
    mesh = pbr(baseColorTexture=Image.new("RGB", (4, 4)))
    mesh.vertex_normals  # noqa: B018  trimesh exports normals that it has
    stretch = np.diag([1.0, 3.0, 1.0, 1.0])
    scene.add_geometry(
        mesh, geom_name="cube", transform=trimesh.transformations.translation_matrix((5, 0, 0))
    )
    scene.add_geometry(mesh, geom_name="cube", transform=stretch)
    one, other = load_appearance(glb(tmp_path / "m.glb", scene)).parts
    heights = sorted(np.ptp(part.vertices[:, 1]) for part in (one, other))
    assert heights == pytest.approx([1, 3])
    assert one.material.texture is other.material.texture
    tall = one if np.ptp(one.vertices[:, 1]) > 2 else other
    expected = CUBE.vertex_normals / (1, 3, 1)
    found = tall.normals / np.linalg.norm(tall.normals, axis=1, keepdims=True)
    assert found == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True), abs=1e-5)


def test_a_broken_embedded_texture_is_a_warning(tmp_path):
    mesh = pbr(baseColorTexture=Image.new("RGB", (4, 4)), name="wood")
    path = glb(tmp_path / "m.glb", trimesh.Scene(mesh))
    path.write_bytes(path.read_bytes().replace(b"\x89PNG", b"GNP!"))
    material, warnings = only(path)
    assert material.texture is None
    assert warnings == ("material wood has a texture that cannot be read: drawn untextured",)


def test_looks_are_those_of_a_mesh_where_they_fit_it_once_moved(tmp_path):
    path = obj(tmp_path, "map_Kd picture.png\n")
    mesh = load_geometry(path)
    far = Mesh(mesh.vertices + 5, mesh.faces)
    assert appearance_on(path, mesh).parts[0].material.texture is not None
    assert appearance_on(path, far, lambda part: replace(part, vertices=part.vertices + 5)).warnings == ()
    assert appearance_on(path, far).parts == []
    assert "stand on another surface" in appearance_on(path, far).warnings[-1]
    path.write_text("f 1 2 900\n")
    lost = appearance_on(path, mesh)
    assert lost.parts == []
    assert lost.warnings[-1].startswith("drawn in grey: m.obj: ")


@pytest.mark.parametrize("content", ["", VERTICES, "f 1 2 3\n", "v 0 0 0\nf 1 2 900\n"])
def test_files_without_triangles_are_errors(tmp_path, content):
    (tmp_path / "m.obj").write_text(content)
    with pytest.raises(DataError, match=r"m\.obj"):
        load_appearance(tmp_path / "m.obj")


@pytest.mark.parametrize("name", ["textured_obj/cow.obj", "gltf/CesiumMilkTruck.glb"])
def test_real_files_are_textured(name):
    path = MESHES / "hard" / name
    if not path.is_file():
        pytest.skip(f"no {path}; set T3D_TEST_MESHES")
    appearance = load_appearance(path)
    assert any(part.material.texture is not None and part.uv is not None for part in appearance.parts)
    assert appearance.warnings == ()
