"""Phase 1 on analytic shapes: it learns, it can be interrupted, it finds codes of shapes it has not seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from t3d.datasets.formats import write_samples
from t3d.models.codes import (
    AutoDecoder,
    CodeBook,
    CodesPlan,
    FitPlan,
    LossPlan,
    Trained,
    fit_codes,
    memory_needed,
    most_alike,
    train_codes,
    weighted_losses,
)
from t3d.models.decoder import DecoderConfig, build_decoder
from t3d.models.samples import Batch, Samples
from tests.models.watchers import nobody

CONFIG = DecoderConfig(code=4, hidden=16, steps=4, width=32, depth=2, dropout=0.0)
LOSSES = LossPlan(clamp=0.1, pointwise=0.005, pointpair=0.001, pointpair_limit=5.0, code_weight=1e-4, ramp=20)


def _plan(**changed: object) -> CodesPlan:
    settings: dict[str, object] = {
        "iterations": 60, "scenes": 2, "points": 128, "batch_split": 1,
        "lr_warp": 5e-3, "lr_template": 5e-3, "lr_codes": 5e-3,
        "schedule": "cosine", "decay_every": 0, "code_start": 1.0, "code_bound": 1.0, "log_every": 10,
        "gpu": False, "precision": "no",
    }  # fmt: skip
    return CodesPlan(**(settings | changed))  # type: ignore[arg-type]


def _sphere(folder: Path, radius: float, count: int = 4000) -> Path:
    folder.mkdir(parents=True)
    points = np.random.default_rng(0).uniform(-1, 1, (count, 3))
    distance = np.linalg.norm(points, axis=1) - radius
    rows = np.column_stack([points, distance]).astype(np.float32)
    write_samples(folder / "samples.npz", rows[distance >= 0], rows[distance < 0])
    return folder


@pytest.fixture(scope="module")
def spheres(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    root = tmp_path_factory.mktemp("spheres")
    return Samples({name: _sphere(root / name, radius) for name, radius in (("big", 0.7), ("small", 0.4))})


def _weights(trained: Trained) -> list[torch.Tensor]:
    return [*trained.decoder.state_dict().values(), torch.from_numpy(trained.codes)]


@pytest.fixture(scope="module")
def trained(spheres: Samples) -> Trained:
    return train_codes(spheres, CONFIG, (_plan(iterations=300), LOSSES), 0, None, nobody)


def test_two_spheres_are_learned(trained: Trained) -> None:
    assert trained.rows[-1]["rec"] < 0.2 * trained.rows[0]["rec"]
    points = np.random.default_rng(1).uniform(-1, 1, (2000, 3)).astype(np.float32)
    for code, radius in zip(trained.codes, (0.7, 0.4), strict=True):
        values = trained.decoder.sdf(torch.from_numpy(points), torch.from_numpy(code)).detach().numpy()
        inside = np.linalg.norm(points, axis=1) < radius
        assert ((values < 0) == inside).mean() > 0.95


def test_rows_tell_all_parts_of_the_loss(spheres: Samples) -> None:
    rows = train_codes(spheres, CONFIG, (_plan(iterations=20), LOSSES), 0, None, nobody).rows
    assert set(rows[0]) == {"step", "seconds", "loss", "rec", "pointwise", "pointpair", "code_norm"}
    assert all(np.isfinite(list(row.values())).all() for row in rows)


def test_a_run_killed_three_times_at_random_gives_the_same_weights(
    spheres: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, Adam's state, ramps and batches in two parts under way: bit for bit as if undisturbed."""
    monkeypatch.setattr("t3d.models.training.SAVE_SECONDS", 0.0)
    config = DecoderConfig(code=4, hidden=16, steps=4, width=32, depth=2, dropout=0.2)
    plans = (_plan(batch_split=2), LOSSES)
    whole = train_codes(spheres, config, plans, 3, None, nobody)
    for number in np.random.default_rng().integers(21, 40, 3).tolist():  # a row is ten steps of two parts
        _killed_run(spheres, config, plans, tmp_path, number)
    seen: list[int] = []
    resumed = train_codes(spheres, config, plans, 3, tmp_path, lambda done, *_, **__: seen.append(done))
    assert seen[0] == 40
    assert all(torch.equal(a, b) for a, b in zip(_weights(resumed), _weights(whole), strict=True))
    assert [row["loss"] for row in resumed.rows] == [row["loss"] for row in whole.rows]


