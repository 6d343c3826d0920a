"""The `views` stage from a mesh artifact and a mesh file to pictures, masks and cameras."""

import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import open3d
import pytest
import trimesh
from PIL import Image

from t3d.datasets.cameras import read_cameras
from t3d.datasets.formats import write_transform
from t3d.datasets.meshes import load_geometry, read_ply, write_ply
from t3d.errors import DataError
from t3d.geometry.cameras import look_at, project
from t3d.geometry.mesh import Mesh, bounds
from t3d.geometry.normalize import normalize
from t3d.stages.mesh import Params as MeshParams
from t3d.stages.mesh import mesh
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
    transform = normalize(shape.vertices)
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
    assert sorted(digests(out)) == sorted([*names, "cameras.json", "contact.png", "masks.npz"])
    masks = np.load(out / "masks.npz")
    assert {name: (masks[name].shape, masks[name].dtype) for name in masks} == {
        name: ((4, 64, 64), np.uint8) for name in ("easy", "hard")
    }
    expected = {"views": 8, "blank": 0, "cut_off": 0, "fitted": 0, "warnings": []}
    assert facts == expected


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


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_virtual_shape_is_seen_in_the_looks_of_its_original(tmp_path, seed):
    table, folder = red_table(tmp_path), tmp_path / "mesh"
    folder.mkdir()
    rng = np.random.default_rng(seed)
    mesh(table, out=folder, params=MeshParams(stretch=1.0), rng=rng, threads=1, shape="table~1")
    out, facts = run(tmp_path, table)
    assert facts["warnings"] == []
    mask, rgb = np.load(out / "masks.npz")["easy"][0], np.asarray(Image.open(out / "easy" / "00.png"))
    red, green, _ = rgb[mask == 255].astype(int).mean(axis=0)
    assert red > 2 * green
    camera = read_cameras(out / "cameras.json")["easy"][0]
    pixels, (rows, columns) = project(read_ply(folder / "mesh.ply").vertices, camera), np.nonzero(mask)
    assert np.abs(pixels.min(axis=0) - [columns.min(), rows.min()]).max() < 1.5


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
    assert facts["warnings"] == ["material library table.mtl is not in the shape's folder: drawn untextured"]


def test_views_that_touch_the_border_are_counted_and_named(tmp_path):
    near = Params(views=3, size=64, recipe="ring", easy_distance=(0.6, 0.6))
    _, facts = run(tmp_path, red_table(tmp_path), params=near)
    assert (facts["views"], facts["blank"], facts["cut_off"]) == (6, 0, 3)
    assert facts["warnings"] == ["cut off at the border in 3 views: easy/00, easy/01, easy/02"]


def test_many_faulty_views_are_not_all_named(tmp_path):
    near = Params(views=9, size=32, recipe="ring", easy_distance=(0.6, 0.6))
    _, facts = run(tmp_path, red_table(tmp_path), params=near)
    (warning,) = facts["warnings"]
    assert warning.startswith("cut off at the border in 9 views: easy/00, ")
    assert warning.endswith("easy/07 ...")


def test_views_that_show_next_to_nothing_are_named(tmp_path):
    far = Params(views=2, size=64, recipe="ring", hard_distance=(60.0, 80.0))
    out, facts = run(tmp_path, red_table(tmp_path), params=far)
    assert (facts["blank"], facts["cut_off"]) == (2, 0)
    assert facts["warnings"] == ["next to nothing in 2 views: hard/00, hard/01"]
    assert (out / "contact.png").stat().st_size > 0


def test_a_shape_that_no_view_shows_is_an_error(tmp_path):
    leaf = np.zeros((4, 4, 4), np.uint8)
    leaf[0, 0] = 255
    Image.fromarray(leaf).save(tmp_path / "leaf.png")
    (tmp_path / "table.mtl").write_text("newmtl red\nmap_Kd leaf.png\n")
    (tmp_path / "table.obj").write_text(
        "mtllib table.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 1\nvt 0.4 0.4\nusemtl red\nf 1/1 2/1 3/1\n"
    )
    with pytest.raises(DataError, match="every view is blank"):
        run(tmp_path, tmp_path / "table.obj")


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


def test_a_ring_uses_no_chance(tmp_path):
    ring = Params(views=3, size=48, recipe="ring")
    one, _ = run(tmp_path, red_table(tmp_path), "one", ring)
    other, _ = run(tmp_path, tmp_path / "table.obj", "other", ring, seed=1)
    assert digests(one) == digests(other)
    frames = json.loads((one / "cameras.json").read_text())["frames"]
    assert [frame["azimuth_deg"] for frame in frames] == [120, 240, 360] * 2
    assert {frame["distance"] for frame in frames[:3]} == {(1.1375 + 1.75) / 2}


def test_a_sphere_sees_the_shape_from_below_too(tmp_path):
    out, facts = run(tmp_path, red_table(tmp_path), params=Params(views=10, size=48, recipe="sphere"))
    heights = [camera.eye[1] for camera in read_cameras(out / "cameras.json")["easy"]]
    assert (np.diff(heights) < 0).all()
    assert min(heights) == pytest.approx(-max(heights))
    assert facts["blank"] == 0


def test_cameras_of_another_run_give_its_pictures(tmp_path):
    path = red_table(tmp_path)
    one, _ = run(tmp_path, path, "one")
    given = Params(size=64, recipe="file", cameras=(one / "cameras.json",))
    again, facts = run(tmp_path, path, "again", given, seed=5)
    assert facts["views"] == 8
    for level in ("easy", "hard"):
        for number in range(4):
            name = f"{level}/{number:02d}.png"
            assert (one / name).read_bytes() == (again / name).read_bytes()


