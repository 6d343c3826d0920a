"""What holds for every shape of every category."""

import numpy as np
import pytest

from t3d.datasets.procedural import CATEGORIES
from t3d.datasets.procedural.dice import dice_for
from t3d.datasets.procedural.write import normalized
from t3d.geometry.mesh import Mesh, volume

COUNT = 40
DENSE = 6


def shapes(category, count=COUNT):
    return [CATEGORIES[category](dice_for(0, category, index)) for index in range(count)]


@pytest.mark.parametrize("category", CATEGORIES)
def test_parts_are_closed_and_outward_also_as_written(category):
    for solids, _ in shapes(category):
        for solid in normalized(solids):
            faces, count = solid.faces, len(solid.vertices)
            ways = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]) @ (count, 1)
            back = np.concatenate([faces[:, [1, 0]], faces[:, [2, 1]], faces[:, [0, 2]]]) @ (count, 1)
            assert len(np.unique(ways)) == len(ways)
            assert np.array_equal(np.sort(ways), np.sort(back))
            assert volume(Mesh(solid.vertices, faces)) > 0


@pytest.mark.parametrize("category", CATEGORIES)
def test_parts_overlap_so_that_each_shape_is_of_one_piece(category):
    for solids, _ in shapes(category, DENSE):
        assert len(solids) >= 3
        assert _pieces(solids) == 1


def _pieces(solids):
    """Groups of parts that reach into each other, by points on the one that lie inside the other."""
    points = [_on_surface(solid) for solid in solids]
    group = list(range(len(solids)))
    for i, solid in enumerate(solids):
        low, high = solid.vertices.min(axis=0), solid.vertices.max(axis=0)
        for j in range(len(solids)):
            near = points[j][((points[j] > low) & (points[j] < high)).all(axis=1)]
            if group[i] != group[j] and len(near) and (_winding(near, solid) > 0.5).any():
                group = [group[i] if other == group[j] else other for other in group]
    return len(set(group))


def _on_surface(solid):
    corners = solid.vertices[solid.faces]
    return np.concatenate([solid.vertices, corners.mean(axis=1), corners[:, :2].mean(axis=1)])


def _winding(points, solid):
    """Winding number by solid angles (van Oosterom and Strackee 1983): 1 inside, 0 outside."""
    a, b, c = (solid.vertices[solid.faces[:, k]] - points[:, None] for k in range(3))
    la, lb, lc = (np.linalg.norm(side, axis=2) for side in (a, b, c))
    dot = np.einsum
    above = dot("pfi,pfi->pf", a, np.cross(b, c))
    below = la * lb * lc + sum(
        dot("pfi,pfi->pf", u, v) * w for u, v, w in ((a, b, lc), (b, c, la), (c, a, lb))
    )
    return np.arctan2(above, below).sum(axis=1) / (2 * np.pi)


@pytest.mark.parametrize(
    ("category", "low", "high"), [("sofa", 1500, 7000), ("chair", 500, 5000), ("plane", 1000, 6500)]
)
def test_faces_are_few(category, low, high):
    counts = [sum(len(solid.faces) for solid in solids) for solids, _ in shapes(category)]
    assert low < min(counts) < max(counts) < high
    assert np.median(counts) < 5000


@pytest.mark.parametrize("category", CATEGORIES)
def test_written_shapes_are_centred_with_diagonal_one(category):
    for solids, _ in shapes(category, 10):
        points = np.concatenate([solid.vertices for solid in normalized(solids)])
        low, high = points.min(axis=0), points.max(axis=0)
        assert np.allclose(low + high, 0, atol=2e-6)
        assert np.linalg.norm(high - low) == pytest.approx(1, abs=3e-6)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_material_of_a_part_is_there(category):
    for solids, materials in shapes(category):
        assert {solid.material for solid in solids} <= set(materials)
        assert "part" not in {solid.name for solid in solids}


@pytest.mark.parametrize("category", CATEGORIES)
def test_shapes_differ_in_parts_and_proportions(category):
    labels, boxes = set(), []
    for solids, _ in shapes(category):
        labels.add(tuple(sorted(solid.name for solid in solids)))
        boxes.append(np.ptp(np.concatenate([solid.vertices for solid in normalized(solids)]), axis=0))
    assert len(labels) > COUNT / 3
    distances = np.linalg.norm(np.array(boxes)[:, None] - np.array(boxes)[None], axis=2)
    assert np.median(distances) > 0.1
    assert np.sort(distances, axis=1)[:, 1].min() > 1e-4


@pytest.mark.parametrize("category", ["sofa", "chair"])
def test_furniture_stands_on_the_floor_with_its_back_at_the_rear(category):
    for solids, _ in shapes(category):
        assert min(solid.vertices[:, 1].min() for solid in solids) == pytest.approx(0, abs=0.06)
        seat, back = (_points(solids, name) for name in ("seat", "back"))
        if len(back):
            assert back[:, 2].max() > seat[:, 2].max() - 0.02
            assert back[:, 1].max() > seat[:, 1].max()


def _points(solids, name):
    return np.concatenate([np.empty((0, 3)), *(solid.vertices for solid in solids if solid.name == name)])


def test_planes_are_mirror_images_of_themselves_and_look_to_the_front():
    for solids, _ in shapes("plane"):
        points = np.concatenate([solid.vertices for solid in solids if solid.name != "propeller"])
        assert points[:, 0].max() == pytest.approx(-points[:, 0].min())
        assert _points(solids, "fin")[:, 2].mean() > _points(solids, "wing")[:, 2].mean()
        (nose,) = (solid for solid in solids if solid.name == "fuselage")
        radius = np.linalg.norm(nose.vertices[:, :2], axis=1)
        assert radius[nose.vertices[:, 2] < -0.49].max() < radius.max()
