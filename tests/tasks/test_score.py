"""A small set with everything that can be wrong in it, scored in this process and in children."""

import csv
import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

from t3d.datasets.formats import read_json
from t3d.datasets.meshes import write_ply
from t3d.geometry.clouds import Body
from t3d.geometry.evaluation import failed, truth
from t3d.geometry.frames import into
from t3d.geometry.mesh import Mesh
from t3d.geometry.metrics import f_score
from t3d.geometry.protocols import DEEPSDF, DISN, P2M, PROTOCOLS, T3D_V1, WHAT3D
from t3d.report.results import RESAMPLES, by_shape, summarise, write
from t3d.report.scoring import Score
from t3d.report.tables import result_tables
from t3d.tasks import score as task
from t3d.tasks.score import jobs_of, run

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
FACES = [[int(digit) for digit in face] for face in "013 032 465 576 042 264 137 175 015 054 326 376".split()]


def box(size=1.0, shift=0.0):
    return Mesh(CORNERS * [0.4, 0.6, 0.5] * np.asarray(size) + shift, np.array(FACES))


@pytest.fixture
def folders(tmp_path):
    """Twelve ground truths; predictions good but for a missing, an empty and a corrupt one, and one extra."""
    pred, true = tmp_path / "pred", tmp_path / "true"
    pred.mkdir()
    true.mkdir()
    for i in range(12):
        write_ply(true / f"s{i:02}.ply", box(1 + 0.05 * i))
        write_ply(pred / f"s{i:02}.ply", box(1 + 0.05 * i, 0.01))
    (pred / "s00.ply").unlink()
    (pred / "s01.ply").write_text("ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n")
    (pred / "s02.ply").write_bytes((pred / "s02.ply").read_bytes()[:-9])
    write_ply(pred / "extra.ply", box())
    return pred, true


def scored(folders, protocols=(WHAT3D, DEEPSDF), drop=False, workers=0, **own):
    jobs = jobs_of((*folders, None), (own.get("points"), own.get("meshes")), tuple(protocols), 0)
    rows = run(jobs, workers, lambda: None)
    return rows, summarise(rows, protocols, tuple(own), 0, drop)


def test_losses_are_counted_named_and_penalised_everywhere(folders, tmp_path):
    rows, result = scored(folders)
    one = result["protocols"][1]
    counts = {name: one[name] for name in ("expected", "evaluated", "failed", "no_ground_truth")}
    assert counts == {"expected": 13, "evaluated": 9, "failed": 3, "no_ground_truth": 1}
    assert [lost["shape"] for lost in result["lost"]] == ["extra", "s00", "s01", "s02"]
    penalties = []
    for i in range(3):
        true = truth(DEEPSDF, Body(box(1 + 0.05 * i)), np.random.default_rng(i))
        penalties.append(failed(DEEPSDF, true, np.random.default_rng(0))["chamfer-l2"])
    good = [row.values["chamfer-l2"] for row in rows if row.protocol == "deepsdf" and row.status == "ok"]
    mean = one["metrics"]["chamfer-l2"]["mean"]
    assert mean == pytest.approx((sum(good) + sum(penalties)) / 12, rel=0.02)
    assert one["metrics"]["chamfer-l2"]["interval_median"][0] <= one["metrics"]["chamfer-l2"]["median"]
    assert result["protocols"][0]["metrics"]["f@0.2"]["mean"] == pytest.approx(9 / 12)

    write(tmp_path / "out", "scores", result, rows, result_tables(result))
    assert read_json(tmp_path / "out" / "scores.json")["lost"] == result["lost"]
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 26
    missing = next(line for line in lines if (line["shape"], line["protocol"]) == ("s00", "deepsdf"))
    assert (missing["status"], missing["reason"]) == ("failed", "no prediction for it")
    assert float(missing["chamfer-l2 (deepsdf v1)"]) == pytest.approx(penalties[0], rel=0.02)
    assert missing["f@0.01 (what3d~ v1)"] == ""
    for name in ("table.md", "table.tex"):
        text = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "13 expected, 9 evaluated, 3 failed, 1 no ground truth" in text
    assert r"what3d\textasciitilde{} v1" in text


def test_dropping_failures_is_said_and_changes_the_mean(folders):
    kept, dropped = (scored(folders, (WHAT3D,), drop=drop)[1]["protocols"][0] for drop in (False, True))
    assert dropped["metrics"]["f@0.2"]["mean"] == pytest.approx(1)
    assert kept["metrics"]["f@0.2"]["mean"] == pytest.approx(0.75)
    assert dropped["failed"] == 3
    assert "DROPPED" in result_tables({"protocols": [dropped]})[0].notes[0]


