"""Pictures against closed forms: silhouettes, edges, colours, transparency, both sides."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.errors import DataError
from t3d.geometry.cameras import centred, look_at, project
from t3d.geometry.mesh import Mesh
from t3d.geometry.parts import Material, Part, plain
from t3d.geometry.raycast import LAYERS, OFFSETS, Renderer
from t3d.geometry.shading import decode, encode, irradiance

QUAD = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])
UV = (QUAD[:, :2] + 1) / 2
TOWARDS_CAMERA = np.array([[0, 0, 1]], np.float32)
LIGHT = float(irradiance(TOWARDS_CAMERA)[0])
RED, BLUE = (0.8, 0.0, 0.0, 1.0), (0.0, 0.0, 0.8, 1.0)


def camera(eye=(0.0, 0.0, 2.0), size=64):
    """Two units from the quad's plane with a focal length of `size`: the quad fills the picture."""
    return centred(look_at(eye, (0, 0, 0)), float(size), size)


def render(parts, view):
    return Renderer(parts).render(view)


def quad(z=0.0, color=RED, mode="opaque", texture=None, scale=1.0, **more):
    return Part(QUAD * scale + (0, 0, z), FACES, uv=UV, material=Material(color, texture, mode), **more)


def ball(count=96):
    """A sphere of radius 1 with its poles on the y axis."""
    polar, around = np.linspace(0, np.pi, count + 1), np.linspace(0, 2 * np.pi, 2 * count, endpoint=False)
    p, a = np.meshgrid(polar, around, indexing="ij")
    vertices = np.stack([np.sin(p) * np.cos(a), np.cos(p), np.sin(p) * np.sin(a)], axis=-1).reshape(-1, 3)
    index = np.arange(len(vertices)).reshape(p.shape)
    here, right = index[:-1], np.roll(index, -1, axis=1)[:-1]
    below, opposite = index[1:], np.roll(index, -1, axis=1)[1:]
    faces = np.concatenate([np.stack([here, right, below], -1), np.stack([right, opposite, below], -1)])
    return Mesh(vertices, faces.reshape(-1, 3))


def shown(color):
    """The sRGB bytes of a linear colour on a surface that faces the camera."""
    return encode(np.array(color[:3]) * LIGHT).astype(int)


@pytest.mark.parametrize("distance", [2.5, 4.0])
def test_area_of_a_spheres_mask(distance):
    view = camera((0.3 * distance, 0.4 * distance, math.sqrt(0.75) * distance), size=224)
    mask = render(plain(ball()), view).mask
    radius = view.fl / math.sqrt(distance**2 - 1)
    assert mask.sum() / 255 == pytest.approx(math.pi * radius**2, rel=2e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_vertices_project_onto_the_mask_and_bound_it(seed):
    rng = np.random.default_rng(seed)
    corners = rng.normal(size=(30, 3)) * 0.3
    mesh = Mesh(corners, np.arange(30).reshape(-1, 3))
    view = camera(2 * np.array([0.6, 0.48, 0.64]), size=128)
    mask = render(plain(mesh), view).mask
    triangles = project(corners, view).reshape(-1, 3, 2)
    sides = np.roll(triangles, 1, axis=1) - triangles
    doubled_area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    broad = doubled_area > 3 * np.linalg.norm(sides, axis=2).max(axis=1)
    middles = corners.reshape(-1, 3, 3).mean(axis=1)[broad]
    column, row = np.floor(project(middles, view)).astype(int).T
    assert (mask[row, column] > 0).all()
    pixels, (rows, columns) = project(corners, view), np.nonzero(mask)
    assert columns.min() >= math.floor(pixels[:, 0].min())
    assert columns.max() <= math.floor(pixels[:, 0].max())
    assert rows.min() >= math.floor(pixels[:, 1].min())
    assert rows.max() <= math.floor(pixels[:, 1].max())


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_pixels_agree_with_a_slow_ray_caster(seed):
    """Wherever all slow samples of a pixel meet one face, or none, the picture shows just that."""
    rng = np.random.default_rng(seed)
    triangles = rng.uniform(-0.8, 0.8, (6, 3, 3))
    colors = rng.uniform(0.1, 1, (6, 3))
    view = camera(size=16)
    offsets = np.concatenate([[(0, 0), (1, 0), (0, 1), (1, 1)], OFFSETS[:, :2]])
    image = render(
        [
            Part(t, np.array([[0, 1, 2]]), material=Material((*c, 1.0)))
            for t, c in zip(triangles, colors, strict=True)
        ],
        view,
    )
    for row, column in np.ndindex(16, 16):
        spots = np.array([column, row]) + offsets
        seen = {slow_hit(triangles, view, spot) for spot in spots}
        if len(seen) == 1:
            face = seen.pop()
            expected = [255] * 3 if face is None else slow_color(triangles[face], colors[face])
            assert image.rgb[row, column].astype(int) == pytest.approx(expected, abs=1)
            assert image.mask[row, column] == (0 if face is None else 255)


def slow_hit(triangles, view, spot):
    direction = np.array([(spot[0] - view.cx) / view.fl, -(spot[1] - view.cy) / view.fl, -1.0])
    found = []
    for number, (a, b, c) in enumerate(triangles):
        u, v, depth = np.linalg.solve(np.stack([b - a, c - a, -direction], axis=1), view.eye - a)
        if u >= 0 and v >= 0 and u + v <= 1 and depth > 0:
            found.append((depth, number))
    return min(found)[1] if found else None


def slow_color(triangle, color):
    normal = np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])
    normal *= np.sign(normal @ (np.array([0, 0, 2.0]) - triangle[0])) / np.linalg.norm(normal)
    return encode(color * irradiance(normal.astype(np.float32)[None])[0]).astype(float)


