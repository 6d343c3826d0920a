"""Photographs, real and made up, through to meshes; the functions for notebooks and their examples."""

import doctest
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from photo_like import WALLS, parts_of, photograph, save
from PIL import Image

import t3d
from t3d.datasets.meshes import load_geometry, write_ply
from t3d.datasets.photographs import read_photograph
from t3d.errors import DataError, UsageError
from t3d.geometry.isosurface import extract
from t3d.models import network
from t3d.models.decoder import DecoderConfig, build_decoder
from t3d.models.encoder import EncoderConfig, build_encoder, resnet_settings
from t3d.models.looks import Looks
from t3d.tasks import predict as task
from t3d.tasks.synth import synthesize


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A store with networks of one run, untrained but for their template, a ball; and `sofa.png`."""
    folder = tmp_path_factory.mktemp("home")
    decoder = build_decoder(DecoderConfig(code=4, hidden=16, steps=4, width=32, depth=2), 0)
    fit_ball(decoder)
    encoder = build_encoder(
        EncoderConfig(settings=resnet_settings((8, 8), (1, 1)), input_size=32), 4, "none", 0
    )
    looks = Looks(np.zeros((2, 8), np.float32), np.zeros(0, np.float32), np.array([0.6, 0, 0]))
    for variant in ("s1", "s2-simclr"):
        (folder / "work/sofa/network" / variant).mkdir(parents=True)
        made = folder / "work/sofa/network" / variant
        network.save(made, variant, decoder, encoder, {"a": np.zeros(4, np.float32)}, looks)
    (folder / "work/sofa/runs").mkdir()
    made = {"network_s1[s1]": {"": "network/s1"}, "network_s2[s2-simclr]": {"": "network/s2-simclr"}}
    (folder / "work/sofa/runs/tiny-1.json").write_text(json.dumps({"artifacts": made}))
    later = folder / "work/sofa/runs/tiny-2.json"
    later.write_text(json.dumps({"artifacts": {"views": {}}}))
    os.utime(later, (time.time() + 9,) * 2)
    rgb = np.full((60, 80, 3), 210, np.uint8)
    rgb[20:40, 25:60] = (90, 40, 30)
    Image.fromarray(rgb).save(folder / "sofa.png")
    return folder


def fit_ball(decoder):
    """Teach the template a ball, in a second."""
    optimiser = torch.optim.Adam(decoder.template.parameters(), 1e-2)
    points = torch.rand((2000, 3), generator=torch.Generator().manual_seed(0)) * 2 - 1
    for _ in range(150):
        optimiser.zero_grad()
        loss = (decoder.template.values(points).reshape(-1) - (points.norm(dim=1) - 0.6)).abs().mean()
        loss.backward()
        optimiser.step()


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def test_the_examples_do_what_they_say(here):
    found = doctest.testmod(task)
    assert (found.failed, found.attempted >= 6) == (0, True)


def test_importing_t3d_is_quick_and_nothing_is_imported_before_it_is_used():
    code = "import sys, t3d; t3d.__version__; print({'numpy', 'torch', 'click'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
    assert t3d.predict is task.predict
    assert {getattr(t3d, name).__name__ for name in t3d._LAZY} == set(t3d._LAZY)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = t3d.nothing


def test_the_newest_run_with_a_network_is_opened(here):
    assert task.run("work/sofa", "s2-simclr").variant == "s2-simclr"
    with pytest.raises(UsageError, match="no variant 's3' in its latest run; it has s1, s2-simclr"):
        task.run("work/sofa", "s3")
    with pytest.raises(UsageError, match="no run here yet that made a network"):
        task.run(here)


def test_a_bundle_gives_the_same_mesh_without_the_store(here, tmp_path):
    network.write_bundle(tmp_path / "sofa.t3d", task.network_folder(Path("work/sofa")))
    first = task.predict("sofa.png", task.run("work/sofa"), resolution=24)
    second = task.predict("sofa.png", task.run(tmp_path / "sofa.t3d"), resolution=24)
    assert np.array_equal(first.mesh.vertices, second.mesh.vertices)
    assert np.linalg.norm(first.mesh.vertices, axis=1).mean() == pytest.approx(0.6, abs=0.1)


def test_arrays_files_and_masks_are_all_pictures(here, tmp_path):
    opened = task.run("work/sofa")
    array = np.asarray(Image.open("sofa.png").convert("RGBA"))
    mask = np.zeros(array.shape[:2], np.uint8)
    mask[20:40, 25:60] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    made = [
        task.predict(array, opened, mask, 16),
        task.predict("sofa.png", opened, tmp_path / "mask.png", 16),
    ]
    assert [one.facts["isolated"] for one in made] == [["mask"]] * 2
    assert np.array_equal(made[0].code, made[1].code)
    both = task.predict(["sofa.png", array], opened, resolution=16)
    np.testing.assert_allclose(both.code, task.predict(array, opened, resolution=16).code, atol=1e-6)


def test_scores_take_meshes_predictions_and_files(here, tmp_path):
    ball, larger = (extract(lambda p, r=r: np.linalg.norm(p, axis=1) - r, 24) for r in (0.5, 0.6))
    write_ply(tmp_path / "ball.ply", ball)
    same = task.score(tmp_path / "ball.ply", ball, "deepsdf")
    other = task.score(larger, tmp_path / "ball.ply", "deepsdf")
    assert same["chamfer-l2"] < 1e-3
    assert other["chamfer-l2"] == pytest.approx(2 * 0.1**2, rel=0.1)
    with pytest.raises(DataError, match="no surface"):
        task.score(type("Empty", (), {"mesh": None}), ball)


def size(path):
    with Image.open(path) as image:
        return image.size


def test_each_object_has_its_files_and_a_broken_one_costs_nobody_else(here, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"torn")
    opened, here_it_is = task.run("work/sofa"), Path("sofa.png")
    groups = {
        tmp_path / name: [(path, None)] for name, path in (("a", tmp_path / "torn.jpg"), ("b", here_it_is))
    }
    groups[tmp_path / "c"] = [(here_it_is, None)] * 2
    torn, one, two = task.predict_each(opened, groups, 16, ".obj")
    assert (torn["status"], one["status"], two["status"]) == ("failed", "ok", "ok")
    assert "torn.jpg" in torn["reason"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "torn.jpg", *(f"{name}{end}" for name in "bc" for end in (".obj", ".seen.png", ".preview.png")),
    }  # fmt: skip
    assert size(tmp_path / "b.preview.png") == (4 * 256, 288)
    assert size(tmp_path / "c.preview.png") == (6 * 256, 288)
    assert size(tmp_path / "c.seen.png") == (64, 32)


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
def test_every_format_holds_the_same_mesh(here, tmp_path, suffix):
    opened = task.run("work/sofa")
    (record,) = task.predict_each(opened, {tmp_path / "a": [(Path("sofa.png"), None)]}, 16, suffix)
    mesh = task.predict("sofa.png", opened, resolution=16).mesh
    found = load_geometry(tmp_path / record["mesh"])
    np.testing.assert_allclose(found.vertices[found.faces], mesh.vertices[mesh.faces], atol=1e-6)


@pytest.fixture(scope="module")
def sofa(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sofa")
    synthesize(folder, ["sofa"], 1, seed=5)
    return parts_of(next(folder.glob("*/*/models/model_normalized.obj")))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("wall", WALLS)
def test_renders_like_photographs_are_isolated_or_it_is_said_that_they_are_not(
    sofa, tmp_path, wall, orientation
):
    picture, mask = photograph(sofa, wall, np.random.default_rng(orientation), size=240)
    save(picture, tmp_path / "a.jpg", orientation)
    found = read_photograph(tmp_path / "a.jpg")
    if wall == "busy":
        assert "no object isolated" in found.warnings[0]
    else:
        ours, true = found.mask > 127, mask > 127
        assert (ours & true).sum() / (ours | true).sum() > 0.93
        assert (found.isolated, found.warnings) == ("plain background", ())


def shared_photos():
    places = [os.environ.get("T3D_TEST_MESHES", ""), str(Path(__file__).parents[3] / "shared" / "meshes")]
    folders = [Path(place).parent / "photos" for place in places if place]
    return next((folder for folder in folders if folder.is_dir()), None)


@pytest.mark.skipif(
    shared_photos() is None, reason="no shared photographs here; name them by T3D_TEST_MESHES"
)
def test_real_photographs_go_through_with_honest_warnings(here, tmp_path):
    groups = {tmp_path / path.stem: [(path, None)] for path in sorted(shared_photos().glob("*.jpg"))}
    plane, terrace = task.predict_each(task.run("work/sofa"), groups, 16, ".ply")
    assert (plane["status"], plane["isolated"], plane["warnings"]) == ("ok", ["plain background"], [])
    assert (terrace["status"], terrace["isolated"]) == ("ok", ["nothing"])
    assert "no object isolated" in terrace["warnings"][0]
