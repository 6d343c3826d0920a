"""Joining parts: attributes at corners, file normals that make no sense, faces in one place."""

import numpy as np
import pytest
import trimesh

from t3d.errors import DataError
from t3d.geometry.mesh import Mesh
from t3d.geometry.parts import Corners, Material, Part, join, plain, same_surface, stretched
from t3d.geometry.shading import decode
from t3d.geometry.stretch import Stretch

TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
FACE = np.array([[0, 1, 2]])
MIDDLE = np.array([[1 / 3, 1 / 3]], np.float32)


def smooth_at_middle(normals):
    smooth = join([Part(TRIANGLE, FACE, np.array(normals, float))]).smooth
    return smooth.at(np.array([0]), MIDDLE)[0]


def test_corner_values_are_mixed_by_barycentric_coordinates():
    values = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
    face, inside = np.array([2, 0, 3]), np.array([[0.2, 0.3], [0, 0], [0, 1]], np.float32)
    expected = [0.5 * values[2, 0] + 0.2 * values[2, 1] + 0.3 * values[2, 2], values[0, 0], values[3, 2]]
    assert Corners(values).at(face, inside) == pytest.approx(np.array(expected), abs=1e-6)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(DataError, match="no faces"):
        join([Part(TRIANGLE, np.zeros((0, 3), int))])


def test_sensible_normals_are_kept_and_inverted_ones_turned():
    tilted = np.array([0.6, 0, 0.8])
    assert smooth_at_middle([tilted] * 3) == pytest.approx(tilted, abs=1e-6)
    assert smooth_at_middle([-tilted] * 3) == pytest.approx(tilted, abs=1e-6)


@pytest.mark.parametrize("bad", [(0, 0, 0), (np.nan, 0, 1), (1, 0, 0), (np.inf, 0, 0)])
def test_faces_with_a_senseless_normal_are_flat(bad):
    assert smooth_at_middle([(0.6, 0, 0.8), (0.6, 0, 0.8), bad]) == pytest.approx((0, 0, 1))


def test_plain_takes_one_color_or_one_per_vertex():
    mesh = Mesh(TRIANGLE, FACE)
    assert join(plain(mesh, (188, 0, 255))).rgba[0] == pytest.approx([*decode(np.uint8([188, 0, 255])), 1])
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    soup = join(plain(mesh, colors))
    assert (soup.rgba[0] * soup.colors.at(np.array([0]), MIDDLE)[0]) == pytest.approx(
        (1 / 3, 1 / 3, 1 / 3, 1), abs=1e-6
    )


def test_parts_without_colors_stay_as_they_are_beside_colored_ones():
    red = np.tile(np.uint8([255, 0, 0, 128]), (3, 1))
    soup = join([Part(TRIANGLE, FACE), Part(TRIANGLE + 1, FACE, colors=red)])
    found = soup.colors.at(np.array([0, 1]), np.tile(MIDDLE, (2, 1)))
    assert found == pytest.approx(np.array([[1, 1, 1, 1], [1, 0, 0, 128 / 255]]), abs=1e-6)


def test_parts_sharing_a_texture_share_its_copy_and_texel_density():
    pixels = np.zeros((8, 2, 4), np.uint8)
    uv = TRIANGLE[:, :2]
    shiny = Material(texture=pixels)
    parts = [Part(TRIANGLE, FACE, uv=uv, material=shiny), Part(TRIANGLE * 2 + 1, FACE, material=shiny)]
    parts.append(Part(TRIANGLE + 5, FACE, uv=uv, material=shiny))
    soup = join(parts)
    assert soup.texture.tolist() == [0, -1, 0]
    assert soup.density == pytest.approx([4.0, 0.0, 4.0])  # 16 texels on a unit square


def test_texel_density_is_that_of_each_face():
    pixels = np.zeros((8, 2, 4), np.uint8)
    part = Part(TRIANGLE * 2, FACE, uv=TRIANGLE[:, :2] * (3, 3), material=Material(texture=pixels))
    assert join([part]).density == pytest.approx([6.0])  # 16 texels, 9 times, on 4 units of area
    lost = Part(TRIANGLE * 0, FACE, uv=TRIANGLE[:, :2], material=Material(texture=pixels))
    assert np.isfinite(join([lost, part]).density).all()


def test_a_reversed_face_in_the_same_place_is_drawn_from_behind():
    """Its corners take the order of the first, so that one pair of barycentric coordinates fits both."""
    uv = np.array([[0.1, 0], [0.2, 0], [0.3, 0]])
    other = Material(texture=np.zeros((1, 1, 4), np.uint8))
    soup = join(
        [
            Part(TRIANGLE, FACE),
            Part(TRIANGLE + 9, FACE),
            Part(TRIANGLE, np.array([[1, 0, 2]]), uv=uv, material=other),
        ]
    )
    assert soup.behind.tolist() == [2, 1, 2]
    assert len(set(soup.faces[2].tolist())) == 1
    assert soup.uv.at(np.array([2]), np.array([[1, 0]], np.float32))[0, 0] == pytest.approx(0.2)
    assert soup.normals[2] == pytest.approx(soup.normals[0])


def test_a_repeated_face_is_drawn_once():
    soup = join([Part(TRIANGLE, FACE), Part(TRIANGLE, np.array([[1, 2, 0]]))])
    assert soup.behind.tolist() == [0, 1]
    assert [len(set(face)) for face in soup.faces.tolist()] == [3, 1]
    assert join([Part(TRIANGLE, FACE)]).behind is None


def test_same_surface_tells_a_lost_part_and_another_place():
    mesh = Mesh(np.concatenate([TRIANGLE, TRIANGLE + 1]), np.array([[0, 1, 2], [3, 4, 5]]))
    parts = [Part(TRIANGLE, FACE), Part(TRIANGLE + 1, FACE)]
    assert same_surface(parts, mesh)
    assert same_surface([*parts, parts[0]], mesh)
    assert not same_surface(parts[:1], mesh)
    assert not same_surface([parts[0], Part(TRIANGLE + 1.1, FACE)], mesh)
    assert not same_surface([Part(TRIANGLE / 2, FACE), Part(TRIANGLE / 2 + 1.5, FACE)], mesh)
    assert not same_surface([Part(TRIANGLE * np.nan, FACE)], mesh)


def test_normals_of_a_stretched_ball_are_those_of_the_ellipsoid():
    ball = trimesh.creation.icosphere(subdivisions=2)
    points, factors = np.asarray(ball.vertices), np.array([-2.0, 0.5, 1.0])
    cuts = np.tile([-1.0, 1.0], (3, 1))
    made = stretched(Part(points, np.asarray(ball.faces), points), Stretch(cuts, cuts * factors[:, None]))
    assert np.allclose(made.vertices, points * factors)
    wanted = made.vertices / factors**2  # gradient of x^2 / a^2 + y^2 / b^2 + z^2 / c^2
    assert np.allclose(np.cross(made.normals, wanted), 0, atol=1e-12)
    corners = made.vertices[made.faces]
    planes = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("fi,fi->f", planes, corners.mean(axis=1)) > 0).all(), "faces look outside"
