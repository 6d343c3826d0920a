"""OpenGL's pictures against the ray-caster's: masks, colours, transparency, maps; and its context."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import trimesh

from t3d.datasets.appearance import load_appearance
from t3d.errors import DataError, UsageError
from t3d.geometry import opengl, rasterize, raycast
from t3d.geometry.cameras import Camera, centred, look_at, project
from t3d.geometry.mesh import Mesh, concatenate
from t3d.geometry.normalize import normalize
from t3d.geometry.parts import Material, Part, plain
from t3d.tasks.synth import synthesize

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))
QUAD = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])
UV = (QUAD[:, :2] + 1) / 2
RED, BLUE, GLASS = (0.8, 0.0, 0.0, 1.0), (0.0, 0.0, 0.8, 1.0), (0.1, 0.6, 0.1, 0.4)


def camera(eye=(0.4, 0.5, 2.2), size=96):
    return centred(look_at(eye, (0, 0, 0)), float(size), size)


def around(count):
    """Cameras of the recipe's lens round the unit sphere, high and low."""
    for number in range(count):
        turn, lift = 0.3 + 2 * math.pi * number / count, (-0.3, 0.4, 0.9)[number % 3]
        eye = 2.3 * np.array(
            [math.cos(turn) * math.cos(lift), math.sin(lift), math.sin(turn) * math.cos(lift)]
        )
        yield centred(look_at(eye, (0, 0, 0)), 245.0, 224)


def quad(z=0.0, color=RED, mode="opaque", texture=None, scale=1.0, **more):
    return Part(QUAD * scale + (0, 0, z), FACES, uv=UV, material=Material(color, texture, mode), **more)


def both(parts, view):
    return raycast.Renderer(parts).render(view), rasterize.Renderer(parts).render(view)


def overlap(one, other):
    one, other = one.mask > 127, other.mask > 127
    return (one & other).sum() / max(1, (one | other).sum())


def color_difference(one, other):
    """Mean difference of the colours where both show the shape, in 255ths."""
    common = (one.mask > 127) & (other.mask > 127)
    return np.abs(one.rgb.astype(int) - other.rgb)[common].mean() if common.any() else 0.0


def in_unit_frame(parts):
    transform = normalize(concatenate(parts).vertices)
    return [replace(part, vertices=transform.apply(part.vertices)) for part in parts]


def check_backends(shapes, views):
    """The bar: masks overlap by 99 % at the median, 95 % at worst; colours differ by 8/255 at most."""
    overlaps, differences = [], []
    for parts in shapes:
        one, other = raycast.Renderer(parts), rasterize.Renderer(parts)
        pairs = [(one.render(view), other.render(view)) for view in around(views)]
        overlaps += [overlap(*pair) for pair in pairs]
        differences += [color_difference(*pair) for pair in pairs]
    assert np.median(overlaps) >= 0.99
    assert min(overlaps) >= 0.95
    assert max(differences) <= 8


@pytest.mark.parametrize("category", ["sofa", "chair", "plane"])
def test_procedural_shapes_look_the_same(tmp_path, category):
    folder = synthesize(tmp_path, [category], 3)[category]
    check_backends(
        [in_unit_frame(load_appearance(path).parts) for path in sorted(folder.glob("*/models/*.obj"))], 4
    )


def test_real_textured_shapes_look_the_same():
    folders = sorted(path.parent for path in MESHES.glob("0*/*/models/*.png"))
    if not folders:
        pytest.skip(f"no meshes in {MESHES}; set T3D_TEST_MESHES")
    chosen = list(dict.fromkeys(folders))[::3][:10]
    check_backends([in_unit_frame(load_appearance(next(folder.glob("*.obj"))).parts) for folder in chosen], 3)