def _killed_run(
    samples: Samples, config: DecoderConfig, plans: tuple[CodesPlan, LossPlan], scratch: Path, after: int
) -> None:
    """End in the middle of a step, after so many passes of the network."""
    passes = iter(range(after))
    real = AutoDecoder.forward

    def forward(self: AutoDecoder, *args: object) -> object:
        if next(passes, None) is None:
            raise KeyboardInterrupt
        return real(self, *args)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AutoDecoder, "forward", forward)
        with pytest.raises(KeyboardInterrupt):
            train_codes(samples, config, plans, 3, scratch, nobody)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    root = tmp_path_factory.mktemp("five")
    return Samples({str(i): _sphere(root / str(i), 0.3 + i / 10) for i in range(5)})


SHORT = (_plan(iterations=6, scenes=5, log_every=2), LOSSES)


@pytest.fixture(scope="module")
def whole(five: Samples) -> Trained:
    return train_codes(five, CONFIG, SHORT, 0, None, nobody)


@pytest.mark.parametrize("fits", [1, 2, 3])
def test_a_batch_that_does_not_fit_is_split_with_the_same_result(
    five: Samples,
    whole: Trained,
    fits: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Memory for so many of five shapes; parts are unequal."""
    real = AutoDecoder.forward

    def forward(self: AutoDecoder, shapes: torch.Tensor, *args: object) -> object:
        if len(shapes) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(self, shapes, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(AutoDecoder, "forward", forward)
    split = train_codes(five, CONFIG, SHORT, 0, None, nobody)
    assert split.facts["batch_split"] == {1: 8, 2: 4, 3: 2}[fits]
    assert caplog.text.count("out of memory") == {1: 3, 2: 2, 3: 1}[fits]
    for ours, theirs in zip(_weights(split), _weights(whole), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0)
    for ours, theirs in zip(split.rows, whole.rows, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)


def test_the_gradients_of_parts_are_those_of_the_batch(
    five: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the optimiser, which blows differences of rounding up."""
    kept: list[list[torch.Tensor]] = []

    def stop(self: torch.optim.Adam, *_: object) -> None:
        kept.append([p.grad.clone() for group in self.param_groups for p in group["params"]])

    monkeypatch.setattr(torch.optim.Adam, "step", stop)
    for parts in (1, 2, 5):
        train_codes(five, CONFIG, (_plan(iterations=1, scenes=5, batch_split=parts), LOSSES), 0, None, nobody)
    for other in kept[1:]:
        for ours, theirs in zip(other, kept[0], strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6 * float(theirs.abs().max()) + 1e-9, rtol=1e-5)


def test_one_shape_that_does_not_fit_is_an_error(five: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(AutoDecoder, "forward", forward)
    with pytest.raises(RuntimeError, match="allocate"):
        train_codes(five, CONFIG, (_plan(iterations=6, scenes=5), LOSSES), 0, None, nobody)


def test_other_errors_are_not_taken_for_lack_of_memory(
    five: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def forward(*_: object) -> None:
        calls.append(1)
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(AutoDecoder, "forward", forward)
    with pytest.raises(RuntimeError, match="do not match"):
        train_codes(five, CONFIG, (_plan(iterations=6, scenes=5), LOSSES), 0, None, nobody)
    assert len(calls) == 1


@pytest.mark.parametrize(("points", "hidden", "width"), [(400, 64, 96), (1000, 96, 64), (2000, 32, 32)])
def test_the_memory_estimate_is_near_what_a_step_keeps(points: int, hidden: int, width: int) -> None:
    config = DecoderConfig(code=8, hidden=hidden, width=width, depth=4, dropout=0.0)
    model = AutoDecoder(build_decoder(config, 0), CodeBook((4, 8), 1.0, 1.0, 0))
    batch = Batch(torch.arange(4), torch.rand(4, points, 3), torch.rand(4, points))
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(batch.shapes, batch.points, torch.Generator())
        weighted_losses(out, batch, LOSSES, 5)
    estimate = memory_needed(config, _plan(scenes=9, points=points), shapes=4)
    assert 0.6 * estimate < sum(kept.values()) < 1.2 * estimate
    halved = memory_needed(config, _plan(scenes=4, points=points, batch_split=2), shapes=4)
    assert 0.5 < halved / estimate < 0.6


def test_codes_are_bounded_as_torchs_max_norm_does() -> None:
    """Through Adam, where codes that are not in the batch drift on."""
    book = CodeBook((6, 4), 2.0, 0.8, 0)
    table = torch.nn.Embedding(6, 4, max_norm=0.8, _weight=book.weight.detach().clone())
    pull = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    steps = [torch.optim.Adam(x.parameters(), lr=0.1) for x in (book, table)]
    for number in range(20):
        shapes = torch.tensor([number % 6, (number * 2 + 1) % 6])
        book.shorten(shapes)
        for codes, optimizer in zip((book, table), steps, strict=True):
            found = codes(shapes)
            assert float(found.norm(dim=1).max().detach()) <= 0.8 + 1e-5
            optimizer.zero_grad()
            (found * pull[shapes]).sum().backward()
            optimizer.step()
        torch.testing.assert_close(book.weight, table.weight, atol=1e-5, rtol=0)
    assert float(book.weight.detach().norm(dim=1).max()) > 0.8  # some drifted, not looked up since


def test_the_seed_decides(spheres: Samples) -> None:
    one, same, other = (
        _weights(train_codes(spheres, CONFIG, (_plan(iterations=10), LOSSES), seed, None, nobody))
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one[-1], other[-1])


def test_codes_keep_their_bound() -> None:
    book = CodeBook((50, 4), 1.0, 0.3, seed=0)
    lengths = book.weight.detach().norm(dim=1)
    assert float(lengths.max()) <= 0.3 * (1 + 1e-6)
    with torch.no_grad():
        book.weight[0] = torch.tensor([0.1, 0.0, 0.0, 0.0])
        book.weight[1] = torch.tensor([3.0, 0.0, 4.0, 0.0])
    book.shorten()
    torch.testing.assert_close(book.weight[0].detach(), torch.tensor([0.1, 0.0, 0.0, 0.0]))
    torch.testing.assert_close(book.weight[1].detach(), torch.tensor([0.18, 0.0, 0.24, 0.0]))


def test_codes_start_with_the_published_spread() -> None:
    book = CodeBook((400, 256), 1.0, 10.0, seed=0)
    assert abs(float(book.weight.detach().std()) - 1 / 16) < 1e-3


def test_ramps_weigh_the_losses() -> None:
    """Early in the ramp the point-wise loss counts tenfold and the code loss nothing."""
    at = torch.rand(2, 16, 3)
    batch = Batch(torch.arange(2), at, torch.zeros(2, 16))
    out = ([torch.zeros(2, 16)] * 4, [at + 0.1] * 4, torch.ones(2, 4))
    first, later = (weighted_losses(out, batch, LOSSES, step) for step in (0, 1000))
    assert float(first["loss"]) == pytest.approx(10 * 0.005 * float(first["pointwise"]))
    assert float(later["loss"]) == pytest.approx(0.005 * float(later["pointwise"]) + 1e-4 * 2.0)


def test_unseen_shapes_get_codes(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unseen = Samples({"big": _sphere(tmp_path / "big", 0.7), "small": _sphere(tmp_path / "small", 0.4)})
    plan = FitPlan(fit_iterations=100, fit_points=256, fit_lr=2e-2, clamp=0.1)
    before = {name: value.clone() for name, value in trained.decoder.state_dict().items()}
    codes, loss = fit_codes(trained.decoder, unseen, plan, seed=0)
    monkeypatch.setattr("t3d.models.codes.FITTED_AT_ONCE", 1)
    again, _ = fit_codes(trained.decoder, unseen, plan, seed=0)
    assert codes.shape == again.shape == (2, 4)
    assert loss < 0.02
    distances = np.linalg.norm(codes[:, None] - trained.codes[None], axis=2)
    assert distances.argmin(axis=1).tolist() == [0, 1]
    assert all(torch.equal(before[name], value) for name, value in trained.decoder.state_dict().items())
    assert all(p.requires_grad for p in trained.decoder.parameters())
    still, _ = fit_codes(trained.decoder, unseen, replace(plan, fit_iterations=0), 0, codes)
    assert np.array_equal(still, codes)


def test_the_most_alike_code_is_of_the_right_inside_not_of_the_least_distances(tmp_path: Path) -> None:
    """Balls of radius `code`, and one code whose distances are next to nothing everywhere."""

    class Balls(torch.nn.Module):
        device = torch.device("cpu")

        def values(self, points: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
            radius = codes[:, :1]
            return torch.where(radius > 0, points.norm(dim=-1) - radius, 1e-4)

    samples = Samples({"big": _sphere(tmp_path / "big", 0.7), "small": _sphere(tmp_path / "small", 0.4)})
    codes = np.array([[0.0], [0.45], [0.6], [0.1]], np.float32)
    assert most_alike(Balls(), samples, codes, 0).tolist() == codes[[1, 2]][::-1].tolist()
    assert most_alike(Balls(), samples, np.tile(codes, (100, 1)), 0).shape == (2, 1)


def test_no_unseen_shapes_give_no_codes() -> None:
    plan = FitPlan(fit_iterations=5, fit_points=8, fit_lr=1e-2, clamp=0.1)
    codes, _ = fit_codes(build_decoder(CONFIG, 0), Samples({}), plan, seed=0)
    assert codes.shape == (0, 4)
