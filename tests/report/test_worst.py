"""What is wrong with the worst reconstructions."""

import numpy as np
import pytest

from t3d.datasets.formats import write_json, write_transform
from t3d.datasets.meshes import write_ply
from t3d.geometry.mesh import Mesh, concatenate
from t3d.geometry.normalize import normalize
from t3d.report.gallery import ShapeFolders, Subject
from t3d.report.summary import Score
from t3d.report.worst import flaw, worst_rows

TETRA = Mesh(
    np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
)


def moved(by=0.0, size=1.0):
    return Mesh(TETRA.vertices * size + by, TETRA.faces)


def subject(folder, made=None, status=None):
    """Made of a tetrahedron; all artifacts in one folder."""
    (folder / "easy").mkdir(parents=True)
    write_transform(folder / "transform.json", normalize(TETRA.vertices, "none"))
    write_ply(folder / "mesh.ply", TETRA)
    write_json(folder / "choices.json", {"fix": "easy/30", "easy/30": status or {"status": "ok"}})
    if made:
        write_ply(folder / "easy/30.ply", made)
    return Subject(folder, folder, folder, "easy/30")


def score(shape, chamfer):
    labels = {"method": "s1", "variant": "s1", "part": "test", "level": "easy", "choice": "fix"}
    return Score("deepsdf", shape, "easy/30", "ok", "", {"chamfer-l2": chamfer}, **labels)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (TETRA, "other form"),
        (moved(0.3), "far off"),
        (moved(size=0.7), "far off"),
        (concatenate([TETRA, moved(2, 0.5)]), "fragments"),
        (concatenate([TETRA, moved(0.1, 0.2)]), "other form"),
        (None, "missing"),
    ],
)
def test_what_is_wrong_with_a_mesh(tmp_path, made, kind):
    assert flaw(subject(tmp_path / "a", made)) == kind


def test_no_surface_is_empty_and_no_shape_is_missing(tmp_path):
    assert flaw(subject(tmp_path / "a", status={"status": "empty", "reason": "one sign"})) == "empty"
    assert flaw(None) == "missing"


def test_the_worst_twentieth_comes_worst_first(tmp_path):
    subject(tmp_path / "far", moved(0.3))
    shapes = {"test": {"far": tmp_path / "far"}}
    folders = ShapeFolders(shapes, shapes, shapes)
    scores = [score(f"{number:02d}", number / 7 % 1) for number in range(39)]
    rows = worst_rows([*scores, score("none", None), score("far", 2.0)], folders, "s1")
    assert rows[0] == {"variant": "s1", "shape": "far", "view": "easy/30", "kind": "far off", "chamfer": 2.0}
    assert [row["chamfer"] for row in rows[1:]] == [max(one.chamfer for one in scores)]
    assert rows[1]["kind"] == "missing"
    assert len(worst_rows(scores[:3], folders, "s1")) == 1
    assert worst_rows([], folders, "s1") == []
