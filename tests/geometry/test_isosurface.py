import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.errors import DataError
from t3d.geometry import isosurface
from t3d.geometry.isosurface import NoSurface, extract, find_surface
from t3d.geometry.mesh import Mesh, face_areas, volume

CORNERS = list(itertools.product((0, 1), repeat=3))


def sphere(radius, centre=(0.0, 0.0, 0.0)):
    return lambda p: np.linalg.norm(p.astype(float) - centre, axis=1) - radius


def torus(p):
    p = p.astype(float)
    return np.hypot(np.hypot(p[:, 0], p[:, 2]) - 0.6, p[:, 1]) - 0.2


def box(half, centre=(0.0, 0.0, 0.0)):
    def values(p):
        q = np.abs(p.astype(float) - centre) - half
        return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0)

    return values


def either(*parts):
    return lambda p: np.min([part(p) for part in parts], axis=0)


def clamped(values, at=0.1):
    return lambda p: np.clip(values(p), -at, at)


def lattice_values(values, resolution):
    """Slow twin's grid: every lattice point, with the outside of the box counted as outside."""
    index = np.stack(np.meshgrid(*[np.arange(resolution + 1)] * 3, indexing="ij"), -1)
    points = (index * (2 / resolution) - 1).reshape(-1, 3).astype(np.float32)
    grid = values(points).astype(float).reshape((resolution + 1,) * 3)
    wall = (np.minimum(index, resolution - index).min(axis=-1) == 0) & (grid < 0)
    return np.where(wall, 0.0, grid)


def dense_cells(grid):
    n = len(grid) - 1
    inside = sum((grid < 0)[i : i + n, j : j + n, k : k + n].astype(int) for i, j, k in CORNERS)
    return int(((inside > 0) & (inside < 8)).sum())


def dense_vertices(grid):
    """Where lattice edges with a change of sign cross zero, in coordinates, sorted."""
    resolution, found = len(grid) - 1, []
    for axis in range(3):
        a, b = np.moveaxis(grid, axis, 0)[:-1], np.moveaxis(grid, axis, 0)[1:]
        where = np.argwhere((a < 0) != (b < 0))
        low, high = a[tuple(where.T)], b[tuple(where.T)]
        place = where.astype(float)
        place[:, 0] += np.clip(low / (low - high), 1e-4, 1 - 1e-4)
        order = np.argsort([axis] + [other for other in range(3) if other != axis])
        found.append(place[:, order] * 2 / resolution - 1)
    return np.concatenate(found)


def on_edges(mesh, resolution):
    steps = (mesh.vertices + 1) * resolution / 2
    return mesh.vertices[(np.abs(steps - np.rint(steps)) < 1e-7).sum(axis=1) >= 2]


def ordered(points):
    return points[np.lexsort(np.round(points, 7).T)]


def assert_closed_and_outward(mesh):
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    directed, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() == 1
    assert {tuple(e) for e in directed} == {tuple(e[::-1]) for e in directed}
    assert volume(mesh) > 0
    assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices)
    assert set(np.unique(mesh.faces)) == set(range(len(mesh.vertices)))


def assert_dense(values, resolution, **options):
    grid = lattice_values(values, resolution)
    found = find_surface(values, resolution, **options)
    assert found.cells == dense_cells(grid)
    expected, got = ordered(dense_vertices(grid)), ordered(on_edges(found.mesh, resolution))
    np.testing.assert_allclose(got, expected, atol=1e-9)
    assert_closed_and_outward(found.mesh)
    return found


@pytest.mark.parametrize("resolution", [20, 64, 90, 97])
@pytest.mark.parametrize("values", [sphere(0.6), torus, box((0.5, 0.3, 0.7))], ids=["sphere", "torus", "box"])
@pytest.mark.parametrize("wrap", [clamped, lambda v: v], ids=["clamped", "true"])
def test_finds_what_the_dense_grid_finds(values, resolution, wrap):
    assert_dense(wrap(values), resolution)


def test_areas_and_volumes_are_those_of_the_shapes():
    ball, ring = extract(sphere(0.6), 96), extract(torus, 96)
    assert volume(ball) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=2e-3)
    assert face_areas(ball).sum() == pytest.approx(4 * np.pi * 0.6**2, rel=2e-3)
    assert volume(ring) == pytest.approx(2 * np.pi**2 * 0.6 * 0.2**2, rel=5e-3)
    genus = 1 - (len(ring.vertices) - len(ring.faces) / 2) / 2
    assert genus == 1
    assert np.linalg.norm(ball.vertices, axis=1) == pytest.approx(0.6, abs=2e-4)


