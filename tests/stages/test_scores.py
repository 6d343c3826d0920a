"""The scores stage on balls: what is counted, what is penalised, and that the numbers are right."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from t3d.datasets.formats import read_json, write_json, write_normalization, write_transform
from t3d.datasets.meshes import write_ply, write_points
from t3d.geometry.clouds import Body, Cloud, Draw
from t3d.geometry.evaluation import failed, truth
from t3d.geometry.isosurface import extract
from t3d.geometry.mesh import Mesh
from t3d.geometry.normalize import Transform
from t3d.geometry.protocols import DEEPSDF, PROTOCOLS
from t3d.geometry.sampling import surface_points
from t3d.report.tables import significant
from t3d.stages.scores import Params, scores

BALL = extract(lambda p: np.linalg.norm(p, axis=1) - 0.5, 32)
SCALE = 2.0
"""Unit lengths per original length: in the original frame everything is half as large."""

PARAMS = Params(protocols=("deepsdf",), skip=("emd",), resamples=200)
EMPTY = {"status": "empty", "reason": "no surface: 0.1 to 0.9 are the values found at 64^3"}
CHAMFER = "chamfer-l2 (deepsdf v1)"
RADII = {"template": 0.7, "mean-code": 0.6, "retrieval": 0.8, "oracle-retrieval": 0.4, "oracle-code": 0.52}
"""Of the baselines' balls; the true ones have 0.5, reconstructions 0.55 from the fixed view and 0.3."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The protocol with a third of its points."""
    fewer = replace(DEEPSDF, prediction=Draw("area", 10_000), truth=Draw("visible", 10_000))
    monkeypatch.setitem(PROTOCOLS, "deepsdf", fewer)


def scaled(mesh, factor):
    return Mesh(mesh.vertices * factor, mesh.faces)


class Run:
    """Artifact folders of a small run, in the layouts of the stages that `scores` reads."""

    def __init__(self, root, test, train=(), points=10_000):
        self.root, self.points = root, points
        self.split = {"test": list(test), "train_scored": list(train)}
        self.failures = []
        self.surface, self.made, self.mesh, self.oracle = ({"test": {}, "train_scored": {}} for _ in range(4))
        (root / "split").mkdir()
        write_json(root / "split" / "split.json", self.split)
        for part, shapes in self.split.items():
            for i, shape in enumerate(shapes):
                self.add(part, shape, np.array([5.0 * i, 0, 1]))
        self.template = {"s1": self.folder("template")}
        for name, method in (("template", "template"), ("mean", "mean-code")):
            self.write(self.template["s1"] / f"{name}.ply", RADII[method])
        statuses = {"template": {"status": "ok"}, "mean": {"status": "ok"}}
        write_json(self.template["s1"] / "template.json", statuses)
        self.retrieve()

    def folder(self, *names):
        path = self.root.joinpath(*names)
        path.mkdir(parents=True)
        return path

    def write(self, path, radius, transform=None):
        made = scaled(BALL, radius / 0.5)
        write_ply(path, Mesh(transform.invert(made.vertices), made.faces) if transform else made)

    def add(self, part, shape, centre):
        transform = Transform(-centre, SCALE)
        points, _ = surface_points(BALL, self.points, np.random.default_rng(1))
        self.surface[part][shape] = self.folder("surface", shape)
        write_points(self.surface[part][shape] / "surface.ply", transform.invert(points), points)
        write_normalization(self.surface[part][shape] / "normalization.npz", transform)
        self.mesh[part][shape] = self.folder("mesh", shape)
        self.write(self.mesh[part][shape] / "mesh.ply", 0.5)
        write_transform(self.mesh[part][shape] / "transform.json", transform)
        self.made[part][shape] = made = self.folder("made", shape)
        (made / "easy").mkdir()
        for name, radius in (("30", 0.55), ("07", 0.3)):
            self.write(made / "easy" / f"{name}.ply", radius, transform)
        self.choose(made, {"easy": {"fix": ["easy/30"], "rnd": ["easy/07"]}})
        self.oracle[part][shape] = self.folder("oracle", shape)
        self.write(self.oracle[part][shape] / "mesh.ply", RADII["oracle-code"], transform)
        write_json(self.oracle[part][shape] / "code.json", {"status": "ok"})

    def choose(self, folder, views, **outcomes):
        known = {view: {"status": "ok"} for some in views["easy"].values() for view in some}
        write_json(folder / "choices.json", {"views": views, **known, **outcomes})

    def retrieve(self):
        """Every picture finds one training shape, and another one is nearest to all shapes."""
        self.mesh["train"] = {name: self.folder("mesh", name) for name in ("alike", "near")}
        self.write(self.mesh["train"]["alike"] / "mesh.ply", RADII["retrieval"])
        self.write(self.mesh["train"]["near"] / "mesh.ply", RADII["oracle-retrieval"])
        shapes = [shape for part in self.split.values() for shape in part]
        self.told: list[tuple[int, int]] = []
        self.retrieval, self.nearest = {"s1": self.folder("retrieval")}, self.folder("nearest")
        answers = {view: {"shape": "alike", "cosine": 0.9} for view in ("easy/30", "easy/07")}
        write_json(self.retrieval["s1"] / "retrieval.json", {shape: answers for shape in shapes})
        nearest = {"shape": "near", "chamfer": 0.1}
        write_json(self.nearest / "retrieval.json", {shape: nearest for shape in shapes})

    def lose(self, stage, shape, reason):
        self.failures.append({"shape": shape, "stage": stage, "kind": "data", "reason": reason})
        everything = (self.surface, self.mesh, self.made, self.oracle)
        lost = {"mesh": everything, "views": (self.made,), "sdf": (self.oracle,)}[stage]
        for mapping in lost:
            for part in mapping.values():
                part.pop(shape, None)

    def score(self, to="out", threads=2, params=PARAMS):
        out = self.folder(to)
        scores(
            {"s1": self.made}, {"s1": self.oracle}, self.retrieval, self.nearest, self.mesh, self.surface,
            self.template, self.root / "split", out=out, params=params, rng=np.random.default_rng(0),
            threads=threads, failures=self.failures, progress=lambda *news: self.told.append(news),
        )  # fmt: skip
        rows = list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))
        return out, rows, read_json(out / "metrics.json")


