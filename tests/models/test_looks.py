"""How near pictures come to training pictures, against a slow twin and pictures known to be strange."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.models import looks
from t3d.models.encoder import EncoderConfig, build_encoder, resnet_settings
from t3d.models.looks import Looks, measure, nearest
from t3d.models.views import Views


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(0, 99))
def test_distances_are_those_of_a_loop(count, among, width, seed):
    rng = np.random.default_rng(seed)
    ours, others = (rng.normal(size=(n, width)).astype(np.float32) * 3 for n in (count, among))
    covariance = np.cov(others.T, bias=True).reshape(width, width)
    inverse = np.linalg.inv(covariance + np.eye(width) * (0.1 * np.trace(covariance) / width + 1e-12))
    slow = [min(np.sqrt((one - other) @ inverse @ (one - other)) for other in others) for one in ours]
    found = nearest(ours, others)
    np.testing.assert_allclose(found, slow, rtol=1e-2, atol=1e-2 * (1 + np.max(slow)))


def views(levels, squares):
    """Grey pictures on white, one shape each, with a square object of the given side."""
    images, masks = torch.full((len(levels), 3, 32, 32), 255, dtype=torch.uint8), []
    for image, level, side in zip(images, levels, squares, strict=True):
        mask = torch.zeros((1, 32, 32), dtype=torch.uint8)
        mask[:, 4 : 4 + side, 8 : 8 + side] = 255
        image[:, 4 : 4 + side, 8 : 8 + side] = level
        masks.append(mask)
    ids = tuple(f"s{number:03}" for number in range(len(levels)))
    found = torch.stack(masks) if masks else torch.zeros((0, 1, 32, 32), dtype=torch.uint8)
    return Views(ids, images, found, torch.arange(len(levels)))


def encoder():
    return build_encoder(
        EncoderConfig(settings=resnet_settings((8, 16), (1, 1)), input_size=32), 3, "none", 0
    )


def features(network, of):
    with torch.no_grad():
        return network.features(of.images / 255).numpy()


def test_held_out_views_pass_and_strangers_do_not():
    rng = np.random.default_rng(0)
    train, val, more = (views(rng.integers(40, 90, n), [16] * n) for n in (60, 40, 30))
    network = encoder()
    found = measure(network, train, val)
    assert found.features.shape == (60, 16)
    assert found.held_out.shape == (40,)
    assert (np.diff(found.held_out) >= 0).all()
    np.testing.assert_allclose(found.placement, [0.5, 0, -0.125])
    assert found.share_nearer(features(network, more)).mean() < 0.9
    strange = views([0, 255, 250], [28, 4, 24])
    assert found.share_nearer(features(network, strange)).min() == 1.0


def test_views_are_taken_from_all_over_the_list(monkeypatch):
    monkeypatch.setattr(looks, "VIEWS", 5)
    of = views(range(41), [16] * 41)
    network = encoder()
    found = measure(network, of, of)
    np.testing.assert_allclose(found.features, features(network.eval(), of)[::10], atol=1e-5)


def test_without_held_out_views_nothing_is_strange():
    found = measure(encoder(), views([10, 20], [8, 8]), views([], []))
    assert found.held_out.shape == (0,)
    assert found.share_nearer(np.full((2, 16), 1e6, np.float32)).tolist() == [0, 0]


def test_shares_are_ranks():
    known = Looks(np.array([[0.0], [2]], np.float32), np.array([1, 2, 3, 4], np.float32), np.zeros(3))
    assert known.share_nearer(np.array([[0.0], [4.5], [99]], np.float32)).tolist() == [0, 0.5, 1]
