"""Stretches against closed forms: boxes stay boxes, volumes multiply, normals stay normal."""

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.geometry.mesh import Mesh, bounds, volume
from t3d.geometry.stretch import Stretch, draw_stretch


def mesh_of(made):
    return Mesh(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))


def box(size=(1.0, 2.0, 3.0), centre=(5.0, -1.0, 0.5)):
    return mesh_of(trimesh.creation.box(size, transform=trimesh.transformations.translation_matrix(centre)))


def test_points_between_cuts_move_linearly_and_normals_turn_by_the_slopes():
    cuts = np.array([[0.0, 1.0, 2.0]] * 3)
    stretch = Stretch(cuts, np.array([[0.0, 3.0, 4.0], [0.0, 1.0, 2.0], [0.0, -1.0, -3.0]]))
    points = np.array([[0.5, 0.5, 0.5], [1.5, 1.5, 1.5], [1.0, 0.0, 2.0]])
    assert np.allclose(stretch.apply(points), [[1.5, 0.5, -0.5], [3.5, 1.5, -2.0], [3.0, 0.0, -3.0]])
    assert np.allclose(stretch.slopes(points[:2]), [[3, 1, -1], [1, 1, -2]])
    assert stretch.mirrored


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(0.0, 1.0))
def test_a_box_stays_a_box_with_its_inside_inside(seed, pieces, most):
    shape = box()
    stretch = draw_stretch(shape, most, pieces, np.random.default_rng(seed))
    made = stretch.stretched(shape)
    sides, before = np.ptp(bounds(made), axis=0), np.ptp(bounds(shape), axis=0)
    assert np.isclose(volume(made), np.prod(sides))  # not its negative: the winding follows the mirror
    assert np.all(sides <= before * (1 + most) * (1 + 1e-9))
    assert np.all(sides >= before / (1 + most) * (1 - 1e-9))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_order_along_each_axis_stays_but_where_mirrored(seed):
    rng = np.random.default_rng(seed)
    stretch = draw_stretch(box(), 0.4, 3, rng)
    low, high = bounds(box())
    points = np.sort(rng.uniform(low, high, (50, 3)), axis=0)
    steps = np.diff(stretch.apply(points), axis=0)
    assert np.all(steps[:, 1:] >= 0)
    assert np.all(steps[:, 0] <= 0) if stretch.mirrored else np.all(steps[:, 0] >= 0)


def test_the_same_seed_gives_the_same_and_both_sides_come_up():
    drawn = [draw_stretch(box(), 0.3, 3, np.random.default_rng(seed)) for seed in (*range(20), 0)]
    assert np.array_equal(drawn[0].after, drawn[-1].after)
    assert not np.array_equal(drawn[0].after, drawn[1].after)
    assert {one.mirrored for one in drawn} == {True, False}


def test_a_flat_sheet_is_stretched_too():
    flat = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]]))
    made = draw_stretch(flat, 0.3, 3, np.random.default_rng(0)).stretched(flat)
    assert np.isfinite(made.vertices).all()
    assert np.ptp(made.vertices[:, 2]) < 1e-6
