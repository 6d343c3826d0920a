import numpy as np
import pytest

import t3d.models.network
from t3d.datasets.formats import read_json
from t3d.datasets.meshes import read_ply
from t3d.geometry.mesh import volume
from t3d.stages.template import Params, template


class Network:
    mean_code = np.array([0.7], dtype=np.float32)

    def __init__(self, radius):
        self.radius = radius

    def template_sdf(self, points):
        return (np.linalg.norm(points, axis=1) - self.radius).astype(np.float32)

    def sdf(self, points, code):
        return (np.abs(points).max(axis=1) - code[0]).astype(np.float32)


def run(tmp_path, monkeypatch, radius, params):
    monkeypatch.setattr(t3d.models.network, "load", lambda folder: Network(radius))
    facts = template(tmp_path / "net", out=tmp_path, params=params)
    assert facts == read_json(tmp_path / "template.json")
    return facts


def test_writes_the_template_and_the_mean_codes_shape(tmp_path, monkeypatch):
    facts = run(tmp_path, monkeypatch, 0.5, Params(resolution=64, mean_resolution=32))
    assert facts["template"]["status"] == facts["mean"]["status"] == "ok"
    assert volume(read_ply(tmp_path / "template.ply")) == pytest.approx(4 / 3 * np.pi / 8, rel=0.01)
    assert volume(read_ply(tmp_path / "mean.ply")) == pytest.approx(1.4**3, rel=0.03)
    assert facts["template"]["cells"] > facts["mean"]["cells"] > 0


def test_a_template_without_surface_leaves_a_reason_and_no_file(tmp_path, monkeypatch):
    facts = run(tmp_path, monkeypatch, -0.5, Params(resolution=32, mean_resolution=32))
    assert facts["template"]["status"] == "empty"
    assert "0.5 to 2.232 " in facts["template"]["reason"]
    assert not (tmp_path / "template.ply").exists()
    assert (tmp_path / "mean.ply").exists()


def test_published_resolutions_are_the_defaults():
    assert (Params().resolution, Params().mean_resolution) == (512, 256)