def test_same_faces_as_scikit_image_on_the_dense_grid():
    from skimage.measure import marching_cubes

    values = either(sphere(0.31, (0.2, 0.1, 0.0)), sphere(0.4, (-0.3, 0.0, 0.11)))
    vertices, faces, _, _ = marching_cubes(lattice_values(values, 48).astype(np.float32), 0.0)
    dense, sparse = Mesh(vertices / 24.0 - 1, faces.astype(np.int64)), extract(values, 48)
    assert len(sparse.faces) == len(dense.faces)
    assert volume(sparse) == pytest.approx(volume(dense), rel=1e-4)
    assert face_areas(sparse).sum() == pytest.approx(face_areas(dense).sum(), rel=1e-4)


@pytest.mark.parametrize(("axis", "thickness"), [(0, 0.02), (1, 0.02), (2, 0.035)])
def test_thin_plates_are_whole_at_every_offset(axis, thickness):
    resolution = 128
    step = 2 / resolution
    for offset in np.linspace(-2 * step, 2 * step, 17):
        half, centre = np.full(3, 0.45), np.zeros(3)
        half[axis], centre[axis] = thickness / 2, offset
        plate = clamped(box(half, centre))
        found = find_surface(plate, resolution)
        across = np.arange(resolution + 1) * step - 1
        inside = np.count_nonzero(np.abs(across - offset) < thickness / 2 - 1e-6)
        along = np.count_nonzero(np.abs(across) < 0.45)
        assert found.cells == (inside + 1) * (along + 1) ** 2 - (inside - 1) * (along - 1) ** 2


