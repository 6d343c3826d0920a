import hashlib
import io
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from t3d.datasets.procedural import CATEGORIES, VERSION, write_shape
from t3d.datasets.procedural.looks import Material
from t3d.datasets.procedural.parts import block, revolve
from t3d.datasets.procedural.solid import called
from t3d.datasets.procedural.write import corner_normals, normalized, obj_text, png

GOLDEN = {
    "sofa": ["68d52807d8434de9", "6ac269db4d87c934"],
    "chair": ["793b40acfb374f1b", "19089ac3472f3531"],
    "plane": ["b0c07dd84657ae97", "2626e0faf9410b4a"],
}


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def digest(folder):
    return hashlib.sha256(repr(contents(folder)).encode()).hexdigest()[:16]


def read_obj(path):
    """Vertices, coordinates, normals, corner numbers and the group of every face: a second, simple reader."""
    rows, faces, groups, group = {"v": [], "vt": [], "vn": []}, [], [], None
    for line in path.read_text().splitlines():
        key, *words = line.split()
        if key in rows:
            rows[key].append([float(word) for word in words])
        elif key in ("g", "usemtl"):
            group = words[0] if key == "g" else (group, words[0])
        elif key == "f":
            faces.append([[int(number) - 1 for number in word.split("/")] for word in words])
            groups.append(group)
    return *(np.array(rows[key]) for key in ("v", "vt", "vn")), np.array(faces), groups


@pytest.mark.parametrize("category", CATEGORIES)
def test_files_hold_what_was_made(tmp_path, category):
    folder = write_shape(tmp_path, category, 7, seed=0)
    assert folder.name == f"{category}-0007"
    vertices, uv, normals, faces, _ = read_obj(folder / "models" / "model_normalized.obj")
    for column, table in enumerate((vertices, uv, normals)):
        assert faces[:, :, column].min() == 0
        assert faces[:, :, column].max() == len(table) - 1
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=2e-3)
    assert "-0.000000" not in (folder / "models" / "model_normalized.obj").read_text()


def test_an_mtl_names_textures_that_are_there(tmp_path):
    textured = 0
    for category in CATEGORIES:
        for index in range(6):
            folder = write_shape(tmp_path / category, category, index, seed=0)
            text = (folder / "models" / "model_normalized.mtl").read_text()
            materials = [line.split()[1] for line in text.splitlines() if line.startswith("newmtl")]
            used = {material for _, material in read_obj(folder / "models" / "model_normalized.obj")[-1]}
            assert set(materials) == used
            named = {line.split()[1] for line in text.splitlines() if line.startswith("map_Kd")}
            assert named == {f"../images/{path.name}" for path in folder.glob("images/*")}
            textured += bool(named)
    assert textured > 6


def test_the_same_bytes_in_another_process_on_another_processor(tmp_path):
    """The child uses none of this processor's newer instructions, in numpy and in BLAS."""
    features = [name for name in ("X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SKX", "AVX2", "FMA3")]
    code = (
        "import sys; from pathlib import Path; from t3d.datasets.procedural import CATEGORIES, write_shape\n"
    )
    code += "[write_shape(Path(sys.argv[1]), c, i, 3) for c in CATEGORIES for i in range(4)]"
    environment = {
        **os.environ,
        "NPY_DISABLE_CPU_FEATURES": " ".join(features),
        "OPENBLAS_CORETYPE": "Nehalem",
        "PYTHONHASHSEED": "7",
    }
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "child")]
    subprocess.run(command, env=environment, check=True)
    for category in CATEGORIES:
        for index in range(4):
            write_shape(tmp_path / "here", category, index, 3)
    assert contents(tmp_path / "child") == contents(tmp_path / "here")


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_same_seed_gives_the_same_shape_as_ever(tmp_path, category):
    """If this fails, shapes have changed: raise VERSION and write down the new digest."""
    made = [digest(write_shape(tmp_path, category, index, seed=0)) for index in (0, 1)]
    assert (VERSION, made) == (2, GOLDEN[category])


def test_shapes_do_not_depend_on_each_other(tmp_path):
    alone = write_shape(tmp_path / "a", "chair", 5, 0)
    write_shape(tmp_path / "b", "chair", 4, 0)
    assert contents(alone) == contents(write_shape(tmp_path / "b", "chair", 5, 0))
    assert contents(alone) != contents(write_shape(tmp_path / "c", "chair", 5, 1))


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
)
def test_pictures_are_read_back_as_they_were(image):
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(image)))), image)


def test_large_pictures_take_several_stored_blocks():
    image = np.random.default_rng(0).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    read = Image.open(io.BytesIO(png(image)))
    read.verify()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(image)))), image)


def test_normals_are_smooth_around_and_sharp_across_edges():
    drum = revolve([(1, 0), (1, 1)], 32)
    normals = corner_normals(drum.vertices, drum.faces)
    sides = np.abs(normals[..., 1]) < 0.5
    corners = drum.vertices[drum.faces]
    assert np.allclose(normals[sides], corners[sides] * (1, 0, 1), atol=1e-9)
    assert np.allclose(np.abs(normals[~sides]), (0, 1, 0), atol=1e-9)


def test_normals_against_a_slow_twin():
    solid = block((1, 0.7, 0.4), 0.2, 2)
    normals = corner_normals(solid.vertices, solid.faces)
    corners = solid.vertices[solid.faces]
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
    for face, corner in itertools.product(range(0, len(solid.faces), 7), range(3)):
        vertex, total = solid.faces[face, corner], np.zeros(3)
        for other in range(len(solid.faces)):
            if vertex in solid.faces[other] and unit[other] @ unit[face] > np.cos(np.radians(42)):
                a, b = (solid.vertices[v] - solid.vertices[vertex] for v in solid.faces[other] if v != vertex)
                total += weighted[other] * np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        assert normals[face, corner] == pytest.approx(total / np.linalg.norm(total))


@pytest.mark.parametrize(("grain", "spans"), [(False, (2, 4)), (True, (4, 2))])
def test_texture_coordinates_measure_the_part_in_tiles(tmp_path, grain, spans):
    """A board of 0.5 x 0.1 x 1 m with tiles of 0.25 m shows 2 x 4 tiles on top; grain runs its long way."""
    board = called("board", "wood", block((0.5, 0.1, 1.0), 0.001).at(3, 2, 1).turned("x", 30))
    path = tmp_path / "a.obj"
    path.write_text(
        obj_text(normalized(board), {"wood": Material((9, 9, 9), tile=(0.25, 0.25), grain=grain)})
    )
    _, uv, normals, faces, _ = read_obj(path)
    top = normals[faces[:, 0, 2]] @ (0, np.cos(np.pi / 6), 0.5) > 0.99
    assert np.ptp(uv[faces[top, :, 1]].reshape(-1, 2), axis=0) == pytest.approx(spans, abs=0.02)
