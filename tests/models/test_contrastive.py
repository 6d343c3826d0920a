"""Losses of contrastive learning against NumPy, their bounds, and what the measures say of known clouds."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from t3d.models.contrastive import cosine_error, effective_rank, info_nce, nt_xent, retrieval, spread

SEEDS = st.integers(0, 2**32 - 1)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _pairs(seed: int, pairs: int = 5, size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(pairs, size))), torch.from_numpy(rng.normal(size=(pairs, size)))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 6), st.floats(0.05, 2))
def test_nt_xent_is_the_formula_term_by_term(seed: int, pairs: int, temperature: float) -> None:
    one, other = _pairs(seed, pairs)
    unit = _unit(np.concatenate([one.numpy(), other.numpy()]))
    total = 0.0
    for i in range(2 * pairs):
        partner = (i + pairs) % (2 * pairs)
        below = sum(math.exp(unit[i] @ unit[k] / temperature) for k in range(2 * pairs) if k != i)
        total -= math.log(math.exp(unit[i] @ unit[partner] / temperature) / below)
    expected = total / (2 * pairs)
    assert float(nt_xent(one, other, temperature)) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 4), st.floats(0.05, 2))
def test_info_nce_is_the_formula_term_by_term(seed: int, pairs: int, temperature: float) -> None:
    queries, keys = _pairs(seed, pairs)
    rng = np.random.default_rng(seed)
    queue, own = rng.normal(size=(7, 4)), rng.random((pairs, 7)) < 0.3
    q, k, old = _unit(queries.numpy()), _unit(keys.numpy()), _unit(queue)
    total = 0.0
    for i in range(pairs):
        positive = math.exp(q[i] @ k[i] / temperature)
        negative = sum(math.exp(q[i] @ old[j] / temperature) for j in range(7) if not own[i, j])
        total -= math.log(positive / (positive + negative))
    found = info_nce(queries, keys, torch.from_numpy(queue), torch.from_numpy(own), temperature)
    assert float(found) == pytest.approx(total / pairs, rel=1e-4, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(1e-3, 1e3))
def test_cosine_error_is_the_distance_of_unit_vectors_whatever_their_lengths(
    seed: int, length: float
) -> None:
    """An earlier project left the prediction's length in: twice as long, twice as good (defect 19)."""
    one, other = _pairs(seed)
    expected = float(np.square(_unit(one.numpy()) - _unit(other.numpy())).sum(1).mean())
    assert float(cosine_error(one * length, other)) == pytest.approx(expected, abs=1e-5)
    assert float(cosine_error(one, other * length)) == pytest.approx(expected, abs=1e-5)
    assert 0 <= expected <= 4


def test_cosine_error_reaches_its_bounds_and_leaves_targets_alone() -> None:
    one, other = _pairs(0)
    assert float(cosine_error(one, one)) == pytest.approx(0, abs=1e-6)
    assert float(cosine_error(one, -one)) == pytest.approx(4, abs=1e-6)
    one.requires_grad_()
    other.requires_grad_()
    cosine_error(one, other).backward()
    assert other.grad is None
    assert one.grad is not None
    assert float((one.grad * one.detach()).sum()) == pytest.approx(0, abs=1e-6)  # no gain in growing


def test_nt_xent_of_unrelated_embeddings_is_that_of_a_guess() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 64, 4096, generator=rng)
    assert float(nt_xent(one, other, 1.0)) == pytest.approx(math.log(2 * 64 - 1), abs=0.01)
    assert float(nt_xent(one, one, 0.05)) < 0.01


def test_nt_xent_never_counts_a_view_against_itself() -> None:
    """Its own cosine is 1, and would be the largest term of the sum."""
    one, other = torch.eye(4), -torch.eye(4)
    apart = math.log(math.exp(-1 / 0.1) + 6) + 1 / 0.1
    assert float(nt_xent(one, other, 0.1)) == pytest.approx(apart, rel=1e-5)


def test_retrieval_of_shapes_told_apart_of_a_collapse_and_of_a_guess() -> None:
    rng = np.random.default_rng(0)
    shapes = torch.from_numpy(rng.normal(size=(6, 1, 8)))
    assert retrieval(shapes.expand(6, 5, 8) + 0.01 * torch.from_numpy(rng.normal(size=(6, 5, 8)))) == 1.0
    assert retrieval(torch.ones(6, 5, 8)) == pytest.approx(1 / 6)
    assert retrieval(torch.from_numpy(rng.normal(size=(20, 8, 8)))) == pytest.approx(1 / 20, abs=0.03)


def test_retrieval_compares_views_of_different_numbers_only() -> None:
    """Features that tell the camera alone find nothing, though each view's twin is there."""
    cameras = torch.eye(4)[None].expand(5, 4, 4)
    tie_breaker = 1e-3 * torch.from_numpy(np.random.default_rng(0).normal(size=(5, 4, 4)))
    assert retrieval(cameras + tie_breaker) < 0.5


def test_retrieval_of_a_single_view_is_unknown() -> None:
    assert math.isnan(retrieval(torch.ones(3, 1, 2)))


def test_spread_is_0_for_a_collapse_and_1_for_the_sphere() -> None:
    rng = torch.Generator().manual_seed(0)
    assert spread(torch.ones(50, 16)) == pytest.approx(0, abs=1e-6)
    assert spread(torch.randn(4000, 16, generator=rng)) == pytest.approx(1, abs=0.02)
    assert spread(3 * torch.randn(4000, 16, generator=rng) + 30) < 0.2


@pytest.mark.parametrize("dimensions", [1, 3, 8])
def test_effective_rank_counts_dimensions(dimensions: int) -> None:
    rng = torch.Generator().manual_seed(0)
    low = torch.randn(4000, dimensions, generator=rng).sign()
    cloud = torch.cat([low, torch.zeros(4000, 16 - dimensions)], dim=1)
    assert effective_rank(cloud) == pytest.approx(dimensions, rel=0.02)


def test_effective_rank_of_a_collapse() -> None:
    assert effective_rank(torch.ones(50, 16)) == 0.0
