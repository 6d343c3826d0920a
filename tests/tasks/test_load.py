"""`t3d.load`: what it finds, what it leaves out and says so, and what it says where nothing is."""

import doctest
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import t3d
from t3d.datasets.cameras import write_cameras
from t3d.datasets.formats import write_normalization, write_npz, write_samples
from t3d.datasets.images import write_png
from t3d.datasets.meshes import write_points
from t3d.errors import DataError, UsageError
from t3d.geometry.cameras import centred, look_at
from t3d.geometry.normalize import Transform
from t3d.geometry.recipe import View
from t3d.models.pack import Extent, write_pack
from t3d.tasks import load as module

SIDE = 8
PARTS = {"train": ["c", "a", "b"], "val": [], "test": ["t"], "train_scored": ["a"]}
TRANSFORM = Transform(np.array([1.0, 2.0, 3.0]), 0.5)


def _views(folder: Path, seed: int) -> None:
    rng, levels, masks = np.random.default_rng(seed), {}, {}
    for level in ("easy", "hard"):
        (folder / level).mkdir(parents=True)
        masks[level] = rng.integers(0, 256, (3, SIDE, SIDE)).astype(np.uint8)
        for number in range(3):
            write_png(folder / level / f"{number:02d}.png", rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
        eyes = 2 + rng.random((3, 3))
        cameras = [centred(look_at(eye, (0.0, 0.0, 0.0)), 9.0, SIDE) for eye in eyes]
        levels[level] = [View(camera, 0, 0, 1, (0, 0, 0), 1, False) for camera in cameras]
    write_npz(folder / "masks.npz", masks)
    write_cameras(folder / "cameras.json", levels, TRANSFORM, np.array([[-1.0] * 3, [1.0] * 3]), 1.0)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A store of a, b, c and t; c's views are lost; a and t have surfaces."""
    root, artifacts = tmp_path / "work" / "sofa", {"sdf": {}, "views": {}, "surface": {}}
    rows = np.random.default_rng(0).random((40, 4)).astype(np.float32)
    for seed, shape in enumerate("abct"):
        for stage in ("sdf", "views", "surface"):
            folder = root / stage / shape
            folder.mkdir(parents=True)
            if (stage, shape) not in {("views", "c"), ("sdf", "t"), ("surface", "b"), ("surface", "c")}:
                artifacts[stage][shape] = f"{stage}/{shape}"
        write_samples(root / "sdf" / shape / "samples.npz", rows, -rows)
        _views(root / "views" / shape, seed)
        write_points(root / "surface" / shape / "surface.ply", rows[:, :3] - 3.0, rows[:, 1:])
        write_normalization(root / "surface" / shape / "normalization.npz", TRANSFORM)
    (root / "runs").mkdir()
    failures = [{"shape": "c", "stage": "views", "kind": "data", "reason": "every view is blank"}]
    run = {"settings": {}, "parts": PARTS, "artifacts": artifacts, "failures": failures}
    (root / "runs" / "tiny-0.json").write_text(json.dumps(run))
    return root


def test_shapes_without_all_there_is_are_left_out_and_named(work):
    data = t3d.load(work)
    assert data.split == {"train": ("a", "b"), "val": (), "test": ("t",)}
    assert data.lost == {"c": "every view is blank"}
    assert [one.shape for one in data.samples("train", 4)] == [0, 1]
    assert [one.shape for one in data.surfaces("train")] == [0], "one of them has a surface"
    assert [view.shape for view in data.views("train")] == [0, 0, 0, 1, 1, 1]


def test_views_come_by_shape_level_and_number_as_they_are_and_smaller(work):
    from PIL import Image

    views = t3d.load(work).views("train", levels=("hard", "easy"))
    folder = work / "views" / "b"
    for place, name in ((6, "hard/00"), (8, "hard/02"), (11, "easy/02")):
        picture = np.asarray(Image.open(folder / f"{name}.png"))
        level, number = name.split("/")
        assert np.array_equal(np.rint(views[place].image.numpy() * 255), picture.transpose(2, 0, 1))
        coverage = np.load(folder / "masks.npz")[level][int(number)]
        assert np.array_equal(np.rint(views[place].mask[0].numpy() * 255), coverage)
    small = t3d.load(work).views("train", size=4)[0]
    assert (small.image.shape, small.mask.shape) == ((3, 4, 4), (1, 4, 4))


def test_cameras_are_scaled_with_the_pictures(work):
    data = t3d.load(work)
    whole, half = data.cameras("train")[4], data.cameras("train", size=4)[4]
    assert torch.equal(whole.c2w, half.c2w)
    assert whole.intrinsics.tolist() == [[9, 0, 4], [0, 9, 4], [0, 0, 1]]
    assert half.intrinsics.tolist() == [[4.5, 0, 2], [0, 4.5, 2], [0, 0, 1]]


def test_surfaces_are_of_the_unit_frame_and_lead_back(work):
    (surface,) = t3d.load(work).surfaces("test")
    rows = np.random.default_rng(0).random((40, 4)).astype(np.float32)
    original = rows[:, :3] - 3.0
    assert np.allclose(surface.points, (original + TRANSFORM.offset) * 0.5)
    assert np.allclose(surface.points / surface.scale - surface.offset, original, atol=1e-6)
    assert np.allclose(surface.normals, rows[:, 1:])


def test_items_are_batched_by_torch_and_end(work):
    data = t3d.load(work)
    for dataset, size in (
        (data.views("train"), 6),
        (data.samples("train", 5), 2),
        (data.surfaces("test"), 1),
    ):
        assert len(dataset) == size == len(list(dataset))
        batch = next(iter(DataLoader(dataset, batch_size=size)))
        assert type(batch) is type(dataset[0])
        assert batch.shape.dtype == torch.int64
        assert all(len(one) == size for one in batch)
        assert all(one.dtype == torch.float32 for one in batch[:-1])
    with pytest.raises(IndexError):
        data.views("train")[6]


def test_a_pack_brings_what_it_has(work, tmp_path):
    views = {shape: work / "views" / shape for shape in "abt"}
    sdf = {shape: work / "sdf" / shape for shape in "abc"}
    parts = {part: PARTS[part] for part in ("train", "val", "test")}
    write_pack(tmp_path / "p", "sofa", parts, sdf, views, Extent(99, 9, SIDE, ("easy", "hard")))
    data, run = t3d.load(tmp_path / "p"), t3d.load(work)
    assert (data.split, data.lost) == (run.split, {"c": "not all of it is made"})
    for levels in (("hard",), ("hard", "easy")):
        pairs = zip(data.views("train", levels), run.views("train", levels), strict=True)
        assert all(torch.equal(one.image, other.image) for one, other in pairs)
        poses = zip(data.cameras("train", levels), run.cameras("train", levels), strict=True)
        assert all(torch.equal(one.c2w, other.c2w) for one, other in poses)
    again = pickle.loads(pickle.dumps(data.views("train")))
    assert torch.equal(again[1].mask, data.views("train")[1].mask)
    with pytest.raises(UsageError, match="8 pixels a side, not 4"):
        data.views("train", size=4)
    with pytest.raises(UsageError, match="no surface of test"):
        data.surfaces("test")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda data: data.views("val"), "no views of val: make them with `t3d views`"),
        (lambda data: data.samples("test", 3), "no sdf of test: make them with `t3d sdf`"),
        (lambda data: data.views("training"), "no views of training; there are train, val, test"),
        (lambda data: data.views("train", ("medium",)), "shape a: no medium views, only easy, hard"),
    ],
)
def test_what_is_not_there_is_said(work, ask, message):
    with pytest.raises(UsageError) as told:
        ask(t3d.load(work))
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_folder_without_a_run_and_a_foreign_file(tmp_path):
    with pytest.raises(UsageError, match="no run here yet"):
        t3d.load(tmp_path / "nowhere")
    (tmp_path / "text").write_text("no pack")
    with pytest.raises(DataError, match="text: no pack"):
        t3d.load(tmp_path / "text")


def test_importing_t3d_stays_light():
    code = (
        "import sys, t3d; assert 'torch' not in sys.modules and 'numpy' not in sys.modules; print(t3d.load)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "function load" in found.stdout
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        t3d.lode  # noqa: B018


def test_the_examples_of_docstrings_hold():
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0
