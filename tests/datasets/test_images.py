"""Decoding textures within bounds, and PNG files whose bytes depend on the pixels only."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from t3d.datasets import images


def encoded(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def bomb(width, height):
    """A PNG whose header promises more pixels than anybody has memory for; its data is missing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


@pytest.mark.parametrize("size", [(8_001, 8_000), (11_000, 11_000), (60_000, 60_000)])
def test_huge_pictures_are_refused_by_their_header(size):
    with pytest.raises(ValueError, match="pixels"):  # and no warning, which would be an error here
        images.opened(bomb(*size))


def test_small_pictures_pass_and_noise_does_not():
    images.opened(encoded(Image.new("RGB", (3, 2))))
    with pytest.raises(ValueError, match="not a picture"):
        images.opened(b"no picture")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_every_mode_gives_four_channels(mode):
    texels = images.texture(Image.new("RGB", (5, 3), "white").convert(mode))
    assert texels.shape == (3, 5, 4)
    assert texels.dtype == np.uint8
    assert texels.min() == 255


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_large_textures_are_shrunk_without_changing_their_colors(kind):
    gradient = np.zeros((500, 3000, 3), np.uint8)
    gradient[..., 0] = np.linspace(0, 255, 3000)
    with Image.open(io.BytesIO(encoded(Image.fromarray(gradient), kind))) as picture:
        texels = images.texture(picture)
    assert texels.shape[1] == images.MAX_SIDE
    assert texels.shape[0] == round(500 * images.MAX_SIDE / 3000)
    assert texels[80, ::100, 0].astype(int) == pytest.approx(np.linspace(0, 255, 1024)[::100], abs=4)


def test_torn_pictures_raise():
    content = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)))
    with (
        Image.open(io.BytesIO(content[: len(content) // 2])) as picture,
        pytest.raises(OSError, match="truncated"),
    ):
        images.texture(picture)


def test_png_holds_the_pixels_and_its_bytes_repeat(tmp_path):
    rgb = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    for name in ("a.png", "b.png"):
        images.write_png(tmp_path / name, rgb)
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), rgb)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("shape", "kind", "mode"),
    [
        ((5, 4), np.uint8, "L"),
        ((5, 4), np.uint16, "I;16"),
        ((5, 4, 4), np.uint8, "RGBA"),
        ((1, 1, 3), np.uint8, "RGB"),
    ],
)
def test_png_of_every_kind(tmp_path, shape, kind, mode):
    pixels = np.random.default_rng(2).integers(0, np.iinfo(kind).max, shape, dtype=kind)
    images.write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == mode
        assert np.array_equal(np.asarray(picture), pixels)


def test_png_of_a_view_is_no_larger_than_a_common_encoders(tmp_path):
    """A disc on white with a gradient on it, as views are."""
    y, x = np.mgrid[:224, :224] - 112.0
    shade = np.where(np.hypot(x, y) < 70, 60 + (x + y) // 2, 255).astype(np.uint8)
    rgb = np.stack([shade, shade, shade // 2 + 127], axis=-1)
    images.write_png(tmp_path / "a.png", rgb)
    assert (tmp_path / "a.png").stat().st_size < 1.3 * len(encoded(Image.fromarray(rgb), compress_level=1))