def row_of(metrics, method, choice="fix", part="test", level="easy"):
    wanted = (method, choice, part, "any" if choice == "any" else level)
    keys = ("method", "choice", "part", "level")
    (row,) = [row for row in metrics["protocols"][0]["rows"] if tuple(row[key] for key in keys) == wanted]
    return {**row, **row["metrics"]["chamfer-l2"]}


def test_every_method_is_scored_in_the_original_frame(tmp_path):
    run = Run(tmp_path, ["a", "b"], ["c"])
    _, rows, metrics = run.score()
    assert len(rows) == 3 * 8
    assert run.told == [(1, 3), (2, 3), (3, 3)], "whoever waits for it sees it go on"
    for row in rows:
        radius = RADII.get(row["method"], 0.55 if row["choice"] == "fix" else 0.3)
        assert row["status"] == "ok"
        floor = 2 / SCALE**2 / 10_000
        expected = 2 * ((radius - 0.5) / SCALE) ** 2
        assert float(row[CHAMFER]) == pytest.approx(expected, rel=0.05, abs=1.5 * floor)
    networks = dict.fromkeys(("s1", *RADII), "s1") | {"oracle-retrieval": ""}
    assert {(row["method"], row["variant"]) for row in rows} == set(networks.items())
    views = {(row["choice"], row["level"], row["view"]) for row in rows}
    assert views == {("fix", "easy", "easy/30"), ("rnd", "easy", "easy/07"), ("any", "any", "")}
    assert {row["answer"] for row in rows if "retrieval" in row["method"]} == {"alike", "near"}
    summary = row_of(metrics, "s1")
    assert (summary["expected"], summary["evaluated"], summary["failed"]) == (2, 2, 0)
    assert summary["median"] == pytest.approx(2 * 0.025**2, rel=0.05)


def test_the_floor_is_that_of_the_truth_sampled_twice(tmp_path):
    _, _, metrics = Run(tmp_path, ["a"], points=30_000).score()
    area = np.pi / SCALE**2
    assert row_of(metrics, "s1")["floor"] == pytest.approx(2 * area / (np.pi * 30_000), rel=0.05)


def test_missing_empty_and_corrupt_predictions_are_counted_and_penalised_everywhere(tmp_path):
    run = Run(tmp_path, ["good", "missing", "empty", "corrupt"])
    run.lose("views", "missing", "no view fits the frame")
    (run.made["test"]["empty"] / "easy" / "30.ply").unlink()
    views = {"easy": {"fix": ["easy/30"], "rnd": ["easy/07"]}}
    run.choose(run.made["test"]["empty"], views, **{"easy/30": EMPTY})
    (run.made["test"]["corrupt"] / "easy" / "30.ply").write_bytes(
        b"ply\nformat binary_little_endian 1.0\nele"
    )
    out, rows, metrics = run.score()

    fixed = {row["shape"]: row for row in rows if (row["method"], row["choice"]) == ("s1", "fix")}
    assert [fixed[shape]["status"] for shape in run.split["test"]] == ["ok", "failed", "failed", "failed"]
    assert fixed["missing"]["reason"] == "views: no view fits the frame"
    assert fixed["empty"]["reason"] == EMPTY["reason"]
    assert "30.ply" in fixed["corrupt"]["reason"]
    rng = np.random.default_rng(0)
    penalty = failed(DEEPSDF, truth(DEEPSDF, Body(Cloud(BALL.vertices / SCALE)), rng), rng)["chamfer-l2"]
    assert penalty == pytest.approx(2 * 0.25**2, rel=0.01)
    for shape in ("missing", "empty", "corrupt"):
        assert float(fixed[shape][CHAMFER]) == pytest.approx(penalty, rel=0.01)

    summary = row_of(metrics, "s1")
    assert (summary["expected"], summary["evaluated"], summary["failed"]) == (4, 1, 3)
    assert summary["mean"] == pytest.approx((2 * 0.025**2 + 3 * penalty) / 4, rel=0.02)
    assert summary["mean_evaluated"] == pytest.approx(2 * 0.025**2, rel=0.05)
    assert row_of(metrics, "s1", "rnd")["failed"] == 1
    assert row_of(metrics, "retrieval")["failed"] == 1
    assert row_of(metrics, "template", "any")["failed"] == 0
    for name, separator in (("table.md", "|"), ("table.tex", "&")):
        line = next(text for text in (out / name).read_text().splitlines() if "fixed view" in text)
        cells = [cell.strip(" \\") for cell in line.strip("| ").split(separator)]
        assert cells[-4:] == ["4", "1", "3", "0"]
        assert cells[2] == significant(1000 * summary["mean"])


