"""Phase 2: the encoder learns codes from views, keeps its best weights, and can be interrupted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from t3d.models.encoder import Encoder, build_encoder, encoder_config
from t3d.models.regression import (
    RegressionPlan,
    Targets,
    mean_code_loss,
    targets,
    train_encoder,
    validation_loss,
)
from t3d.models.views import Views
from tests.models.watchers import interrupt, nobody


def _plan(**changed: object) -> RegressionPlan:
    settings: dict[str, object] = {
        "widths": (8, 16), "depths": (1, 1), "input_size": 16,
        "iterations": 40, "batch": 8, "lr": 3e-3, "weight_decay": 0.0, "schedule": "cosine", "decay_every": 0,
        "jitter": 0.1, "hue": 0.0, "gray": 0.0, "shift": 0.0, "zoom": 0.0,
        "pretrained": "none", "validate_every": 10, "patience": 0,
        "freeze": False, "norms": "batch",
        "gpu": False, "precision": "no",
    }  # fmt: skip
    return RegressionPlan(**(settings | changed))  # type: ignore[arg-type]


CONFIG = encoder_config(_plan())


def _squares(seed: int, shapes: int = 6, per_shape: int = 4) -> Targets:
    """Dark squares; the code tells their width and height."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 14, (shapes, 2))
    masks = np.zeros((shapes * per_shape, 1, 16, 16), np.uint8)
    for view, (wide, high) in enumerate(np.repeat(sizes, per_shape, axis=0)):
        left, top = rng.integers(0, 17 - wide), rng.integers(0, 17 - high)
        masks[view, 0, top : top + high, left : left + wide] = 255
    images = np.broadcast_to(255 - masks // 2, (len(masks), 3, 16, 16)).copy()
    whose = torch.arange(shapes).repeat_interleave(per_shape)
    views = Views(tuple(map(str, range(shapes))), torch.from_numpy(images), torch.from_numpy(masks), whose)
    return Targets(views, torch.from_numpy(sizes.astype(np.float32)) / 14)


NO_VIEWS = Targets(
    Views((), *(torch.empty(0, *tail, dtype=torch.uint8) for tail in ((3, 16, 16), (1, 16, 16), ()))),
    torch.empty(0, 2),
)


def _state(encoder: Encoder) -> dict[str, torch.Tensor]:
    return dict(encoder.state_dict())


def test_it_beats_the_mean_code_on_shapes_it_has_not_seen() -> None:
    train, val = _squares(0, shapes=40), _squares(1)
    encoder, rows = train_encoder((train, val), _plan(iterations=150, batch=32, patience=99), 0, None, nobody)
    assert min(row["val"] for row in rows) < 0.6 * mean_code_loss(train, val)
    assert validation_loss(encoder, val, 8) == pytest.approx(min(row["val"] for row in rows), rel=1e-4)


def test_validation_is_the_mean_over_all_views_in_whatever_batches() -> None:
    encoder, val = build_encoder(CONFIG, 2, "none", 0), _squares(1)
    assert validation_loss(encoder, val, 5) == pytest.approx(validation_loss(encoder, val, 100), rel=1e-5)
    assert not encoder.training


def test_mean_code_loss() -> None:
    train, val = _squares(0), _squares(1)
    mean = train.codes.mean(0)
    by_hand = np.mean([float((val.codes[whose] - mean).abs().sum()) for whose in val.views.shapes])
    assert mean_code_loss(train, val) == pytest.approx(by_hand, rel=1e-5)


def test_training_updates_batch_norm_and_validation_does_not() -> None:
    train = _squares(0)
    encoder, _ = train_encoder((train, NO_VIEWS), _plan(iterations=10), 0, None, nobody)
    counted = {int(v) for k, v in _state(encoder).items() if k.endswith("num_batches_tracked")}
    assert counted == {10}
    encoder, _ = train_encoder((train, _squares(1)), _plan(iterations=10), 0, None, nobody)
    counted = {int(v) for k, v in _state(encoder).items() if k.endswith("num_batches_tracked")}
    assert counted == {10}


def test_the_best_weights_are_kept_and_patience_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 3.0, 4.0, 4.5, 6.0, 1.0])
    seen: list[dict[str, torch.Tensor]] = []

    def fake(encoder: Encoder, *_: object) -> float:
        seen.append({name: value.clone() for name, value in encoder.state_dict().items()})
        return next(losses)

    monkeypatch.setattr("t3d.models.regression.validation_loss", fake)
    plan = _plan(iterations=60, patience=3)
    encoder, rows = train_encoder((_squares(0), _squares(1)), plan, 0, None, nobody)
    assert [row["val"] for row in rows] == [5.0, 3.0, 4.0, 4.5, 6.0]
    assert all(torch.equal(value, seen[1][name]) for name, value in _state(encoder).items())


def test_an_interrupted_run_gives_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best weights so far survive too."""
    monkeypatch.setattr("t3d.models.training.SAVE_SECONDS", 0.0)
    data, plan = (_squares(0), _squares(1)), _plan(hue=0.2, shift=0.1)
    whole, rows = train_encoder(data, plan, 0, None, nobody)
    for stop in (20, 40):
        with pytest.raises(KeyboardInterrupt):
            train_encoder(data, plan, 0, tmp_path, interrupt(stop))
    resumed, again = train_encoder(data, plan, 0, tmp_path, nobody)
    assert [row["loss"] for row in again] == [row["loss"] for row in rows]
    assert [row["val"] for row in again] == [row["val"] for row in rows]
    assert all(torch.equal(value, _state(whole)[name]) for name, value in _state(resumed).items())


def test_only_shapes_with_codes_and_views_count(tmp_path: Path) -> None:
    from PIL import Image

    for shape in ("a", "b", "c"):
        (tmp_path / shape / "easy").mkdir(parents=True)
        Image.new("RGB", (16, 16), "white").save(tmp_path / shape / "easy" / "00.png")
        np.savez(tmp_path / shape / "masks.npz", easy=np.zeros((1, 16, 16), np.uint8))
    folders = {shape: tmp_path / shape for shape in ("c", "b", "a")}
    codes = {shape: np.full(2, value, np.float32) for shape, value in (("a", 1.0), ("c", 3.0), ("d", 4.0))}
    found = targets(folders, codes, ("easy",), 16, tmp_path / "kept")
    assert found.views.ids == ("a", "c")
    assert found.codes[:, 0].tolist() == [1.0, 3.0]
    assert targets({}, {}, ("easy",), 16, tmp_path / "none").codes.shape[0] == 0


@pytest.mark.parametrize("norms", ["batch", "fixed"])
@pytest.mark.parametrize("freeze", [False, True])
def test_what_learns_is_what_was_said(freeze: bool, norms: str) -> None:
    """Frozen weights and batch norms are two explicit things (defect 14)."""
    plan = _plan(iterations=5, freeze=freeze, norms=norms)
    before = build_encoder(CONFIG, 2, "none", 0).state_dict()
    after, _ = train_encoder((_squares(0), NO_VIEWS), plan, 0, None, nobody)
    moved = {name for name, value in _state(after).items() if not torch.equal(value, before[name])}
    running = {name for name in before if "running" in name or "tracked" in name}
    weights = {name for name in before if name.startswith("backbone")} - running
    assert bool(moved & running) == (norms == "batch")
    assert bool(moved & weights) == (not freeze)
    assert "to_code.weight" in moved
