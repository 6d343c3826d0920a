"""`t3d predict`, `t3d export --model` and `--photos`, from meshes to meshes."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from t3d.cli import main as module
from t3d.datasets.meshes import load_geometry
from t3d.errors import UsageError
from t3d.tasks.synth import synthesize

SMALL = {
    "views.views": 4, "views.size": 32, "sdf.count": 2000, "surface.count": 200,
    "codes.code": 8, "codes.hidden": 16, "codes.width": 16, "codes.depth": 2, "codes.iterations": 60,
    "codes.scenes": 3, "codes.points": 200, "codes.fit_iterations": 2, "codes.fit_points": 50,
    "network_s1.widths": "4,8,8,8", "network_s1.depths": "1,1,1,1", "network_s1.input_size": 32,
    "network_s1.iterations": 2, "network_s1.batch": 4, "photos.resolution": 16, "split.test_share": 0.25,
}  # fmt: skip


def t3d(*words: str) -> Result:
    if "export" not in module.t3d.commands:
        module._fill()
    return CliRunner().invoke(module.t3d, list(words))


def run(*words: str) -> dict:
    sets = [f"--set={name}={value}" for name, value in SMALL.items()]
    found = t3d(*words, "--data", "data", "--solution", "1", "--workers", "0", "--json", *sets)
    return json.loads(found.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a network for sofas, and photographs of which one is none."""
    folder, before = tmp_path_factory.mktemp("predict"), os.getcwd()
    names = [name for name in os.environ if name.startswith("T3D_") and name != "T3D_TEST_MESHES"]
    kept = {name: os.environ.pop(name) for name in names}
    os.chdir(folder)
    synthesize("data", ["sofa"], 5)
    Path("photos").mkdir()
    for number, color in enumerate(("teal", "maroon")):
        picture = Image.new("RGB", (90, 60), "white")
        picture.paste(color, (20, 15, 60 + 5 * number, 40))
        picture.save(f"photos/{color}.png")
    Path("photos/torn.jpg").write_bytes(b"torn")
    Path("photos/.hidden").write_bytes(b"nobody's")
    yield folder
    os.chdir(before)
    os.environ.update(kept)


@pytest.fixture(scope="module")
def made(home):
    return run("photos", "--photos", "photos")


def test_photographs_are_a_stage_in_which_a_broken_one_is_one_failure(made):
    assert sorted(made["artifacts"]) == ["photos[s1]/maroon.png", "photos[s1]/teal.png"]
    assert [(one["shape"], one["stage"], one["kind"]) for one in made["failures"]] == [
        ("torn.jpg", "photos", "data")
    ]
    folder = Path(made["artifacts"]["photos[s1]/teal.png"])
    assert load_geometry(folder / "photo.ply").faces.shape[1] == 3
    assert (folder / "photo.preview.png").is_file()
    facts = json.loads((folder / "manifest.json").read_text())["facts"]
    assert facts["isolated"] == ["plain background"]


def test_only_a_changed_photograph_is_made_again(made):
    assert run("photos", "--photos", "photos")["made"] == 0
    Image.new("RGB", (50, 50), "white").save("photos/new.png")
    again = run("photos", "--photos", "photos")
    assert (again["made"], sorted(one["shape"] for one in again["failures"])) == (0, ["new.png", "torn.jpg"])
    picture = Image.open("photos/teal.png")
    picture.paste("black", (30, 20, 40, 30))
    picture.save("photos/new.png")
    assert run("photos", "--photos", "photos")["made"] == 1
    Path("photos/new.png").unlink()


@pytest.mark.parametrize("folder", ["photos/torn.jpg", "none", ""])
def test_a_folder_without_photographs_is_named(home, folder):
    found = t3d("photos", "--data", "data", "--photos", folder)
    assert isinstance(found.exception, UsageError)
    assert "photos" in str(found.exception)


def test_a_run_and_its_bundle_predict_the_same(made):
    words = ("photos/teal.png", "--resolution", "16", "--json")
    one = t3d("predict", *words, "--out", "one")
    assert one.exit_code == 0, one.output
    assert t3d("export", "--model", "sofa.t3d").exit_code == 0
    two = t3d("predict", *words, "--model", "sofa.t3d", "--out", "two", "--work", "nowhere")
    assert two.exit_code == 0, two.output
    assert Path("one/teal.ply").read_bytes() == Path("two/teal.ply").read_bytes()
    said = json.loads(two.stdout.splitlines()[-1])
    assert (said["status"], said["variant"]) == (0, "s1")
    assert len(said["predictions"][0]["code"]) == 8


def test_a_broken_image_among_others_is_status_1_and_alone_2(made):
    found = t3d("predict", "photos/torn.jpg", "photos/maroon.png", "--resolution", "16", "--out", "mixed")
    assert found.exit_code == 1
    assert "error: photos/torn.jpg: cannot be used (not a picture of a known format)" in found.stderr
    assert Path("mixed/maroon.ply").is_file()
    assert t3d("predict", "photos/torn.jpg", "none.png", "--out", "mixed").exit_code == 2


def test_several_images_of_one_object_give_one_mesh(made):
    images = ("photos/teal.png", "photos/maroon.png")
    found = t3d("predict", *images, "--together", "--resolution", "16", "--out", "both", "--format", "glb")
    assert found.exit_code == 0, found.output
    assert sorted(path.name for path in Path("both").iterdir()) == [
        "teal.glb", "teal.preview.png", "teal.seen.png",
    ]  # fmt: skip


def test_masks_come_in_the_order_of_the_images(made):
    mask = np.zeros((60, 90), np.uint8)
    mask[5:20, 5:30] = 255
    Image.fromarray(mask).save("mask.png")
    words = ("predict", "photos/teal.png", "--resolution", "16", "--out", "masked", "--json")
    found = t3d(*words, "--mask", "mask.png")
    assert json.loads(found.stdout.splitlines()[-1])["predictions"][0]["isolated"] == ["mask"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("photos/teal.png --mask a.png --mask b.png", "2 masks for 1 images"),
        ("photos/teal.png data/../photos/teal.png", "one name"),
        ("photos/teal.png --model photos/torn.jpg", "torn.jpg: cannot be read"),
        ("photos/teal.png --category chair", "no run here yet that made a network"),
    ],
)
def test_wrong_usage_is_one_line(made, words, message):
    found = t3d("predict", *words.split(), "--out", "x")
    assert message in str(found.exception)
    assert "\n" not in str(found.exception)
    assert not Path("x").exists()


def test_export_wants_a_layout_or_the_model(made):
    assert "--layout" in str(t3d("export", "x", "--data", "data").exception)