@pytest.mark.parametrize("distance", [2.5, 4.0])
def test_area_of_a_spheres_mask(distance):
    ball = trimesh.creation.icosphere(5)
    view = camera((0.3 * distance, 0.4 * distance, math.sqrt(0.75) * distance), size=224)
    mask = rasterize.Renderer(plain(Mesh(ball.vertices, ball.faces))).render(view).mask
    radius = view.fl / math.sqrt(distance**2 - 1)
    assert mask.sum() / 255 == pytest.approx(math.pi * radius**2, rel=3e-3)


def test_coverage_at_an_edge_is_in_sixteenths_and_mixes_on_codes():
    view = centred(look_at((0, 0, 2), (0, 0, 0)), 63.4, 64)  # the quad ends 0.3 pixels from the border
    image = rasterize.Renderer([quad()]).render(view)
    assert image.mask[32, 1:63].min() == 255
    partly = image.mask[32, 0] / 255
    assert partly == pytest.approx(0.7, abs=0.3)
    own = image.rgb[32, 10].astype(float)
    assert image.rgb[32, 0] == pytest.approx(255 + (own - 255) * partly, abs=2)


def test_the_mask_does_not_depend_on_the_color():
    white = Part(QUAD, FACES, material=Material((5.0, 5.0, 5.0, 1.0)))
    image = rasterize.Renderer([white]).render(camera())
    assert image.rgb.min() == 255, "white on white"
    assert np.array_equal(image.mask, rasterize.Renderer([quad()]).render(camera()).mask)


def test_each_side_of_a_doubled_face_keeps_its_color():
    behind = Part(QUAD, FACES[:, ::-1], uv=UV, material=Material(BLUE))
    for eye in ((0.4, 0.5, 2.2), (0.4, 0.5, -2.2)):
        one, other = both([quad(), behind], camera(eye))
        assert overlap(one, other) > 0.99
        assert color_difference(one, other) < 1
        assert (one.rgb[48, 48, 0] > 100) == (eye[2] > 0)


def test_the_light_on_both_sides_of_smooth_surfaces():
    ball = trimesh.creation.icosphere(3)
    half = ball.faces[ball.triangles_center[:, 2] < 0.2]  # open towards the camera: its inside is seen
    parts = [Part(np.asarray(ball.vertices), half, normals=np.asarray(ball.vertex_normals))]
    for eye in ((0.4, 0.5, 3.2), (0.4, 0.5, -3.2)):
        one, other = both(parts, camera(eye, 128))
        assert overlap(one, other) > 0.99
        assert color_difference(one, other) < 1


def test_holes_in_textures_are_holes():
    leaf = np.full((16, 16, 4), 200, np.uint8)
    leaf[4:12, 4:12, 3] = 0
    one, other = both(
        [quad(color=(1, 1, 1, 1), mode="mask", texture=leaf), quad(-1, BLUE, scale=0.5)], camera()
    )
    assert overlap(one, other) > 0.98
    assert color_difference(one, other) < 3
    assert other.rgb[44, 48, 2] > 60 + other.rgb[44, 48, 0], "the blue quad shows through the hole"


def test_repeated_textures_of_odd_sizes_are_where_they_belong():
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(0, 256, (5, 7, 4)), np.ones((3, 3, 1))).astype(np.uint8)
    part = Part(QUAD, FACES, uv=2.5 * UV - 0.7, material=Material((1, 1, 1, 1), texture))
    one, other = both([part], camera(size=224))
    assert color_difference(one, other) < 6, "noise: a wrong place would differ by 80"


def test_glass_lets_through_what_is_behind_whatever_the_order():
    parts = [
        quad(0.3, GLASS, "blend", scale=0.8),
        quad(),
        quad(0.6, (0.6, 0.6, 0.1, 0.5), "blend", scale=0.5),
    ]
    for eye in ((0.4, 0.5, 2.2), (0.4, 0.5, -2.2)):
        one, other = both(parts, camera(eye))
        again = rasterize.Renderer(parts[::-1]).render(camera(eye))
        assert np.array_equal(other.rgb, again.rgb)
        assert overlap(one, other) > 0.99
        assert color_difference(one, other) < 16, "OpenGL mixes codes, rays mix light"


