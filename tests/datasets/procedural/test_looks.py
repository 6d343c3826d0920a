import numpy as np
import pytest

from t3d.datasets.procedural import looks
from t3d.datasets.procedural.dice import dice_for


def drawn(make, count=60):
    return [make(dice_for(0, "looks", index)) for index in range(count)]


def test_palettes_are_colours_and_do_not_repeat():
    for palette in (looks.FABRICS, looks.WOODS, looks.METALS, looks.PLASTICS, looks.LIVERIES):
        assert len(set(palette)) == len(palette) >= 5
        assert all(0 <= value <= 255 for color in palette for value in color)


@pytest.mark.parametrize("make", [looks.fabric, looks.wood, looks.metal, looks.plastic, looks.camouflage])
def test_materials_vary_and_repeat_with_their_seed(make):
    materials = drawn(make)
    assert len({material.color for material in materials}) >= 4
    for material, again in zip(materials, drawn(make), strict=True):
        assert material.color == again.color
        assert np.array_equal(material.texture, again.texture)
        assert 0 <= material.shine <= 1


def test_fabrics_are_plain_or_patterned_in_two_colours_at_least():
    textures = [material.texture for material in drawn(looks.fabric) if material.texture is not None]
    assert 0 < len(textures) < 60
    for texture in textures:
        assert texture.shape == (64, 64, 3)
        assert texture.dtype == np.uint8
        assert 2 <= len(np.unique(texture.reshape(-1, 3), axis=0)) <= 3


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("make", [looks.fabric, looks.wood, looks.camouflage])
def test_textures_tile_without_a_seam(make, axis):
    """Neighbouring rows and columns differ no more across the border than inside, over many textures."""
    inside, across = [], []
    for image in (material.texture.astype(int) for material in drawn(make) if material.texture is not None):
        inside.append(np.abs(np.diff(image, axis=axis)).mean(axis=(1 - axis, 2)).max())
        across.append(np.abs(np.take(image, 0, axis=axis) - np.take(image, -1, axis=axis)).mean())
    assert np.mean(across) <= np.mean(inside)


def test_a_livery_has_windows_and_a_windscreen_where_asked():
    base, color, glass = (240, 240, 240), (200, 0, 0), (44, 54, 68)

    def glazed(windows, cockpit):
        texture = looks.livery(dice_for(0, "plane", 1), base, color, windows, cockpit).texture
        return (texture == glass).all(axis=2)

    assert not glazed(False, 0.0).any()
    cockpit = np.argwhere(glazed(False, 0.2))
    assert cockpit[:, 1].max() < 0.12 * 256
    assert cockpit[:, 0].max() < 32
    cabin = glazed(True, 0.0)
    runs = np.diff(cabin[cabin.any(axis=1)][0].astype(int))
    assert (runs == 1).sum() > 20


def test_shades_stay_colours():
    assert looks.shade((100, 200, 10), 2) == (200, 255, 20)
    assert looks.shade((100, 200, 10), 0.5) == (50, 100, 5)
