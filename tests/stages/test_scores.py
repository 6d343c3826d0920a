"""The scores stage on balls: what is counted, what is penalised, and that the numbers are right."""

import csv

import numpy as np
import pytest

from t3d.datasets.formats import read_json, write_json, write_normalization
from t3d.datasets.meshes import write_ply, write_points
from t3d.geometry.clouds import Body, Cloud
from t3d.geometry.evaluation import failed, truth
from t3d.geometry.isosurface import extract
from t3d.geometry.mesh import Mesh
from t3d.geometry.normalize import Transform
from t3d.geometry.protocols import DEEPSDF
from t3d.geometry.sampling import surface_points
from t3d.stages.scores import Params, scores

BALL = extract(lambda p: np.linalg.norm(p, axis=1) - 0.5, 48)
SCALE = 2.0
"""Unit lengths per original length: in the original frame everything is half as large."""

PARAMS = Params(resamples=200)
EMPTY = {"status": "empty", "reason": "no surface: 0.1 to 0.9 are the values found at 64^3"}


def scaled(mesh, factor):
    return Mesh(mesh.vertices * factor, mesh.faces)


class Run:
    """Artifact folders of a small run, in the layouts of the stages that `scores` reads."""

    def __init__(self, root, test, train=(), points=10_000):
        self.root, self.points = root, points
        self.split = {"test": list(test), "train_scored": list(train)}
        self.failures = []
        self.surface, self.made = ({"test": {}, "train_scored": {}} for _ in range(2))
        (root / "split").mkdir()
        write_json(root / "split" / "split.json", self.split)
        for part, shapes in self.split.items():
            for i, shape in enumerate(shapes):
                self.add(part, shape, np.array([5.0 * i, 0, 1]))
        self.template = {"s1": self.folder("template")}
        for name, radius in (("template", 0.7), ("mean", 0.6)):
            write_ply(self.template["s1"] / f"{name}.ply", scaled(BALL, radius / 0.5))
        write_json(
            self.template["s1"] / "template.json", {"template": {"status": "ok"}, "mean": {"status": "ok"}}
        )

    def folder(self, *names):
        path = self.root.joinpath(*names)
        path.mkdir(parents=True)
        return path

    def add(self, part, shape, centre):
        transform = Transform(-centre, SCALE)
        points, _ = surface_points(BALL, self.points, np.random.default_rng(1))
        self.surface[part][shape] = self.folder("surface", shape)
        write_points(self.surface[part][shape] / "surface.ply", transform.invert(points), points)
        write_normalization(self.surface[part][shape] / "normalization.npz", transform)
        self.made[part][shape] = self.folder("made", shape)
        (self.made[part][shape] / "easy").mkdir()
        for name, radius in (("30", 0.55), ("07", 0.3)):
            made = scaled(BALL, radius / 0.5)
            path = self.made[part][shape] / "easy" / f"{name}.ply"
            write_ply(path, Mesh(transform.invert(made.vertices), made.faces))
        choices = {
            "fix": "easy/30",
            "rnd": "easy/07",
            "easy/30": {"status": "ok"},
            "easy/07": {"status": "ok"},
        }
        write_json(self.made[part][shape] / "choices.json", choices)

    def lose(self, stage, shape, reason):
        self.failures.append({"shape": shape, "stage": stage, "kind": "data", "reason": reason})
        lost = {"mesh": (self.surface, self.made), "views": (self.made,)}[stage]
        for mapping in lost:
            for part in mapping.values():
                part.pop(shape, None)

    def score(self, to="out", threads=2):
        out = self.folder(to)
        scores(
            {"s1": self.made}, self.surface, self.template, self.root / "split",
            out=out, params=PARAMS, rng=np.random.default_rng(0), threads=threads, failures=self.failures,
        )  # fmt: skip
        rows = list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))
        return out, rows, read_json(out / "metrics.json")


def row_of(metrics, method, choice="fix", part="test"):
    keys = ("method", "choice", "part")
    (found,) = [row for row in metrics["rows"] if tuple(row[key] for key in keys) == (method, choice, part)]
    return found


def test_every_method_is_scored_in_the_original_frame(tmp_path):
    run = Run(tmp_path, ["a", "b"], ["c"])
    _, rows, metrics = run.score()
    assert len(rows) == 3 * 4
    radius = {("s1", "fix"): 0.55, ("s1", "rnd"): 0.3, ("template", "any"): 0.7, ("mean-code", "any"): 0.6}
    for row in rows:
        expected = 2 * ((radius[row["method"], row["choice"]] - 0.5) / SCALE) ** 2
        assert row["status"] == "ok"
        assert float(row["chamfer"]) == pytest.approx(expected, rel=0.04)
    views = {(row["choice"], row["view"]) for row in rows}
    assert views == {("fix", "easy/30"), ("rnd", "easy/07"), ("any", "")}
    summary = row_of(metrics, "s1")
    assert (summary["expected"], summary["evaluated"], summary["failed"]) == (2, 2, 0)
    assert summary["median"] == pytest.approx(2 * 0.025**2, rel=0.04)


def test_the_floor_is_that_of_the_truth_sampled_twice(tmp_path):
    _, _, metrics = Run(tmp_path, ["a"], points=30_000).score()
    area = np.pi / SCALE**2
    assert metrics["floor"]["test"] == pytest.approx(2 * area / (np.pi * 30_000), rel=0.05)
    assert metrics["floor"]["train"] is None