def test_glass_alone_covers_as_much_as_it_hides():
    texture = np.full((4, 4, 4), 255, np.uint8)
    parts = [quad(0.2, GLASS, "blend", texture), quad(0, GLASS, "blend")]
    one, other = both(parts, camera())
    hidden = 255 * (1 - 0.6**2)
    assert other.mask[48, 48] == pytest.approx(hidden, abs=2)
    assert other.mask[48, 48] == pytest.approx(int(one.mask[48, 48]), abs=2)


def test_vertex_colors():
    colors = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], np.uint8)
    one, other = both(plain(Mesh(QUAD, FACES), colors), camera())
    assert color_difference(one, other) < 2


def test_maps_are_those_of_the_ray_caster():
    ball = trimesh.creation.icosphere(3, radius=0.7)
    parts = [Part(np.asarray(ball.vertices), ball.faces, normals=np.asarray(ball.vertex_normals)), quad(-0.5)]
    view = camera(size=128)
    one, other = raycast.Renderer(parts).maps(view), rasterize.Renderer(parts).maps(view)
    seen = np.isfinite(one.depth)
    assert (np.isfinite(other.depth) == seen).mean() > 0.999
    same = seen & np.isfinite(other.depth) & np.isclose(one.depth, other.depth, atol=1e-3, rtol=0)
    assert same.sum() > 0.995 * seen.sum()
    assert np.einsum("ni,ni->n", one.normals[same], other.normals[same]).min() > np.cos(np.radians(1.5))
    assert np.abs(one.albedo[same].astype(int) - other.albedo[same]).max() <= 1
    assert not other.normals[~seen & ~np.isfinite(other.depth)].any()
    assert other.albedo[~seen & ~np.isfinite(other.depth)].min() == 255
    assert {values.dtype for values in (other.depth, other.normals)} == {np.dtype(np.float32)}


def test_depths_project_back_onto_the_surface():
    """No neighbour is mixed in: every depth of a tilted plane is that of its pixel's middle."""
    view = camera((1.0, 0.7, 1.5), 64)
    depth = rasterize.Renderer([quad()]).maps(view).depth
    row, column = np.nonzero(np.isfinite(depth))
    local = np.stack([column + 0.5 - view.cx, view.cy - row - 0.5, np.full(len(row), -view.fl)], axis=1)
    points = local / view.fl * depth[row, column, None] @ view.c2w[:3, :3].T + view.eye
    assert np.abs(points[:, 2]).max() < 1e-4
    assert project(points, view) == pytest.approx(np.stack([column, row], axis=1) + 0.5, abs=1e-3)


def test_pictures_may_be_oblong_and_off_centre():
    view = Camera(look_at((0.4, 0.5, 2.2), (0, 0, 0)), 80.0, 30.0, 50.0, 120, 72)
    one, other = both([quad()], view)
    assert other.rgb.shape == (72, 120, 3)
    assert overlap(one, other) > 0.99


def test_a_camera_within_the_shape_or_turned_away():
    inside = camera((0.0, 0.0, 0.05), 48)
    box = trimesh.creation.box((2, 2, 2))
    shape = plain(Mesh(box.vertices, box.faces))
    assert rasterize.Renderer(shape).render(inside).mask.min() == 255
    away = centred(look_at((0, 0, 3), (0, 0, 9)), 48.0, 48)
    assert rasterize.Renderer(shape).render(away).mask.max() == 0


def test_no_faces_is_a_data_error():
    with pytest.raises(DataError, match="no faces"):
        rasterize.Renderer([Part(QUAD, np.zeros((0, 3), np.int64))])


def test_the_same_scene_gives_the_same_bytes():
    first, second = (rasterize.Renderer([quad()]).render(camera()) for _ in range(2))
    assert np.array_equal(first.rgb, second.rgb)