def test_cameras_of_a_nerf_file_make_easy_views_of_the_size_asked(tmp_path):
    path = red_table(tmp_path)
    matrix = look_at((0.3, 0.8, -2.5), (0, 0, 0)).tolist()
    nerf = {"camera_angle_x": 0.8, "frames": [{"file_path": "./train/r_0", "transform_matrix": matrix}]}
    (tmp_path / "transforms.json").write_text(json.dumps(nerf))
    given = Params(size=80, recipe="file", cameras=(tmp_path / "transforms.json",))
    out, facts = run(tmp_path, path, params=given)
    assert facts["views"] == 1
    assert not (out / "hard").exists()
    (camera,) = read_cameras(out / "cameras.json")["easy"]
    assert camera.fl == pytest.approx(40 / math.tan(0.4))
    shape = read_ply(tmp_path / "mesh" / "mesh.ply")
    pixels, (rows, columns) = (
        project(shape.vertices, camera),
        np.nonzero(np.load(out / "masks.npz")["easy"][0]),
    )
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert seen == pytest.approx(np.r_[pixels.min(axis=0), pixels.max(axis=0)], abs=1.5)


@pytest.mark.parametrize("wrong", [{"recipe": "file"}, {"cameras": (Path("cameras.json"),)}])
def test_the_file_recipe_and_its_files_belong_together(wrong):
    with pytest.raises(ValueError, match="belong together"):
        Params(**wrong)


@pytest.mark.parametrize("backend", ["raycast", "pyrender"])
def test_maps_beside_every_view(tmp_path, backend):
    params = Params(views=1, size=64, maps=("depth", "normals", "albedo"), backend=backend)
    out, _ = run(tmp_path, red_table(tmp_path), params=params)
    values = json.loads((out / "cameras.json").read_text())
    frame, camera = values["frames"][1], read_cameras(out / "cameras.json")["hard"][0]
    assert frame["depth_file_path"] == "hard/00_depth.png"
    depth, normals, albedo = (
        np.asarray(Image.open(out / frame[f"{name}_file_path"])) for name in ("depth", "normals", "albedo")
    )
    assert (depth.dtype, values["depth_unit"]) == (np.uint16, 1e-4)
    mask = np.load(out / "masks.npz")["hard"][0]
    assert (depth[mask == 255] > 0).mean() > 0.99
    assert depth[mask == 0].max() == 0
    row, column = np.nonzero((depth > 0) & (mask == 255))
    local = np.stack([column + 0.5 - camera.cx, camera.cy - row - 0.5, np.full(len(row), -camera.fl)], axis=1)
    points = camera.eye + local * (depth[row, column, None] * 1e-4 / camera.fl) @ camera.c2w[:3, :3].T
    shape = read_ply(tmp_path / "mesh" / "mesh.ply")
    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(np.float32(shape.vertices), np.uint32(shape.faces))
    assert scene.compute_distance(np.float32(points)).numpy().max() < 2e-4
    seen = normals[row, column] / 127.5 - 1
    assert np.linalg.norm(seen, axis=1) == pytest.approx(1, abs=0.02)
    assert (np.einsum("ni,ni->n", seen, -local) > -5).all(), "turned to the camera"
    assert (normals[depth == 0] == 128).all()
    assert len(np.unique(albedo[row, column], axis=0)) <= 2, "one colour without any light"
    assert (albedo[depth == 0] == 255).all()


def test_both_backends_show_the_same(tmp_path):
    path = red_table(tmp_path)
    one, _ = run(tmp_path, path, "one")
    other, facts = run(tmp_path, path, "other", replace(FEW, backend="pyrender"))
    assert (facts["blank"], facts["cut_off"], facts["warnings"]) == (0, 0, [])
    assert (one / "cameras.json").read_bytes() == (other / "cameras.json").read_bytes()
    masks = [np.load(folder / "masks.npz") for folder in (one, other)]
    for level in ("easy", "hard"):
        first, second = (made[level] > 127 for made in masks)
        assert (first & second).sum() > 0.97 * (first | second).sum()
        pictures = [np.asarray(Image.open(folder / level / "00.png")).astype(int) for folder in (one, other)]
        assert np.abs(pictures[0] - pictures[1])[first[0] & second[0]].mean() < 8


def test_a_shape_that_is_not_centred_is_still_in_the_middle(tmp_path):
    """mesh.normalization=none leaves it where it was."""
    path = red_table(tmp_path)
    mesh = mesh_artifact(tmp_path / "mesh", path)
    shape = read_ply(mesh / "mesh.ply")
    write_ply(mesh / "mesh.ply", Mesh(0.3 * shape.vertices + (0.5, -0.2, 0.4), shape.faces))
    out, facts = run(tmp_path, path)
    assert (facts["cut_off"], facts["fitted"]) == (0, 0)
    moved = read_ply(mesh / "mesh.ply")
    for camera in read_cameras(out / "cameras.json")["easy"]:
        assert project([bounds(moved).mean(axis=0)], camera)[0] == pytest.approx((32, 32), abs=1e-6)


def test_the_contact_sheet_is_small(tmp_path):
    out, _ = run(tmp_path, red_table(tmp_path), params=Params())
    assert (out / "contact.png").stat().st_size < 400_000


@pytest.mark.parametrize("name", ["02691156", "03001627", "04256520"])
def test_a_real_shape_of_each_category(tmp_path, name):
    paths = sorted((MESHES / name).glob("*/models/*.obj"))
    if not paths:
        pytest.skip(f"no meshes in {MESHES / name}; set T3D_TEST_MESHES")
    _, facts = run(tmp_path, paths[0])
    assert (facts["blank"], facts["cut_off"], facts["warnings"]) == (0, 0, [])