def test_missing_empty_and_corrupt_predictions_are_counted_and_penalised(tmp_path):
    run = Run(tmp_path, ["good", "missing", "empty", "corrupt"])
    run.lose("views", "missing", "no view fits the frame")
    (run.made["test"]["empty"] / "easy" / "30.ply").unlink()
    write_json(
        run.made["test"]["empty"] / "choices.json", {"fix": "easy/30", "rnd": "easy/07", "easy/30": EMPTY}
    )
    (run.made["test"]["corrupt"] / "easy" / "30.ply").write_bytes(
        b"ply\nformat binary_little_endian 1.0\nele"
    )
    _, rows, metrics = run.score()

    fixed = {row["shape"]: row for row in rows if (row["method"], row["choice"]) == ("s1", "fix")}
    assert [fixed[shape]["status"] for shape in run.split["test"]] == ["ok", "failed", "failed", "failed"]
    assert fixed["missing"]["reason"] == "views: no view fits the frame"
    assert fixed["empty"]["reason"] == EMPTY["reason"]
    assert "30.ply" in fixed["corrupt"]["reason"]
    rng = np.random.default_rng(0)
    penalty = failed(DEEPSDF, truth(DEEPSDF, Body(Cloud(BALL.vertices / SCALE)), rng), rng)["chamfer-l2"]
    assert penalty == pytest.approx(2 * 0.25**2, rel=0.01)
    for shape in ("missing", "empty", "corrupt"):
        assert float(fixed[shape]["chamfer"]) == pytest.approx(penalty, rel=0.01)

    summary = row_of(metrics, "s1")
    assert (summary["expected"], summary["evaluated"], summary["failed"]) == (4, 1, 3)
    assert summary["mean"] == pytest.approx((2 * 0.025**2 + 3 * penalty) / 4, rel=0.02)
    assert row_of(metrics, "s1", "rnd")["failed"] == 1
    assert row_of(metrics, "template", "any")["failed"] == 0


def test_shapes_without_ground_truth_are_counted_apart(tmp_path):
    run = Run(tmp_path, ["a", "b"])
    run.lose("mesh", "b", "no faces in it")
    _, rows, metrics = run.score()
    lost = [row for row in rows if row["shape"] == "b"]
    assert {(row["status"], row["reason"], row["chamfer"]) for row in lost} == {
        ("no ground truth", "mesh: no faces in it", "")
    }
    summary = row_of(metrics, "s1")
    counts = ("expected", "evaluated", "failed", "no_ground_truth")
    assert [summary[name] for name in counts] == [2, 1, 0, 1]
    assert summary["mean"] == pytest.approx(2 * 0.025**2, rel=0.04)


def test_a_template_without_surface_is_penalised_too(tmp_path):
    run = Run(tmp_path, ["a"])
    (run.template["s1"] / "template.ply").unlink()
    write_json(run.template["s1"] / "template.json", {"template": EMPTY, "mean": {"status": "ok"}})
    _, rows, metrics = run.score()
    assert row_of(metrics, "template", "any")["failed"] == 1
    assert [row["reason"] for row in rows if row["method"] == "template"] == [EMPTY["reason"]]


def test_intervals_and_comparisons_come_with_ten_shapes(tmp_path):
    run = Run(tmp_path, [f"s{i}" for i in range(10)], ["t"])
    _, _, metrics = run.score()
    low, high = row_of(metrics, "s1")["interval_median"]
    assert low <= row_of(metrics, "s1")["median"] <= high
    assert row_of(metrics, "s1", part="train")["interval_median"] is None
    found = {(c["against"], c["choice"]): c for c in metrics["comparisons"] if c["part"] == "test"}
    assert set(found) == {
        (against, choice) for against in ("template", "mean-code") for choice in ("fix", "rnd")
    }
    difference = 2 * (0.025**2 - 0.1**2)
    assert found["template", "fix"]["median_difference"] == pytest.approx(difference, rel=0.04)
    assert found["template", "fix"]["interval"][1] < 0
    assert found["template", "fix"]["better_share"] == 1.0
    assert found["mean-code", "rnd"]["better_share"] == 0.0


def test_scores_do_not_depend_on_threads_or_on_other_shapes(tmp_path):
    run = Run(tmp_path, ["a", "b", "c"])
    out, rows, _ = run.score()
    again, _, _ = run.score("again", threads=1)
    for file in ("metrics.csv", "metrics.json", "table.md", "table.tex"):
        assert (out / file).read_bytes() == (again / file).read_bytes()
    write_json(run.root / "split" / "split.json", {"test": ["b"], "train_scored": []})
    _, alone, _ = run.score("alone")
    assert alone == [row for row in rows if row["shape"] == "b"]


def test_tables_name_the_protocol_and_the_counts(tmp_path):
    out, _, _ = Run(tmp_path, ["a"]).score()
    text = (out / "table.md").read_text()
    assert "mean × 1000 (deepsdf v1)" in text
    assert "expected | evaluated | failed | no ground truth" in text
    assert "| mean code alone (s1) |" in text
    assert r"\begin{tabular}" in (out / "table.tex").read_text()
