"""Faces turned outwards, whatever was done to them before."""

import numpy as np
import pytest
import trimesh
from made_meshes import as_mesh, box, damaged

from t3d.geometry import orientation
from t3d.geometry.distance import Solid
from t3d.geometry.mesh import Mesh, adjacency, cleaned, concatenate, flipped, weld
from t3d.geometry.normalize import normalize
from t3d.geometry.orientation import coherent_patches, outward
from t3d.geometry.sampling import PRESETS, spatial_points


def unit(mesh):
    mesh = weld(mesh)
    return Mesh(normalize(mesh.vertices).apply(mesh.vertices), mesh.faces)


def chair():
    """Overlapping parts: seat, back, four legs."""
    legs = [box((x, 0, z), (x + 0.08, 0.5, z + 0.08), 2) for x in (0, 0.52) for z in (0, 0.52)]
    seat, back = box((0, 0.45, 0), (0.6, 0.55, 0.6), 3), box((0, 0.5, 0.54), (0.6, 1.1, 0.6), 3)
    return concatenate([seat, back, *legs])


def torus():
    return as_mesh(trimesh.creation.torus(0.7, 0.25, major_sections=48, minor_sections=24))


@pytest.mark.parametrize("shape", [chair, torus])
@pytest.mark.parametrize(
    "damage", ["half flipped", "all flipped", "doubled", "removed", "removed, half flipped"]
)
def test_damaged_shapes_enclose_what_they_did(shape, damage):
    intact = unit(shape())
    broken = damaged(intact, damage, np.random.default_rng(3))
    mended = flipped(broken, outward(broken, np.random.default_rng(5)))
    points = spatial_points(intact, 8_000, PRESETS["deepsdf"], np.random.default_rng(1))
    truth = Solid(intact)
    far = truth.distance(points) > 0.005
    same = (truth.winding(points) > 0.5) == (Solid(mended).winding(points) > 0.5)
    assert same[far].mean() >= 0.999
    if "flipped" in damage:  # without mending the same points tell the damage
        unmended = (truth.winding(points) > 0.5) == (Solid(broken).winding(points) > 0.5)
        assert unmended[far].mean() < 0.9


def test_a_shape_that_is_right_is_left_alone_without_casting_a_ray(monkeypatch):
    monkeypatch.setattr(orientation, "Solid", None)  # would fail if it were built
    assert not outward(unit(torus()), np.random.default_rng(0)).any()


def test_turned_inside_out_every_face_turns():
    mesh = unit(torus())
    inside_out = flipped(mesh, np.ones(len(mesh.faces), dtype=bool))
    assert outward(inside_out, np.random.default_rng(0)).all()


@pytest.mark.parametrize("inside_out", [False, True])
def test_a_cavity_of_a_consistent_file_stays_a_cavity(inside_out):
    inner = box((0.3, 0.3, 0.3), (0.7, 0.7, 0.7))
    hollow = unit(concatenate([box((0, 0, 0), (1, 1, 1)), flipped(inner, np.ones(12, dtype=bool))]))
    given = flipped(hollow, np.full(24, inside_out))
    assert (outward(given, np.random.default_rng(0)) == inside_out).all()


def test_a_hidden_part_of_an_inconsistent_file_becomes_solid():
    inner = box((0.3, 0.3, 0.3), (0.7, 0.7, 0.7))
    mesh = unit(concatenate([box((0, 0, 0), (1, 1, 1)), inner]))
    broken = damaged(mesh, "half flipped", np.random.default_rng(0))
    mended = flipped(broken, outward(broken, np.random.default_rng(1)))
    assert Solid(mended).winding([[0.0, 0, 0]]) == pytest.approx([2], abs=0.02)


def test_the_same_seed_gives_the_same_flips_with_any_number_of_threads():
    mesh = damaged(unit(chair()), "removed, half flipped", np.random.default_rng(0))
    flips = [outward(mesh, np.random.default_rng(7), threads) for threads in (1, 2, 0)]
    assert flips[0].any()
    assert np.array_equal(flips[0], flips[1])
    assert np.array_equal(flips[0], flips[2])


def test_patches_end_where_more_than_two_faces_meet():
    mesh = weld(concatenate([box((0, 0, 0), (1, 1, 1)), box((1, 1, 0), (2, 2, 1))]))
    patch, flips = coherent_patches(mesh, adjacency(mesh))
    assert len(np.unique(patch)) == 2
    assert len(np.unique(patch[:12])) == 1
    assert not flips.any()


def test_the_smaller_part_of_a_patch_gives_way():
    mesh = weld(torus())
    few = np.zeros(len(mesh.faces), dtype=bool)
    few[::5] = True
    broken = flipped(mesh, few)
    _, flips = coherent_patches(broken, adjacency(broken))
    assert np.array_equal(flips, few)


def test_a_one_sided_band_is_cut_in_one_place():
    sections = 40
    angle = np.linspace(0, 2 * np.pi, sections, endpoint=False)
    across = np.stack(
        [np.cos(angle / 2) * np.cos(angle), np.sin(angle / 2), np.cos(angle / 2) * np.sin(angle)], 1
    )
    middle = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    vertices = np.concatenate([middle - 0.2 * across, middle + 0.2 * across])
    left, right = np.arange(sections), np.arange(sections) + sections
    next_left, next_right = np.roll(left, -1), np.roll(right, -1)
    next_left[-1], next_right[-1] = right[0], left[0]  # the half turn
    faces = np.concatenate(
        [np.stack([left, next_left, right], 1), np.stack([right, next_left, next_right], 1)]
    )
    band = Mesh(vertices, faces)
    joined = adjacency(band)
    patch, flips = coherent_patches(band, joined)
    assert (patch == 0).all()
    assert (~adjacency(flipped(band, flips)).coherent).sum() == 1


def test_doubling_all_faces_changes_nothing_once_doubles_are_dropped():
    mesh = unit(chair())
    doubled = Mesh(mesh.vertices, np.concatenate([mesh.faces, mesh.faces[:, ::-1]]))
    single, _, dropped = cleaned(doubled)
    assert dropped == len(mesh.faces)
    assert not outward(single, np.random.default_rng(0)).any()