def test_edge_coverage_of_half_planes_is_close_to_exact():
    """Edges of a huge quad through the picture, at every angle, against half-planes sampled very finely."""
    errors = []
    for angle, shift in zip(np.linspace(0, 3, 13), np.linspace(-0.2, 0.2, 13), strict=True):
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        vertices = np.c_[(QUAD[:, :2] * 4 - (0, 4 - shift)) @ turn.T, np.zeros(4)]
        mask = render([Part(vertices, FACES)], camera(size=32)).mask / 255
        fine = (np.arange(32 * 32) + 0.5) / 32
        x, y = np.meshgrid((fine - 16) / 16, (16 - fine) / 16)  # pixels to the plane z = 0, two units away
        below = (x * -turn[1, 0] + y * turn[1, 1] < shift).reshape(32, 32, 32, 32).mean(axis=(1, 3))
        partial = (below > 0) & (below < 1)
        error = np.abs(mask - below)
        assert error[~partial].max() < 1 / 15  # a corner that is just touched
        assert error.max() < 0.2
        errors.append(error[partial])
    assert np.concatenate(errors).mean() < 0.06


@pytest.mark.parametrize(("share", "coverage"), [(0.01, 2 / 16), (0.3, 5 / 16), (0.5, 0.5), (0.95, 14 / 16)])
def test_pixels_begin_at_whole_numbers(share, coverage):
    """A quad whose right edge lies so much of a pixel beyond column 40: 40 whole pixels, then its share."""
    edge = (40 + share - 32) / 32
    vertices = np.where(QUAD > 0, (edge, 5, 0), (-5.0, -5, 0)) * (1, 1, 0)
    row = render([Part(vertices, FACES)], camera()).mask[20]
    assert row[:40].min() == 255
    assert row[40] == pytest.approx(255 * coverage, abs=1)
    assert row[41:].max() == 0


def test_an_edge_on_the_border_between_pixels_covers_whole_ones():
    vertices = np.where(QUAD > 0, (8 / 32 + 1e-6, 5, 0), (-5.0, -5, 0)) * (1, 1, 0)
    row = render([Part(vertices - (2e-6, 0, 0), FACES)], camera()).mask[20]
    assert row[:39].min() == 255
    assert row[39] >= 255 * 14 / 16 - 1
    assert row[40:].max() == 0


