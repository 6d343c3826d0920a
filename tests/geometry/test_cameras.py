"""Cameras: axes, projection, resizing and the outline of a cloud."""

import numpy as np
import pytest
import scipy.ndimage
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from trimesh.transformations import translation_matrix

from t3d.errors import DataError
from t3d.geometry.cameras import (
    centred,
    extreme_points,
    look_at,
    project,
    resized,
    scaled,
    w2c_opencv,
)
from t3d.geometry.mesh import Mesh
from t3d.geometry.parts import plain
from t3d.geometry.raycast import Renderer

POINTS = np.random.default_rng(3).normal(size=(40, 3)) * 0.3


def camera(eye=(1.0, 0.7, -1.2), size=224):
    return centred(look_at(eye, (0, 0, 0)), 245 * size / 224, size)


def test_target_is_in_the_middle_and_up_is_up():
    middle, above, right = project([(0, 0, 0), (0, 0.1, 0), (0.1, 0, 0)], camera((0, 0, 2)))
    assert middle == pytest.approx((112, 112))
    assert above == pytest.approx((112, 112 - 245 * 0.1 / 2))
    assert right == pytest.approx((112 + 245 * 0.1 / 2, 112))


@given(st.tuples(*[st.floats(-3, 3)] * 3).filter(lambda e: np.hypot(e[0], e[2]) > 0.01))
def test_camera_matrix_is_a_rotation_without_roll(eye):
    c2w = look_at(eye, (0, 0, 0))
    assert c2w[:3, :3] @ c2w[:3, :3].T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(c2w[:3, :3]) == pytest.approx(1)
    assert c2w[1, 0] == pytest.approx(0, abs=1e-12)
    assert c2w[:3, 3] == pytest.approx(eye)


def test_looking_along_up_is_refused():
    with pytest.raises(DataError, match="looks along its own up"):
        look_at((0, 2, 0), (0, 0, 0))


def test_points_behind_have_no_pixel():
    assert np.isnan(project([(0, 0, 3)], camera((0, 0, 2)))).all()


def test_opencv_matrix_and_intrinsics_project_alike():
    view = camera()
    local = (np.c_[POINTS, np.ones(len(POINTS))] @ w2c_opencv(view).T)[:, :3]
    pixels = view.fl * local[:, :2] / local[:, 2:] + (view.cx, view.cy)
    assert pixels == pytest.approx(project(POINTS, view))


def test_resized_camera_scales_pixels_only():
    assert project(POINTS, resized(camera(), 64)) == pytest.approx(project(POINTS, camera()) * 64 / 224)


CHAIR = trimesh.util.concatenate(
    [
        trimesh.creation.box((0.7, 0.1, 0.6)),
        trimesh.creation.box((0.7, 0.7, 0.1), transform=translation_matrix((0, 0.35, 0.3))),
        trimesh.creation.box((0.1, 0.5, 0.1), transform=translation_matrix((0.3, -0.25, -0.2))),
    ]
)


def opencv_pixels(points, view):
    """`cv2.projectPoints` without distortion: x = R X + t, u = fx x / z + cx, v = fy y / z + cy."""
    w2c = w2c_opencv(view)
    local = points @ w2c[:3, :3].T + w2c[:3, 3]
    return view.fl * local[:, :2] / local[:, 2:] + (view.cx, view.cy)


def gl_pixels(points, view):
    """OpenGL's clip coordinates by the matrix of `glFrustum`, then its viewport, flipped."""
    local = points @ np.linalg.inv(view.c2w)[:3, :3].T + np.linalg.inv(view.c2w)[:3, 3]
    clip = local[:, :2] * 2 * view.fl / (view.width, view.height)
    ndc = clip / -local[:, 2:]
    return np.stack([(ndc[:, 0] + 1) * view.width, (1 - ndc[:, 1]) * view.height], axis=1) / 2


@pytest.mark.parametrize("pixels", [opencv_pixels, gl_pixels])
@pytest.mark.parametrize("eye", [(1.4, 0.9, -1.2), (-0.5, -1.1, 1.6)])
def test_each_convention_projects_the_mesh_onto_its_picture(pixels, eye):
    """By the library's own formula all vertices are on the mask, the extreme ones at its border."""
    view = centred(look_at(eye, (0.1, -0.05, 0.2)), 130.0, 128)
    mask = Renderer(plain(Mesh(CHAIR.vertices, CHAIR.faces))).render(view).mask > 0
    spots = pixels(np.asarray(CHAIR.vertices), view)
    column, row = np.floor(spots).astype(int).T
    near = scipy.ndimage.binary_dilation(mask, np.ones((3, 3)))
    assert near[row, column].all()
    rows, columns = np.nonzero(mask)
    borders = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.r_[spots.min(axis=0), spots.max(axis=0)] == pytest.approx(borders, abs=1.1)
    assert spots == pytest.approx(project(CHAIR.vertices, view))


@given(st.floats(0.01, 100))
def test_scaled_camera_sees_the_scaled_world_alike(factor):
    assert project(POINTS * factor, scaled(camera(), factor)) == pytest.approx(project(POINTS, camera()))
    shifted = scaled(camera(), factor, (0.3, -0.2, 0.1))
    assert project(POINTS * factor + (0.3, -0.2, 0.1), shifted) == pytest.approx(project(POINTS, camera()))


def test_extreme_points_bound_every_picture():
    outline = extreme_points(POINTS)
    assert len(outline) < len(POINTS)
    for eye in ((2, 1, 0), (0, 0, 2), (-1, 2, 1.5)):
        all_points, few = project(POINTS, camera(eye)), project(outline, camera(eye))
        assert few.min(axis=0) == pytest.approx(all_points.min(axis=0))
        assert few.max(axis=0) == pytest.approx(all_points.max(axis=0))


@pytest.mark.parametrize("flat", [POINTS * (1, 0, 1), POINTS[:2], POINTS * (1, 0, 0)])
def test_flat_clouds_keep_all_their_points(flat):
    assert np.array_equal(extreme_points(flat), flat)
