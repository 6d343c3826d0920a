"""From photographs to a mesh by a network that is written down: its code is the size of what it sees."""

import numpy as np
import pytest

from t3d.datasets.photographs import Photograph
from t3d.models.looks import Looks
from t3d.models.prediction import predict


class Ruler:
    """Code: share of dark pixels; shape: a ball of that radius."""

    input_size = 32
    looks = Looks(
        np.array([[0.1], [0.3]], np.float32),
        np.linspace(0.01, 1, 100, dtype=np.float32),
        np.array([0.5, 0, 0]),
    )

    def features(self, images):
        return (images < 128).mean(axis=(1, 2, 3))[:, None].astype(np.float32)

    encode = features

    def sdf(self, points, code):
        return np.linalg.norm(points, axis=1) - code[0]


def photograph(side, warnings=()):
    mask = np.zeros((60, 90), np.uint8)
    mask[5 : 5 + side, 9:49] = 255
    return Photograph(np.zeros((60, 90, 3), np.uint8), mask, "mask", warnings)


def test_the_object_is_seen_as_training_pictures_show_theirs():
    made = predict(Ruler(), [photograph(40)], 32)
    assert made.seen.shape == (1, 32, 32, 3)
    dark = made.seen[0, ..., 0] < 128
    assert dark[8:24, 8:24].all()
    assert dark.sum() == 16 * 16
    assert made.code.tolist() == pytest.approx([0.25])
    assert np.linalg.norm(made.mesh.vertices, axis=1) == pytest.approx(0.25, abs=5e-3)
    assert made.facts["status"] == "ok"
    assert made.facts["warnings"] == []


def test_codes_of_several_photographs_are_averaged():
    pair = [photograph(40, ("one",)), photograph(20, ("two",))]
    made = predict(Ruler(), pair, 32)
    assert made.seen.shape == (2, 32, 32, 3)
    assert made.code.tolist() == pytest.approx([(0.25 + 0.125) / 2])
    assert made.facts["warnings"] == ["one", "two"]


def test_a_picture_unlike_training_is_named_with_a_figure():
    ruler = Ruler()
    ruler.looks = Looks(np.array([[0.9], [0.7]], np.float32), Ruler.looks.held_out, np.array([0.5, 0, 0]))
    made = predict(ruler, [photograph(40)], 32)
    assert made.facts["unlike"] == 1.0
    assert made.facts["warnings"] == ["unlike the training pictures: farther off than 100% of held-out views"]


def test_no_surface_is_an_outcome():
    ruler = Ruler()
    ruler.sdf = lambda points, code: np.full(len(points), 0.3)
    made = predict(ruler, [photograph(40)], 16)
    assert made.mesh is None
    assert made.facts["status"] == "empty"
    assert "0.3" in made.facts["reason"]
