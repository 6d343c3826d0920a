"""The loop: rows, resuming, best weights, patience; schedules, groups, threads."""

import contextlib
import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from t3d.errors import UsageError
from t3d.models import training
from t3d.models.plans import DevicePlan, LoopPlan
from t3d.models.training import Row, Run, fit, group, summary
from tests.models.watchers import nobody


class _KilledError(Exception):
    pass


def _kill_at(step: int) -> Callable[..., None]:
    def progress(done: int, _: int, **__: object) -> None:
        if done >= step:
            raise _KilledError

    return progress


def _run(scratch: Path | None) -> Run:
    module = nn.Linear(3, 1)
    nn.init.constant_(module.weight, 0.5)
    nn.init.zeros_(module.bias)
    optimizer = torch.optim.Adam([{"params": module.parameters(), "lr": 0.1, "base": 0.1}])
    return Run(module, optimizer, DevicePlan(), scratch)


def _step(run: Run) -> Callable[[int], dict[str, Tensor]]:
    def step(number: int) -> dict[str, Tensor]:
        at = torch.randn(8, 3, generator=training.generator(torch.device("cpu"), 0, number))
        loss = (run.module(at) - at.sum(1, keepdim=True)).square().mean()
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        return {"loss": loss}

    return step


def test_rows_are_means_over_their_steps() -> None:
    run = _run(None)
    run.go(10, lambda step: {"loss": torch.tensor(float(step))}, lambda row: False, nobody, 4)
    assert [(row["step"], row["loss"]) for row in run.rows] == [(4, 1.5), (8, 5.5), (10, 8.5)]
    seconds = [row["seconds"] for row in run.rows]
    assert seconds == sorted(seconds)


@pytest.fixture
def _saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint at every row."""
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)


@pytest.mark.usefixtures("_saving")
@pytest.mark.parametrize("killed_at", [4, 12, 20])
def test_a_killed_run_ends_like_an_undisturbed_one(tmp_path: Path, killed_at: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = _run(tmp_path / "a")
    whole.go(22, _step(whole), lambda row: False, nobody, 4)
    first = _run(tmp_path / "b")
    with pytest.raises(_KilledError):
        first.go(22, _step(first), lambda row: False, _kill_at(killed_at), 4)
    second = _run(tmp_path / "b")
    assert second.step == killed_at - 4  # the row at which it was killed was not saved yet
    second.go(22, _step(second), lambda row: False, nobody, 4)
    assert torch.equal(second.module.weight, whole.module.weight)
    assert [row["loss"] for row in second.rows] == [row["loss"] for row in whole.rows]


def test_what_a_phase_remembers_survives(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.memory.update(best={"w": torch.ones(2)}, best_val=0.5)
    run.save()
    again = _run(tmp_path)
    assert torch.equal(again.memory["best"]["w"], torch.ones(2))
    assert again.memory["best_val"] == 0.5


@pytest.mark.usefixtures("_saving")
def test_it_stops_when_told_and_stays_stopped(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.go(100, _step(run), lambda row: row["step"] >= 8, nobody, 4)
    assert run.step == 8
    again = _run(tmp_path)
    again.go(100, _step(again), lambda row: False, nobody, 4)
    assert again.step == 8


def test_an_unreadable_checkpoint_means_a_new_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = _run(tmp_path)
    run.step = 7
    run.save()
    content = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(content[: len(content) // 2])
    assert _run(tmp_path).step == 0
    assert "anew" in caplog.text


def test_a_kill_while_saving_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.step = 7
    run.save()
    (tmp_path / "checkpoint.part").write_bytes(b"torn")
    assert _run(tmp_path).step == 7


def test_schedules() -> None:
    halving = [training.learning_rate(step, 100, ("halving", 30)) for step in (0, 29, 30, 60, 99)]
    assert halving == [1.0, 1.0, 0.5, 0.25, 0.125]
    assert training.learning_rate(99, 100, ("halving", 0)) == 1.0
    cosine = [training.learning_rate(step, 100, ("cosine", 0)) for step in (0, 50, 100)]
    assert cosine == pytest.approx([1.0, 0.5, 0.0])


def test_learning_rates_keep_the_ratio_of_their_groups() -> None:
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam(
        [{"params": [p], "lr": rate, "base": rate} for p, rate in ((a, 0.1), (b, 0.4))]
    )
    for step, factor in ((30, 0.5), (60, 0.25)):
        training.set_learning_rate(optimizer, step, 100, ("halving", 30))
        assert [group["lr"] for group in optimizer.param_groups] == [0.1 * factor, 0.4 * factor]


def test_generators_depend_on_every_number() -> None:
    def draw(*seed: int) -> float:
        return float(torch.rand(1, generator=training.generator(torch.device("cpu"), *seed)))

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert len({draw(1, 2, 3), draw(1, 2, 4), draw(1, 3, 2), draw(0, 2, 3)}) == 4


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with training.thread_count(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with contextlib.suppress(_KilledError), training.thread_count(before + 1):
        raise _KilledError
    assert torch.get_num_threads() == before


def test_the_device_can_be_chosen_anew_in_one_process() -> None:
    assert training.open_accelerator(False, "no").device.type == "cpu"
    assert training.open_accelerator(False, "bf16").mixed_precision == "bf16"
    assert training.open_accelerator(False, "no").mixed_precision == "no"
    with pytest.raises(UsageError, match="precision"):
        training.open_accelerator(False, "half")


def test_curves_have_all_columns(tmp_path: Path) -> None:
    training.write_curves(
        tmp_path / "curves.csv", [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "val": 3.0}]
    )
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"step": "1", "loss": "2.0", "val": ""}
    assert rows[1]["val"] == "3.0"


def test_parts_double_until_they_fit_and_are_remembered(tmp_path: Path) -> None:
    tried: list[int] = []

    def compute(parts: int) -> dict[str, Tensor]:
        tried.append(parts)
        if parts < 6:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return {}

    run = _run(tmp_path)
    assert training.in_parts(run, 1, 7, compute) == {}
    assert tried == [1, 2, 4, 7]
    run.save()
    tried.clear()
    assert training.in_parts(_run(tmp_path), 1, 7, compute) == {}
    assert tried == [7]
    with pytest.raises(torch.OutOfMemoryError):
        training.in_parts(_run(None), 1, 5, compute)


def test_a_gpu_is_used_where_it_is_wanted_and_there(monkeypatch: pytest.MonkeyPatch) -> None:
    there = torch.device("meta")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: there)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert (training.device_of(True), training.device_of(False)) == (there, torch.device("cpu"))
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert training.device_of(True) == torch.device("cpu")


def _fit(values: list[float | None], patience: int = 0, schedule: tuple[str, int] = ("cosine", 0)) -> Run:
    """A weight that grows by its learning rate each step, judged every two steps as `values` say."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    plan = LoopPlan(iterations=2 * len(values), validate_every=2, patience=patience)
    run = Run(module, torch.optim.SGD([group(module, 1.0)]), plan, None)
    said = iter(values)

    def figures_of(step: int) -> dict[str, Tensor]:
        return {"loss": -run.wrapped(torch.ones(1, 1)).sum()}

    def judge(row: Row) -> float | None:
        row["rate"] = run.optimizer.param_groups[0]["lr"]
        return next(said)

    fit(run, plan, schedule, figures_of, judge, nobody)
    return run


