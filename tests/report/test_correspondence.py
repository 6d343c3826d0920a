"""Pictures of a made-up network whose warp is an affine map."""

from itertools import chain

import numpy as np
import pytest

from t3d.datasets.formats import write_json, write_npz
from t3d.datasets.meshes import write_ply
from t3d.geometry.mesh import Mesh, face_areas
from t3d.report.correspondence import (
    Artist,
    overlap_rows,
    pair_rows,
    pair_summary,
    read_members,
    sections,
    tiles,
)

SIZE = 32


def box(width):
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return Mesh(0.4 * corners * [width, 1, 1], np.array(faces))


class Network:
    """The code is a box's width; the template is the cube."""

    steps = 8
    mean_code = np.array([1.2], np.float32)

    def warp(self, points, code):
        return self.warp_steps(points, code)[-1]

    def warp_steps(self, points, code):
        return [
            (points / [(1 - share) + share * code[0], 1, 1]).astype(np.float32)
            for share in (0.25, 0.5, 0.75, 1)
        ]

    def template_sdf(self, points):
        return np.abs(points).max(axis=1) - 0.4

    def sdf(self, points, code):
        return self.template_sdf(self.warp(points, code))


@pytest.fixture
def members(tmp_path):
    widths, meshes, labels = {"a": 0.5, "b": 1.0, "c": 2.0}, {}, {}
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (300, 3))
    for shape, width in widths.items():
        meshes[shape] = labels[shape] = tmp_path / shape
        meshes[shape].mkdir()
        write_ply(meshes[shape] / "mesh.ply", box(width))
        names = ["left", "right"] if shape != "c" else ["extra", "left", "right"]
        found = names.index("left") + (points[:, 0] > 0.2)  # a place that only the warp finds again
        write_npz(labels[shape] / "labels.npz", {"points": points * [width, 1, 1], "labels": found})
        write_json(labels[shape] / "parts.json", names)
    codes = {shape: np.array([width], np.float32) for shape, width in widths.items()}
    return read_members(meshes, labels, codes, Network())


def test_labels_are_numbered_alike_and_meshes_are_fine(members):
    found, names = members
    assert names == ["extra", "left", "right"]
    assert all(set(one.placed["in the unit frame"].labels.tolist()) == {1, 2} for one in found)
    for one, width in zip(found, (0.5, 1, 2), strict=True):
        assert face_areas(one.mesh).sum() == pytest.approx(face_areas(box(width)).sum())
        sides = one.mesh.vertices[one.mesh.faces] - one.mesh.vertices[np.roll(one.mesh.faces, 1, axis=1)]
        assert np.linalg.norm(sides, axis=2).max() <= 0.04


def test_the_affine_warp_carries_all_labels_and_all_points_come_back(members):
    rows = pair_rows(members[0])
    assert len(rows) == 12
    warped, still = pair_summary(rows)
    assert warped["label agreement"] == 1.0
    assert warped["cycle error"] == pytest.approx(0, abs=1e-6)
    assert still["label agreement"] < 0.9
    assert still["cycle error"] > 0.01
    slow = [row["label agreement"] for row in rows if row["nearest point"] == "in the unit frame"]
    assert still["label agreement"] == pytest.approx(np.mean(slow))
    assert warped["pairs, cycle error"] == still["pairs, label agreement"] == 6
    assert pair_summary([]) == []


def test_overlaps_are_those_of_boxes(members):
    codes = [one.code for one in members[0]]
    template, mean_code, _ = overlap_rows(codes, Network())
    assert template["IoU with the template"] == 1
    assert template["mean IoU with the shapes"] == pytest.approx((0.5 + 1 + 0.5) / 3, abs=0.05)
    assert mean_code["IoU with the template"] == pytest.approx(1 / 1.2, abs=0.1)


@pytest.fixture
def artist():
    return Artist(Network(), box(1), box(1.2), SIZE, 16)


def inked(tile):
    return tile.picture is not None and (tile.picture[..., 3] > 0).mean() > 0.02


def test_every_picture_has_its_tiles_and_is_deterministic(members, artist, tmp_path):
    sheet = {one.shape: tmp_path / one.shape for one in members[0]}
    codes = {one.shape: one.code for one in members[0]}
    drawn, again = (artist.pictures(members[0], 2, sheet, codes) for _ in range(2))
    assert {name: [len(row) for row in rows] for name, rows in drawn.items()} == {
        "sheet": [5], "steps": [6, 6], "transfer": [4, 4], "between": [7, 7],
    }  # fmt: skip
    for name, rows in drawn.items():
        for one, other in zip(chain(*rows), chain(*again[name]), strict=True):
            assert inked(one)
            assert np.array_equal(one.picture, other.picture)
    captions = [tile.caption for tile in drawn["steps"][0]]
    assert captions[1:] == ["step 2", "step 4", "step 6", "step 8", "template"]
    assert [one.title for one in sections({}, list(drawn), members[1])]


def test_a_warped_shape_looks_like_the_template(members, artist):
    row = tiles(artist.steps(members[0][2]), SIZE)
    pictures = [tile.picture.astype(int) for tile in row]
    off = [np.abs(picture - pictures[-1]).mean() for picture in pictures[:-1]]
    assert off == sorted(off, reverse=True)
    assert off[-1] < 0.3 * off[0]


def test_colours_fill_the_templates_box_and_are_clamped(artist):
    places = np.array([[-0.4, 0, 0.4], [-2, 0, 2]])
    assert artist.colors(places).tolist() == [[0, 128, 255]] * 2


def test_without_a_surface_there_is_a_note(artist):
    bare = Artist(artist.network, None, None, SIZE, 4)
    none, some = tiles([artist.drawing("none", None), bare.drawing("a", box(1))], SIZE)
    assert none.note == "no surface"
    assert some.picture is not None


def test_what_the_warp_moves_out_of_the_unit_sphere_stays_in_the_picture(artist):
    large, small = tiles([artist.drawing("large", box(6)), artist.drawing("small", box(1))], 3 * SIZE)
    edge = np.concatenate([large.picture[[0, -1]].reshape(-1, 4), large.picture[:, [0, -1]].reshape(-1, 4)])
    assert not edge[:, 3].any()
    (alone,) = tiles([artist.drawing("small", box(1))], 3 * SIZE)
    assert (small.picture[..., 3] > 0).sum() < (alone.picture[..., 3] > 0).sum() / 2