def test_a_rerun_gives_the_same_digits_in_children_and_beside_other_shapes(folders):
    rows, _ = scored(folders, (WHAT3D,))
    again = [row for row in scored(folders, (P2M, WHAT3D), workers=2)[0] if row.protocol == "what3d"]
    strip = [(row.shape, row.status, dict(row.values), dict(row.floors)) for row in rows]
    assert strip == [(row.shape, row.status, dict(row.values), dict(row.floors)) for row in again]
    (folders[1] / "s11.ply").unlink()
    fewer = {row.shape: row.values for row in scored(folders, (WHAT3D,))[0]}
    assert all(fewer[row.shape] == row.values for row in rows if row.shape != "s11")


def slow(job):
    time.sleep(60 * (job.match.shape == "s05" and not job.lost))
    return task.score_shape(job)


def test_a_search_beyond_the_limit_is_one_recorded_failure(folders, monkeypatch):
    jobs = jobs_of((*folders, None), (None, None), (WHAT3D,), 0)
    inner = task.each
    monkeypatch.setattr(task, "each", lambda _, *rest: inner(slow, *rest))
    rows = {row.shape: row for row in run(jobs[4:7], 1, lambda: None, 12.0)}
    assert rows["s05"].status == "failed"
    assert rows["s05"].reason == "it took longer than 12 s (--timeout)"
    assert rows["s05"].values["f@0.2"] == 0.0
    assert {row.status for shape, row in rows.items() if shape != "s05"} == {"ok"}


def not_numbers(path):
    mesh = box()
    write_ply(path, Mesh(np.where(mesh.vertices > 0.3, np.nan, mesh.vertices), mesh.faces))


def without_area(path):
    write_ply(path, Mesh(CORNERS * [1.0, 0.0, 0.0], np.array(FACES)))


def one_point(path):
    path.write_text(
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
        "end_header\n0.1 0.2 0.3\n"
    )


def few_points(path):
    write_ply(path, box())
    np.savez(path.with_suffix(".npz"), points=np.random.default_rng(0).random((77, 3)))
    path.unlink()


ODD = {"not_numbers": "failed", "without_area": "failed", "one_point": "ok", "few_points": "ok"}


@pytest.mark.parametrize("protocol", [T3D_V1, DEEPSDF, WHAT3D], ids=lambda protocol: protocol.name)
@pytest.mark.parametrize("odd", ODD)
def test_odd_files_are_answered_or_recorded_on_either_side(tmp_path, odd, protocol):
    few = replace(
        protocol,
        prediction=replace(protocol.prediction, count=2000),
        truth=replace(protocol.truth, count=2000),
        metrics=tuple(metric for metric in protocol.metrics if metric.kind != "emd"),
    )
    globals()[odd](tmp_path / "odd.ply")
    write_ply(tmp_path / "good.ply", box())
    (file,) = tmp_path.glob("odd.*")
    (row,), _ = scored((file, tmp_path / "good.ply"), (few,))
    assert row.status == ODD[odd], row.reason
    known = [value for value in row.values.values() if value is not None]
    assert known
    assert np.isfinite(known).all()
    assert bool(row.reason) == (row.status == "failed")
    (row,), result = scored((tmp_path / "good.ply", file), (few,))
    frameless = odd == "one_point" and protocol is T3D_V1
    assert row.status == ("no ground truth" if ODD[odd] == "failed" or frameless else "ok"), row.reason
    json.dumps(result, allow_nan=False)


def crashing(job):
    if not job.lost and job.match.shape == "s05":
        os._exit(1)
    return task.score_shape(job)


def crashing_whatever(job):
    if job.match.shape == "s05":
        os._exit(1)
    return task.score_shape(job)


@pytest.mark.parametrize(("scorer", "status"), [(crashing, "failed"), (crashing_whatever, "no ground truth")])
def test_a_crash_is_one_recorded_failure(folders, monkeypatch, scorer, status):
    jobs = jobs_of((*folders, None), (None, None), (WHAT3D,), 0)
    inner = task.each
    monkeypatch.setattr(task, "each", lambda _, *rest: inner(scorer, *rest))
    rows = {row.shape: row for row in run(jobs[4:8], 2, lambda: None)}
    assert rows["s05"].status == status
    assert "crashed" in rows["s05"].reason
    assert {row.status for shape, row in rows.items() if shape not in ("s05",)} == {"ok"}


def test_a_truth_that_cannot_be_read_enters_no_mean(folders):
    (folders[1] / "s05.ply").write_text("nothing")
    rows, result = scored(folders, (WHAT3D,))
    row = next(row for row in rows if row.shape == "s05")
    assert (row.status, dict(row.values)) == ("no ground truth", {})
    assert result["protocols"][0]["no_ground_truth"] == 2
    assert result["protocols"][0]["metrics"]["f@0.2"]["mean"] == pytest.approx(8 / 11)


