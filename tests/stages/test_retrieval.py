"""Retrieval by pictures of plain colours: what is found is known."""

import numpy as np
import pytest
from PIL import Image

import t3d.models.network
from t3d.datasets.formats import read_json, write_json
from t3d.stages.retrieval import Params, retrieval


class Colours:
    """A network whose features are the mean colour of the picture, however bright it is."""

    def features(self, images):
        return images.mean(axis=(1, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def network(monkeypatch):
    monkeypatch.setattr(t3d.models.network, "load", lambda folder: Colours())


def picture(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), colour, np.uint8)).save(path)


TRAIN = {
    "red": [(90, 0, 0), (90, 1, 0), (90, 0, 9), (99, 0, 0)],
    "green": [(0, 90, 0)] * 3 + [(0, 9, 99)],
    "violet": [(50, 0, 50)] * 4,
}
"""Colours of the easy views of training shapes; hard ones are those of the next shape."""


@pytest.fixture
def run(tmp_path):
    names = sorted(TRAIN)
    views = {"train": {}, "test": {}, "train_scored": {}}
    for name, after in zip(names, names[1:] + names[:1], strict=True):
        views["train"][name] = tmp_path / "views" / name
        for i in range(4):
            picture(views["train"][name] / "easy" / f"{i:02}.png", TRAIN[name][i])
            picture(views["train"][name] / "hard" / f"{i:02}.png", TRAIN[after][i])
    views["test"]["new"] = tmp_path / "views" / "new"
    picture(views["test"]["new"] / "easy" / "30.png", (200, 1, 1))
    picture(views["test"]["new"] / "easy" / "31.png", (0, 20, 220))
    picture(views["test"]["new"] / "hard" / "30.png", (200, 1, 1))
    views["train_scored"]["red"] = views["train"]["red"]
    made = {"test": {"new": tmp_path / "made"}, "train_scored": {"red": tmp_path / "again"}}
    chosen = {"easy": {"fix": ["easy/30"], "rnd": ["easy/31", "easy/30"]}, "hard": {"fix": ["hard/30"]}}
    for folder, some in ((tmp_path / "made", chosen), (tmp_path / "again", {"easy": {"fix": ["easy/03"]}})):
        folder.mkdir()
        write_json(folder / "choices.json", {"views": some})

    def find(**changes):
        out = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        out.mkdir()
        facts = retrieval(views, made, tmp_path, out=out, params=Params(**changes))
        return read_json(out / "retrieval.json"), facts

    return find


def test_the_most_similar_picture_wins_at_every_view_and_level(run):
    found, facts = run(views=0)
    assert facts == {"shapes": 2, "searched": 3}
    assert {view: one["shape"] for view, one in found["new"].items()} == {
        "easy/30": "red", "easy/31": "green", "hard/30": "green",
    }  # fmt: skip
    assert found["new"]["easy/30"]["cosine"] == pytest.approx(1, abs=1e-4)


def test_no_training_shape_finds_itself(run):
    found, _ = run(views=0)
    assert found["red"] == {"easy/03": {"shape": "violet", "cosine": pytest.approx(np.sqrt(0.5))}}


def test_fewer_views_are_searched_on_request(run):
    found, _ = run(views=2)
    assert found["new"]["easy/31"]["shape"] != "green", "its blue view is the fourth, and not looked at"
