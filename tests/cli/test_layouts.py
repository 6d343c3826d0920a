"""`t3d export` and `t3d import`: from meshes to trees of others, back, and to a trained network."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from t3d.cli import main as module
from t3d.errors import DataError, UsageError
from t3d.models import network
from t3d.models.pack import open_pack
from t3d.models.published import published_name
from t3d.tasks.synth import synthesize

SMALL = {
    "views.views": 2, "views.size": 32, "sdf.count": 2000, "surface.count": 200, "surface.views": 20,
    "codes.code": 8, "codes.hidden": 16, "codes.width": 16, "codes.depth": 2, "codes.iterations": 5,
    "codes.scenes": 2, "codes.points": 100, "codes.fit_iterations": 2, "codes.fit_points": 50,
    "network_s1.widths": "4,8,8,8", "network_s1.depths": "1,1,1,1", "network_s1.input_size": 32,
    "network_s1.iterations": 2, "network_s1.batch": 4, "reconstructions.resolution": 16,
    "pretrain.widths": "4,8,8,8", "pretrain.depths": "1,1,1,1", "pretrain.input_size": 32,
    "pretrain.batch": 2, "pretrain.iterations": 2, "pretrain.hidden": 8, "pretrain.projection": 8,
    "network_s2.code": 8, "network_s2.hidden": 16, "network_s2.width": 16, "network_s2.depth": 2,
    "network_s2.iterations": 2, "network_s2.scenes": 2, "network_s2.points": 50,
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
    assert all(one["reason"].startswith("no model file in ") for one in lost)


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
        ("import nowhere x --layout deepsdf", "nowhere: no such folder; name what is to be imported"),
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


SETS = [f"--set={name}={value}" for name, value in SMALL.items()]
DATA = ("--layout", "pack", "--data", "data", "--work", "work")

ALONE = """
import sys
from importlib.machinery import PathFinder
absent = set(
    "open3d trimesh scipy dask distributed pebble igl skimage sklearn matplotlib PIL rich jinja2 pandas "
    "charset_normalizer pyrender".split()
)
found = PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in absent else found(name, path, target)
PathFinder.find_spec = find_spec
for name in absent:
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} is there")
"""
"""Makes a process one of a machine with torch, transformers, accelerate, kornia and what they need."""
KILLED = """
import os
from t3d.models import training
training.SAVE_SECONDS = 0
save = training.Run.save
training.Run.save = lambda run: (save(run), run.step >= 6 and os._exit(9))
"""
RESUMED = """
from t3d.models import training
resume = training.Run._resume
training.Run._resume = lambda run: (resume(run), print("from step", run.step))
"""


def alone(prelude: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A `t3d` command on a machine for training."""
    code = f"{ALONE}{prelude}\nfrom t3d.cli.main import main\nmain()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def pack(home) -> str:
    found = t3d("export", "sofas.pack", *DATA, *SETS)
    assert found.exit_code == 0, found.output
    assert "of a shape at most 2,000 of 2,000 samples, 2 of 2 easy views" in found.output
    assert "views: train 2 of 2, val 1 of 1, test 1 of 1\n" in found.output
    return "sofas.pack"


def test_both_solutions_train_from_a_pack_where_nothing_else_is_and_go_on_when_killed(pack):
    words = ["train", "--from", pack, "--work", "box", *SETS, "--set=codes.iterations=12"]
    words.append("--set=codes.log_every=3")
    killed = alone(KILLED, *words)
    assert (killed.returncode, killed.stderr.count("error")) == (9, 0), killed.stderr
    ended = alone(RESUMED, *words, "--json")
    assert ended.returncode == 0, ended.stderr
    *lines, last = ended.stdout.splitlines()
    assert lines == ["from step 6", "from step 0", "from step 0", "from step 0"]
    made = json.loads(last)
    assert (made["failed"], made["failures"]) == (0, [])
    for name in ("network_s1[s1]", "network_s2[s2-simclr]"):
        model = network.load(Path(made["artifacts"][name]))
        code = model.encode(np.zeros((1, 40, 40, 3), np.uint8))[0]
        assert np.isfinite(model.sdf(np.zeros((5, 3)), code)).all()
    again = t3d(*words, "--json")
    assert json.loads(again.stdout.splitlines()[-1])["made"] == 0
    assert t3d("status", "--from", pack, "--work", "box", *words[6:]).exit_code == 0


