"""Every kind of picture file, what isolates the object, and one-line errors for what is no picture."""

import sys
import types
import zlib

import numpy as np
import pytest
from PIL import Image

from t3d.datasets import images
from t3d.datasets.photographs import isolate, read_photograph, read_picture
from t3d.errors import DataError

RAMP = np.tile(np.linspace(0, 255, 64), (40, 1)).astype(np.uint8)
COLORS = np.stack([RAMP, RAMP // 2, 255 - RAMP], axis=-1)


def scene(size=(60, 80)):
    """A dark block in the middle of a light grey picture: RGB, and where the block is."""
    rgb, mask = np.full((*size, 3), 210, np.uint8), np.zeros(size, bool)
    mask[20:40, 25:60] = True
    rgb[mask] = (90, 40, 30)
    return rgb, mask


@pytest.mark.parametrize(
    ("name", "mode", "error"),
    [
        ("a.png", "RGB", 0), ("a.jpg", "RGB", 8), ("a.png", "RGBA", 0), ("a.png", "P", 60),
        ("a.tif", "CMYK", 1), ("a.jpg", "CMYK", 8), ("a.tif", "LAB", 25), ("a.webp", "RGB", 30),
        ("a.bmp", "RGB", 0), ("a.gif", "P", 60),
    ],
)  # fmt: skip
def test_colours_come_through_whatever_the_mode(tmp_path, name, mode, error):
    Image.fromarray(COLORS).convert(mode).save(tmp_path / name)
    found = read_picture(tmp_path / name)
    assert found.shape == (40, 64, 4)
    assert (found[..., 3] == 255).all()
    assert np.abs(found[5:-5, 5:-5, :3].astype(int) - COLORS[5:-5, 5:-5]).max() <= error


@pytest.mark.parametrize(
    ("name", "grey"),
    [("a.png", RAMP), ("b.png", RAMP.astype(np.uint16) * 257), ("b.tif", RAMP.astype(np.uint16) * 257),
     ("c.tif", RAMP.astype(np.int32) * 257), ("d.tif", RAMP.astype(np.int32))],
)  # fmt: skip
def test_grey_pictures_of_any_depth_come_through(tmp_path, name, grey):
    Image.fromarray(grey).save(tmp_path / name)
    found = read_picture(tmp_path / name)[..., :3].astype(int)
    assert np.abs(found - RAMP[..., None]).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, orientation):
    """The transpositions that undo each flag, by the table of the EXIF standard."""
    stored = {
        1: COLORS, 2: COLORS[:, ::-1], 3: COLORS[::-1, ::-1], 4: COLORS[::-1], 5: COLORS.swapaxes(0, 1),
        6: np.rot90(COLORS), 7: np.rot90(COLORS, 2).swapaxes(0, 1), 8: np.rot90(COLORS, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png")[..., :3], COLORS)


def test_of_an_animation_the_first_frame_counts(tmp_path):
    frames = [Image.new("RGB", (30, 20), color) for color in ("red", "blue", "lime")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read_picture(tmp_path / "a.gif")[..., :3] == (255, 0, 0)).all()


def test_twelve_megapixels_are_reduced(tmp_path):
    Image.new("RGB", (4000, 3000), "teal").save(tmp_path / "a.jpg")
    found = read_picture(tmp_path / "a.jpg")
    assert found.shape == (768, images.MAX_SIDE, 4)


def test_opacity_says_what_the_object_is():
    rgb, mask = scene()
    rgb[~mask] = np.random.default_rng(0).integers(0, 256, ((~mask).sum(), 3))
    found = isolate(np.dstack([rgb, np.where(mask, 255, 0).astype(np.uint8)]))
    assert found.isolated == "opacity"
    assert np.array_equal(found.mask > 127, mask)


def opaque(rgb):
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def test_a_plain_background_is_found_without_help():
    rgb, mask = scene()
    found = isolate(opaque(rgb))
    assert (found.isolated, found.warnings) == ("plain background", ())
    assert np.array_equal(found.mask > 127, mask)
    assert np.array_equal(found.rgb, rgb)


def test_what_makes_a_good_mesh_unlikely_is_said():
    rgb, _ = scene()
    rgb[20:40, 70:78] = (20, 90, 20)
    assert "2 objects" in isolate(opaque(rgb)).warnings[0]
    rgb, _ = scene()
    rgb[40:, 30:50] = (90, 40, 30)
    assert "reaches the border" in isolate(opaque(rgb)).warnings[0]
    busy = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    found = isolate(opaque(busy))
    assert (found.isolated, found.mask.min()) == ("nothing", 255)
    assert "no object isolated" in found.warnings[0]


def test_rembg_is_asked_where_nothing_else_helps(monkeypatch, tmp_path):
    _, mask = scene()
    busy = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
    module = types.ModuleType("rembg")
    module.__spec__ = types.SimpleNamespace()
    module.remove = lambda rgb, only_mask: np.where(mask, 255, 0).astype(np.uint8)
    monkeypatch.setitem(sys.modules, "rembg", module)
    found = isolate(opaque(busy))
    assert found.isolated == "rembg"
    assert np.array_equal(found.mask > 127, mask)
    module.remove = lambda rgb, only_mask: 1 / 0
    Image.fromarray(busy).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="division by zero"):
        read_photograph(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["white", "opacity", "larger"])
def test_a_mask_file_wins(tmp_path, kind):
    rgb, mask = scene()
    mask = np.roll(mask, 7, axis=0)
    cover = np.where(mask, 255, 0).astype(np.uint8)
    if kind == "opacity":
        cover = np.dstack([np.full_like(rgb, 77), cover])
    if kind == "larger":
        cover = cover.repeat(3, axis=0).repeat(3, axis=1)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    Image.fromarray(cover).save(tmp_path / "m.png")
    found = read_photograph(tmp_path / "a.png", tmp_path / "m.png")
    assert found.isolated == "mask"
    assert ((found.mask > 127) != mask).mean() < 0.02


def test_a_mask_of_another_shape_is_refused(tmp_path):
    """As one is that was drawn on a photograph before its rotation flag was obeyed."""
    rgb, mask = scene()
    Image.fromarray(rgb).save(tmp_path / "a.png")
    Image.fromarray(mask.T).save(tmp_path / "m.png")
    with pytest.raises(DataError, match=r"m\.png is 60 x 80, another shape than 80 x 60"):
        read_photograph(tmp_path / "a.png", tmp_path / "m.png")


def bomb(side):
    """A PNG of some hundred bytes that claims side x side pixels."""
    return images.png(side, side, 8, 2, zlib.compress(bytes(100)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a picture"), (b"%PDF-1.7", "not a picture"), (b"<svg xmlns='x'></svg>", "not a picture"),
        (bomb(9000), "64,000,000 pixels"), (bomb(60_000), "64,000,000 pixels"), (bomb(50), "cannot be used"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_one_line(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as found:
        read_photograph(path)
    assert "\n" not in str(found.value)
    assert str(path) in str(found.value)


def test_a_torn_picture_a_folder_and_a_missing_file_are_refused(tmp_path):
    Image.fromarray(scene()[0]).save(tmp_path / "whole.jpg")
    (tmp_path / "torn.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:-300])
    for name in ("torn.jpg", ".", "none.png"):
        with pytest.raises(DataError):
            read_photograph(tmp_path / name)


def test_nothing_but_background_is_refused(tmp_path):
    Image.new("RGB", (50, 40), "gray").save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png.*nothing but background"):
        read_photograph(tmp_path / "a.png")
