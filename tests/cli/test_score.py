import json

import numpy as np
import pytest
from click.testing import CliRunner

from t3d.cli.score import score
from t3d.datasets.meshes import write_ply
from t3d.errors import UsageError
from t3d.geometry.mesh import Mesh

PLATE = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "b", "c"):
        for side in ("pred", "true"):
            (tmp_path / side).mkdir(exist_ok=True)
            write_ply(tmp_path / side / f"{name}.ply", PLATE)
    (tmp_path / "pred" / "c.ply").write_text("")
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(score, [str(argument) for argument in ("--workers", 0, *arguments)])


def test_tables_losses_and_one_line_of_json(folders):
    found = call(folders / "pred", folders / "true", "-p", "what3d", "--json", "--out", folders / "out")
    assert found.exit_code == 1
    assert "3 expected, 2 evaluated, 1 failed" in " ".join(found.stdout.split())
    assert "lost: " in found.stderr
    assert "(c)" in found.stderr
    result = json.loads(found.stdout.splitlines()[-1])
    assert result["protocols"][0]["label"] == "what3d~ v1"
    assert result["frame"] == "original"
    assert sorted(path.name for path in (folders / "out").iterdir()) == [
        "scores.csv",
        "scores.json",
        "table.md",
        "table.tex",
    ]


def test_the_status_is_the_share_of_what_was_lost(folders):
    both = folders / "pred", folders / "true", "-p", "what3d", "--quiet"
    assert call(*both, "--max-failures", 1).exit_code == 0
    assert call(*both, "--max-failures", 0).exit_code == 1
    assert call(*both).stdout == ""


def test_foreign_frames_are_told(folders):
    write_ply(folders / "pred" / "a.ply", Mesh(PLATE.vertices * 0.57, PLATE.faces))
    write_ply(folders / "pred" / "b.ply", Mesh(PLATE.vertices * 0.57, PLATE.faces))
    arguments = folders / "pred", folders / "true", "-p", "what3d", "--quiet", "--json"
    assert "0.57 times as large" in " ".join(call(*arguments).stderr.split())
    found = call(*arguments, "--frame", "p2m")
    assert json.loads(found.stdout)["frame"] == "p2m"
    assert "warning" not in found.stderr


def test_wrong_usage_is_said(folders):
    assert isinstance(call(folders / "pred", folders / "nowhere").exception, UsageError)
    assert call(folders / "pred", folders / "true", "-p", "nobody").exit_code == 2
    assert "penalised" in call("--help").stdout