def test_fifty_shapes_leave_nothing_behind():
    """At most one shape's objects are held at a time, by OpenGL and in memory."""
    from OpenGL import GL

    texture = np.random.default_rng(0).integers(0, 255, (512, 512, 4)).astype(np.uint8)
    ball = trimesh.creation.icosphere(4)
    uv = np.asarray(ball.vertices)[:, :2]

    def held():
        kinds = (GL.glIsBuffer, GL.glIsTexture, GL.glIsVertexArray)
        return [sum(bool(exists(name)) for name in range(2000)) for exists in kinds]

    def draw(count):
        for _ in range(count):
            part = Part(
                np.asarray(ball.vertices), ball.faces, uv=uv, material=Material((1, 1, 1, 1), texture)
            )
            rasterize.Renderer([part]).render(camera(size=48))
        return held(), psutil.Process().memory_info().rss

    names, memory = draw(5)
    later, rss = draw(50)
    assert names[1] >= 1
    assert later == names
    assert rss - memory < 30e6, "fifty of these shapes are 200 MB"


def test_one_context_serves_every_shape_and_is_replaced_when_it_was_ended():
    """`eglTerminate` of anybody's context on the device ends ours too; mesh-to-sdf does that."""
    before = opengl.context()
    rasterize.Renderer([quad()]).render(camera())
    assert opengl.context() is before
    import pyrender

    pyrender.OffscreenRenderer(8, 8).delete()
    image = rasterize.Renderer([quad()]).render(camera())
    assert image.mask.max() == 255


def in_a_process(code, **variables):
    """Run code without what this process has set: what it says on both streams, and its status."""
    environment = {name: value for name, value in os.environ.items() if name != "PYOPENGL_PLATFORM"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr, run.returncode


def test_a_process_finds_out_draws_and_ends_in_good_order():
    code = "import numpy; from t3d.geometry import opengl; opengl.context(); print(opengl.platform())"
    said, status = in_a_process(code)
    assert said.strip() == "{'PYOPENGL_PLATFORM': 'egl'}"
    assert status == 0


def test_where_nothing_draws_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(opengl, "_found", lambda: (None, "egl: no driver; osmesa: not there"))
    with pytest.raises(UsageError, match=r"egl: no driver.*t3d doctor.*views.backend=raycast"):
        opengl.platform()


def test_egl_is_tried_first_then_its_other_devices_then_osmesa(monkeypatch):
    asked = []

    def tried(code, variables):
        if code == opengl.LIST:
            return True, "0 /dev/dri/card0; 1 software"
        asked.append(variables)
        return False, "eglInitialize failed"

    monkeypatch.setattr(opengl, "tried", tried)
    for name in ("PYOPENGL_PLATFORM", "EGL_DEVICE_ID"):
        monkeypatch.delenv(name, raising=False)
    variables, said = opengl._found.__wrapped__()
    egl = {"PYOPENGL_PLATFORM": "egl"}
    assert asked == [egl, egl | {"EGL_DEVICE_ID": "1"}, {"PYOPENGL_PLATFORM": "osmesa"}]
    assert variables is None
    assert said.startswith("egl: eglInitialize failed; egl 1: ")
    asked.clear()
    monkeypatch.setenv("PYOPENGL_PLATFORM", "osmesa")
    opengl._found.__wrapped__()
    assert asked == [{"PYOPENGL_PLATFORM": "osmesa"}]


def test_what_is_found_is_asked_once(monkeypatch):
    calls = []
    monkeypatch.setattr(opengl, "tried", lambda *_: calls.append(1) or (True, "draws"))
    opengl._found.cache_clear()
    try:
        assert opengl.platform() is opengl.platform()
        assert len(calls) == 1
    finally:
        opengl._found.cache_clear()


def test_a_driver_that_crashes_is_told_and_survived():
    assert opengl.tried("import os; os.abort()", {}) == (False, "killed by SIGABRT")


def test_devices_are_listed():
    works, said = opengl.tried(opengl.LIST, {"PYOPENGL_PLATFORM": "egl"})
    assert works
    assert all(one.partition(" ")[0] == str(number) for number, one in enumerate(said.split("; ")))
