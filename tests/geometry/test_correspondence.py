"""Correspondence through a warp that is a known affine map: transfer is exact, every point comes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.geometry.correspondence import (
    Placed,
    counterparts,
    cycle_error,
    label_agreement,
    lattice,
    overlap,
)

RNG = np.random.default_rng(0)
TEMPLATE = RNG.uniform(-1, 1, (200, 3))
LABELS = RNG.integers(0, 5, 200)


def instance(matrix, shift, order):
    """A shape whose warp to the template is the affine map p -> matrix p + shift, its points in any order."""
    points = np.linalg.solve(matrix, (TEMPLATE - shift).T).T[order]
    return Placed(points, points @ matrix.T + shift, LABELS[order])


ONE = instance(np.diag([1.0, 2.0, 0.5]), np.array([0.1, 0.0, -0.2]), RNG.permutation(200))
OTHER = instance(np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0.3, 1]]), np.zeros(3), RNG.permutation(200))


def test_transfer_through_affine_warps_is_exact():
    assert label_agreement(ONE, OTHER) == 1.0
    assert cycle_error(ONE, OTHER) == 0.0
    found = counterparts(ONE, OTHER.places)
    np.testing.assert_allclose(ONE.places[found], OTHER.places, atol=1e-12)


def test_the_unit_frame_does_not_know_the_warp():
    still = [Placed(one.points, one.points, one.labels) for one in (ONE, OTHER)]
    assert label_agreement(*still) < 0.5
    assert cycle_error(*still) > 0.05


def slow_agreement(source, target):
    hits = []
    for place, label in zip(target.places, target.labels, strict=True):
        if label >= 0 and label in source.labels:
            nearest = min(range(len(source.places)), key=lambda k: np.sum((source.places[k] - place) ** 2))
            hits.append(source.labels[nearest] == label)
    return np.mean(hits) if hits else None


def slow_cycle(source, target):
    errors = []
    for point, place in zip(source.points, source.places, strict=True):
        there = target.places[np.argmin(np.sum((target.places - place) ** 2, axis=1))]
        back = source.points[np.argmin(np.sum((source.places - there) ** 2, axis=1))]
        errors.append(np.linalg.norm(back - point))
    return np.mean(errors)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
def test_agreement_and_cycle_equal_their_slow_twins(seed, n, m):
    rng = np.random.default_rng(seed)
    source, target = (
        Placed(rng.normal(size=(k, 3)), rng.normal(size=(k, 3)), rng.integers(-1, 3, k)) for k in (n, m)
    )
    assert label_agreement(source, target) == slow_agreement(source, target)
    assert cycle_error(source, target) == pytest.approx(slow_cycle(source, target))


def test_labels_that_the_source_lacks_do_not_count():
    source = Placed(TEMPLATE, TEMPLATE, np.zeros(200, int))
    target = Placed(TEMPLATE, TEMPLATE, np.repeat([0, 1], 100))
    assert label_agreement(source, target) == 1.0
    assert label_agreement(Placed(TEMPLATE, TEMPLATE, np.full(200, -1)), target) is None


def test_overlap_of_two_balls_is_that_of_their_volumes():
    points = lattice(64)
    inner, outer = (np.linalg.norm(points, axis=1) - radius for radius in (0.4, 0.8))
    assert overlap(inner, outer) == pytest.approx(1 / 8, rel=0.02)
    assert overlap(inner, inner) == overlap(points[:, 0] + 2, points[:, 0] + 2) == 1.0
    assert overlap(inner, points[:, 0] + 2) == 0.0


def test_the_lattice_fills_the_box_evenly():
    points = lattice(4)
    assert points.shape == (64, 3)
    assert np.unique(points) == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    assert len(np.unique(points, axis=0)) == 64
