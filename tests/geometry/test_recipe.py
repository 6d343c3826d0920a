"""The recipe's cameras: ranges, retries, and the distance at which a shape fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.geometry.cameras import project
from t3d.geometry.recipe import Level, draw_views, fitting_distance, focal_length, towards

EASY = Level(
    elevation=(20, 30), distance=((1.1375, 1.75),) * 2, shift=(0, 0), jitter=5, first_tries=4, max_tries=200
)
HARD = Level(
    elevation=(0, 45),
    distance=((1.05, 1.75), (1.3125, 1.925)),
    shift=(0.2, 0.1),
    jitter=5,
    first_tries=4,
    max_tries=200,
)
boxes = st.tuples(*[st.floats(0.02, 1)] * 3).map(lambda sides: box(np.array(sides)))


def box(sides):
    """Corners of a centred box of diagonal 1."""
    corners = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3), axis=-1).reshape(-1, 3)
    return corners * sides / np.linalg.norm(sides)


def test_lens_is_the_published_one():
    assert focal_length(224) == 245


def test_azimuth_270_sees_the_front_and_elevation_looks_down():
    assert towards(0, 0) == pytest.approx((1, 0, 0))
    assert towards(270, 0) == pytest.approx((0, 0, -1), abs=1e-12)
    assert towards(0, 90) == pytest.approx((0, 1, 0), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(boxes, st.integers(0, 1000), st.sampled_from(["easy", "hard"]))
def test_views_are_in_range_and_show_the_whole_shape(outline, seed, name):
    level = {"easy": EASY, "hard": HARD}[name]
    for number, view in enumerate(draw_views(outline, level, 10, 224, np.random.default_rng(seed))):
        late = int(view.tries > level.first_tries)
        low, high = level.distance[late]
        assert abs(view.azimuth_deg - (number + 1) * 36) <= 5
        assert level.elevation[0] <= view.elevation_deg <= level.elevation[1]
        assert view.fitted or low <= view.distance <= high
        assert np.abs(view.shift).max() <= level.shift[late]
        pixels = project(outline, view.camera)
        assert pixels.min() >= 1 - 1e-6
        assert pixels.max() <= 223 + 1e-6


def test_shift_moves_the_whole_object_off_the_target():
    view = draw_views(box(np.ones(3)), HARD, 1, 224, np.random.default_rng(1))[0]
    shift, eye = np.array(view.shift), view.camera.eye
    assert np.linalg.norm(shift) > 0.05
    assert eye + shift == pytest.approx(view.distance * towards(view.azimuth_deg, view.elevation_deg))
    assert project([-shift], view.camera)[0] == pytest.approx((112, 112))


@given(boxes, st.floats(0, 360), st.floats(-80, 80))
def test_at_the_fitting_distance_the_shape_touches_the_margin(outline, azimuth, elevation):
    from t3d.geometry.cameras import centred, look_at

    direction = towards(azimuth, elevation)
    needed = fitting_distance(outline, direction, 224)
    pixels = project(outline, centred(look_at(needed * direction, (0, 0, 0)), 245, 224))
    assert max(pixels.max() - 112, 112 - pixels.min()) == pytest.approx(111)


def test_draws_are_capped_and_the_last_is_moved_back():
    tight = Level(
        elevation=(0, 1), distance=((0.3, 0.4),) * 2, shift=(0, 0), jitter=0, first_tries=4, max_tries=7
    )
    view = draw_views(box(np.ones(3)), tight, 1, 224, np.random.default_rng(0))[0]
    assert view.tries == 7
    assert view.fitted
    assert view.distance > 0.4
    pixels = project(box(np.ones(3)), view.camera)
    assert max(pixels.max() - 112, 112 - pixels.min()) == pytest.approx(111)


def test_later_tries_use_their_own_ranges():
    late = Level(
        elevation=(0, 1),
        distance=((0.1, 0.2), (3.0, 3.1)),
        shift=(0.0, 0.3),
        jitter=0,
        first_tries=4,
        max_tries=200,
    )
    view = draw_views(box(np.ones(3)), late, 1, 224, np.random.default_rng(0))[0]
    assert view.tries == 5
    assert 3.0 <= view.distance <= 3.1
    assert np.abs(view.shift).max() > 0


def test_same_generator_same_cameras():
    one, other = (draw_views(box(np.ones(3)), HARD, 5, 224, np.random.default_rng(9)) for _ in range(2))
    assert all(np.array_equal(a.camera.c2w, b.camera.c2w) for a, b in zip(one, other, strict=True))
