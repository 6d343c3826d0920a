"""The best code of a shape: found by its distances, scored in the original frame, off on request."""

from types import MappingProxyType

import numpy as np
import pytest
import torch

from t3d.datasets.formats import read_json, write_samples, write_transform
from t3d.datasets.meshes import read_ply
from t3d.geometry.mesh import bounds
from t3d.geometry.normalize import Transform
from t3d.models import network
from t3d.stages.oracle_code import Params, oracle_code

TRANSFORM = Transform(np.array([-3.0, 1.0, 0.5]), 0.25)
PARAMS = Params(iterations=120, points=256, rate=0.02, resolution=24)


class Ball(torch.nn.Module):
    """A decoder whose shapes are balls; the code's one number is what the radius has beyond 0.3."""

    config = type("Config", (), {"code": 1})
    device = torch.device("cpu")

    def values(self, points, codes):
        return points.norm(dim=-1) - 0.3 - codes


class Network:
    decoder = Ball()
    codes = MappingProxyType({"a": np.array([-0.2], np.float32), "b": np.array([0.1], np.float32)})

    def sdf(self, points, code):
        return (np.linalg.norm(points, axis=1) - 0.3 - code[0]).astype(np.float32)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(network, "load", lambda folder, gpu: Network())
    points = np.random.default_rng(0).uniform(-1, 1, (4000, 3)).astype(np.float32)
    rows = np.concatenate([points, np.linalg.norm(points, axis=1, keepdims=True) - 0.6], axis=1)
    (tmp_path / "sdf").mkdir()
    write_samples(tmp_path / "sdf" / "samples.npz", rows[rows[:, 3] >= 0], rows[rows[:, 3] < 0])
    (tmp_path / "mesh").mkdir()
    write_transform(tmp_path / "mesh" / "transform.json", TRANSFORM)
    return tmp_path


def run(root, params=PARAMS, to="out"):
    out = root / to
    out.mkdir()
    rng = np.random.default_rng(0)
    oracle_code(
        root / "sdf", root / "mesh", root / "net", out=out, params=params, shape="a", rng=rng, threads=1
    )
    return out, read_json(out / "code.json")


def test_the_shape_is_found_and_put_into_the_original_frame(folders):
    out, outcome = run(folders)
    assert outcome["status"] == "ok"
    assert outcome["loss"] < 0.01
    made = bounds(read_ply(out / "mesh.ply"))
    np.testing.assert_allclose(np.ptp(made, axis=0), 2 * 0.6 / TRANSFORM.scale, rtol=0.05)
    np.testing.assert_allclose(made.mean(axis=0), [3.0, -1.0, -0.5], atol=0.05)
    again, _ = run(folders, to="again")
    assert (again / "mesh.ply").read_bytes() == (out / "mesh.ply").read_bytes()


def test_no_iterations_switch_it_off(folders):
    out, outcome = run(folders, Params(iterations=0))
    assert outcome["status"] == "off"
    assert not (out / "mesh.ply").exists()


def test_published_settings_are_the_defaults():
    assert (Params().iterations, Params().points, Params().rate, Params().clamp) == (800, 8_000, 5e-3, 0.1)
