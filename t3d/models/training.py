"""What trainings share: a loop that logs, judges and survives being killed; schedules, devices, curves."""

import csv
import dataclasses
import logging
import math
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from t3d.errors import UsageError
from t3d.models.decoder import Decoder
from t3d.models.plans import DevicePlan, LoopPlan
from t3d.models.watching import Board, draw, leads
from t3d.pipeline.companions import MEETING

SAVE_SECONDS = 120.0
"""Time between checkpoints: what a killed run loses at most."""

Row = dict[str, float]
Progress = Callable[..., None]
Share = tuple[int, int]
"""Number of a process, and of how many that share a batch."""
Figures = Mapping[str, Tensor]
"""What a step says of itself: "loss", and perhaps its parts."""


@dataclasses.dataclass
class Run:
    """A training run: what must outlive a kill, where it is kept, and what it runs on.

    It goes on from the last checkpoint in `scratch`, if there is one that can be read. `memory` is for
    whatever else a phase must remember (its best weights, say): tensors and plain values. `wrapped` is the
    module, and `prepared` the optimiser, for several devices and mixed precision.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    plan: DevicePlan
    scratch: Path | None
    shown: Callable[[], tuple[Decoder, Tensor]] | None = None
    """Decoder and codes (K, C) of which `slices.png` is drawn beside each checkpoint."""
    step: int = 0
    seconds: float = 0.0
    rows: list[Row] = dataclasses.field(default_factory=list)
    memory: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.accelerator = open_accelerator(self.plan.gpu, self.plan.precision)
        self.device: torch.device = self.accelerator.device
        self.mine: Share = (self.accelerator.process_index, self.accelerator.num_processes)
        self.module.to(self.device)
        self._resume()
        self.wrapped, self.prepared = self.accelerator.prepare(self.module, self.optimizer)

    def _resume(self) -> None:
        if self.scratch is None or not (self.scratch / "checkpoint.pt").exists():
            return
        try:
            kept = torch.load(self.scratch / "checkpoint.pt", map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            logging.getLogger(__name__).warning("checkpoint unreadable (%s); training starts anew", error)
            return
        self.module.load_state_dict(kept["module"], strict=True)
        self.optimizer.load_state_dict(kept["optimizer"])
        self.step, self.seconds = kept["step"], kept["seconds"]
        self.rows, self.memory = kept["rows"], kept["memory"]

    def save(self) -> None:
        """Write the checkpoint aside, then rename it; `curves.csv` and pictures beside it."""
        if self.scratch is None or not leads():
            return
        states = {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}
        figures = {"step": self.step, "seconds": self.seconds, "rows": self.rows, "memory": self.memory}
        draft = self.scratch / "checkpoint.part"
        torch.save(states | figures, draft)
        draft.replace(self.scratch / "checkpoint.pt")
        write_curves(self.scratch / "curves.csv", self.rows)
        if self.shown:
            draw(self.scratch, *self.shown())

    def go(
        self,
        iterations: int,
        take_step: Callable[[int], Figures],
        after_row: Callable[[Row], bool],
        progress: Progress,
        log_every: int,
    ) -> None:
        """Call `take_step(step)` up to `iterations`; the means of its figures make a row per `log_every`.

        `after_row` may add to the row and ends the run by returning True. Checkpoints are taken between
        rows only, so that a resumed run writes the same rows.
        """
        saved = time.monotonic()
        started = saved - self.seconds
        board = Board(self.scratch.name if self.scratch else "training")
        while self.step < iterations and not self.memory.get("ended"):
            sums: dict[str, Tensor] = {}
            first = self.step
            for self.step in range(first + 1, min(first + log_every, iterations) + 1):
                for name, value in take_step(self.step - 1).items():
                    sums[name] = sums.get(name, torch.zeros_like(value)) + value.detach()
            self.seconds = time.monotonic() - started
            row = {"step": self.step, "seconds": round(self.seconds, 2)}
            row |= {name: float(total) / (self.step - first) for name, total in sums.items()}
            self.memory["ended"] = after_row(row)
            self.rows.append(row)
            board.add(row)
            progress(self.step, iterations, loss=row["loss"], rate=self.step / max(self.seconds, 1e-9))
            if time.monotonic() - saved >= SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        board.close()


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


def in_parts(run: Run, parts: int, most: int, compute: Callable[[int], Figures]) -> Figures:
    """`compute(parts)`; where memory runs out, again with twice as many parts, at most `most`.

    `run` remembers the number, so that neither the next step nor a resumed run has to find it again. What
    `compute` left behind must not matter when it is called again.
    """
    while True:
        parts = min(max(parts, run.memory.get("parts", 1)), most)
        try:
            return compute(parts)
        except RuntimeError as error:  # of a GPU, or of torch's allocator on the CPU
            lacking = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
            if parts == most or not lacking:
                raise
        run.memory["parts"] = 2 * parts
        torch.cuda.empty_cache()
        logging.getLogger(__name__).warning("out of memory: batches are computed in %d parts", 2 * parts)


def learning_rate(step: int, iterations: int, schedule: tuple[str, int]) -> float:
    """Factor of the learning rates: "cosine" (0 at the end), or "halving" each so many iterations."""
    if schedule[0] == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * step / iterations))
    return 0.5 ** (step // schedule[1]) if schedule[1] else 1.0


def set_learning_rate(
    optimizer: torch.optim.Optimizer, step: int, iterations: int, schedule: tuple[str, int]
) -> None:
    """Set each group's rate to its own `base` rate times the factor of this step."""
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * learning_rate(step, iterations, schedule)


def generator(device: torch.device, *seed: int) -> torch.Generator:
    """A torch generator on `device`, decided by the numbers of `seed`."""
    number = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1
    return torch.Generator(device).manual_seed(int(number))


def open_accelerator(use_gpu: bool, precision: str) -> Any:
    """The CPU, or whatever GPU (or share of several) this process was launched on, by accelerate."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    if torch.distributed.is_initialized():  # by an earlier training in this process
        torch.distributed.destroy_process_group()
    AcceleratorState._reset_state(reset_partial_state=True)  # else an earlier stage's choice here stands
    if meeting := os.environ.get(MEETING):
        backend = "nccl" if device_of(use_gpu).type == "cuda" else "gloo"
        place: dict[str, Any] = {"rank": int(os.environ["RANK"]), "world_size": int(os.environ["WORLD_SIZE"])}
        torch.distributed.init_process_group(backend, init_method=f"file://{meeting}", **place)
    try:
        return Accelerator(cpu=not use_gpu, mixed_precision=precision)
    except ValueError as error:
        raise UsageError(f"precision: {str(error).splitlines()[0]}; use no") from error


def device_of(gpu: bool) -> torch.device:
    """This process's GPU, if one is wanted and there is one, else the CPU."""
    found = torch.accelerator.current_accelerator() if gpu and torch.accelerator.is_available() else None
    return found or torch.device("cpu")


@contextmanager
def thread_count(threads: int) -> Iterator[None]:
    """Let torch use `threads` threads inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_curves(path: Path, rows: list[Row]) -> None:
    """One line per row; columns are the figures that any row has, in order of first appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