def test_edges_within_the_shape_are_smoothed_too():
    left = Part(QUAD - (1.013, 0, 0), FACES, material=Material((1, 1, 1, 1)))
    right = Part(QUAD - (-0.987, 0, 0), FACES, material=Material((0, 0, 0, 1)))
    row = render([left, right], camera()).rgb[32, :, 0].astype(int)
    assert row[31] not in (row[0], row[-1])
    assert set(row[:31]) == {shown((1, 1, 1))[0]}
    assert set(row[32:]) == {0}
    assert render([left, right], camera()).mask.min() == 255


def test_black_shape_is_its_mask_inverted():
    image = render(plain(ball(24), (0, 0, 0)), camera((1, 1, 3)))
    assert np.array_equal(image.rgb, np.repeat(255 - image.mask[..., None], 3, axis=2))
    assert len(np.unique(image.mask)) > 5


def test_texture_colors_come_back_where_they_belong():
    texels = np.array([[[250, 10, 20], [10, 240, 30]], [[20, 30, 230], [200, 190, 15]]], np.uint8)
    texture = np.repeat(
        np.repeat(np.dstack([texels, np.full((2, 2), 255, np.uint8)]), 32, axis=0), 32, axis=1
    )
    image = render([quad(color=(1, 1, 1, 1), texture=texture)], camera())
    for row, column in np.ndindex(2, 2):
        found = image.rgb[row * 32 + 16, column * 32 + 16].astype(int)
        assert found == pytest.approx(shown(decode(texels[row, column])), abs=1)


def test_texture_is_multiplied_by_factor_and_vertex_color():
    texture = np.full((4, 4, 4), 255, np.uint8)
    texture[..., 1] = 128
    colors = np.tile(np.uint8([255, 255, 100]), (4, 1))
    image = render([quad(color=(0.5, 1, 1, 1), texture=texture, colors=colors)], camera())
    expected = shown((0.5, decode(np.uint8(128)), decode(np.uint8(100))))
    assert image.rgb[30, 30].astype(int) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_checker_keeps_its_exact_codes_where_they_belong(turn):
    """16 texels on 64 pixels, each of another colour: the middle of a texel shows that texel only."""
    rng = np.random.default_rng(turn)
    texels = rng.integers(0, 256, (4, 4, 4), dtype=np.uint8)
    texels[..., 3] = 255
    texture = np.repeat(np.repeat(texels, 4, axis=0), 4, axis=1)
    rgb = render([quad(color=(1, 1, 1, 1), texture=np.rot90(texture, turn))], camera()).rgb
    for row, column in np.ndindex(4, 4):
        wanted = shown(decode(np.rot90(texels, turn)[row, column]))
        assert np.abs(rgb[row * 16 + 8, column * 16 + 8].astype(int) - wanted[:3]).max() <= 1


