"""Measures of embeddings against slow twins; codes of shapes from wherever they come."""

import itertools

import numpy as np
import pytest
from PIL import Image

from t3d.models import embeddings
from t3d.models.embeddings import cosines, drift, easy_views, measures, pretrained
from t3d.models.encoder import EncoderConfig, build_backbone, resnet_settings
from t3d.models.network import save_encoder

VIEWS = np.random.default_rng(1).normal(size=(4, 5, 3)) + 3 * np.random.default_rng(2).normal(size=(4, 1, 3))


def slow_cosines(views):
    mean = views.reshape(-1, views.shape[2]).mean(0)
    rows = [(shape, one - mean) for shape, some in enumerate(views) for one in some]
    same, other = [], []
    for (a, x), (b, y) in itertools.combinations(rows, 2):
        (same if a == b else other).append(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
    return same, other


def slow_silhouette(views):
    mean = views.reshape(-1, views.shape[2]).mean(0)
    unit = (views - mean) / np.linalg.norm(views - mean, axis=2, keepdims=True)
    scores = []
    for shape, view in np.ndindex(*views.shape[:2]):
        away = [1 - unit[other] @ unit[shape, view] for other in range(len(views))]
        own = away[shape].sum() / (views.shape[1] - 1)
        near = min(away[other].mean() for other in range(len(views)) if other != shape)
        scores.append((near - own) / max(own, near))
    return np.mean(scores)


def test_cosines_equal_their_slow_twin():
    for fast, slow in zip(cosines(VIEWS), slow_cosines(VIEWS), strict=True):
        assert fast == pytest.approx(slow)


def test_measures_equal_their_slow_twins():
    found = measures(VIEWS)
    assert found["silhouette"] == pytest.approx(slow_silhouette(VIEWS))
    assert (found["intra"], found["inter"]) == pytest.approx(tuple(map(np.mean, slow_cosines(VIEWS))))


def test_shapes_far_apart_are_all_found_again():
    apart = np.repeat(np.eye(4)[:, None], 5, axis=1) + 1e-3 * VIEWS[..., :1]
    found = measures(apart)
    assert found["retrieval"] == 1.0
    assert found["rank"] == pytest.approx(3, abs=0.01)  # the corners of a tetrahedron
    assert found["intra"] > 0.99
    assert found["inter"] < 0


def test_drift_is_relative_to_the_distance_of_shapes():
    views = np.zeros((2, 2, 1))
    views[0, :, 0], views[1, :, 0] = (-1, 1), (9, 11)
    assert drift(views) == pytest.approx(np.full((2, 2), 0.1))


def test_easy_views_are_evenly_spread(tmp_path):
    (tmp_path / "easy").mkdir()
    for number in range(10):
        Image.new("RGB", (2, 2), (number, 0, 0)).save(tmp_path / "easy" / f"{number:02d}.png")
    np.savez(tmp_path / "masks.npz", easy=np.zeros((10, 2, 2), np.uint8))
    images = easy_views(tmp_path, 3)
    assert images[:, 0, 0, 0].tolist() == [1, 5, 8]


def test_before_pre_training_is_none_or_else_random(tmp_path):
    config = EncoderConfig(settings=resnet_settings((4, 4), (1, 1)), input_size=32)
    folders = {}
    for seed, name in enumerate(("s2-simclr", "s2-none")):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        save_encoder(folders[name], build_backbone(config, "none", seed + 5))
    both = pretrained(folders, 0)
    assert list(both) == ["before pre-training", "s2-simclr"]
    alone = pretrained({"s2-simclr": folders["s2-simclr"]}, 0)
    weights = [next(one.parameters()).detach().numpy() for one in (*both.values(), *alone.values())]
    assert np.array_equal(weights[1], weights[3])
    assert not np.array_equal(weights[0], weights[2])
    images = np.zeros((3, 32, 32, 3), np.uint8)
    assert embeddings.features(both["s2-simclr"], images).shape == (3, 4)
