"""The loop: best weights, patience, schedules, groups; resuming is tested with each training."""

import pytest
import torch
from torch import Tensor, nn

from t3d.models.fitting import LoopPlan, fit, group, summary
from t3d.models.training import Row, Run
from tests.models.watchers import nobody


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
