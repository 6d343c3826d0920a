"""The `views` stage from a mesh artifact and a mesh file to pictures, masks and cameras."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from t3d.datasets.cameras import read_cameras
from t3d.datasets.formats import write_transform
from t3d.datasets.meshes import load_geometry, read_ply, write_ply
from t3d.errors import DataError
from t3d.geometry.cameras import project
from t3d.geometry.mesh import Mesh, bounds
from t3d.geometry.normalize import unit_sphere
from t3d.stages.views import Params, views

FEW = Params(views=4, size=64)
MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))


def red_table(folder):
    """A mesh file of two boxes far from the origin, red by its materials."""
    top = trimesh.creation.box(
        (2, 0.1, 1), transform=trimesh.transformations.translation_matrix((10, 0.5, 3))
    )
    leg = trimesh.creation.box(
        (0.2, 1, 0.2), transform=trimesh.transformations.translation_matrix((10.8, 0, 3))
    )
    table = trimesh.util.concatenate([top, leg])
    lines = [f"v {x} {y} {z}" for x, y, z in table.vertices]
    lines += ["usemtl red", *(f"f {a + 1} {b + 1} {c + 1}" for a, b, c in table.faces)]
    (folder / "table.obj").write_text("\n".join(["mtllib table.mtl", *lines]))
    (folder / "table.mtl").write_text("newmtl red\nKd 0.9 0.1 0.1\n")
    return folder / "table.obj"


def mesh_artifact(folder, path):
    """What the `mesh` stage makes: the shape in the unit frame and the transform to it."""
    shape = load_geometry(path)
    transform = unit_sphere(shape.vertices, shape.faces)
    folder.mkdir()
    write_ply(folder / "mesh.ply", Mesh(transform.apply(shape.vertices), shape.faces))
    write_transform(folder / "transform.json", transform)
    return folder


def run(tmp_path, path, name="out", params=FEW, seed=0, threads=1):
    out = tmp_path / name
    out.mkdir()
    mesh = tmp_path / "mesh"
    if not mesh.exists():
        mesh_artifact(mesh, path)
    rng = np.random.default_rng(seed)
    return out, views(mesh, path, out=out, params=params, rng=rng, threads=threads)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_artifact_holds_pictures_masks_and_cameras(tmp_path):
    out, facts = run(tmp_path, red_table(tmp_path))
    names = [f"{level}/{number:02d}.png" for level in ("easy", "hard") for number in range(4)]
    assert sorted(digests(out)) == sorted([*names, "cameras.json", "masks.npz"])
    masks = np.load(out / "masks.npz")
    assert {name: (masks[name].shape, masks[name].dtype) for name in masks} == {
        name: ((4, 64, 64), np.uint8) for name in ("easy", "hard")
    }
    expected = {"views": 8, "blank": 0, "cut_off": 0, "fitted": 0, "parts": 1, "textures": 0, "warnings": []}
    assert {key: facts[key] for key in expected} == expected
    assert facts["tries"] >= 8


def test_pictures_are_red_on_white_where_the_mask_says(tmp_path):
    out, _ = run(tmp_path, red_table(tmp_path))
    masks = np.load(out / "masks.npz")
    for level in ("easy", "hard"):
        for number in range(4):
            rgb = np.asarray(Image.open(out / level / f"{number:02d}.png"))
            mask = masks[level][number]
            assert rgb.shape == (64, 64, 3)
            assert rgb[mask == 0].min() == 255
            red, green, blue = rgb[mask == 255].astype(int).mean(axis=0)
            assert red > 2 * green
            assert green == pytest.approx(blue)


def test_cameras_fit_the_mesh_of_the_unit_frame(tmp_path):
    """The projected box of mesh.ply's vertices is the box of the mask, to the pixel."""
    out, _ = run(tmp_path, red_table(tmp_path))
    shape = read_ply(tmp_path / "mesh" / "mesh.ply")
    masks, cameras = np.load(out / "masks.npz"), read_cameras(out / "cameras.json")
    for level in ("easy", "hard"):
        for mask, camera in zip(masks[level], cameras[level], strict=True):
            pixels, (rows, columns) = project(shape.vertices, camera), np.nonzero(mask)
            seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            assert seen == pytest.approx(np.r_[pixels.min(axis=0), pixels.max(axis=0)], abs=1.5)


def test_distances_are_in_diagonals_of_the_box(tmp_path):
    out, _ = run(tmp_path, red_table(tmp_path))
    box = bounds(read_ply(tmp_path / "mesh" / "mesh.ply"))
    for camera in read_cameras(out / "cameras.json")["easy"]:
        assert 1.13 < np.linalg.norm(camera.eye) / np.linalg.norm(box[1] - box[0]) < 1.76


