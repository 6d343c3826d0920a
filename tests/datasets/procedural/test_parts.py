import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.datasets.procedural.parts import (
    airfoil,
    block,
    loft,
    oval,
    panel,
    revolve,
    rod,
    rounded_path,
    section,
    sweep,
)
from t3d.datasets.procedural.solid import UP, both, called
from t3d.geometry.mesh import Mesh, volume

SIZE = st.floats(0.02, 3)


def edges(faces):
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def assert_closed(solid):
    """Every edge is walked once each way, every vertex is used, no face is flat, and outside is outside."""
    walked = {tuple(edge) for edge in edges(solid.faces).tolist()}
    assert len(walked) == 3 * len(solid.faces)
    assert walked == {(b, a) for a, b in walked}
    assert set(solid.faces.ravel().tolist()) == set(range(len(solid.vertices)))
    corners = solid.vertices[solid.faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    assert areas.min() > 0
    assert enclosed(solid) > 0


def enclosed(solid):
    return volume(Mesh(solid.vertices, solid.faces))


@given(
    size=st.tuples(SIZE, SIZE, SIZE),
    radius=st.floats(0.001, 2),
    bevel=st.integers(1, 3),
    flat=st.tuples(*[st.integers(1, 4)] * 3),
)
def test_a_block_is_closed_fills_its_size_and_misses_its_corners(size, radius, bevel, flat):
    solid = block(size, radius, bevel, flat)
    assert_closed(solid)
    assert np.allclose(np.ptp(solid.vertices, axis=0), size)
    r, (a, b, c) = min(radius, 0.48 * min(size)), size
    smallest = (a - 2 * r) * (b - 2 * r) * (c - 2 * r)
    rounded = _rounded_volume(size, r)
    assert smallest < enclosed(solid) < a * b * c
    assert enclosed(solid) <= rounded * (1 + 1e-9)


def _rounded_volume(size, r):
    """Minkowski sum of a box and a ball (Steiner's formula)."""
    a, b, c = (length - 2 * r for length in size)
    return a * b * c + 2 * r * (a * b + b * c + c * a) + np.pi * r**2 * (a + b + c) + 4 / 3 * np.pi * r**3


def test_a_finely_beveled_block_is_the_rounded_box():
    size = (1.0, 0.6, 0.4)
    assert enclosed(block(size, 0.15, bevel=12)) == pytest.approx(_rounded_volume(size, 0.15), rel=1e-3)


def test_a_bulge_swells_the_middle_of_its_faces_only():
    plain, cushion = (block((1, 0.2, 1), 0.02, 2, (4, 1, 4), (0, h, 0)) for h in (0, 0.1))
    assert_closed(cushion)
    assert np.allclose(np.ptp(cushion.vertices, axis=0), (1, 0.4, 1))
    rim = np.abs(plain.vertices[:, 0]) == 0.5
    assert np.allclose(cushion.vertices[rim], plain.vertices[rim])
    middle = np.abs(plain.vertices[:, [0, 2]]).max(axis=1) < 1e-9
    assert np.allclose(np.abs(cushion.vertices[middle, 1]), 0.2)


@given(radius=SIZE, height=SIZE, sides=st.integers(3, 40))
def test_a_solid_of_revolution_has_the_volume_of_its_prism(radius, height, sides):
    solid = revolve([(radius, 0), (radius, height)], sides)
    assert_closed(solid)
    assert enclosed(solid) == pytest.approx(0.5 * sides * radius**2 * np.sin(2 * np.pi / sides) * height)


def test_a_cone_frustum_against_its_formula():
    frustum = revolve([(0.5, 0), (0.2, 1)], 400)
    assert enclosed(frustum) == pytest.approx(np.pi / 3 * (0.25 + 0.1 + 0.04), rel=1e-3)


@given(start=st.tuples(SIZE, SIZE, SIZE), radius=st.floats(0.005, 0.2))
def test_a_rod_reaches_from_point_to_point(start, radius):
    end = (-0.5, 4.0, 1.0)
    solid = rod(start, end, (radius, radius), sides=64)
    assert_closed(solid)
    length = np.linalg.norm(np.subtract(end, start))
    assert enclosed(solid) == pytest.approx(np.pi * radius**2 * length, rel=0.12)
    for point in (start, end):
        assert np.linalg.norm(solid.vertices - point, axis=1).min() < 1e-9


def test_a_ring_is_a_torus():
    ring = sweep(oval(1.0, 1.0, "xz", 200), 0.2, 0.2, UP, sides=64, closed=True)
    assert_closed(ring)
    assert enclosed(ring) == pytest.approx(2 * np.pi**2 * 0.1**2, rel=5e-3)
    assert len(ring.vertices) == 200 * 64


def test_a_sweep_has_its_width_across_and_its_height_beside():
    solid = sweep([(0, 0, 0), (0, 0, 1)], 0.3, 0.1, (1, 0, 0), squareness=1.0, sides=4)
    assert np.ptp(solid.vertices, axis=0)[:2] == pytest.approx([0.3, 0.1], rel=0.06)
    assert_closed(solid)
    assert_closed(sweep(rounded_path([(0, 1, 0), (0, 0, 0), (0, 0, 1)], 0.3), 0.1, 0.1, (1, 0, 0)))


def test_a_loft_is_outward_whichever_way_its_rings_run():
    ring = np.insert(section(8), 1, 0, axis=1)
    rings = np.stack([ring, ring + UP, ring * 0.5 + 2 * UP])
    for turned in (rings, rings[::-1], rings[:, ::-1]):
        assert_closed(loft(turned))


def test_sections_grow_from_circle_to_square():
    assert np.allclose(np.linalg.norm(section(16), axis=1), 1)
    assert np.abs(section(16, 1.0)).max() <= 1
    assert np.linalg.norm(section(16, 1.0), axis=1).max() > 1.3


def test_a_rounded_path_keeps_its_ends_and_cuts_its_corner():
    path = rounded_path([(0, 1, 0), (0, 0, 0), (0, 0, 1)], 0.2)
    assert path[0].tolist() == [0, 1, 0]
    assert path[-1].tolist() == [0, 0, 1]
    assert np.linalg.norm(path, axis=1).min() == pytest.approx(np.hypot(0.05, 0.05))


def test_a_wing_section_is_the_naca_profile():
    """NACA 0012: greatest thickness 12 % of the chord, near 30 %; the rear edge 1.2 %, not 0.25 %."""
    wing = airfoil(np.array([[0, 0, 0], [1, 0, 0], [2.0, 0, 0]]), np.array([1.0, 1.0, 1.0]), 0.12)
    assert_closed(wing)
    assert np.ptp(wing.vertices[:, 1]) == pytest.approx(0.12, rel=0.02)
    assert np.ptp(wing.vertices[:, 2]) == pytest.approx(1.0)
    rear = wing.vertices[np.isclose(wing.vertices[:, 2], 1.0)]
    assert np.ptp(rear[:, 1]) == pytest.approx(0.012, rel=0.01)


@pytest.mark.parametrize("angle", [0, 45, 90])
def test_a_wing_panel_has_its_span_and_sweep(angle):
    wing = panel((0, 0, 0), 2.0, (1.0, 0.5), 30, angle)
    assert_closed(wing)
    way = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0])
    assert (wing.vertices @ way).max() == pytest.approx(2.0, abs=0.01)
    tip = wing.vertices[wing.vertices @ way > 1.95]
    assert tip[:, 2].min() == pytest.approx(2 * np.tan(np.radians(30)), abs=0.08)


