"""The four methods: what they compare, what follows slowly, that they learn, and that they can be stopped."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from t3d.errors import DataError
from t3d.models import pretraining
from t3d.models.encoder import Backbone, build_backbone, encoder_config
from t3d.models.pretraining import (
    BYOL,
    METHODS,
    Method,
    MoCo,
    PretrainPlan,
    build_method,
    byol_momentum,
    follow,
    in_groups,
    positives,
    pretrain,
)
from t3d.models.training import generator
from t3d.models.views import Views
from tests.models.watchers import interrupt, nobody

CPU = torch.device("cpu")
PLAN = PretrainPlan(
    widths=(8, 16), depths=(1, 1), input_size=16,
    iterations=40, batch=8, lr=3e-3, weight_decay=1e-4, hidden=16, projection=8, temperature=0.2, queue=24,
    norm_groups=2, moco_momentum=0.9, byol_momentum=0.9, jitter=0.1, hue=0.0, gray=0.0, shift=0.0, zoom=0.0,
    validate_every=10, patience=0, gpu=False, precision="no",
)  # fmt: skip
CONFIG = encoder_config(PLAN)


def bars(seed: int, shapes: int = 12, per_shape: int = 6) -> Views:
    """Dark bars: width and height are the shape's, place and shade the view's."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((shapes * per_shape, 1, 16, 16), np.uint8)
    images = np.full((shapes * per_shape, 3, 16, 16), 255, np.uint8)
    for view, (wide, high) in enumerate(np.repeat(rng.integers(2, 15, (shapes, 2)), per_shape, axis=0)):
        left, top = rng.integers(0, 17 - wide), rng.integers(0, 17 - high)
        masks[view, 0, top : top + high, left : left + wide] = 255
        images[view, :, top : top + high, left : left + wide] = rng.integers(0, 160)
    whose = torch.arange(shapes).repeat_interleave(per_shape)
    return Views(tuple(map(str, range(shapes))), torch.from_numpy(images), torch.from_numpy(masks), whose)


NO_VIEWS = replace(
    bars(0, 1, 1), ids=(), **{x: getattr(bars(0, 1, 1), x)[:0] for x in ("images", "masks", "shapes")}
)


def _method(name: str, plan: PretrainPlan = PLAN) -> Method:
    return build_method(name, build_backbone(CONFIG, "none", 0), plan, 0)


def _batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return positives(bars(0), PLAN, (seed, 0), CPU)


def _loss(model: Method, batch: tuple[torch.Tensor, ...], seed: int = 0) -> float:
    return model(*batch, generator(CPU, seed)).item()


