"""The oracle of retrieval on boxes."""

import numpy as np
import pytest

from t3d.datasets.formats import read_json, write_normalization
from t3d.datasets.meshes import write_ply, write_points
from t3d.geometry.mesh import Mesh
from t3d.geometry.normalize import normalize
from t3d.geometry.sampling import surface_points
from t3d.stages.oracle_retrieval import Params, oracle_retrieval

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
FACES = [[int(digit) for digit in face] for face in "013 032 465 576 042 264 137 175 015 054 326 376".split()]


def box(size):
    return Mesh(CORNERS * size, np.array(FACES))


def unit(mesh):
    transform = normalize(mesh.vertices)
    return Mesh(transform.apply(mesh.vertices), mesh.faces), transform


@pytest.fixture
def run(tmp_path):
    sizes = {"cube": (1, 1, 1), "long": (4, 1, 1), "flat": (4, 4, 1), "tall": (1, 5, 1)}
    mesh, surface = {"train": {}}, {"test": {}, "train_scored": {}}
    for name, size in sizes.items():
        mesh["train"][name] = tmp_path / "mesh" / name
        mesh["train"][name].mkdir(parents=True)
        write_ply(mesh["train"][name] / "mesh.ply", unit(box(np.array(size)))[0])
    asked = {"brick": (30.0, 12.0, 10.0), "slab": (5.0, 5.1, 1.0), "mast": (1.0, 9.0, 1.0)}
    for part, shapes in (("test", asked), ("train_scored", {"cube": (1.0, 1.0, 1.0)})):
        for name, size in shapes.items():
            surface[part][name] = tmp_path / "surface" / name
            surface[part][name].mkdir(parents=True)
            mesh_of = box(np.array(size))
            points, _ = surface_points(mesh_of, 3000, np.random.default_rng(5))
            write_points(surface[part][name] / "surface.ply", points, points)
            write_normalization(surface[part][name] / "normalization.npz", unit(mesh_of)[1])

    def find(threads, train=mesh["train"]):
        out = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        out.mkdir()
        oracle_retrieval(
            {"train": train}, surface, out=out, params=Params(), rng=np.random.default_rng(0), threads=threads
        )
        return read_json(out / "retrieval.json")

    return find


def test_the_nearest_in_the_unit_frame_is_found_whatever_the_size(run):
    found = run(2)
    assert {shape: one["shape"] for shape, one in found.items()} == {
        "brick": "long", "slab": "flat", "mast": "tall", "cube": "flat",
    }  # fmt: skip
    assert found["slab"]["chamfer"] < 0.01 < found["cube"]["chamfer"]
    assert run(1) == found


def test_nothing_is_found_without_training_shapes(run):
    assert run(1, {}) == {"brick": {}, "slab": {}, "mast": {}, "cube": {}}
