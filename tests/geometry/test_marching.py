import numpy as np
import pytest

from t3d.geometry.marching import CORNERS, marching_cubes


def scattered(noise, rng):
    """All crossed cells of a grid of values, in random order, with their corner values."""
    cells = np.indices(np.array(noise.shape) - 1).reshape(3, -1).T
    corners = cells[:, None] + CORNERS
    values = noise[tuple(np.moveaxis(corners, -1, 0))]
    crossed = (values < 0).any(axis=1) & (values >= 0).any(axis=1)
    order = rng.permutation(np.count_nonzero(crossed))
    return cells[crossed][order], values[crossed][order]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e5])
def test_noise_gives_a_closed_surface_and_one_vertex_per_edge_that_changes_sign(rng, scale):
    noise = np.pad(rng.normal(size=(14, 14, 14)), 1, constant_values=1.0)
    vertices, faces = marching_cubes(*scattered(scale * noise, rng))
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    whole = (vertices == np.rint(vertices)).sum(axis=1)
    changes = sum(np.count_nonzero(np.diff(noise < 0, axis=axis)) for axis in range(3))
    assert np.count_nonzero(whole == 2) == changes
    assert np.count_nonzero(whole == 0) == len(vertices) - changes > 0


def test_the_order_of_cells_does_not_move_vertices(rng):
    noise = rng.normal(size=(6, 6, 6))
    one, _ = marching_cubes(*scattered(noise, np.random.default_rng(1)))
    two, _ = marching_cubes(*scattered(noise, np.random.default_rng(2)))
    on_edge = (one == np.rint(one)).sum(axis=1) == 2
    np.testing.assert_array_equal(one[on_edge], two[on_edge])
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_far_apart_cells_are_separate_pieces():
    values = np.where(np.arange(8) == 0, -1.0, 3.0)
    cells = np.array([[0, 0, 0], [900_000, 5, 70_000]])
    vertices, faces = marching_cubes(cells, np.stack([values, values]))
    corner = np.array([[0, 0, 0.25], [0, 0.25, 0], [0.25, 0, 0]])
    found = vertices[np.lexsort(vertices.T[::-1])]
    np.testing.assert_allclose(found, np.concatenate([cells[0] + corner, cells[1] + corner]))
    a, b, c = vertices[faces[0]]
    assert np.cross(b - a, c - a) @ np.ones(3) > 0  # away from the corner that is inside


def test_zeros_count_as_outside_and_keep_vertices_apart():
    values = np.where(np.arange(8) == 0, -1.0, 0.0)
    vertices, faces = marching_cubes(np.zeros((1, 3), dtype=np.int64), values[None])
    assert len(faces) == 1
    assert sorted(vertices.max(axis=1)) == pytest.approx([1.0] * 3, abs=2e-4)
    assert (vertices.max(axis=1) < 1).all()