@pytest.mark.parametrize(
    ("name", "iterations"), [("simclr", 60), ("moco", 75), ("byol", 150), ("simsiam", 120)]
)
def test_it_learns_and_does_not_collapse(name: str, iterations: int) -> None:
    """Loss falls, shapes never seen are found again more often, embeddings fill their space."""
    plan = replace(PLAN, iterations=iterations, batch=24, lr=1e-2, validate_every=iterations // 3)
    _, rows = pretrain(name, (bars(0, 40), bars(1, 10)), plan, 0, None, nobody)
    assert rows[0]["step"] == 0
    assert rows[-1]["loss"] < 0.95 * rows[1]["loss"]
    assert rows[-1]["retrieval"] > rows[0]["retrieval"] + 0.1
    assert rows[-1]["spread"] > 0.4
    assert rows[-1]["rank"] > 2


def test_without_a_method_the_encoder_is_measured_and_left_as_it_was() -> None:
    encoder, rows = pretrain("none", (bars(0), bars(1)), PLAN, 0, None, nobody)
    start = build_backbone(CONFIG, "none", 0).state_dict()
    assert all(torch.equal(value, start[name]) for name, value in encoder.state_dict().items())
    assert [row["step"] for row in rows] == [0]
    _, trained = pretrain("simclr", (bars(0), bars(1)), PLAN, 0, None, nobody)
    assert trained[0] == rows[0]


def test_the_first_loss_of_simclr_is_that_of_a_guess() -> None:
    """Ln(2B - 1), cosines of a random projection being near each other at temperature 1."""
    model = _method("simclr", replace(PLAN, temperature=1.0, projection=512))
    assert _loss(model, _batch()) == pytest.approx(math.log(2 * 8 - 1), abs=0.15)


@pytest.mark.parametrize("name", ["byol", "simsiam"])
def test_predictions_are_compared_by_direction_alone(name: str) -> None:
    """Two directions of [0, 4] each; a predictor ten times as long changes nothing (defect 19)."""
    model = _method(name)
    batch = _batch()
    loss = _loss(model, batch)
    assert 0 <= loss <= 8
    with torch.no_grad():
        for parameter in model.predictor[-1].parameters():
            parameter.mul_(10)
    assert _loss(model, batch) == pytest.approx(loss, abs=1e-4)


@pytest.mark.parametrize("name", ["byol", "simsiam"])
def test_both_views_predict_each_other(name: str) -> None:
    one, other, shapes = _batch()
    model = _method(name).eval()
    assert _loss(model, (other, one, shapes)) == pytest.approx(_loss(model, (one, other, shapes)), rel=1e-5)


def test_positives_are_two_different_views_of_different_shapes() -> None:
    """Not one picture twice, which needs no knowledge of the shape."""
    views = bars(0)
    marked = replace(views, images=views.images.clone(), masks=torch.full_like(views.masks, 255))
    marked.images[:] = torch.arange(len(views)).view(-1, 1, 1, 1).to(torch.uint8)  # each says its number
    plain = replace(PLAN, jitter=0.0)
    for seed in range(30):
        one, other, shapes = positives(marked, plain, (seed, 0), CPU)
        rows = [(images[:, 0, 0, 0] * 255).round().long() for images in (one, other)]
        assert bool((rows[0] != rows[1]).all())
        assert all(torch.equal(views.shapes[row], shapes) for row in rows)
        assert len(set(shapes.tolist())) == len(shapes) == 8


def test_one_shape_is_no_contrast() -> None:
    with pytest.raises(DataError, match="1 training shapes"):
        positives(bars(0, shapes=1), PLAN, (0, 0), CPU)


def test_follow_is_the_exponential_average_of_parameters() -> None:
    slow, fast = nn.Linear(2, 2), nn.Linear(2, 2)
    expected = 0.75 * slow.weight.detach() + 0.25 * fast.weight.detach()
    follow(slow, fast, 0.75)
    torch.testing.assert_close(slow.weight, expected)


def test_momentum_of_byol_rises_from_its_base_to_1() -> None:
    assert [byol_momentum(0.9, step, 100) for step in (0, 50, 100)] == pytest.approx([0.9, 0.95, 1.0])
    rising = [byol_momentum(0.99, step, 100) for step in range(101)]
    assert rising == sorted(rising)


def test_momentum_of_byol_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    monkeypatch.setattr(pretraining, "follow", lambda slow, fast, momentum: seen.append(momentum))
    pretrain("byol", (bars(0), NO_VIEWS), PLAN, 0, None, nobody)
    assert seen == pytest.approx([byol_momentum(0.9, step, 40) for step in range(40)])


@pytest.mark.parametrize("name", ["byol", "moco"])
def test_the_slow_network_gets_no_gradient_and_its_norms_see_its_own_batches(name: str) -> None:
    """So its running statistics need no averaging: they are of what it made itself."""
    model = _method(name)
    assert isinstance(model, BYOL | MoCo)
    with torch.no_grad():
        for one in model.slow.parameters():
            one.mul_(1.5)
    model(*_batch(), generator(CPU, 0)).backward()
    assert all(one.grad is None for one in model.slow.parameters())
    assert all(one.grad is not None for one in model.online.parameters())
    pairs = zip(model.slow.named_buffers(), model.online.named_buffers(), strict=True)
    running = [(mine, theirs) for (key, mine), (_, theirs) in pairs if key.endswith("running_mean")]
    assert running
    assert all(bool(mine.abs().sum() > 0) for mine, _ in running)
    assert not any(torch.equal(mine, theirs) for mine, theirs in running)


def test_the_queue_holds_the_newest_keys_and_whose_they_are() -> None:
    """Its length need not be a multiple of the batch."""
    model = _method("moco", replace(PLAN, queue=20))
    assert isinstance(model, MoCo)
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    for step in range(4):
        model(*_batch(step), generator(CPU, 0))
        assert model.latest is not None
        kept.append(model.latest)
        model.after_step(step)
    keys, shapes = (torch.cat(parts)[-20:] for parts in zip(*kept, strict=True))
    order = torch.arange(12, 32) % 20
    torch.testing.assert_close(model.queue[order], keys)
    assert torch.equal(model.queue_shapes[order], shapes)


def test_a_shape_is_not_held_against_itself_in_the_queue() -> None:
    """In a small set the queue holds every shape many times."""
    model, batch = _method("moco").eval(), _batch()
    assert isinstance(model, MoCo)
    _loss(model, batch)
    assert model.latest is not None
    model.queue[:] = model.latest[0].repeat(3, 1)
    model.queue_shapes[:] = batch[2].repeat(3)
    known = _loss(model, batch)
    model.queue_shapes[:] = -1
    assert known < _loss(model, batch) - 0.1


def test_groups_have_statistics_of_their_own_and_order_is_kept() -> None:
    """Equal to shuffled batch norms across GPUs (defect 20)."""
    network = build_backbone(CONFIG, "none", 0)
    images = torch.rand(8, 3, 16, 16)
    order = torch.tensor([3, 0, 6, 1, 7, 2, 5, 4])
    found = in_groups(network, images, order, 2)
    for part in (order[:4], order[4:]):
        torch.testing.assert_close(found[part], network(images[part]))
    assert not torch.allclose(found, network(images))
    torch.testing.assert_close(in_groups(network.eval(), images, order, 2), network(images))


def test_keys_are_shuffled_and_queries_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[torch.Tensor] = []

    def spy(network: nn.Module, images: torch.Tensor, order: torch.Tensor, groups: int) -> torch.Tensor:
        orders.append(order)
        return in_groups(network, images, order, groups)

    monkeypatch.setattr(pretraining, "in_groups", spy)
    model = _method("moco")
    model(*_batch(), generator(CPU, 0))
    model(*_batch(), generator(CPU, 1))
    assert torch.equal(orders[0], torch.arange(8))
    assert not torch.equal(orders[1], orders[0])
    assert not torch.equal(orders[1], orders[3])


@pytest.mark.parametrize("name", ["moco", "byol"])
def test_an_interrupted_run_gives_the_same_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queue, slow network and best weights survive (defect 35)."""
    monkeypatch.setattr("t3d.models.training.SAVE_SECONDS", 0.0)
    data = (bars(0), bars(1))
    plan = replace(PLAN, hue=0.2, gray=0.2, shift=0.1, zoom=0.1)
    whole, rows = pretrain(name, data, plan, 0, None, nobody)
    for stop in (20, 40):
        with pytest.raises(KeyboardInterrupt):
            pretrain(name, data, plan, 0, tmp_path, interrupt(stop))
    resumed, again = pretrain(name, data, plan, 0, tmp_path, nobody)
    assert [{**row, "seconds": 0} for row in again] == [{**row, "seconds": 0} for row in rows]
    assert all(torch.equal(value, whole.state_dict()[key]) for key, value in resumed.state_dict().items())


def test_validation_shapes_choose_the_weights_and_never_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training with and without them is the same up to the choice (defect 17)."""
    seen: list[dict[str, torch.Tensor]] = []
    found = iter([0.1, 0.4, 0.9, 0.3, 0.2])

    def fake(model: Method, *_: object) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in model.encoder.state_dict().items()})
        return {"retrieval": next(found)}

    monkeypatch.setattr(pretraining, "measure", fake)
    judged = replace(PLAN, patience=9)
    best, _ = pretrain("simclr", (bars(0), bars(1)), judged, 0, None, nobody)
    assert all(torch.equal(value, seen[2][name]) for name, value in best.state_dict().items())
    monkeypatch.undo()
    last, rows = pretrain("simclr", (bars(0), NO_VIEWS), PLAN, 0, None, nobody)
    assert all(torch.equal(value, seen[-1][name]) for name, value in last.state_dict().items())
    assert "retrieval" not in rows[-1]


def test_methods_start_from_the_same_encoder() -> None:
    starts = [_method(name).encoder.state_dict() for name in METHODS]
    assert all(torch.equal(value, starts[0][name]) for one in starts[1:] for name, value in one.items())
    assert isinstance(_method("byol").encoder, Backbone)
