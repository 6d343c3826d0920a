"""The surface stage: visible points in the frame of the file."""

import numpy as np
import trimesh

from t3d.datasets.formats import read_transform
from t3d.datasets.meshes import read_points
from t3d.pipeline.stage import field_docs
from t3d.stages.mesh import Params as MeshParams
from t3d.stages.mesh import mesh
from t3d.stages.surface import Params, surface


def run(folder, count=3_000, **params):
    """A box with a smaller one hidden in it, far from the origin."""
    outer = trimesh.creation.box(bounds=[(10, 20, 30), (12, 24, 36)])
    inner = trimesh.creation.box(bounds=[(10.5, 21, 31), (11.5, 23, 35)])
    trimesh.util.concatenate([outer, inner]).export(folder / "boxes.obj")
    for name in ("mesh", "surface"):
        (folder / name).mkdir()
    mesh(
        folder / "boxes.obj",
        out=folder / "mesh",
        params=MeshParams(),
        rng=np.random.default_rng(0),
        threads=1,
    )
    facts = surface(
        folder / "mesh",
        out=folder / "surface",
        params=Params(count=count, **params),
        rng=np.random.default_rng(1),
        threads=1,
    )
    return facts, folder / "surface"


def test_points_lie_on_the_visible_box_in_its_own_frame(tmp_path):
    facts, out = run(tmp_path)
    points, normals = read_points(out / "surface.ply")
    assert facts["points"] == len(points) == 3_000
    inward = np.minimum(points - [10, 20, 30], [12, 24, 36] - points)
    assert np.allclose(inward.min(axis=1), 0, atol=1e-9)
    assert inward.min() > -1e-9
    centred = points - [11, 22, 33]
    assert (np.einsum("ij,ij->i", centred, normals) > 0).all()


def test_the_whole_surface_has_the_hidden_box_too_by_area(tmp_path):
    _, out = run(tmp_path, part="whole")
    points, normals = read_points(out / "surface.ply")
    inner = (np.abs(points - [11, 22, 33]) < [0.6, 1.2, 2.4]).all(axis=1)
    assert np.isclose(inner.mean(), 28 / (88 + 28), atol=0.03)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)


def test_normalization_is_the_one_of_the_mesh(tmp_path):
    _, out = run(tmp_path)
    transform = read_transform(tmp_path / "mesh" / "transform.json")
    with np.load(out / "normalization.npz") as saved:
        assert np.array_equal(saved["offset"], transform.offset)
        assert float(saved["scale"]) == transform.scale
        assert saved["offset"].dtype == saved["scale"].dtype == np.float64


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, count=500)
    first = (tmp_path / "one" / "surface" / "surface.ply").read_bytes()
    assert first == (tmp_path / "two" / "surface" / "surface.ply").read_bytes()


def test_every_setting_is_explained():
    assert set(field_docs(Params)) == set(Params.__dataclass_fields__)
    assert Params().count == 30_000
