"""`t3d export` and `t3d import`: from meshes to trees of others, back, and to a trained network."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from t3d.cli import main as module
from t3d.errors import UsageError
from t3d.tasks.synth import synthesize

SMALL = {
    "views.views": 2, "views.size": 32, "sdf.count": 2000, "surface.count": 200, "surface.views": 20,
    "codes.code": 8, "codes.hidden": 16, "codes.width": 16, "codes.depth": 2, "codes.iterations": 5,
    "codes.scenes": 2, "codes.points": 100, "codes.fit_iterations": 2, "codes.fit_points": 50,
    "network_s1.widths": "4,8,8,8", "network_s1.depths": "1,1,1,1", "network_s1.input_size": 32,
    "network_s1.iterations": 2, "network_s1.batch": 4, "reconstructions.resolution": 16,
    "pretrain.widths": "4,8,8,8", "pretrain.depths": "1,1,1,1", "pretrain.input_size": 32,
    "pretrain.iterations": 2, "pretrain.batch": 4, "pretrain.hidden": 8, "pretrain.projection": 8,
    "network_s2.code": 8, "network_s2.hidden": 16, "network_s2.width": 16, "network_s2.depth": 2,
    "network_s2.iterations": 2, "network_s2.scenes": 2, "network_s2.points": 100,
    "split.train_scored": 1, "split.test_share": 0.25, "split.val_share": 0.34,
}  # fmt: skip
"""Settings with which everything is made in a second or two."""


def t3d(*words: str) -> Result:
    if "export" not in module.t3d.commands:
        module._fill()
    return CliRunner().invoke(module.t3d, list(words))


def run(command: str, data: str, work: str) -> dict:
    """Run a command that makes things; its last line."""
    sets = [f"--set={name}={value}" for name, value in SMALL.items()]
    found = t3d(
        command, "--data", data, "--work", work, "--workers", "0", "--json", "--max-failures", "9", *sets
    )
    return json.loads(found.stdout.splitlines()[-1])


def artifact(stage: str, shape: str, data: str, work: str) -> Path:
    words = ("--shape", shape) if shape else ()
    found = t3d("path", stage, *words, "--data", data, "--work", work)
    assert found.exit_code == 0, found.output
    return Path(found.stdout.strip())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with four sofas, their samples, surfaces and views, and both trees made of them."""
    folder, before = tmp_path_factory.mktemp("layouts"), os.getcwd()
    names = [name for name in os.environ if name.startswith("T3D_") and name != "T3D_TEST_MESHES"]
    kept = {name: os.environ.pop(name) for name in names}
    os.chdir(folder)
    synthesize("data", ["sofa"], 4)
    for command in ("render", "sample-sdf", "surface"):
        assert run(command, "data", "work")["failed"] == 0
    for layout in ("deepsdf", "seed"):
        found = t3d("export", f"out-{layout}", "--layout", layout, "--data", "data", "--work", "work")
        assert found.exit_code == 0, found.output
        found = t3d("import", f"out-{layout}", f"in-{layout}", "--layout", layout)
        assert found.exit_code == 0, found.output
    yield folder
    os.chdir(before)
    os.environ.update(kept)


def test_a_network_is_trained_on_what_came_back(home):
    made = run("train", "in-seed", "work-seed")
    assert (made["status"], made["failures"]) == (0, [])
    parts = json.loads((artifact("split", "", "in-seed", "work-seed") / "split.json").read_text())
    for shape in (*parts["train"], *parts["val"]):
        for stage, file in (("sdf", "samples.npz"), ("views", "easy/01.png"), ("views", "hard/00.png")):
            there = artifact(stage, shape, "in-seed", "work-seed") / file
            assert there.read_bytes() == (artifact(stage, shape, "data", "work") / file).read_bytes()
    assert run("train", "in-seed", "work-seed")["made"] == 0


def test_shapes_without_meshes_are_reconstructed(home):
    made = run("reconstruct", "in-seed", "work-seed")
    assert (made["status"], made["failures"]) == (0, [])
    assert len(made["artifacts"]) == 2 * 2, "two shapes by both solutions"


def test_phase_1_works_on_samples_alone_and_the_rest_says_what_it_lacks(home):
    made = run("codes", "in-deepsdf", "work-deepsdf")
    assert (made["status"], made["failures"]) == (0, [])
    lost = run("render", "in-deepsdf", "work-deepsdf")["failures"]
    assert {one["shape"] for one in lost} == {f"sofa-000{number}" for number in range(4)}
    assert {one["reason"] for one in lost} == {
        "no model file, only given sdf, surface; add models/model_normalized.obj"
    }


def test_a_mesh_beside_makes_what_is_not_given(home):
    shutil.copytree("in-deepsdf", "mixed")
    shutil.copytree("data/04256520/sofa-0001", "mixed/04256520/sofa-0001", dirs_exist_ok=True)
    assert run("render", "mixed", "work-mixed")["made"] == 1 + 1 + 1, "the split, a mesh, its views"
    there = artifact("views", "sofa-0001", "mixed", "work-mixed") / "easy/00.png"
    assert there.read_bytes() == (artifact("views", "sofa-0001", "data", "work") / "easy/00.png").read_bytes()


def test_a_broken_file_is_one_recorded_failure(home):
    shutil.copytree("in-deepsdf", "broken")
    path = Path("broken/04256520/sofa-0002/given/sdf/samples.npz")
    np.savez(path, pos=np.full((4, 4), np.inf), neg=np.zeros((0, 4)))
    (failure,) = run("sample-sdf", "broken", "work-broken")["failures"]
    assert (failure["shape"], failure["stage"], failure["kind"]) == ("sofa-0002", "sdf", "data")
    assert failure["reason"].startswith("samples.npz: ")
    found = t3d("verify", "--work", "work-broken")
    assert found.exit_code == 0, found.output


def test_export_says_what_is_there_and_what_is_not(home):
    changed = ("--set", "surface.count=99")  # with which no surface was made
    found = t3d("export", "partly", "--layout", "deepsdf", "--data", "data", "--work", "work", *changed)
    assert found.exit_code == 0
    assert "sdf: train 2 of 2, val 1 of 1, test 1 of 1\n" in found.output
    assert "surface: train 0 of 2, val 0 of 1, test 0 of 1; `t3d surface` makes" in found.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export x --layout deepsdf --data data --work none", "run `t3d sample-sdf`, `t3d surface`"),
        ("export out-seed --layout deepsdf --data data --work other", "nothing is made yet"),
        ("import data x --layout seed", "nothing of the layout seed in it; looked for SdfSamples"),
        ("import nowhere x --layout deepsdf", "nowhere: nothing of the layout deepsdf in it"),
        ("import out-deepsdf in-seed --layout deepsdf", "in-seed: not empty; name a new folder"),
    ],
)
def test_errors_are_one_line(home, line, message):
    found = t3d(*line.split())
    assert isinstance(found.exception, UsageError)
    assert message in str(found.exception)
    assert "\n" not in str(found.exception)
    assert not Path("x").exists()


@pytest.mark.parametrize("command", ["export x", "import out-seed x"])
def test_an_unknown_layout_names_those_there_are(home, command):
    found = t3d(*command.split(), "--layout", "shapenet")
    assert found.exit_code == 2
    assert "'deepsdf', 'seed'" in found.output
