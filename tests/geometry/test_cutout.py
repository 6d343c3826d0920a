"""Plain backgrounds, masks and placement against pictures whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.errors import DataError
from t3d.geometry.cutout import placed, placement, plain_background, without_specks

SKY, RED = np.array((60.0, 120, 230)), np.array((190.0, 60, 40))


def ellipse(height, width, centre=(0.5, 0.5), radii=(0.2, 0.3)):
    y, x = np.mgrid[:height, :width]
    return ((y / height - centre[0]) / radii[0]) ** 2 + ((x / width - centre[1]) / radii[1]) ** 2 < 1


def picture(mask, background, ink=RED, noise=0.0):
    rng = np.random.default_rng(0)
    colors = np.where(mask[..., None], ink, background) + noise * rng.normal(size=(*mask.shape, 3))
    return colors.round().clip(0, 255).astype(np.uint8)


def shade(height, width, strength):
    """A background that darkens smoothly to one corner, as skies and studio walls do."""
    y, x = np.mgrid[:height, :width]
    return SKY - strength * ((y / height) ** 2 + x / width)[..., None]


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(40, 120), st.integers(40, 120)),
    st.floats(0, 40),
    st.floats(0, 4),
    st.tuples(st.floats(0.3, 0.7), st.floats(0.35, 0.65)),
)
def test_an_object_before_a_smooth_background_is_found_pixel_by_pixel(size, strength, noise, centre):
    mask = ellipse(*size, centre)
    found = plain_background(picture(mask, shade(*size, strength), noise=noise))
    assert found is not None
    assert ((found > 127) != mask).mean() < 0.002


def test_an_object_may_touch_the_border_but_not_be_most_of_it():
    mask = ellipse(80, 80, (0.95, 0.5), (0.3, 0.15))
    assert np.array_equal(plain_background(picture(mask, SKY)) > 127, mask)
    assert plain_background(picture(ellipse(80, 80, (1, 0.5), (0.5, 0.6)), SKY)) is None


def test_holes_of_the_backgrounds_colour_are_background():
    mask = ellipse(80, 80) & ~ellipse(80, 80, radii=(0.1, 0.1))
    assert np.array_equal(plain_background(picture(mask, SKY)) > 127, mask)


def test_a_busy_background_is_not_plain():
    rng = np.random.default_rng(0)
    assert plain_background(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)) is None
    stripes = np.where(np.arange(80)[None, :, None] // 10 % 2, SKY, RED).repeat(60, 0)
    assert plain_background(stripes.astype(np.uint8)) is None


def test_tiny_pictures_do_not_break_it():
    for size in ((1, 1), (1, 9), (2, 2), (3, 40)):
        assert not plain_background(np.full((*size, 3), 200, np.uint8)).any()


def test_specks_go_and_objects_are_counted():
    mask = np.zeros((200, 300), np.uint8)
    mask[40:140, 40:140] = 255
    mask[100:150, 200:280] = 200
    mask[5:9, 250:254] = 255
    kept, objects = without_specks(mask)
    assert objects == 2
    assert not kept[:20].any()
    assert np.array_equal(kept[20:], mask[20:])


def test_parts_that_nearly_touch_are_one_object():
    mask = np.zeros((200, 200), np.uint8)
    mask[50:150, 40:99] = mask[50:150, 100:160] = 255
    assert without_specks(mask)[1] == 1
    mask[:, 95:115] = 0
    assert without_specks(mask)[1] == 2


def test_an_empty_mask_is_an_error_in_one_line():
    with pytest.raises(DataError, match="nothing but background"):
        without_specks(np.full((5, 5), 127, np.uint8))


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(20, 90), st.integers(20, 90)),
    st.tuples(st.floats(0.4, 0.9), st.floats(-0.04, 0.04), st.floats(-0.04, 0.04)),
)
def test_what_is_placed_lies_as_asked(size, at):
    """Up to a pixel, wherever in the picture the object was; and everything else is white."""
    height, width = size
    rgb, mask = np.zeros((100, 130, 3), np.uint8), np.zeros((100, 130), np.uint8)
    mask[7 : 7 + height, 30 : 30 + width] = 255
    square = placed(rgb, mask, np.array(at))
    dark = (255 - square[..., 0]).astype(np.uint8)
    assert square.shape[0] == square.shape[1] == max(1, round(max(size) / at[0]))
    assert dark.sum() == 255 * height * width
    np.testing.assert_allclose(placement(dark[None]), at, atol=1.5 / len(square))


def test_half_covered_pixels_mix_with_white():
    rgb, mask = np.full((8, 8, 3), 55, np.uint8), np.full((8, 8), 255, np.uint8)
    mask[0] = 102
    square = placed(rgb, mask, np.array([1.0, 0, 0]))
    assert square.min() == 55
    assert abs(int(placed(rgb, mask, np.array([0.5, 0, 0])).max()) - 255) == 0
    assert 175 in square[0] or 175 in placed(rgb, mask, np.array([0.5, 0, 0]))


def test_placement_is_the_median_and_skips_empty_pictures():
    masks = np.zeros((4, 20, 20), np.uint8)
    masks[0, 5:15, 5:15] = masks[1, 4:14, 6:12] = masks[2, 0:4, 0:20] = 255
    np.testing.assert_allclose(placement(masks), [0.5, 0.0, -0.05])