def test_each_face_takes_the_copy_that_suits_it():
    """One texture, 512 texels on the left face and 8 on the right: grey there, sharp here."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    texture = np.dstack([board, board, board, np.full_like(board, 255)]).astype(np.uint8)
    looks = Material((1, 1, 1, 1), texture)
    parts = [Part(QUAD * (0.5, 1, 1) - (0.5, 0, 0), FACES, uv=UV * 8, material=looks)]
    parts.append(Part(QUAD * (0.5, 1, 1) + (0.5, 0, 0), FACES, uv=UV / 16, material=looks))
    rgb = render(parts, camera()).rgb[4:-4, :, 0].astype(int)
    assert np.abs(rgb[:, 4:28] - shown((0.5, 0.5, 0.5))[0]).max() <= 4
    assert np.ptp(rgb[:, 36:60]) > 100


def test_fine_texture_seen_small_is_its_mean():
    """A chequerboard of 512 texels in 64 pixels: grey, not moiré."""
    board = np.indices((512, 512)).sum(axis=0) % 2 * 255
    texture = np.dstack([board, board, board, np.full_like(board, 255)]).astype(np.uint8)
    rgb = render([quad(color=(1, 1, 1, 1), texture=texture)], camera()).rgb[4:-4, 4:-4]
    assert rgb.reshape(-1, 3).astype(int) == pytest.approx(
        np.broadcast_to(shown((0.5, 0.5, 0.5)), (56 * 56, 3)), abs=2
    )


def test_vertex_colors_are_mixed_in_linear_light():
    colors = np.array([[255, 0, 0], [0, 0, 255], [0, 0, 255], [255, 0, 0]], np.uint8)
    image = render(plain(Mesh(QUAD, FACES), colors), camera())
    weight = (np.arange(64) + 0.5) / 64
    expected = encode(np.stack([1 - weight, 0 * weight, weight], axis=1) * LIGHT).astype(int)
    assert image.rgb[20].astype(int) == pytest.approx(expected, abs=1)


def test_cut_out_texture_shows_what_is_behind_it():
    texture = np.full((32, 32, 4), 255, np.uint8)
    texture[:, :16, 3] = 100
    leaf = quad(color=RED, mode="mask", texture=texture)
    alone = render([leaf], camera())
    assert alone.mask[32, 2:28].max() == 0
    assert alone.mask[32, 36:].min() == 255
    both = render([leaf, quad(z=-0.5, color=BLUE, scale=2)], camera())
    assert both.rgb[32, 10].astype(int) == pytest.approx(shown(BLUE), abs=1)
    assert both.rgb[32, 50].astype(int) == pytest.approx(shown(RED), abs=1)


def test_opaque_materials_ignore_alpha():
    image = render([quad(color=(0.8, 0, 0, 0.1))], camera())
    assert image.mask.min() == 255
    assert image.rgb[30, 30].astype(int) == pytest.approx(shown(RED), abs=1)


def test_glass_mixes_with_what_is_behind_and_with_white():
    glass = quad(color=(0.8, 0, 0, 0.25), mode="blend")
    alone = render([glass], camera())
    assert alone.mask[30, 30] == 64
    white = 255 - 0.25 * (255 - shown(RED))
    assert alone.rgb[30, 30].astype(int) == pytest.approx(white, abs=1)
    both = render([quad(z=-0.5, color=BLUE, scale=2), glass], camera())
    mixed = 0.25 * np.array(RED[:3]) + 0.75 * np.array(BLUE[:3])
    assert both.mask.min() == 255
    assert both.rgb[30, 30].astype(int) == pytest.approx(shown(mixed), abs=1)


def test_layers_of_glass_are_capped():
    sheets = [quad(z=-0.05 * i, color=(0.8, 0, 0, 0.1), mode="blend", scale=2) for i in range(LAYERS + 5)]
    assert render(sheets, camera()).mask[30, 30] == round(255 * (1 - 0.9**LAYERS))


def test_both_sides_are_lit_alike():
    mesh = ball(12)
    turned = Mesh(mesh.vertices, mesh.faces[:, ::-1])
    one, other = render(plain(mesh), camera((1, 1, 2.5))), render(plain(turned), camera((1, 1, 2.5)))
    assert np.array_equal(one.rgb, other.rgb)


def test_a_doubled_face_shows_the_color_of_its_side():
    red, blue = quad(color=RED), Part(QUAD, FACES[:, ::-1], material=Material(BLUE))
    for parts in ([red, blue], [blue, red]):
        for eye, color in (((0, 0, 2), RED), ((0, 0, -2), BLUE)):
            expected = encode(
                np.array(color[:3]) * irradiance(np.array([[0, 0, np.sign(eye[2])]], np.float32))[0]
            ).astype(int)
            picture = render(parts, camera(eye)).rgb[8:-8, 8:-8].reshape(-1, 3).astype(int)
            assert np.abs(picture - expected).max() <= 1


@pytest.mark.parametrize("sign", [1, -1])
def test_file_normals_shade_smoothly_whichever_way_they_point(sign):
    mesh = ball(16)
    view = camera((0, 0, 2.5), size=128)
    smooth = render([Part(mesh.vertices, mesh.faces, sign * mesh.vertices)], view).rgb
    fine = render(plain(ball(200)), view).rgb
    flat = render(plain(mesh), view).rgb
    inner = np.s_[40:88, 40:88]
    assert np.abs(smooth[inner].astype(int) - fine[inner]).mean() < 1
    assert np.abs(flat[inner].astype(int) - fine[inner]).mean() > 1.6


def test_threads_and_repetition_do_not_change_a_byte():
    mesh = ball(32)
    one, two = Renderer(plain(mesh), threads=1), Renderer(plain(mesh), threads=2)
    images = [renderer.render(camera((1, 1, 2.5))) for renderer in (one, two, one)]
    assert len({image.rgb.tobytes() + image.mask.tobytes() for image in images}) == 1


def test_a_shape_behind_the_camera_or_beside_the_picture_is_not_there():
    for offset in ((0, 0, 5), (50, 0, 0)):
        image = render([Part(QUAD + offset, FACES)], camera())
        assert image.mask.max() == 0
        assert image.rgb.min() == 255


def test_a_shape_around_the_camera_fills_the_picture():
    assert render(plain(ball(24)), camera((0, 0, 0.2))).mask.min() == 255


def test_nothing_to_draw_is_an_error():
    with pytest.raises(DataError, match="no faces"):
        Renderer([])


def test_maps_of_a_plane_are_exact():
    """z = 0.5 x before a camera two units away, tilted colours: depth along the axis by a closed form."""
    slanted = Part(QUAD * 4 @ np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1]]), FACES, material=Material(RED))
    maps = Renderer([slanted]).maps(camera(size=32))
    x = (np.arange(32) + 0.5 - 16) / 32
    depth = np.broadcast_to(2 / (1 + 0.5 * x), (32, 32))  # 2 - z with z = 0.5 x * depth
    assert maps.depth == pytest.approx(depth, abs=1e-5)
    normal = np.array([-0.5, 0, 1]) / math.sqrt(1.25)
    assert np.abs(maps.normals - normal).max() < 1e-6
    assert (maps.albedo == encode(np.array(RED[:3], np.float32))).all()
    assert (maps.depth.dtype, maps.normals.dtype, maps.albedo.dtype) == (np.float32, np.float32, np.uint8)


@pytest.mark.parametrize("turned", [False, True])
def test_maps_of_a_sphere_are_those_of_the_sphere(turned):
    mesh = ball(200)
    faces = mesh.faces[:, ::-1] if turned else mesh.faces
    view = camera((1.2, 0.9, 2.0), size=48)
    maps = Renderer([Part(mesh.vertices, faces, mesh.vertices)]).maps(view)
    row, column = np.mgrid[:48, :48] + 0.5
    ways = np.stack([(column - 24) / 48, (24 - row) / 48, -np.ones((48, 48))], axis=-1)
    middle = (np.zeros(3) - view.eye) @ view.c2w[:3, :3]
    along, squared = ways @ middle, (ways**2).sum(axis=-1)
    root = along**2 - squared * (middle @ middle - 1)
    seen = root > 0
    depth = (along - np.sqrt(np.where(seen, root, 0))) / squared
    sure = np.abs(root) > 0.05
    assert np.array_equal(np.isfinite(maps.depth)[sure], seen[sure])
    inner = seen & sure
    assert maps.depth[inner] == pytest.approx(depth[inner], abs=2e-3)
    assert maps.normals[inner] == pytest.approx((ways * depth[..., None] - middle)[inner], abs=0.02)
    assert (maps.normals[~seen & sure] == 0).all()
    assert (maps.albedo[~seen & sure] == 255).all()


def test_maps_look_through_holes_and_stop_at_glass():
    hole = np.full((8, 8, 4), 255, np.uint8)
    hole[..., 3] = 0
    behind = quad(z=-1, color=BLUE, scale=4)
    cut = Renderer([quad(mode="mask", texture=hole), behind]).maps(camera())
    assert cut.depth == pytest.approx(np.full((64, 64), 3.0), abs=1e-5)
    glass = Renderer([quad(color=(0.8, 0, 0, 0.25), mode="blend"), behind]).maps(camera())
    assert glass.depth[30, 30] == pytest.approx(2, abs=1e-5)
    assert glass.albedo[30, 30].tolist() == encode(np.array(RED[:3], np.float32)).tolist()


def test_maps_have_no_light_and_all_colors():
    texture = np.full((4, 4, 4), 255, np.uint8)
    texture[..., 1] = 128
    colors = np.tile(np.uint8([255, 255, 100]), (4, 1))
    maps = Renderer([quad(color=(0.5, 1, 1, 1), texture=texture, colors=colors)]).maps(camera())
    assert np.abs(maps.albedo[20, 20].astype(int) - (188, 128, 100)).max() <= 1
