"""The loop of every training that may be judged on validation shapes and go back to its best weights."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from t3d.models.plans import LoopPlan
from t3d.models.training import Figures, Progress, Row, Run, set_learning_rate


def fit(
    run: Run,
    plan: LoopPlan,
    schedule: tuple[str, int],
    figures_of: Callable[[int], Figures],
    judge: Callable[[Row], float | None],
    progress: Progress,
) -> None:
    """Optimise `run.module` to the end of its plan; with patience, put its best weights back then.

    schedule: see `learning_rate`. figures_of: figures of a step, by `run.wrapped`. judge: adds to a row and
    says how bad the weights are; None: unknown. Stops when `patience` judgements in a row were no better.
    """
    from accelerate.utils import broadcast_object_list

    def take_step(step: int) -> Figures:
        set_learning_rate(run.optimizer, step, plan.iterations, schedule)
        figures = figures_of(step)
        run.prepared.zero_grad()
        run.accelerator.backward(figures["loss"])
        run.prepared.step()
        return figures

    def after_row(row: Row) -> bool:
        (badness,) = broadcast_object_list([judge(row)])  # else rounding could part several processes
        return bool(plan.patience) and badness is not None and _remember_best(run, badness, plan.patience)

    run.go(plan.iterations, take_step, after_row, progress, plan.validate_every)
    if "best" in run.memory:
        run.module.load_state_dict(run.memory["best"], strict=True)


def _remember_best(run: Run, badness: float, patience: int) -> bool:
    """Keep the weights if none were better so far; True when it is time to stop."""
    memory = run.memory
    if badness <= memory.get("best_val", float("inf")):
        memory.update(best_val=badness, waited=0)
        state = run.module.state_dict()
        memory["best"] = {name: value.detach().cpu().clone() for name, value in state.items()}
        return False
    memory["waited"] = memory.get("waited", 0) + 1
    return bool(memory["waited"] >= patience)


def group(module: nn.Module, rate: float, decay: float = 0.0) -> dict[str, Any]:
    """What learns of a module, as a group of an optimiser; `decay` is AdamW's decoupled one."""
    learned = [one for one in module.parameters() if one.requires_grad]
    return {"params": learned, "lr": rate, "base": rate, "weight_decay": decay}


def summary(
    rows: Sequence[Row], patience: int, column: str = "val", sign: int = 1
) -> dict[str, float | None]:
    """Facts of a training for its manifest; with patience of the least `sign` * `column`."""
    best = min(rows, key=lambda row: (sign * row.get(column, 0.0), -row["step"]))
    kept = best if patience else rows[-1]
    return {
        "iterations": rows[-1]["step"],
        "kept_iteration": kept["step"],
        "loss": kept.get("loss"),
        "validation": kept.get(column),
        "seconds_per_step": rows[-1]["seconds"] / max(rows[-1]["step"], 1),
    }
