"""Solution 2 on boxes seen as bars: it learns sizes from pictures, says what it freezes, can be stopped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from t3d.models import endtoend, training
from t3d.models.codes import CodeBook, LossPlan
from t3d.models.decoder import DecoderConfig, build_decoder
from t3d.models.encoder import EncoderConfig, build_encoder, resnet_settings, set_training
from t3d.models.endtoend import (
    EndToEnd,
    EndToEndPlan,
    Scenes,
    reconstruction_loss,
    scenes,
    shape_codes,
    start_codes,
    train_end_to_end,
)
from t3d.models.samples import Samples
from t3d.models.views import Views
from tests.models.watchers import interrupt, nobody

ENCODER = EncoderConfig(settings=resnet_settings((8, 16), (1, 1)), input_size=16)
DECODER = DecoderConfig(code=4, hidden=16, steps=4, width=16, depth=2, dropout=0.0)
PLAN = EndToEndPlan(
    iterations=40, scenes=8, points=64, code_start=0.5, lr_warp=3e-3, lr_template=3e-3, lr_encoder=3e-3,
    weight_decay=0.0, schedule="cosine", decay_every=0, freeze=False, norms="batch", jitter=0.1, hue=0.0,
    gray=0.0, shift=0.0, zoom=0.0, validate_every=10, patience=0, gpu=False, precision="no",
)  # fmt: skip
WEIGHTS = LossPlan(clamp=0.3, pointwise=0.005, pointpair=0.01, pointpair_limit=5.0, code_weight=1e-4, ramp=10)


def box_samples(half: NDArray[np.float64], rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Exact distances of a box with these half sides."""
    points = rng.uniform(-1, 1, (4000, 3))
    away = np.abs(points) - half
    distance = np.linalg.norm(np.maximum(away, 0), axis=1) + np.minimum(away.max(1), 0)
    rows = np.column_stack([points, distance]).astype(np.float32)
    return {"pos": rows[distance >= 0], "neg": rows[distance < 0]}


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], Scenes]:
    """Scenes of boxes, by seed and number: three views each, dark bars as wide and high as the box."""
    root = tmp_path_factory.mktemp("boxes")

    def make(seed: int, count: int) -> Scenes:
        rng = np.random.default_rng(seed)
        half = rng.integers(2, 7, (count, 2)) / 8
        masks = np.zeros((count, 3, 1, 16, 16), np.uint8)
        folders = {}
        for index, (x, y) in enumerate(half):
            folder = root / f"{seed}-{index:03}"
            folder.mkdir(exist_ok=True)
            np.savez(folder / "samples.npz", **box_samples(np.array([x, y, 0.4]), rng))
            folders[folder.name] = folder
            across, up = round(8 * x), round(8 * y)
            masks[index, :, 0, 8 - up : 8 + up, 8 - across : 8 + across] = 255
        flat = torch.from_numpy(masks.reshape(-1, 1, 16, 16))
        images = (255 - flat // 2).expand(-1, 3, -1, -1).contiguous()
        whose = torch.arange(count).repeat_interleave(3)
        return Scenes(Samples(folders), Views(tuple(sorted(folders)), images, flat, whose))

    return make


NOTHING = Scenes(
    Samples({}),
    Views(
        (),
        torch.empty(0, 3, 16, 16, dtype=torch.uint8),
        torch.empty(0, 1, 16, 16, dtype=torch.uint8),
        torch.empty(0, dtype=torch.int64),
    ),
)


def _train(data: tuple[Scenes, Scenes], scratch: Path | None = None, **changed: Any) -> Any:
    progress = changed.pop("progress", nobody)
    encoder = build_encoder(ENCODER, DECODER.code, "none", 0)
    plans = (replace(PLAN, **changed), WEIGHTS)
    return train_end_to_end(data, encoder, DECODER, plans, 0, scratch, progress)


def test_pictures_it_has_not_seen_are_reconstructed_better_than_by_the_mean_code(
    boxes: Callable[[int, int], Scenes],
) -> None:
    train, val = boxes(0, 40), boxes(1, 8)
    model, rows = _train((train, val), iterations=150, scenes=16, validate_every=50)
    found = reconstruction_loss(model, val, 0.3, 0)
    assert found == pytest.approx(min(row["val"] for row in rows), rel=1e-4)
    mean = torch.from_numpy(np.mean([*shape_codes(model.encoder, train.views).values()], axis=0))
    nn.init.zeros_(model.encoder.to_code.weight)
    model.encoder.to_code.bias.data[:] = mean
    assert found < 0.75 * reconstruction_loss(model, val, 0.3, 0)


def test_each_shape_gets_its_own_picture(
    boxes: Callable[[int, int], Scenes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view of the very shape whose samples are decoded, another one in each pass."""
    train = boxes(0, 8)
    train.views.images[:] = torch.arange(24).view(-1, 1, 1, 1).to(torch.uint8)
    train.views.masks[:] = 255
    seen: list[tuple[list[int], list[int]]] = []
    inner = EndToEnd.forward

    def spy(self: EndToEnd, shapes: torch.Tensor, images: torch.Tensor, *rest: Any) -> Any:
        assert shapes.tolist() == seen[-1][0]
        seen[-1][1].extend((images[:, 0, 0, 0] * 255).round().int().tolist())
        return inner(self, shapes, images, *rest)

    batch = Samples.batch

    def note(self: Samples, *turn: int) -> Any:
        found = batch(self, *turn)
        seen.append((found.shapes.tolist(), []))
        return found

    monkeypatch.setattr(EndToEnd, "forward", spy)
    monkeypatch.setattr(Samples, "batch", note)
    _train((train, NOTHING), jitter=0.0, iterations=20)
    assert all(shapes == [view // 3 for view in views] for shapes, views in seen)
    assert len({view for _, views in seen for view in views}) == 24


@pytest.mark.parametrize("norms", ["batch", "fixed"])
@pytest.mark.parametrize("freeze", [False, True])
def test_what_learns_is_what_was_said(boxes: Callable[[int, int], Scenes], freeze: bool, norms: str) -> None:
    """An earlier project froze the backbone without saying so, and let its norms drift (defect 14)."""
    before = build_encoder(ENCODER, DECODER.code, "none", 0).state_dict()
    model, _ = _train((boxes(0, 8), NOTHING), iterations=3, freeze=freeze, norms=norms)
    after = model.encoder.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    running = {name for name in before if "running" in name or "tracked" in name}
    weights = {name for name in before if name.startswith("backbone")} - running
    assert bool(moved & running) == (norms == "batch")
    assert bool(moved & weights) == (not freeze)
    assert "to_code.weight" in moved
    start = build_decoder(DECODER, 0).state_dict()
    assert any(not torch.equal(value, start[name]) for name, value in model.decoder.state_dict().items())


def _moved(before: nn.Module, after: nn.Module) -> bool:
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    return any(not torch.equal(one, other) for one, other in pairs)


def test_with_its_code_book_the_decoder_learns_without_the_encoder(
    boxes: Callable[[int, int], Scenes],
) -> None:
    """The encoder has but the book's codes to learn from: nothing, where they have no weight."""
    data = (boxes(0, 8), NOTHING)
    untouched, _ = _train(data, iterations=0)
    for steps, weight, follows in ((3, 0.0, False), (3, 0.1, True), (2, 0.0, True)):
        model, _ = _train(data, iterations=3, book_iterations=steps, book_weight=weight)
        assert _moved(untouched.decoder, model.decoder)
        assert _moved(untouched.book, model.book)
        assert _moved(untouched.encoder, model.encoder) == follows


def test_without_a_code_book_there_is_none(boxes: Callable[[int, int], Scenes]) -> None:
    """Neither as published nor in going on from a trained decoder."""
    data = (boxes(0, 8), NOTHING)
    untouched, _ = _train(data, iterations=0)
    model, _ = _train(data, iterations=3)
    assert not _moved(untouched.book, model.book)
    plans, encoder = (replace(PLAN, iterations=3, book_iterations=3, book_weight=0.0), WEIGHTS), model.encoder
    before = [weight.clone() for weight in encoder.parameters()]
    train_end_to_end(data, encoder, model.decoder, plans, 0, None, nobody)
    after = encoder.parameters()
    assert any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_the_encoder_comes_to_give_the_codes_of_the_book(boxes: Callable[[int, int], Scenes]) -> None:
    train = boxes(0, 8)
    away = []
    for steps in (1, 150):
        model, _ = _train((train, NOTHING), iterations=steps, book_iterations=steps, lr_codes=1e-2)
        codes = model.book.weight.detach()
        assert float(codes.norm(dim=1).max()) < 1.1 * PLAN.code_bound
        found = torch.from_numpy(np.stack([*shape_codes(model.encoder, train.views).values()]))
        away.append(float((found - codes).norm(dim=1).mean() / (codes - codes.mean(0)).norm(dim=1).mean()))
    assert away[1] < min(0.5 * away[0], 0.6)


def test_schedules_count_iterations_whatever_the_number_of_pictures(
    boxes: Callable[[int, int], Scenes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch of all pictures was 50 of shapes: rates never fell, ramps never ended (defect 15)."""
    steps: list[int] = []
    rates: list[float] = []
    inner, of_step = endtoend.weighted_losses, training.learning_rate
    monkeypatch.setattr(
        endtoend,
        "weighted_losses",
        lambda out, batch, plan, step: steps.append(step) or inner(out, batch, plan, step),
    )
    monkeypatch.setattr(training, "learning_rate", lambda *turn: rates.append(of_step(*turn)) or rates[-1])
    _train((boxes(0, 8), NOTHING), iterations=12, schedule="halving", decay_every=4)
    assert steps == list(range(12))
    assert rates[:: len(rates) // 12] == [1.0] * 4 + [0.5] * 4 + [0.25] * 4


def test_the_best_weights_are_kept_and_patience_ends_the_run(
    boxes: Callable[[int, int], Scenes], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([5.0, 3.0, 4.0, 4.5, 6.0, 1.0])
    seen: list[dict[str, torch.Tensor]] = []

    def fake(model: EndToEnd, *_: object) -> float:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(losses)

    monkeypatch.setattr(endtoend, "reconstruction_loss", fake)
    model, rows = _train((boxes(0, 8), boxes(1, 2)), iterations=60, patience=3)
    assert [row["val"] for row in rows] == [5.0, 3.0, 4.0, 4.5, 6.0]
    assert all(torch.equal(value, seen[1][name]) for name, value in model.state_dict().items())


def test_without_patience_the_last_weights_count(
    boxes: Callable[[int, int], Scenes], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, torch.Tensor]] = []

    def worse_and_worse(model: EndToEnd, *_: object) -> float:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return float(len(seen))

    monkeypatch.setattr(endtoend, "reconstruction_loss", worse_and_worse)
    model, rows = _train((boxes(0, 8), boxes(1, 2)), iterations=30, patience=0)
    assert [row["val"] for row in rows] == [1.0, 2.0, 3.0]
    assert all(torch.equal(value, seen[-1][name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_interrupted_run_gives_the_same_weights(
    boxes: Callable[[int, int], Scenes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    """Also when the model is wrapped for several devices, which puts `module.` before every name; what is
    kept is never the wrapper's (defects 33 and 35).
    """
    monkeypatch.setattr("t3d.models.training.SAVE_SECONDS", 0.0)
    data, looks = (boxes(0, 8), boxes(1, 2)), {"hue": 0.2, "shift": 0.1, "zoom": 0.1, "gray": 0.2}
    looks["book_iterations"] = 25
    whole, rows = _train(data, None, **looks)
    if wrapped:
        monkeypatch.setattr(
            "accelerate.Accelerator.prepare",
            lambda self, model, optimizer: (nn.DataParallel(model), optimizer),
        )
    for stop in (20, 40):
        with pytest.raises(KeyboardInterrupt):
            _train(data, tmp_path, **looks, progress=interrupt(stop))
        kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        assert not any(name.startswith("module.") for name in kept["module"])
    resumed, again = _train(data, tmp_path, **looks)
    assert [{**row, "seconds": 0} for row in again] == [{**row, "seconds": 0} for row in rows]
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in resumed.state_dict().items())


def test_rows_hold_numbers_and_no_graphs(boxes: Callable[[int, int], Scenes]) -> None:
    """An earlier project summed losses with all that had made them (defect 37)."""
    _, rows = _train((boxes(0, 8), NOTHING), iterations=10)
    assert all(isinstance(value, int | float) for row in rows for value in row.values())


def test_validation_is_by_single_views_without_augmentation(boxes: Callable[[int, int], Scenes]) -> None:
    book = CodeBook((8, 4), 0.5, 1.0, 0)
    model = EndToEnd(build_encoder(ENCODER, 4, "none", 0), build_decoder(DECODER, 0), book)
    val = boxes(1, 2)
    rng, expected = np.random.default_rng((0, 4)), []
    model.eval()
    for shape in range(2):
        batch = val.samples.of(np.array([shape]), endtoend.VALIDATION_POINTS, rng)
        for view in range(3):
            code = model.encoder(val.views.images[3 * shape + view][None] / 255.0)[0].detach()
            with torch.no_grad():
                values = model.decoder.sdf(batch.points[0], code).numpy()
            wanted = batch.distances[0].numpy()
            expected.append(np.abs(values.clip(-0.2, 0.2) - wanted.clip(-0.2, 0.2)).mean())
    assert reconstruction_loss(model, val, 0.2, 0) == pytest.approx(np.mean(expected), rel=1e-5)
    assert reconstruction_loss(model.train(), val, 0.2, 0) == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_shapes_code_is_the_mean_of_its_views(boxes: Callable[[int, int], Scenes]) -> None:
    encoder, views = build_encoder(ENCODER, 4, "none", 0), boxes(0, 5).views
    with torch.no_grad():
        expected = encoder.eval()(views.images / 255.0).unflatten(0, (5, -1)).mean(1)
    found = shape_codes(encoder, views)
    assert tuple(found) == views.ids
    assert np.stack([*found.values()]) == pytest.approx(expected.numpy(), abs=1e-6)


@pytest.mark.parametrize("norms", ["batch", "fixed"])
def test_codes_start_around_zero_and_as_long_as_wanted(
    boxes: Callable[[int, int], Scenes], norms: str
) -> None:
    """Features of different pictures have most in common at first: the mean is longer than the rest."""
    encoder, views = build_encoder(ENCODER, 4, "none", 0), boxes(0, 20).views
    set_training(encoder, norms)
    with torch.no_grad():
        before = encoder(views.images / 255.0)
        assert float(before.mean(0).norm()) > 2 * float((before - before.mean(0)).norm(dim=1).mean())
        start_codes(encoder, views, 0.05)
        after = encoder(views.images / 255.0)
    assert float(after.norm(dim=1).mean()) == pytest.approx(0.05, rel=1e-3)
    assert float(after.mean(0).norm()) < 1e-5
    apart = [codes[1:] - codes[0] for codes in (before, after)]
    torch.testing.assert_close(*(one / one.norm() for one in apart), atol=1e-4, rtol=1e-3)


def test_only_shapes_with_samples_and_views_count(tmp_path: Path) -> None:
    from PIL import Image

    for shape in ("a", "b", "c"):
        (tmp_path / shape / "easy").mkdir(parents=True)
        Image.new("RGB", (16, 16), "white").save(tmp_path / shape / "easy" / "00.png")
        np.savez(tmp_path / shape / "masks.npz", easy=np.zeros((1, 16, 16), np.uint8))
    views = {shape: tmp_path / shape for shape in ("a", "b", "c")}
    found = scenes({"c": tmp_path, "a": tmp_path, "d": tmp_path}, views, ("easy",), 16, tmp_path / "kept")
    assert found.samples.ids == found.views.ids == ("a", "c")
