"""The unit frame and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from t3d.errors import DataError
from t3d.geometry.normalize import Transform, normalize

coordinates = st.floats(-1e3, 1e3, width=64)


@given(
    points=arrays(np.float64, (7, 3), elements=coordinates),
    offset=arrays(np.float64, 3, elements=coordinates),
    scale=st.floats(1e-3, 1e3),
)
def test_there_and_back_and_as_a_matrix(points, offset, scale):
    transform = Transform(offset, scale)
    there = transform.apply(points)
    tolerance = 1e-6 * max(1.0, np.abs(points).max(), np.abs(offset).max())
    assert np.allclose(transform.invert(there), points, rtol=0, atol=tolerance)
    homogeneous = np.concatenate([points, np.ones((7, 1))], axis=1) @ transform.matrix().T
    assert np.allclose(homogeneous[:, :3], there, rtol=1e-9, atol=1e-6 * scale * tolerance / 1e-6)


@given(vertices=arrays(np.float64, (6, 3), elements=coordinates))
def test_box_centre_goes_to_the_origin_and_the_farthest_vertex_to_its_radius(vertices):
    vertices[1] = vertices[0] + [1.0, 2.0, 3.0]
    unit = normalize(vertices).apply(vertices)
    assert np.linalg.norm(unit, axis=1).max() == pytest.approx(1 / 1.03, abs=1e-9)
    assert np.allclose(unit.min(axis=0) + unit.max(axis=0), 0, atol=1e-9)


def test_modes_by_closed_forms_and_their_limit():
    points = np.array([[0.0, 0, 0], [0.6, 0.2, 0.4]])
    cube, fixed, none = (normalize(points, mode, 2.0) for mode in ("unit-cube", "fixed", "none"))
    assert np.ptp(cube.apply(points), axis=0).max() == pytest.approx(2 / 1.03)
    assert fixed.apply(points) == pytest.approx(np.array([[-0.6, -0.2, -0.4], [0.6, 0.2, 0.4]]))
    assert np.array_equal(none.apply(points), points)
    assert [
        one.mode for one in (normalize(points), cube, fixed, none)
    ] == "unit-sphere unit-cube fixed none".split()
    for mode in ("fixed", "none"):
        with pytest.raises(DataError, match=r"reaches 2.* from the origin.*unit-sphere"):
            normalize(np.array([[0.0, 0, 0], [2, 1, 1]]), mode, 2.0)