def test_training_from_a_whole_pack_is_training_from_the_folders(pack):
    """The pack's pictures are of the encoder's size and its samples all there: the same bits come out."""
    made = {}
    for where in (("--from", pack, "--work", "box2"), ("--data", "data", "--work", "work")):
        found = t3d("train", "--solution", "1", "--workers", "0", "--json", *where, *SETS)
        made[where] = Path(json.loads(found.stdout.splitlines()[-1])["artifacts"]["network_s1[s1]"])
    first, second = (folder / "model.safetensors" for folder in made.values())
    assert first.parent.name != second.parent.name
    assert first.read_bytes() == second.read_bytes()


def test_a_budget_takes_less_of_every_shape(pack):
    whole = Path(pack).stat().st_size
    budget = whole * 2 // 3
    found = t3d("export", "part.pack", *DATA, *SETS, "--set=views.views=2", "--budget", str(budget))
    assert found.exit_code == 0, found.output
    assert 0.9 * budget < Path("part.pack").stat().st_size <= budget
    part = open_pack(Path("part.pack"))
    counts = {sum(map(len, pair)) for pair in part.samples(part.split["train"]).values()}
    assert max(counts) - min(counts) <= 1
    assert 1000 <= max(counts) < 2000
    said = int(re.search(r"at most ([\d,]+) of 2,000 samples", found.output)[1].replace(",", ""))
    assert 0 <= said - max(counts) <= 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export sofas.pack", "sofas.pack: there already; name a new file, or --force"),
        ("export work", "work: there already; name a new file"),
        ("export x --budget 9kB", "--budget: too small by 0."),
        ("export x --budget much", "'much' is no size; write 64MiB, 1.5GB"),
        (
            "export x --solution=both --set=pretrain.input_size=64",
            "a pack has images of one size, the networks take [32, 64]",
        ),
    ],
)
def test_errors_of_exporting_a_pack_are_one_line(pack, line, message):
    command, dest, *more = line.split()
    found = t3d(command, dest, *DATA, *SETS, *more)
    assert isinstance(found.exception, UsageError)
    assert message in str(found.exception)
    assert "\n" not in str(found.exception)
    assert not Path("x").exists()


def test_budget_belongs_to_packs(home):
    found = t3d("export", "x", "--layout", "deepsdf", "--data", "data", "--work", "work", "--budget", "1MB")
    assert str(found.exception) == "--budget is for --layout pack"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda content: content[:-9], "", "no pack ("),
        (lambda content: b"PK" + content, "", "no pack ("),
        (
            lambda content: content[:99] + bytes(9) + content[108:],
            "",
            "its samples are damaged; make it again",
        ),
        (lambda content: content, "--category chair", "holds sofas; say --category sofa"),
        (
            lambda content: content,
            "--limit 3",
            "a pack is as it is; leave --splits, --limit and --photos out",
        ),
    ],
)
def test_a_bad_pack_is_told_in_one_line(pack, tmp_path, change, options, message):
    path = tmp_path / "bad.pack"
    path.write_bytes(change(Path(pack).read_bytes()))
    found = t3d("train", "--from", str(path), "--work", str(tmp_path / "w"), *options.split())
    assert isinstance(found.exception, UsageError | DataError)
    assert message in str(found.exception)
    assert "\n" not in str(found.exception)


def test_what_a_pack_does_not_hold_is_a_recorded_failure(pack, tmp_path):
    where = ("--from", pack, "--work", str(tmp_path), "--json")
    other = t3d("train", *where, *SETS, "--set=pretrain.input_size=16", "--set=network_s1.input_size=16")
    reasons = {one["reason"] for one in json.loads(other.stdout.splitlines()[-1])["failures"]}
    assert any("its images have 32 pixels a side, the network takes 16" in reason for reason in reasons)
    lost = json.loads(t3d("surface", *where).stdout.splitlines()[-1])["failures"]
    assert len(lost) == 4
    assert lost[0]["reason"] == "sofas.pack: not in the pack, and there is no mesh to make it from"