def test_components_far_apart_are_all_found():
    small = [sphere(0.04, c) for c in [(0.8, 0.8, 0.8), (-0.8, -0.7, -0.9), (0.81, -0.77, 0.0)]]
    found = assert_dense(clamped(either(*small)), 128)
    assert volume(found.mesh) == pytest.approx(3 * 4 / 3 * np.pi * 0.04**3, rel=0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_single_lattice_point_of_the_other_sign_is_found_wherever_it_is(sign):
    """The worst case of every rule that drops cells: values change as fast as they may around the point."""
    resolution, step = 16, 2 / 16
    for point in itertools.product(range(4, 8), repeat=3):
        spot = sphere(1e-3, np.array(point) * step - 1)
        if sign > 0:
            found = find_surface(spot, resolution, slope=1.0, start=4)
            assert found.cells == 8
        else:
            hollow = find_surface(lambda p, spot=spot: -spot(p), resolution, slope=1.0, start=4)
            outer = resolution**3 - (resolution - 2) ** 3
            assert hollow.cells == outer + 8


def test_the_surface_is_followed_where_the_slope_was_too_small():
    assert_dense(torus, 64, slope=0.3)


@pytest.mark.parametrize("resolution", [64, 128, 150])
@pytest.mark.parametrize("slope", [0.2, 0.7])
def test_no_cell_is_missing_beside_a_surface_where_the_slope_was_too_small(resolution, slope):
    assert_dense(torus, resolution, slope=slope)


def spiky(p):
    """A ball, and far from it a spike six times as steep, narrower than the largest cells; flat between."""
    spike = 6.0 * sphere(0.012, (0.78, 0.78, 0.78))(p)
    return np.minimum(np.clip(sphere(0.3, (-0.4, -0.3, -0.2))(p), -0.1, 0.1), spike)


def test_a_spike_between_the_first_points_is_found_where_the_slope_is_known():
    assert_dense(spiky, 128, slope=6.0)


def test_a_spike_between_the_first_points_is_lost_where_the_slope_is_estimated():
    """The limit of the estimate: nothing evaluated tells of the spike; `slope` says what was assumed."""
    found, whole = find_surface(spiky, 128), find_surface(spiky, 128, slope=6.0)
    assert found.slope < 1.3
    assert whole.cells - found.cells == 8
    assert find_surface(spiky, 128, start=128).cells == whole.cells


def test_a_component_smaller_than_the_first_cells_is_found_among_true_distances():
    assert_dense(either(sphere(0.3, (-0.4, -0.3, -0.2)), sphere(0.012, (0.78, 0.78, 0.78))), 128)


def test_bars_that_repeat_with_the_first_points_are_found():
    """Seen at the largest cells' corners alone they look flat; the rest of the shape tells the slope."""
    step = 2 / 32
    bars = [box((0.006, 0.5, 0.006), (k * step + 0.02, 0, 0.02)) for k in range(-6, 7)]
    assert_dense(clamped(either(*bars, sphere(0.2, (0, 0, 0.7)))), 128)


def small_network(seed, gain):
    """A decoder with random weights around a sphere, in (-1, 1) like all outputs of tanh."""
    torch = pytest.importorskip("torch")
    from t3d.models.decoder import DecoderConfig, build_decoder

    decoder = build_decoder(DecoderConfig(code=4, hidden=16, steps=4, width=32, depth=3), seed)
    generator = torch.Generator().manual_seed(seed)
    code = torch.randn(4, generator=generator)
    with torch.no_grad():
        decoder.warp.head.weight.normal_(0, 0.1, generator=generator)

    @torch.no_grad()
    def values(p):
        return np.tanh(gain * (decoder.sdf(torch.from_numpy(p), code).numpy() + 0.5 * sphere(0.5)(p)))

    return values


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gain", [1.0, 8.0])
def test_random_networks_give_what_the_dense_grid_gives(seed, gain):
    values = small_network(seed, gain)
    grid = lattice_values(values, 64)
    found = find_surface(values, 64)
    assert found.cells == dense_cells(grid) > 0
    expected, got = ordered(dense_vertices(grid)), ordered(on_edges(found.mesh, 64))
    np.testing.assert_allclose(got, expected, atol=1e-5)  # sums in batches of other sizes round differently


waves = st.lists(
    st.tuples(
        st.tuples(*[st.floats(-5, 5)] * 3).filter(lambda k: np.linalg.norm(k) > 0.5),
        st.floats(0, 6.3),
        st.floats(0.1, 1.0),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=40)
@given(waves=waves, level=st.floats(-0.3, 0.3), resolution=st.sampled_from([24, 31, 32]))
def test_a_known_slope_gives_the_dense_result_for_any_function(waves, level, resolution):
    def values(p):
        return sum(a * np.sin(p.astype(float) @ k + phase) for k, phase, a in waves) + level

    slope = sum(a * float(np.linalg.norm(k)) for k, _, a in waves)
    grid = lattice_values(values, resolution)
    if dense_cells(grid) == 0:
        with pytest.raises(NoSurface):
            find_surface(values, resolution, slope=slope, start=4)
    else:
        assert_dense(values, resolution, slope=slope, start=4)


@pytest.mark.parametrize("resolution", [64, 71])
@pytest.mark.parametrize("factor", [1e-3, 1.0, 70.0])
def test_the_slope_is_estimated_with_the_safety_factor(factor, resolution):
    found = assert_dense(lambda p: factor * sphere(0.5)(p), resolution)
    assert factor <= found.slope <= isosurface.SAFETY * factor * 1.00001


def test_a_slope_that_grows_towards_the_surface_is_noticed():
    steepness = 40.0
    ball = sphere(0.5)

    def values(p):
        return np.tanh(steepness * ball(p)) / steepness + 1e-3 * ball(p)

    found = assert_dense(values, 128)
    assert found.slope > 1.0


def test_noise_gives_a_closed_surface():
    noise = np.random.default_rng(0).normal(size=(17, 17, 17))

    def values(p):
        i = np.rint((p + 1) * 8).astype(int)
        return noise[tuple(i.T)]

    found = find_surface(values, 16)
    assert found.cells == dense_cells(lattice_values(values, 16))
    edges = np.sort(found.mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert volume(found.mesh) > 0


@pytest.mark.parametrize("resolution", [30, 64, 70])
def test_a_shape_that_leaves_the_box_is_closed_by_its_walls(resolution):
    found = assert_dense(clamped(sphere(1.2), 0.2), resolution)
    assert found.capped
    assert found.slope <= isosurface.SAFETY * 1.00001
    assert np.abs(found.mesh.vertices).max() <= 1.0
    assert (np.abs(found.mesh.vertices).max(axis=1) > 1 - 1e-3).any()
    for depth in (1e-6, 0.1, 5.0):
        full = find_surface(lambda p, depth=depth: np.full(len(p), -depth), resolution)
        assert full.capped
        assert volume(full.mesh) == pytest.approx(8.0, rel=1e-2)  # marching cubes cuts the edges
    assert not find_surface(sphere(0.9), resolution).capped


def test_values_that_are_exactly_zero_make_no_degenerate_faces():
    mesh = extract(lambda p: np.abs(p).max(axis=1) - 0.5, 64)
    assert_closed_and_outward(mesh)
    assert face_areas(mesh).min() > 0
    assert volume(mesh) == pytest.approx(1.0, rel=1e-2)  # marching cubes cuts the edges


def test_a_ball_through_lattice_points_is_closed():
    assert_dense(sphere(0.5), 64)
    assert_dense(lambda p: np.abs(p.astype(float)).sum(axis=1) - 0.5, 64)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-9])
def test_a_constant_has_no_surface(value):
    with pytest.raises(NoSurface, match=f"{value:.4g} to {value:.4g}"):
        extract(lambda p: np.full(len(p), value), 64)


GYROID = """
import resource, sys
import numpy as np
import skimage.measure
from t3d.geometry.isosurface import find_surface

def gyroid(p):
    s, c = np.sin(2 * np.pi * p), np.cos(2 * np.pi * p)
    return s[:, 0] * c[:, 1] + s[:, 1] * c[:, 2] + s[:, 2] * c[:, 0]

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before = peak()
found = find_surface(gyroid, int(sys.argv[1]))
print(found.cells, found.evaluations, peak() - before)
"""


def run_gyroid(resolution):
    command = [sys.executable, "-c", GYROID, str(resolution)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cells, evaluations, mebibytes = map(float, output.split())
    return cells, evaluations, mebibytes


def gyroid(p):
    s, c = np.sin(2 * np.pi * p), np.cos(2 * np.pi * p)
    return s[:, 0] * c[:, 1] + s[:, 1] * c[:, 2] + s[:, 2] * c[:, 0]


def test_a_surface_all_through_the_box_is_that_of_the_dense_grid():
    found = find_surface(gyroid, 96)
    assert found.capped
    assert found.cells == dense_cells(lattice_values(gyroid, 96))
    assert_closed_and_outward(found.mesh)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in KiB on Linux only")
def test_a_gyroid_at_512_takes_less_than_a_gibibyte():
    cells, evaluations, mebibytes = run_gyroid(512)
    assert cells > 3e6
    assert evaluations <= 2.1 * cells
    assert mebibytes < 1024


@pytest.mark.parametrize("batch", [1000, 777, 2**20])
def test_batches_do_not_matter(batch):
    whole, pieces = find_surface(torus, 64), find_surface(torus, 64, batch=batch)
    assert whole.mesh.vertices.tobytes() == pieces.mesh.vertices.tobytes()
    assert whole.mesh.faces.tobytes() == pieces.mesh.faces.tobytes()
    assert whole.facts() == pieces.facts()


def test_every_point_is_evaluated_once_and_the_count_is_true():
    asked = []

    def values(p):
        assert p.dtype == np.float32
        asked.append(p)
        return sphere(0.5)(p)

    found = find_surface(values, 96)
    points = np.concatenate(asked)
    assert len(points) == found.evaluations == len(np.unique(points, axis=0))


@pytest.mark.parametrize(
    ("values", "most"),
    [
        (sphere(0.6), 2.0),
        (torus, 2.1),
        (box((0.7, 0.02, 0.6), (0, 0.003, 0)), 3.3),
        (box((0.7, 0.008, 0.6), (0, 0.003, 0)), 3.3),
    ],
    ids=["sphere", "torus", "plate", "thin plate"],
)
def test_few_values_per_cell_of_the_surface(values, most):
    found = find_surface(clamped(values), 256)
    assert found.evaluations <= most * found.cells


def test_no_surface_names_the_range_of_values():
    with pytest.raises(NoSurface, match=r"0\.25 to 1\.982 ") as caught:
        extract(lambda p: np.linalg.norm(p, axis=1) + 0.25, 64)
    assert isinstance(caught.value, DataError)
    assert "\n" not in str(caught.value)


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="NaN"):
        extract(lambda p: np.where(p[:, 0] > 0, np.nan, p[:, 1]), 64)