def test_bytes_depend_on_the_generator_only(tmp_path):
    path = red_table(tmp_path)
    one, _ = run(tmp_path, path, "one")
    again, _ = run(tmp_path, path, "again", threads=2)
    other, _ = run(tmp_path, path, "other", seed=1)
    assert digests(one) == digests(again)
    assert digests(one)["hard/00.png"] != digests(other)["hard/00.png"]


def test_another_process_makes_the_same_bytes(tmp_path):
    path = red_table(tmp_path)
    one, _ = run(tmp_path, path, "one")
    (tmp_path / "two").mkdir()
    script = (
        "import sys, numpy, pathlib; from t3d.stages.views import Params, views\n"
        "mesh, path, out = map(pathlib.Path, sys.argv[1:])\n"
        "views(mesh, path, out=out, params=Params(views=4, size=64), rng=numpy.random.default_rng(0))"
    )
    folders = [str(tmp_path / name) for name in ("mesh", "table.obj", "two")]
    subprocess.run([sys.executable, "-c", script, *folders], check=True)
    assert digests(one) == digests(tmp_path / "two")


def test_materials_that_stand_elsewhere_are_not_used(tmp_path):
    path = red_table(tmp_path)
    mesh_artifact(tmp_path / "mesh", path)
    path.write_text(path.read_text().replace("v 9", "v 8"))
    out, facts = run(tmp_path, path)
    assert facts["warnings"] == ["drawn in grey: its materials stand on another surface than the mesh"]
    rgb = np.asarray(Image.open(out / "easy/00.png")).astype(int)
    assert np.ptp(rgb, axis=2).max() == 0


def test_unreadable_looks_leave_a_grey_shape(tmp_path):
    path = red_table(tmp_path)
    mesh_artifact(tmp_path / "mesh", path)
    path.write_text("f 1 2 3\n")
    _, facts = run(tmp_path, path)
    assert facts["blank"] == 0
    assert len(facts["warnings"]) == 1
    assert facts["warnings"][0].startswith("drawn in grey: table.obj")


def test_missing_materials_are_a_warning_in_the_facts(tmp_path):
    path = red_table(tmp_path)
    (tmp_path / "table.mtl").unlink()
    _, facts = run(tmp_path, path)
    assert facts["warnings"] == ["material library table.mtl is missing: drawn untextured"]


def test_views_that_touch_the_border_are_counted(tmp_path):
    from t3d.geometry.cameras import centred, look_at
    from t3d.geometry.raycast import Renderer, plain
    from t3d.geometry.recipe import View
    from t3d.stages.views import _render

    box = trimesh.creation.box((1, 1, 1))
    cameras = [centred(look_at((0, 0, z), (0, 0, 0)), 70.0, 64) for z in (1.2, 3.0, 1.3)]
    drawn = {level: [View(c, 0, 0, 1, (0, 0, 0), 1, False) for c in cameras] for level in ("easy", "hard")}
    counts = _render(Renderer(plain(Mesh(box.vertices, box.faces))), drawn, 1.0, tmp_path)
    assert counts == {"views": 6, "blank": 0, "cut_off": 4}


def test_a_shape_of_cut_out_holes_is_counted_as_blank(tmp_path):
    leaf = np.zeros((4, 4, 4), np.uint8)
    leaf[0, 0] = 255
    Image.fromarray(leaf).save(tmp_path / "leaf.png")
    (tmp_path / "table.mtl").write_text("newmtl red\nmap_Kd leaf.png\n")
    (tmp_path / "table.obj").write_text(
        "mtllib table.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 1\nvt 0.4 0.4\nusemtl red\nf 1/1 2/1 3/1\n"
    )
    _, facts = run(tmp_path, tmp_path / "table.obj")
    assert facts["blank"] == 8
    assert facts["cut_off"] == 0


def test_no_draw_that_fits_means_moving_back(tmp_path):
    near = Params(views=2, size=64, easy_distance=(0.2, 0.3), max_tries=5)
    _, facts = run(tmp_path, red_table(tmp_path), params=near)
    assert facts["fitted"] == 2
    assert facts["cut_off"] == 0


def test_no_faces_is_an_error_of_the_shape(tmp_path):
    path = red_table(tmp_path)
    mesh = mesh_artifact(tmp_path / "mesh", path)
    (mesh / "mesh.ply").write_bytes(trimesh.PointCloud(np.eye(3)).export(file_type="ply"))
    with pytest.raises(DataError, match="no faces"):
        run(tmp_path, path)


@pytest.mark.parametrize("name", ["02691156", "03001627", "04256520"])
def test_a_real_shape_of_each_category(tmp_path, name):
    paths = sorted((MESHES / name).glob("*/models/*.obj"))
    if not paths:
        pytest.skip(f"no meshes in {MESHES / name}; set T3D_TEST_MESHES")
    _, facts = run(tmp_path, paths[0])
    assert (facts["blank"], facts["cut_off"], facts["warnings"]) == (0, 0, [])
