"""Pictures: cut-outs, cameras, colours of places, inline images."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from t3d.geometry.cameras import project
from t3d.geometry.mesh import Mesh
from t3d.report.pictures import (
    FACES,
    Tile,
    around,
    cut_out,
    data_uri,
    draw,
    fitted,
    place_colors,
    sheet,
    sides,
    solid,
    template_colors,
    warped,
)

TRIANGLE = Mesh(np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0, 0.5, 0.0]]), np.array([[0, 1, 2]]))
TETRAHEDRON = Mesh(
    np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [-0.25, -0.25, -0.25]]),
    np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]]),
)
bytes_of = st.integers(0, 255)


@given(arrays(np.uint8, (4, 5, 3), elements=bytes_of), arrays(np.uint8, (4, 5), elements=bytes_of))
def test_cut_out_undoes_compositing_over_white(own, coverage):
    alpha = coverage[..., None] / 255
    seen = np.rint(own * alpha + 255 * (1 - alpha)).astype(np.uint8)
    picture = cut_out(seen, coverage)
    again = np.rint(picture[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    assert np.abs(again.astype(int) - seen).max() <= 1
    assert np.array_equal(again[coverage == 255], seen[coverage == 255])


def test_what_nothing_covers_is_white_and_clear():
    picture = cut_out(np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2), np.uint8))
    assert picture.tolist() == [[[255, 255, 255, 0]] * 2] * 2


def test_place_colors_saturate():
    places = np.array([[-1, 0, 1], [-7, 0.5, 300], [np.nextafter(1, 2), -0.5, 1.0]])
    assert place_colors(places).tolist() == [[0, 128, 255], [0, 191, 255], [255, 64, 255]]


@pytest.mark.parametrize(("azimuth", "axis", "sign"), [(0, 2, -1), (90, 0, 1), (180, 2, 1), (-90, 0, -1)])
def test_around_stands_where_it_says(azimuth, axis, sign):
    eye = around(azimuth, 0, 100).eye
    assert eye[axis] * sign == pytest.approx(np.linalg.norm(eye))


@given(st.floats(-360, 360), st.floats(-80, 80), st.integers(16, 512))
def test_around_sees_all_of_the_unit_sphere_and_little_more(azimuth, elevation, size):
    points = np.random.default_rng(0).normal(size=(4000, 3))
    pixels = project(points / np.linalg.norm(points, axis=1, keepdims=True), around(azimuth, elevation, size))
    assert (pixels >= 0).all()
    assert (pixels <= size).all()
    assert np.ptp(pixels, axis=0).min() > 0.9 * size


def test_draw_has_the_shape_and_the_colours_of_the_vertices():
    camera = around(0, 0, 64)  # from -z: +x is on the left
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    picture = draw(TRIANGLE, camera, colors)
    assert picture.shape == (64, 64, 4)
    inside = 0.8 * TRIANGLE.vertices + 0.2 * TRIANGLE.vertices.mean(axis=0)
    corners = project(inside, camera).astype(int)
    seen = picture[corners[:, 1], corners[:, 0]]
    assert (seen[:, 3] == 255).all()
    assert seen[:, :3].argmax(axis=1).tolist() == [0, 1, 2]
    assert picture[0, 0, 3] == 0


def decoded(uri):
    head, _, body = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_data_uri_keeps_size_colour_and_opacity():
    picture = np.zeros((24, 40, 4), np.uint8)
    picture[:, 20:] = (200, 60, 30, 255)
    image = np.asarray(decoded(data_uri(picture)).convert("RGBA")).astype(int)
    assert image.shape == picture.shape
    assert np.abs(image[4:-4, 26:-4] - (200, 60, 30, 255)).max() < 12
    assert (image[:, :16, 3] == 0).all()


class Doubling:
    """A network whose warp doubles places for code 1 and leaves them for code 0."""

    def encode(self, images):
        return np.array([[float(images[0].max() > 0)]])

    def warp(self, points, code):
        return points * (1 + code[0])


@pytest.mark.parametrize(("value", "factor"), [(0, 1), (255, 2)])
def test_template_colors_are_places_after_the_warp_of_the_images_code(value, factor):
    colors = template_colors(TRIANGLE, np.full((4, 4, 3), value, np.uint8), Doubling())
    assert np.array_equal(colors, place_colors(factor * TRIANGLE.vertices))


class Bending:
    """A smooth warp that counts the points it is asked for."""

    asked = 0

    def warp(self, points, code):
        self.asked += len(points)
        return points + code[0] * np.sin(2 * points[:, ::-1])


def test_warped_asks_for_few_points_and_is_right_to_a_few_colour_levels():
    angle, height = np.random.default_rng(1).uniform([0, -1], [2 * np.pi, 1], (200_000, 2)).T
    ring = np.sqrt(1 - height**2)
    sphere = Mesh(
        0.5 * np.stack([ring * np.cos(angle), height, ring * np.sin(angle)], axis=1), TRIANGLE.faces
    )
    network, exact = Bending(), Bending()
    places = warped(sphere, network, np.array([0.4]))
    expected = exact.warp(sphere.vertices, np.array([0.4]))
    assert network.asked < 20_000
    assert np.abs(places - expected).max() < 4 * 2 / 255


def test_a_sheet_has_pictures_in_order_and_captions_below():
    red, blue = (np.full((10, 10, 4), color, np.uint8) for color in ((255, 0, 0, 255), (0, 0, 255, 255)))
    tiles = [Tile("one", red), Tile("nothing", None, "reason"), Tile("two", blue)]
    made = sheet(tiles, 64)
    assert made.shape == (80, 192, 3)
    assert made[32, 32].tolist() == [255, 0, 0]
    assert (made[:28, 64:128] == 255).all(), "no picture there"
    assert (made[28:36, 64:128] < 200).any(), "but the reason"
    assert made[32, 160].tolist() == [0, 0, 255]
    assert (made[64:] < 200).any(axis=(0, 2)).reshape(3, 64).any(axis=1).all()  # ink under each
    assert np.array_equal(sheet(tiles, 64), made)
    rows = sheet([*tiles, Tile("clear", np.zeros((10, 10, 4), np.uint8))], 64, columns=2)
    assert rows.shape == (160, 128, 3)
    assert (rows[80:144, 64:] == 255).all(), "what is clear is white"


def test_captions_that_are_too_long_lose_their_end():
    assert fitted("chair-0013", 10, len) == "chair-0013"
    assert fitted("2bcdb8ec11c57383f6123919700f66", 10, len) == "2bcdb8ec1…"
    assert fitted("ab", 0, len) == "a…"


def unpacked(made):
    kinds = {"points": "<i2", "colors": np.uint8, "faces": "<u2"}
    return {
        name: np.frombuffer(base64.b64decode(made[name]), kind).reshape(-1, 3) for name, kind in kinds.items()
    }


def test_a_mesh_comes_back_within_its_quantization():
    colors = np.array([[0, 10, 20], [30, 40, 50], [60, 70, 80], [90, 100, 255]], np.uint8)
    for array in (TETRAHEDRON.vertices, TETRAHEDRON.faces, colors):
        array.flags.writeable = False
    found = unpacked(solid(TETRAHEDRON, colors))
    order = np.lexsort(found["colors"].T[::-1])
    assert np.abs(found["points"][order] / 32767 - TETRAHEDRON.vertices).max() <= 0.5 / 32767
    assert (found["colors"][order] == colors).all()
    there = {frozenset(map(tuple, found["points"][face])) for face in found["faces"]}
    assert len(there) == 4


def test_a_fine_mesh_is_thinned_and_keeps_its_shape():
    steps = np.linspace(-0.5, 0.5, 120)
    x, y = np.meshgrid(steps, steps)
    ids = np.arange(x.size).reshape(x.shape)
    quads = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], -1).reshape(-1, 4)
    mesh = Mesh(
        np.stack([x, y, 0.1 * np.sin(6 * x)], -1).reshape(-1, 3),
        np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]),
    )
    found = unpacked(solid(mesh, (104, 155, 214)))
    assert len(mesh.faces) > FACES >= len(found["faces"])
    points = found["points"] / 32767
    assert np.abs(points[:, 2] - 0.1 * np.sin(6 * points[:, 0])).max() < 1e-3
    assert (found["colors"] == [104, 155, 214]).all()


def test_sides_show_a_mesh_that_fills_its_box_whole():
    corner = Mesh(np.array([[-1.0, -1, -1], [1, 1, 1], [1, -1, 1], [-1, 1, -1]]), TETRAHEDRON.faces)
    for one in sides(corner):
        assert one.picture[..., 3].any()
        assert not any(one.picture[edge][..., 3].any() for edge in (0, -1, np.s_[:, 0], np.s_[:, -1]))