def test_turns_are_right_handed_and_about_a_point():
    point = block((1, 1, 1), 0.1).mapped(lambda points: points * 0 + (1, 2, 3))
    for axis, turned in (("x", (1, -3, 2)), ("y", (3, 2, -1)), ("z", (-2, 1, 3))):
        assert np.allclose(point.turned(axis, 90).vertices, turned)
        assert np.allclose(point.turned(axis, 90, about=(1, 2, 3)).vertices, (1, 2, 3))


def test_mirror_images_stay_outward_and_keep_their_rest():
    solid = block((1, 2, 3), 0.1).at(5, 0, 0)
    original, image = both(solid)
    assert_closed(image)
    assert original is solid
    assert image.vertices[:, 0].max() == pytest.approx(-4.5)
    assert np.array_equal(image.rest, solid.rest)
    assert np.abs(solid.rest).max() <= 1.5


def test_labels():
    labelled = called("leg", "wood", block((1, 1, 1), 0.1))
    assert [(solid.name, solid.material) for solid in labelled] == [("leg", "wood")]


def test_pushes_follow_the_coordinates():
    solid = block((2, 2, 2), 0.1).pushed("y", lambda x, y, z: x * z)
    before = block((2, 2, 2), 0.1).vertices
    assert np.allclose(solid.vertices - before, np.outer(before[:, 0] * before[:, 2], (0, 1, 0)))