def _experiment(folder: Path, codes: Path) -> None:
    """The published code's folder of a phase 1 of t3d's."""
    decoder, train, _ = network.load_codes(codes)
    depth, book = decoder.config.depth, torch.from_numpy(np.stack(list(train.values())))
    state = {f"module.{published_name(name, depth)}": value for name, value in decoder.state_dict().items()}
    for name, held in (
        ("ModelParameters", {"model_state_dict": state}),
        ("LatentCodes", {"latent_codes": book}),
    ):
        (folder / name).mkdir(parents=True)
        torch.save(held, folder / name / "latest.pth")
    (folder / "train.json").write_text(json.dumps({"ShapeNetV2": {"04256520": list(train)}}))
    kargs = {"dims": [16, 16], "norm_layers": [0, 1], "weight_norm": True}
    specs = {"NetworkArch": "deep_implicit_template_decoder", "CodeLength": 8, "TrainSplit": "train.json"}
    specs["NetworkSpecs"] = {"warper_kargs": {"hidden_size": 16, "steps": 4}, "decoder_kargs": kargs}
    rate = {"Type": "Step", "Initial": 1e-3, "Interval": 500, "Factor": 0.5}
    specs |= {"ScenesPerBatch": 2, "SamplesPerScene": 100, "NumEpochs": 3, "LearningRateSchedule": [rate] * 3}
    (folder / "specs.json").write_text(json.dumps(specs | {"CodeRegularization": False}))


def test_a_trained_experiment_is_phase_1_and_a_trained_network_is_taken_over(home):
    run("codes", "data", "work")
    _experiment(Path("sofas_dit"), artifact("codes", "", "data", "work"))
    found = t3d("import", "sofas_dit", "in-dit", "--layout", "deepsdf-experiment")
    assert found.exit_code == 0, found.output
    assert "04256520: decoder, 2 codes of 8 numbers" in found.output
    shutil.copytree("data", "with-codes")
    shutil.copytree("in-dit/04256520/given", "with-codes/04256520/given")
    assert t3d("train", "--config", "in-dit/t3d.toml", "--data", "with-codes", "--dry-run").exit_code == 0
    words = ("--solution", "1", "--workers", "0", "--work", "work-codes", "--json", *SETS)
    made = json.loads(t3d("train", "--data", "with-codes", *words).stdout.splitlines()[-1])
    assert (made["status"], made["failures"]) == (0, [])
    codes = artifact("codes", "", "with-codes", "work-codes")
    assert codes.name.startswith("given-")
    first, second = (network.load_codes(one) for one in (codes, artifact("codes", "", "data", "work")))
    assert np.array_equal(list(first[1].values()), list(second[1].values()))
    trained = Path(made["artifacts"]["network_s1[s1]"])
    shutil.copytree(trained, "with-codes/04256520/given/network-s1")
    made = json.loads(t3d("reconstruct", "--data", "with-codes", *words).stdout.splitlines()[-1])
    assert (made["status"], made["failed"]) == (0, 0)
    taken = artifact("network_s1", "", "with-codes", "work-codes")
    assert taken.name.startswith("given-")
    assert (taken / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


def test_options_of_experiments_belong_to_them(home):
    found = t3d("import", "out-seed", "x", "--layout", "seed", "--checkpoint", "7")
    assert str(found.exception) == "--checkpoint and --splits are for --layout deepsdf-experiment"


def test_a_given_folder_that_is_no_trained_part_is_a_recorded_failure(home):
    shutil.copytree("data", "wrong")
    Path("wrong/04256520/given/codes").mkdir(parents=True)
    Path("wrong/04256520/given/codes/config.json").write_text("[]")
    found = t3d("codes", "--data", "wrong", "--work", "work-wrong", "--workers", "0", "--json", *SETS)
    (failure,) = json.loads(found.stdout.splitlines()[-1])["failures"]
    assert failure["reason"].startswith("codes/config.json: not of a trained part (")