def test_shapes_without_ground_truth_are_counted_apart(tmp_path):
    run = Run(tmp_path, ["a", "b"])
    run.lose("mesh", "b", "no faces in it")
    _, rows, metrics = run.score()
    lost = [row for row in rows if row["shape"] == "b"]
    assert {(row["status"], row["reason"], row[CHAMFER]) for row in lost} == {
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


def test_the_oracles_code_is_expected_unless_it_was_not_asked_for(tmp_path):
    run = Run(tmp_path, ["a", "b"])
    run.lose("sdf", "b", "a sheet")
    _, rows, metrics = run.score()
    assert row_of(metrics, "oracle-code", "any")["failed"] == 1
    assert "sdf: a sheet" in {row["reason"] for row in rows if row["method"] == "oracle-code"}
    write_json(run.oracle["test"]["a"] / "code.json", {"status": "off"})
    _, rows, _ = run.score("off")
    assert "oracle-code" not in {row["method"] for row in rows}


def test_draws_are_averaged_within_a_shape_and_levels_stand_apart(tmp_path):
    run = Run(tmp_path, ["a", "b"])
    for shape in ("a", "b"):
        folder = run.made["test"][shape]
        (folder / "hard").mkdir()
        (folder / "hard" / "30.ply").write_bytes((folder / "easy" / "30.ply").read_bytes())
        drawn = {"fix": ["easy/30"], "rnd": ["easy/07", "easy/30"]}
        run.choose(folder, {"easy": drawn, "hard": {"fix": ["hard/30"]}}, **{"hard/30": {"status": "ok"}})
    run.lose("views", "b", "lost")
    out, _, metrics = run.score()
    drawn = row_of(metrics, "s1", "rnd")
    assert (drawn["shapes"], drawn["expected"], drawn["evaluated"], drawn["failed"]) == (2, 4, 2, 2)
    assert drawn["mean_evaluated"] == pytest.approx(0.025**2 + 0.1**2, rel=0.04)
    hard = row_of(metrics, "s1", level="hard")
    assert hard["mean"] == pytest.approx(row_of(metrics, "s1")["mean"])
    assert row_of(metrics, "retrieval", level="hard")["failed"] == 2, "hard views have found nothing"
    text = (out / "table.md").read_text()
    assert "| hard, fixed view |" in text
    assert "counts once, with their mean" in text


def test_several_protocols_have_columns_and_tables_of_their_own(tmp_path):
    params = Params(protocols=("deepsdf", "what3d"), resamples=10)
    out, rows, metrics = Run(tmp_path, ["a"]).score(params=params)
    assert [one["label"] for one in metrics["protocols"]] == ["deepsdf v1", "what3d~ v1"]
    assert {row["protocol"] for row in rows} == {"deepsdf", "what3d"}
    for row in rows:
        assert (row[CHAMFER] == "") == (row["protocol"] == "what3d") == (row["f@0.01 (what3d~ v1)"] != "")
    assert "emd (deepsdf v1)" in rows[0]
    assert sum(line.startswith("### ") for line in (out / "table.md").read_text().splitlines()) == 2


def test_intervals_and_comparisons_come_with_ten_shapes(tmp_path):
    run = Run(tmp_path, [f"s{i}" for i in range(10)], ["t"], points=2_000)
    _, _, metrics = run.score()
    low, high = row_of(metrics, "s1")["interval_median"]
    assert low <= row_of(metrics, "s1")["median"] <= high
    assert row_of(metrics, "s1", part="train")["interval_median"] is None
    paired = [row for row in metrics["protocols"][0]["comparisons"] if row["part"] == "test"]
    found = {(row["against"], row["choice"]): row for row in paired}
    assert set(found) == {(against, choice) for against in RADII for choice in ("fix", "rnd")}
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
    assert "| mean code alone (Sol 1) |" in text
    assert "| nearest training shape, oracle |" in text
    assert r"\begin{tabular}" in (out / "table.tex").read_text()
