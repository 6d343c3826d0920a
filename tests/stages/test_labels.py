import numpy as np
import pytest

from t3d.datasets.formats import read_json, read_npz, write_transform
from t3d.datasets.meshes import load_geometry, write_ply
from t3d.geometry.mesh import Mesh
from t3d.geometry.normalize import normalize
from t3d.stages.labels import Params, labels

CORNERS = [[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]
FACES = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
FACES += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]


def obj(*groups, corners=3):
    """Unit cubes side by side along x, two apart, each in its group."""
    lines = [f"v {x + 2 * place} {y} {z}" for place in range(len(groups)) for x, y, z in CORNERS]
    for place, group in enumerate(groups):
        lines += [f"g {group}"] if group else []
        for face in FACES:
            ends = [*face, face[0]][:corners]
            lines.append("f " + " ".join(f"{8 * place + end + 1}//1" for end in ends))
    return "\n".join([*lines, "vn 0 0 1", ""])


def run(tmp_path, text, suffix=".obj"):
    path = tmp_path / f"model{suffix}"
    path.write_text(text)
    mesh = load_geometry(path)
    transform = normalize(mesh.vertices)
    write_ply(tmp_path / "mesh.ply", Mesh(transform.apply(mesh.vertices), mesh.faces))
    write_transform(tmp_path / "transform.json", transform)
    out = tmp_path / "out"
    out.mkdir()
    rng = np.random.default_rng(0)
    labels(path, tmp_path, out=out, params=Params(count=200, views=20), rng=rng, threads=1)
    points, found = read_npz(out / "labels.npz", "points", "labels")
    return transform.invert(points), found, read_json(out / "parts.json")


def test_points_are_labelled_by_the_group_of_their_face(tmp_path):
    points, found, names = run(tmp_path, obj("seat", "arm", "seat"))
    assert names == ["arm", "seat"]
    middle = (points[:, 0] > 1.5) & (points[:, 0] < 3.5)
    assert points.shape == (200, 3)
    assert (found == np.where(middle, 0, 1)).all()
    assert 20 < middle.sum() < 120
    assert (np.abs(points - [2.5, 0.5, 0.5]) <= np.array([2.5, 0.5, 0.5]) + 1e-6).all()


@pytest.mark.parametrize("text", [obj("one", "one"), obj("", ""), obj("a", "b", corners=4)])
def test_without_triangles_in_several_groups_nothing_has_a_label(tmp_path, text):
    _, found, names = run(tmp_path, text)
    assert names == []
    assert (found == -1).all()
