import numpy as np
import pytest

from t3d.errors import DataError
from t3d.geometry.mesh import Mesh
from t3d.geometry.protocols import DEEPSDF, deepsdf, deepsdf_failed, truth

SQUARE = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))


def on_square(count, height=0.0):
    x, y = np.random.default_rng(5).random((2, count))
    return np.stack([x, y, np.full(count, height)], axis=1)


def test_scores_two_parallel_squares_by_their_distance():
    true = truth(on_square(20_000, height=0.3))
    assert deepsdf(true, SQUARE, np.random.default_rng(0)) == pytest.approx(2 * 0.3**2, rel=1e-3)


def test_a_perfect_prediction_scores_the_sampling_floor():
    score = deepsdf(truth(on_square(30_000)), SQUARE, np.random.default_rng(0))
    assert score == pytest.approx(2 / (np.pi * 30_000), rel=0.05)


def test_samples_by_area_not_by_faces_or_vertices():
    corner = Mesh(SQUARE.vertices * 0.01, SQUARE.faces)
    faces = np.concatenate([SQUARE.faces, *[corner.faces + 4] * 500])
    many = Mesh(np.concatenate([SQUARE.vertices, corner.vertices]), faces)
    score = deepsdf(truth(on_square(30_000)), many, np.random.default_rng(0))
    assert score < 3 * 2 / (np.pi * 30_000)


def test_a_missing_prediction_is_one_point_at_the_centre_of_the_box():
    points = on_square(1000)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    squared = ((points - middle) ** 2).sum(axis=1)
    assert deepsdf_failed(truth(points)) == pytest.approx(squared.mean() + squared.min())
    assert deepsdf_failed(truth(10 * points)) == pytest.approx(100 * deepsdf_failed(truth(points)))


def test_the_protocol_says_what_it_is():
    assert DEEPSDF.label == "deepsdf v1"
    assert (DEEPSDF.points, DEEPSDF.factor, DEEPSDF.frame) == (30_000, 1000.0, "original")


def test_a_truth_without_points_is_refused():
    with pytest.raises(DataError, match="no points"):
        truth(np.zeros((0, 3)))
