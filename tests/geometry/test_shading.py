"""Colour spaces, the light rig and textures against slow or closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.geometry import shading
from t3d.geometry.shading import Atlas, copies, decode, encode, irradiance

CODES = np.arange(256, dtype=np.uint8)


def test_every_code_survives_decoding_and_encoding():
    assert np.array_equal(encode(decode(CODES)), CODES)


def test_middle_grey_and_out_of_range():
    assert decode(np.array([188], np.uint8))[0] == pytest.approx(0.5, abs=0.003)
    assert encode(np.array([-1.0, 0.0, 1.0, 7.0])).tolist() == [0, 0, 255, 255]


def test_suns_are_the_recipes_lamp_and_its_copy_turned_by_180_radians():
    """Blender's start-up lamp has Euler angles (XYZ) .6503279, .0552171, 1.8663944 and shines down its -z."""
    for extra, expected in ((0.0, shading.SUN), (180.0, shading.SECOND_SUN)):
        x, y, z = 0.6503279 + extra, 0.0552171, 1.8663944
        blender = (
            math.cos(z) * math.sin(y) * math.cos(x) + math.sin(z) * math.sin(x),
            math.sin(z) * math.sin(y) * math.cos(x) - math.cos(z) * math.sin(x),
            math.cos(y) * math.cos(x),
        )
        assert (blender[0], blender[2], -blender[1]) == pytest.approx(expected, abs=1e-6)


def test_rig_is_the_sum_of_its_lights():
    normals = np.random.default_rng(0).normal(size=(200, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for normal, light in zip(normals, irradiance(normals.astype(np.float32)), strict=True):
        sun = max(0.0, float(normal @ shading.SUN)) + 0.5 * max(0.0, float(normal @ shading.SECOND_SUN))
        recipe = sun + 0.5 * (1 + normal[1]) / 2
        assert light == pytest.approx(shading.AMBIENT + shading.EXPOSURE * recipe, abs=1e-5)


def test_exposure_keeps_white_below_white_and_undersides_visible():
    normals = np.random.default_rng(1).normal(size=(100_000, 3))
    light = irradiance((normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32))
    assert 0.9 < light.max() < 1
    assert light.min() > 0.15


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10**6))
def test_samples_are_bilinear_and_repeat(height, width, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    uv = rng.uniform(-3, 3, (5, 2)).astype(np.float32)
    for (u, v), found in zip(uv.astype(float), sampled(pixels, uv), strict=True):
        assert found == pytest.approx(slow_sample(pixels, u, v), abs=2e-4)


def sampled(pixels, uv, texels=1.0):
    uv = np.asarray(uv, np.float32)
    atlas = Atlas([pixels])
    return atlas.sample(uv, np.zeros(len(uv), np.int32), np.full(len(uv), texels, np.float32))


def slow_sample(pixels, u, v):
    height, width = pixels.shape[:2]
    x, y = u * width - 0.5, (1 - v) * height - 0.5
    total = np.zeros(4)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            texel = pixels[row % height, column % width]
            color = np.append(decode(texel[:3]), texel[3] / 255)
            total += (1 - abs(x - column)) * (1 - abs(y - row)) * color
    return total


def test_coarser_copies_keep_the_mean():
    pixels = np.random.default_rng(2).integers(0, 256, (16, 8, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    mean = decode(pixels[..., :3]).reshape(-1, 3).mean(axis=0)
    assert sampled(pixels, [[0.3, 0.9]], 1e9)[0, :3] == pytest.approx(mean, abs=1e-4)


def test_invisible_texels_do_not_bleed_into_coarser_copies():
    pixels = np.zeros((2, 2, 4), dtype=np.uint8)
    pixels[0, 0] = (255, 255, 255, 255)
    assert sampled(pixels, [[0, 0]], 2)[0] == pytest.approx((1, 1, 1, 0.25), abs=1e-4)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (16, 9), (5, 7), (64, 64)])
def test_copies_halve_down_to_one_texel(height, width):
    shapes = [copy.shape[:2] for copy in copies(np.zeros((height, width, 4), np.uint8))]
    halved = [(height, width)]
    while halved[-1] != (1, 1):
        halved.append(((halved[-1][0] + 1) // 2, (halved[-1][1] + 1) // 2))
    assert shapes == halved


@pytest.mark.parametrize(
    ("texels", "level"), [(0.0, 0), (1.0, 0), (1.9, 0), (2.1, 1), (5.0, 2), (1e9, 4), (math.inf, 4)]
)
def test_level_halves_until_about_a_texel_per_pixel(texels, level):
    """A texture that is black but for one texel: its share tells the copy."""
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[..., 3], pixels[0, 0] = 255, 255
    middle = 0.5 * 2**level / 16
    assert sampled(pixels, [[middle, 1 - middle]], texels)[0, 0] == pytest.approx(0.25**level, abs=1e-4)


def test_textures_of_one_atlas_do_not_mix():
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 256, (*size, 4), dtype=np.uint8) for size in ((3, 5), (8, 2), (1, 1))]
    uv = rng.uniform(-1, 1, (60, 2)).astype(np.float32)
    number, texels = np.arange(60, dtype=np.int32) % 3, rng.uniform(0, 9, 60).astype(np.float32)
    found = Atlas(pictures).sample(uv, number, texels)
    for row in range(60):
        alone = sampled(pictures[number[row]], uv[row : row + 1], texels[row])[0]
        assert np.array_equal(found[row], alone)
