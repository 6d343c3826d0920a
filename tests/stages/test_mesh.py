"""The mesh stage leaves a clean unit mesh and the way back."""

import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from t3d.datasets.formats import read_json, read_stretch, read_transform
from t3d.datasets.meshes import read_ply
from t3d.errors import DataError
from t3d.geometry.mesh import volume
from t3d.stages.mesh import Params, mesh

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))


def run(source, out, shape="a", seed=0, **params):
    out.mkdir()
    rng = np.random.default_rng(seed)
    return mesh(source, out=out, params=Params(**params), rng=rng, threads=1, shape=shape)


def test_an_inverted_box_far_away_comes_out_clean_and_goes_back(tmp_path):
    made = trimesh.creation.box(bounds=[(100, 200, 300), (102, 204, 306)])
    made.invert()
    (tmp_path / "box.stl").write_bytes(made.export(file_type="stl"))
    facts = run(tmp_path / "box.stl", tmp_path / "out")
    unit = read_ply(tmp_path / "out" / "mesh.ply")
    transform = read_transform(tmp_path / "out" / "transform.json")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == set(mesh.__stage__.files)
    assert len(unit.vertices) == 8
    assert np.linalg.norm(unit.vertices, axis=1).max() == pytest.approx(1 / 1.03)
    assert volume(unit) / transform.scale**3 == pytest.approx(48)
    assert np.allclose(transform.invert(unit.vertices).min(axis=0), [100, 200, 300])
    assert facts == read_json(tmp_path / "out" / "inspection.json")
    assert facts["flipped_faces"] == 12


@pytest.mark.parametrize(
    ("params", "lows", "highs"),
    [
        ({"normalization": "unit-cube"}, [-1 / 1.03, -1 / 2.06, -1 / 4.12], [1 / 1.03, 1 / 2.06, 1 / 4.12]),
        ({"normalization": "fixed", "scale": 0.2}, [-0.4, -0.2, -0.1], [0.4, 0.2, 0.1]),
        ({"normalization": "none"}, [0.02, 0.41, 0.51], [0.82, 0.81, 0.71]),
    ],
)
def test_a_box_in_every_normalisation(tmp_path, params, lows, highs):
    factor = 0.2 if params["normalization"] == "none" else 1.0
    size, offset = factor * np.array([4.0, 2.0, 1.0]), np.array([0.42, 0.61, 0.61])
    made = trimesh.creation.box(extents=size)
    made.apply_translation(offset)
    made.export(tmp_path / "box.ply")
    run(tmp_path / "box.ply", tmp_path / "out", **params)
    unit = read_ply(tmp_path / "out" / "mesh.ply")
    transform = read_transform(tmp_path / "out" / "transform.json")
    assert transform.mode == params["normalization"]
    assert np.allclose(unit.vertices.min(axis=0), lows, atol=1e-6)
    assert np.allclose(unit.vertices.max(axis=0), highs, atol=1e-6)
    assert np.allclose(transform.invert(unit.vertices).min(axis=0), offset - size / 2, atol=1e-6)


def test_a_shape_that_a_fixed_scale_sends_out_of_the_cube_fails_with_the_scale_that_fits(tmp_path):
    trimesh.creation.box(extents=(4, 2, 1)).export(tmp_path / "box.ply")
    with pytest.raises(DataError, match=r"reaches 2 from .* scale by 0\.485 or less"):
        run(tmp_path / "box.ply", tmp_path / "out", normalization="fixed")


def test_the_same_file_gives_the_same_bytes(tmp_path):
    trimesh.creation.torus(0.7, 0.2).export(tmp_path / "torus.obj")
    run(tmp_path / "torus.obj", tmp_path / "one")
    run(tmp_path / "torus.obj", tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_virtual_shape_is_its_original_stretched_and_can_be_made_again(tmp_path):
    box = trimesh.creation.box(extents=(4, 2, 1))
    box.apply_translation((7, 8, 9))
    box.export(tmp_path / "box.ply")
    run(tmp_path / "box.ply", tmp_path / "real")
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        run(tmp_path / "box.ply", tmp_path / name, shape="a~1", seed=seed, stretch=0.5)
    real, one, again, other = (
        (tmp_path / name / "mesh.ply").read_bytes() for name in ("real", "one", "again", "other")
    )
    assert one == again
    assert len({real, one, other}) == 3
    assert read_stretch(tmp_path / "real" / "transform.json") is None
    stretch = read_stretch(tmp_path / "one" / "transform.json")
    transform, made = read_transform(tmp_path / "one" / "transform.json"), read_ply(tmp_path / "one/mesh.ply")
    assert volume(made) > 0
    wanted = transform.apply(stretch.apply(box.vertices))
    assert np.allclose(np.sort(made.vertices, axis=0), np.sort(wanted, axis=0))


def test_a_file_without_faces_is_a_data_error(tmp_path):
    (tmp_path / "empty.obj").write_text("v 0 0 0\n")
    with pytest.raises(DataError, match="no faces"):
        run(tmp_path / "empty.obj", tmp_path / "out")


@pytest.mark.skipif(not MESHES.is_dir(), reason="no folder of real meshes; name it in T3D_TEST_MESHES")
def test_real_meshes_pass(tmp_path):
    sources = sorted(MESHES.glob("0*/*/models/*.obj"))[::40]
    assert sources
    for number, source in enumerate(sources):
        assert run(source, tmp_path / str(number))["faces"] > 0