def _weight(run: Run) -> float:
    return run.module.weight.item()


def test_the_best_weights_are_put_back() -> None:
    assert _weight(_fit([3.0, 1.0, 2.0], patience=9, schedule=("halving", 0))) == 4


def test_without_patience_the_last_weights_count() -> None:
    assert _weight(_fit([3.0, 1.0, 2.0], schedule=("halving", 0))) == 6


def test_of_equally_good_weights_the_last_count() -> None:
    assert _weight(_fit([1.0, 1.0, 2.0], patience=9, schedule=("halving", 0))) == 4


def test_weights_that_nobody_judged_are_the_last() -> None:
    assert _weight(_fit([None, None, None], patience=9, schedule=("halving", 0))) == 6


@pytest.mark.parametrize(("patience", "rows"), [(0, 6), (1, 3), (2, 4)])
def test_patience_counts_judgements_without_a_new_best(patience: int, rows: int) -> None:
    assert len(_fit([3.0, 1.0, 2.0, 2.0, 0.5, 4.0], patience).rows) == rows


@pytest.mark.parametrize(
    ("schedule", "rates"), [(("halving", 2), [1.0, 0.5, 0.25]), (("cosine", 0), [0.933, 0.5, 0.067])]
)
def test_rates_follow_the_schedule(schedule: tuple[str, int], rates: list[float]) -> None:
    assert [row["rate"] for row in _fit([None] * 3, schedule=schedule).rows] == pytest.approx(rates, abs=1e-3)


def test_a_group_holds_what_learns() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    found = group(module, 0.1, 0.2)
    assert [id(one) for one in found.pop("params")] == [id(module.weight)]
    assert found == {"lr": 0.1, "base": 0.1, "weight_decay": 0.2}


def test_the_summary_is_of_the_kept_weights() -> None:
    rows = [
        {"step": 10 * i, "seconds": 3.0 * i, "loss": 9.0 - i, "val": v} for i, v in ((1, 2), (2, 1), (3, 1))
    ]
    assert summary(rows[:2], 0)["kept_iteration"] == summary(rows[:2], 9)["kept_iteration"] == 20
    assert summary([*rows, {"step": 40, "seconds": 12.0, "val": 3}], 0)["validation"] == 3
    assert summary(rows, 9) == {
        "iterations": 30, "kept_iteration": 30, "loss": 6.0, "validation": 1, "seconds_per_step": 0.3
    }  # fmt: skip
    assert summary(rows, 9, sign=-1)["kept_iteration"] == 10
    assert summary([{"step": 0, "seconds": 0.0}], 9)["validation"] is None
    assert summary([{"step": 1, "seconds": 1.0}, {"step": 2, "seconds": 2.0}], 9)["kept_iteration"] == 2
