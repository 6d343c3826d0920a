"""The recipe's cameras: ranges, retries, and the distance at which a shape fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.geometry.cameras import project
from t3d.geometry.recipe import (
    Level,
    draw_views,
    fitting_distance,
    focal_length,
    given_view,
    in_frame,
    ring_views,
    sphere_views,
    towards,
)

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


@pytest.mark.parametrize("count", [1, 7, 50])
def test_a_ring_is_even_and_in_the_middle_of_the_level(count):
    views = ring_views(HARD, count, 64)
    assert [view.azimuth_deg for view in views] == pytest.approx(
        [(i + 1) * 360 / count for i in range(count)]
    )
    for view in views:
        assert view.camera.eye == pytest.approx(1.4 * towards(view.azimuth_deg, 22.5))
        assert project([(0, 0, 0)], view.camera)[0] == pytest.approx((32, 32))
        assert (view.tries, view.fitted, view.shift) == (1, False, (0, 0, 0))


def directions(views):
    return np.array([view.camera.eye / np.linalg.norm(view.camera.eye) for view in views])


@pytest.mark.parametrize("count", [1, 2, 12, 50, 500])
def test_a_sphere_is_even(count):
    """No cap is emptier or fuller than its share, and neighbours keep apart (a grid of n: 3.5 / sqrt(n))."""
    seen = directions(sphere_views(EASY, count, 64))
    assert np.linalg.norm(seen.mean(axis=0)) < 2 / count + 1e-9 if count > 1 else True
    if count > 2:
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=2) + 9 * np.eye(count)
        assert apart.min() > 2.8 / np.sqrt(count)
        rng = np.random.default_rng(0)
        poles = rng.normal(size=(2000, 3))
        poles /= np.linalg.norm(poles, axis=1, keepdims=True)
        gaps = np.linalg.norm(poles[:, None] - seen[None], axis=2).min(axis=1)
        assert gaps.max() < 3.2 / np.sqrt(count)


def test_a_turned_sphere_is_another_one_at_the_levels_distance():
    one, other = (sphere_views(HARD, 20, 64, turn) for turn in (0.0, 68.75))
    assert np.linalg.norm(directions(one)[:, None] - directions(other)[None], axis=2).min() > 0.1
    assert [view.elevation_deg for view in one] == [view.elevation_deg for view in other]
    for view in other:
        assert view.camera.eye == pytest.approx(1.4 * towards(view.azimuth_deg, view.elevation_deg))
        assert project([(0, 0, 0)], view.camera)[0] == pytest.approx((32, 32))


@given(st.floats(0, 359), st.floats(-89, 89), st.floats(0.1, 50))
def test_a_given_camera_is_described_by_its_place(azimuth, elevation, distance):
    from t3d.geometry.cameras import centred, look_at

    camera = centred(look_at(distance * towards(azimuth, elevation), (0.01, 0.02, 0.03)), 70.0, 64)
    view = given_view(camera)
    assert view.camera is camera
    assert view.distance == pytest.approx(distance)
    assert towards(view.azimuth_deg, view.elevation_deg) == pytest.approx(towards(azimuth, elevation))


def test_another_frame_shows_the_same_picture():
    view = draw_views(box(np.ones(3)), HARD, 1, 224, np.random.default_rng(3))[0]
    moved = in_frame(view, 1.7, np.array([0.1, -0.2, 0.3]))
    points = box(np.ones(3))
    assert project(1.7 * points + (0.1, -0.2, 0.3), moved.camera) == pytest.approx(
        project(points, view.camera)
    )
    assert (moved.distance, moved.shift) == (view.distance, view.shift)