def test_views_are_averaged_within_their_shape(tmp_path):
    pred, true = tmp_path / "pred", tmp_path / "true"
    for name, shifts in (("a", (0.0, 0.02)), ("b", (0.01,))):
        (pred / name).mkdir(parents=True)
        for shift in shifts:
            write_ply(pred / name / f"{shift}.ply", box(shift=shift))
        true.mkdir(exist_ok=True)
        write_ply(true / f"{name}.ply", box())
    rows, result = scored((pred, true), (WHAT3D,))
    values = [row.values["f@0.01"] for row in rows]
    one = result["protocols"][0]
    assert (one["shapes"], one["expected"]) == (2, 3)
    assert one["metrics"]["f@0.01"]["mean"] == pytest.approx((np.mean(values[:2]) + values[2]) / 2)
    assert "1.5 views per shape instead of 5" in one["approximate"]


def test_own_ground_truth_makes_a_protocol_exact_and_its_lack_loses_the_shape(folders, tmp_path):
    (tmp_path / "own").mkdir()
    for i in range(11):
        points = np.random.default_rng(i).random((9000, 3))
        np.savez(tmp_path / "own" / f"s{i:02}.npz", points=points)
    rows, result = scored(folders, (P2M, DISN), points=tmp_path / "own")
    assert result["protocols"][0]["approximate"] == ["1 views per shape instead of 24"]
    assert next(row for row in rows if row.shape == "s11").status == "no ground truth"
    assert result["protocols"][1]["label"] == "disn~ v1"
    assert "--gt-meshes" in result["protocols"][1]["approximate"][0]


def test_thin_clouds_are_approximate(tmp_path):
    np.savez(tmp_path / "few.npz", points=np.random.default_rng(0).random((500, 3)))
    write_ply(tmp_path / "true.ply", box())
    _, thin = scored((tmp_path / "few.npz", tmp_path / "true.ply"), (T3D_V1,))
    assert thin["protocols"][0]["label"] == "t3d-v1~"
    assert thin["protocols"][0]["approximate"] == ["1 predictions are clouds of another size"]
    assert thin["protocols"][0]["metrics"]["iou"]["mean"] is None
    _, both = scored((tmp_path / "true.ply", tmp_path / "few.npz"), (T3D_V1,))
    assert both["protocols"][0]["approximate"] == ["1 ground truths are clouds of another size"]


@pytest.mark.parametrize("frame", ["original", "unit", "edge", "disn", "p2m"])
def test_the_frame_of_predictions_is_undone(tmp_path, frame):
    pred, true = tmp_path / "pred", tmp_path / "true"
    pred.mkdir()
    true.mkdir()
    for i in range(3):
        mesh = box(np.array([1 + i, 1.0, 1.5]), shift=0.4)
        write_ply(true / f"{i}.ply", mesh)
        write_ply(pred / f"{i}.ply", Mesh(into(frame, Body(mesh)).apply(mesh.vertices), mesh.faces))
    jobs = jobs_of((pred, true, None), (None, None), (WHAT3D,), 0)
    rows = run([replace(job, frame=frame) for job in jobs], 0, lambda: None)
    assert min(row.values["f@0.02"] for row in rows) > 0.8
    assert summarise(rows, (WHAT3D,), (), 0, False)["boxes"]["same"]
    if frame != "original":
        wrong = run(jobs, 0, lambda: None)
        assert not summarise(wrong, (WHAT3D,), (), 0, False)["boxes"]["same"]


def test_the_f_of_a_set_is_that_of_its_means_where_the_source_says_so():
    parts = {metric.name: 0.0 for metric in DISN.metrics}
    rows = [
        Score(
            "disn", shape, "", "ok", "", parts | {"precision@0.025": p, "recall@0.025": r, "f@0.025": f}, {}
        )
        for shape, p, r, f in (("a", 1.0, 0.2, f_score(1.0, 0.2)), ("b", 0.2, 1.0, f_score(0.2, 1.0)))
    ]
    known = summarise(rows, (DISN,), (), 0, False)["protocols"][0]["metrics"]["f@0.025"]
    assert known["mean"] == pytest.approx(0.6)
    assert known["median"] == pytest.approx(f_score(1.0, 0.2))
    assert RESAMPLES >= 1000


def test_a_metric_that_some_lack_has_no_mean():
    rows = [Score("x", name, "", "ok", "", {"iou": value}, {}) for name, value in (("a", 0.5), ("b", None))]
    assert by_shape(rows, "iou") == {}
    assert by_shape(rows[:1], "iou") == {"a": 0.5}


def test_the_same_file_twice_is_as_good_as_the_floor(tmp_path):
    write_ply(tmp_path / "a.ply", box())
    _, result = scored((tmp_path / "a.ply", tmp_path / "a.ply"), tuple(PROTOCOLS.values()))
    for one in result["protocols"]:
        for name, metric in one["metrics"].items():
            if (
                metric["floor"] is not None
                and name.startswith("chamfer")
                and one["protocol"] not in ("disn", "p2m")
            ):
                assert metric["mean"] == pytest.approx(metric["floor"], rel=0.1)
                assert metric["mean"] > 0
            assert metric["interval_median"] is None
