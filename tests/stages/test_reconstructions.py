"""Reconstructions of made-up networks: which view, which frame, what is said when there is no surface."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import t3d.models.network
from t3d.datasets.formats import read_json, write_npz
from t3d.datasets.meshes import read_ply
from t3d.errors import DataError
from t3d.geometry.mesh import bounds, volume
from t3d.geometry.normalize import Transform
from t3d.stages.reconstructions import Params, chosen_views, reconstructions

TRANSFORM = Transform(np.array([-3.0, 1.0, 0.5]), 0.25)
PARAMS = Params(resolution=32, levels=("easy",))


class Balls:
    """A network whose code is the image's brightness, and whose shapes are balls of that radius."""

    def encode(self, images):
        assert images.dtype == np.uint8
        assert images.shape == (1, 8, 8, 3)
        return images.mean(axis=(1, 2, 3))[:, None] / 255

    def sdf(self, points, code):
        return (np.linalg.norm(points, axis=1) - code[0]).astype(np.float32)


@pytest.fixture(autouse=True)
def network(monkeypatch):
    monkeypatch.setattr(t3d.models.network, "load", lambda folder, gpu: Balls())


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "surface").mkdir()
    arrays = {"offset": TRANSFORM.offset, "scale": np.array(TRANSFORM.scale)}
    write_npz(tmp_path / "surface" / "normalization.npz", arrays)
    return tmp_path


def add_views(root, names, radius=lambda name: 0.5, level="easy"):
    folder = root / "views" / level
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(np.full((8, 8, 3), round(255 * radius(name)), np.uint8)).save(folder / f"{name}.png")


def run(root, to="out", params=PARAMS, seed=0):
    out = root / to
    out.mkdir()
    facts = reconstructions(
        root / "views",
        root / "surface",
        root / "net",
        out=out,
        params=params,
        rng=np.random.default_rng(seed),
    )
    return out, facts


def test_fix_is_the_view_named_so_whatever_else_is_there(folders):
    names = [f"{i:02}" for i in range(50)]
    add_views(folders, reversed(names), lambda name: 0.6 if name == "30" else 0.3)
    out, facts = run(folders)
    choices = read_json(out / "choices.json")
    assert choices == facts
    assert choices["fix"] == "easy/30"
    assert "note" not in choices
    assert choices["rnd"].removeprefix("easy/") in names
    assert volume(read_ply(out / "easy" / "30.ply")) == pytest.approx(
        4 / 3 * np.pi * (0.6 * 4) ** 3, rel=0.02
    )
    assert {path.stem for path in (out / "easy").iterdir()} == {"30", choices["rnd"][5:]}


def test_meshes_are_in_the_original_frame(folders):
    add_views(folders, ["30"])
    out, _ = run(folders)
    made = bounds(read_ply(out / "easy" / "30.ply"))
    np.testing.assert_allclose(made.mean(axis=0), [3.0, -1.0, -0.5], atol=1e-6)
    np.testing.assert_allclose(np.ptp(made, axis=0), 2 * (round(255 * 0.5) / 255) / 0.25, rtol=1e-3)


def test_with_too_few_views_the_middle_one_is_fixed_and_this_is_said(folders):
    add_views(folders, ["03", "01", "02", "00"])
    out, _ = run(folders)
    choices = read_json(out / "choices.json")
    assert choices["fix"] == "easy/02"
    assert choices["note"] == "no view 30 is easy: fix is the middle one there"


def test_the_fixed_view_can_be_another(folders):
    add_views(folders, ["00", "07", "30"])
    out, _ = run(folders, params=replace(PARAMS, view="07", resolution=16))
    assert read_json(out / "choices.json")["fix"] == "easy/07"


def test_the_random_view_depends_on_the_seed_and_on_nothing_else(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, names in ((one, range(50)), (two, reversed(range(50)))):
        (folder / "easy").mkdir(parents=True)
        for i in names:
            (folder / "easy" / f"{i:02}.png").touch()
    (one / "easy" / "notes.txt").touch()
    drawn = [drawn_views(one, seed) for seed in range(200)]
    assert drawn == [drawn_views(two, seed) for seed in range(200)]
    assert len({view for (view,) in drawn}) > 40
    more = [drawn_views(one, seed, draws=7) for seed in range(200)]
    assert [views[:1] for views in more] == drawn
    assert {len(set(views)) for views in more} == {7}
    assert len(drawn_views(one, 0, draws=99)) == 50


def drawn_views(folder, seed, **changes):
    return chosen_views(folder, replace(PARAMS, **changes), np.random.default_rng(seed))["easy"]["rnd"]


def test_levels_choices_and_draws_are_all_reconstructed_once(folders):
    add_views(folders, ["00", "30", "31"])
    add_views(folders, ["00", "30"], level="hard")
    params = replace(PARAMS, levels=("easy", "hard"), draws=2, every=True, resolution=16)
    out, facts = run(folders, params=params)
    views = facts["views"]
    assert views["easy"]["all"] == ["easy/00", "easy/30", "easy/31"]
    assert views["hard"]["fix"] == ["hard/30"]
    assert (len(views["easy"]["rnd"]), len(views["hard"]["rnd"])) == (2, 2)
    assert (facts["fix"], facts["rnd"]) == ("easy/30", views["easy"]["rnd"][0])
    made = sorted(str(path.relative_to(out).with_suffix("")) for path in out.rglob("*.ply"))
    assert made == ["easy/00", "easy/30", "easy/31", "hard/00", "hard/30"]
    assert set(run(folders, "none", replace(params, draws=0, every=False))[1]["views"]["easy"]) == {"fix"}


def test_a_level_that_imported_views_lack_is_left_out(folders):
    add_views(folders, ["30"])
    assert set(run(folders, params=replace(PARAMS, levels=("easy", "hard")))[1]["views"]) == {"easy"}


def test_wrong_counts_are_refused():
    with pytest.raises(ValueError, match="draws"):
        Params(draws=-1)
    with pytest.raises(ValueError, match="levels"):
        Params(levels=())


def test_no_zero_crossing_is_a_status_with_the_range_of_values(folders):
    add_views(folders, ["30"], lambda name: 0.0)
    out, facts = run(folders)
    status = read_json(out / "choices.json")["easy/30"]
    assert status["status"] == "empty"
    assert "0 to 1.732 " in status["reason"]
    assert facts["easy/30"] == status
    assert list((out / "easy").iterdir()) == []


def test_the_same_bytes_every_time(folders):
    add_views(folders, [f"{i:02}" for i in range(35)])
    first, _ = run(folders, "first")
    again, _ = run(folders, "again")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) >= 2
    for file in files:
        assert (first / file).read_bytes() == (again / file).read_bytes()


def test_a_shape_without_views_fails_with_a_reason(folders):
    (folders / "views" / "easy").mkdir(parents=True)
    with pytest.raises(DataError, match="no views"):
        run(folders)
