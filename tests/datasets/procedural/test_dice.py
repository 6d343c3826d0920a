import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.datasets.procedural.dice import Dice, dice_for


def draws(dice, count=8):
    return [dice.between(0, 1) for _ in range(count)]


def test_every_shape_has_its_own_stream():
    keys = [(seed, name, index) for seed in (0, 1) for name in ("sofa", "chair") for index in range(50)]
    streams = {tuple(draws(dice_for(*key))) for key in keys}
    assert len(streams) == len(keys)
    assert draws(dice_for(0, "sofa", 3)) == draws(dice_for(0, "sofa", 3))


def test_the_stream_is_the_published_one():
    """PCG64's uniform doubles may not change between versions of numpy (NEP 19 keeps bit streams)."""
    assert draws(dice_for(0, "sofa", 0), 3) == [0.3547, 0.9924, 0.4443]


@given(seed=st.integers(0, 99), low=st.integers(-5, 5), extra=st.integers(0, 5))
def test_whole_numbers_stay_within_and_reach_both_ends(seed, low, extra):
    dice = Dice(np.random.default_rng(seed))
    assert {dice.whole(low, low + extra) for _ in range(200)} == set(range(low, low + extra + 1))


@given(seed=st.integers(0, 99), low=st.floats(-10, 10), extra=st.floats(0, 10))
def test_numbers_stay_within(seed, low, extra):
    value = Dice(np.random.default_rng(seed)).between(low, low + extra)
    assert low - 1e-4 <= value <= low + extra + 1e-4


def test_likelihoods():
    dice = Dice(np.random.default_rng(0))
    count = 4000
    picks = [dice.pick("aab") for _ in range(count)]
    assert picks.count("a") / count == pytest.approx(2 / 3, abs=0.03)
    assert sum(dice.chance(0.3) for _ in range(count)) / count == pytest.approx(0.3, abs=0.03)
