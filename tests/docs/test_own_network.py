"""The page's code is run with fewer steps: a foreign network trains, and its meshes are scored."""

import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import t3d
from t3d.cli import main as module
from t3d.models.pack import open_pack

PAGE = (Path(__file__).parents[2] / "docs" / "own-network.md").read_text(encoding="utf-8")
LOAD, WHOLE = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
SETS = [
    f"--set={one}"
    for one in (
        "views.views=3", "views.size=64", "sdf.count=3000", "surface.count=500", "surface.views=20",
        "split.test_share=0.4", "pretrain.input_size=64", "network_s1.input_size=64",
    )
]  # fmt: skip


def run(*words: str) -> Result:
    if "export" not in module.t3d.commands:
        module._fill()
    return CliRunner().invoke(module.t3d, list(words))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with the page's `work/sofa`: five sofas, two of them for testing."""
    folder, before = tmp_path_factory.mktemp("own"), os.getcwd()
    kept = {name: os.environ.pop(name) for name in ("T3D_DATA", "T3D_WORK") if name in os.environ}
    os.chdir(folder)
    assert run("synth", "data", "--category", "sofa", "--count", "5").exit_code == 0
    for command in ("render", "sample-sdf", "surface"):
        found = run(command, "--data", "data", "--workers", "0", "--quiet", *SETS)
        assert found.exit_code == 0, found.output
    yield folder
    os.chdir(before)
    os.environ.update(kept)


def test_the_page_trains_a_network_whose_meshes_are_scored(home):
    few = WHOLE.replace("STEPS, POINTS, CELLS = 2_000, 512, 64", "STEPS, POINTS, CELLS = 12, 64, 20")
    assert few != WHOLE
    names: dict = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Lazy modules are a new feature", UserWarning)
        exec(few, names)
    assert sorted(path.stem for path in Path("mine").iterdir()) == sorted(names["data"].split["test"])
    found = run(*re.search(r"^t3d (score .*)$", PAGE, re.MULTILINE)[1].split(), "--workers", "0", "--json")
    assert found.exit_code == 0, found.output
    (scored,) = json.loads(found.stdout.splitlines()[-1])["protocols"]
    assert (scored["expected"], scored["evaluated"]) == (2, 2)
    assert 0.01 < scored["metrics"]["chamfer-l1"]["mean"] < 0.3, "of one frame, though barely trained"


def test_points_pictures_and_cameras_match(home):
    """Surface points stand where cameras and masks say, and samples are near them where they say so."""
    names: dict = {}
    exec(LOAD, names)
    data = names["data"]
    everything = {"levels": ("easy", "hard"), "size": 32}
    views, cameras = data.views("test", **everything), data.cameras("test", **everything)
    assert len(views) == len(cameras) == 2 * 2 * 3
    for surface in data.surfaces("test"):
        assert surface.points.norm(dim=1).max() <= 1 / 1.03 + 1e-6
        for view, camera in zip(views, cameras, strict=True):
            assert view.shape == camera.shape
            if view.shape != surface.shape:
                continue
            local = (surface.points - camera.c2w[:3, 3]) @ camera.c2w[:3, :3]  # OpenGL: looks along -z
            seen = (local * torch.tensor([1, -1, -1])) @ camera.intrinsics.T
            column, row = (seen[:, :2] / seen[:, 2:]).floor().long().T
            assert view.mask[0][row, column].gt(0).float().mean() > 0.99
            assert view.image[:, view.mask[0] == 0].min() == 1
    for draw in data.samples("train", 400):
        surface = next(one for one in data.surfaces("train") if one.shape == draw.shape)
        nearest = torch.cdist(draw.points, surface.points).min(1).values
        assert (nearest - draw.distances.abs()).min() > -1e-3, "no nearer than the distance"


def test_a_pack_gives_the_same(home):
    found = run("export", "all.pack", "--layout", "pack", "--data", "data", *SETS)
    assert found.exit_code == 0, found.output
    run_data, packed = t3d.load("work/sofa"), t3d.load("all.pack")
    assert open_pack(Path("all.pack")).size == 64
    assert packed.split == run_data.split
    assert packed.lost == run_data.lost == {}
    for ours, theirs in (
        (packed.views("train"), run_data.views("train")),
        (packed.cameras("test"), run_data.cameras("test")),
    ):
        assert len(ours) == len(theirs) > 0
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape
            assert all(torch.allclose(a, b) for a, b in zip(one[:2], other[:2], strict=True))
    for data in (packed, run_data):
        torch.manual_seed(3)
        draw = data.samples("train", 50)[1]
        assert np.array_equal(draw.distances >= 0, np.arange(50) < 25)
        torch.manual_seed(3)
        assert torch.equal(draw.points, data.samples("train", 50)[1].points)
    assert not torch.equal(run_data.samples("train", 50)[1].points, draw.points), "others each time"
