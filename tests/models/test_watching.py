import sys

import numpy as np
import torch
from PIL import Image

from t3d.models import watching
from t3d.models.plans import DevicePlan
from t3d.models.training import Run
from t3d.models.watching import BOARD, SIDE, slices


class Ball:
    """A ball whose radius is the first number of the code, moved along y by the second."""

    def values(self, points, codes):
        centre = torch.stack([torch.zeros(len(codes)), codes[:, 1], torch.zeros(len(codes))], -1)
        return (points - centre[:, None]).norm(dim=-1) - codes[:, :1]


def test_slices_show_the_three_planes_of_every_shape():
    picture = slices(Ball(), torch.tensor([[0.5, 0.0], [0.3, 0.6]]))
    assert picture.shape == (2 * SIDE, 3 * SIDE, 3)
    inside = (picture[..., 2] > picture[..., 0].astype(int) + 50).reshape(2, SIDE, 3, SIDE)
    areas = inside.mean((1, 3)) * 4
    assert np.allclose(areas[0], np.pi * 0.5**2, atol=0.05)
    assert np.allclose(areas[1], [np.pi * 0.3**2, 0, np.pi * 0.3**2], atol=0.05), "y = 0 misses it"
    rows = [np.argwhere(inside[1, :, plane].any(1)).mean() for plane in (0, 2)]
    assert np.allclose(rows, (1 - 0.6) / 2 * SIDE, atol=1), "y points up"
    assert (picture == 0).all(2).any(), "the surface is a line"


def test_a_checkpoint_comes_with_curves_and_slices(tmp_path, monkeypatch):
    monkeypatch.setattr("t3d.models.training.SAVE_SECONDS", 0.0)
    module = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam([{"params": module.parameters(), "lr": 0.1, "base": 0.1}])
    shown = lambda: (Ball(), torch.tensor([[0.5, 0.0]]))  # noqa: E731
    run = Run(module, optimizer, DevicePlan(), tmp_path, shown)
    run.go(4, lambda step: {"loss": torch.tensor(2.0)}, lambda row: False, lambda *_, **__: None, 2)
    lines = (tmp_path / "curves.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "2", "4"]
    assert np.asarray(Image.open(tmp_path / "slices.png")).shape == (SIDE, 3 * SIDE, 3)


def test_tensorboard_is_told_every_row_where_it_is_asked_for(tmp_path, monkeypatch):
    told = []

    class Writer:
        def __init__(self, folder):
            told.append(folder)

        def add_scalar(self, *scalar):
            told.append(scalar)

        def close(self):
            told.append("closed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", type(sys)("made"))
    sys.modules["torch.utils.tensorboard"].SummaryWriter = Writer
    watching.Board("codes-1").add({"step": 5, "loss": 0.5})
    assert told == []
    monkeypatch.setenv(BOARD, str(tmp_path))
    board = watching.Board("codes-1")
    board.add({"step": 5, "loss": 0.5})
    board.close()
    assert told == [tmp_path / "codes-1", ("loss", 0.5, 5), "closed"]


def test_a_missing_tensorboard_costs_a_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setenv(BOARD, str(tmp_path))
    watching.Board("codes-1").close()
    assert "tensorboard is not installed" in caplog.text
