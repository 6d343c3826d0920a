import numpy as np
import pytest

from t3d.datasets.meshes import write_ply, write_points
from t3d.errors import DataError, UsageError
from t3d.geometry.clouds import Cloud
from t3d.geometry.mesh import Mesh
from t3d.tasks.matching import by_shape, load_shape, matches

PLATE = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))
POINTS = np.arange(12.0).reshape(4, 3)
UP = np.tile([0.0, 2, 0], (4, 1))


def put(*names):
    for name in names:
        name.parent.mkdir(parents=True, exist_ok=True)
        write_ply(name, PLATE)


def test_shapes_are_matched_by_name_and_nobody_is_forgotten(tmp_path):
    pred, true = tmp_path / "pred", tmp_path / "true"
    put(
        pred / "a.ply",
        pred / "extra.ply",
        pred / "views" / "easy" / "30.ply",
        pred / "views" / "easy" / "07.ply",
    )
    put(true / "a.ply", true / "views.ply", true / "missing.ply")
    (pred / "notes.txt").write_text("not a shape")
    (pred / "bare").mkdir()
    found = {match.shape: match for match in matches(pred, true)}
    assert list(found) == ["a", "bare", "extra", "missing", "views"]
    assert found["a"].predictions == (("", pred / "a.ply"),)
    assert found["extra"].truth is None
    assert found["missing"].predictions == found["bare"].predictions == (("", None),)
    assert [view for view, _ in found["views"].predictions] == ["easy/07", "easy/30"]


def test_shapenet_folders_are_ground_truth(tmp_path):
    put(tmp_path / "pred" / "x.ply", tmp_path / "true" / "x" / "models" / "model_normalized.ply")
    (match,) = matches(tmp_path / "pred", tmp_path / "true")
    assert match.truth == tmp_path / "true" / "x"
    np.testing.assert_array_equal(load_shape(match.truth).vertices, PLATE.vertices)


def test_two_files_are_a_pair_whatever_their_names(tmp_path):
    put(tmp_path / "a.ply", tmp_path / "b.ply")
    (match,) = matches(tmp_path / "a.ply", tmp_path / "b.ply")
    assert (match.shape, match.truth) == ("b", tmp_path / "b.ply")


def test_what_cannot_be_matched_is_wrong_usage(tmp_path):
    put(tmp_path / "pred" / "a.ply", tmp_path / "true" / "b.ply", tmp_path / "twice" / "c.ply")
    (tmp_path / "twice" / "c.obj").write_text("")
    with pytest.raises(UsageError, match=r"prediction \(a\) .* ground truth \(b\)"):
        matches(tmp_path / "pred", tmp_path / "true")
    with pytest.raises(UsageError, match=r"c\.obj and c\.ply are the same shape"):
        matches(tmp_path / "twice", tmp_path / "true")
    with pytest.raises(UsageError, match="no such file"):
        matches(tmp_path / "nowhere", tmp_path / "true")
    with pytest.raises(UsageError, match="no such file or folder"):
        by_shape(tmp_path / "nowhere")


def test_a_table_pairs_whatever_it_says(tmp_path):
    table = tmp_path / "pairs.csv"
    rows = [
        "shape,view,prediction,truth",
        "s,0,p/a.ply,t.ply",
        "s,1,p/b.ply,t.ply",
        "z,,,u.ply",
        ",,q.ply,v.ply",
    ]
    table.write_text("\n".join(rows))
    found = matches(tmp_path, tmp_path, table)
    assert [match.shape for match in found] == ["s", "v", "z"]
    assert found[0].predictions == (("0", tmp_path / "p/a.ply"), ("1", tmp_path / "p/b.ply"))
    assert found[2].predictions == (("", None),)
    table.write_text("prediction,truth\na.ply,t.ply\nb.ply,t.ply\n")
    with pytest.raises(UsageError, match=r"line 3: 't' is there already"):
        matches(tmp_path, tmp_path, table)
    table.write_text("a.ply,t.ply\n")
    with pytest.raises(UsageError, match="columns prediction and truth"):
        matches(tmp_path, tmp_path, table)


def test_clouds_are_read_from_whatever_holds_points(tmp_path):
    write_points(tmp_path / "normals.ply", POINTS, UP)
    (tmp_path / "plain.obj").write_text("v 0 1 2\nv 3 4 5\nv 6 7 8\nv 9 10 11\n")
    (tmp_path / "plain.off").write_text("OFF\n4 0 0\n0 1 2\n3 4 5\n6 7 8\n9 10 11\n")
    np.savez(tmp_path / "onet.npz", points=(POINTS - 5) / 2, loc=5.0, scale=2.0, normals=UP)
    for name in ("normals.ply", "plain.obj", "plain.off", "onet.npz"):
        cloud = load_shape(tmp_path / name)
        assert isinstance(cloud, Cloud)
        np.testing.assert_allclose(cloud.points, POINTS)
        if name in ("normals.ply", "onet.npz"):
            np.testing.assert_allclose(cloud.normals, UP / 2)


def test_what_holds_nothing_is_refused_with_a_reason(tmp_path):
    np.savez(tmp_path / "nan.npz", points=np.array([[0, 0, np.nan], [0, 0, 1]]))
    np.savez(tmp_path / "flat.npz", points=np.zeros((4, 2)))
    np.savez(tmp_path / "none.npz", points=np.zeros((0, 3)))
    np.savez(tmp_path / "other.npz", vertices=POINTS)
    (tmp_path / "torn.npz").write_bytes((tmp_path / "nan.npz").read_bytes()[:60])
    (tmp_path / "empty.off").write_text("OFF\n0 0 0\n")
    reasons = {
        "nan.npz": "1 points are NaN",
        "flat.npz": r"\(4, 2\), not",
        "none.npz": r"\(0, 3\), not",
        "other.npz": "no array `points`",
        "torn.npz": "no array `points`",
        "empty.off": "no faces",
        "missing.ply": "no such file",
    }
    for name, reason in reasons.items():
        with pytest.raises(DataError, match=reason):
            load_shape(tmp_path / name)


def test_points_without_a_direction_lose_their_normals_only(tmp_path):
    np.savez(tmp_path / "a.npz", points=POINTS, normals=np.zeros((4, 3)))
    assert load_shape(tmp_path / "a.npz").normals is None
