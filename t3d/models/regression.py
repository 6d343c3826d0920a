"""Phase 2 of solution 1: an image encoder learns the codes of phase 1 from single views."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from t3d.models.encoder import Encoder, EncoderConfig, build_encoder, to_float
from t3d.models.training import (
    Progress,
    Row,
    Run,
    generator,
    learning_rate,
    open_accelerator,
    set_learning_rate,
)
from t3d.models.views import Views, augment, load_views


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressionPlan:
    """How to optimise; the stage `network_s1` documents each."""

    iterations: int
    batch: int
    lr: float
    weight_decay: float
    schedule: str
    decay_every: int
    jitter: float
    hue: float
    shift: float
    pretrained: str
    validate_every: int
    patience: int
    gpu: bool
    precision: str


@dataclasses.dataclass(frozen=True)
class Targets:
    """Views of a set of shapes and the codes (K, C) that they should give, in the order of `views.ids`."""

    views: Views
    codes: Tensor


def targets(
    folders: Mapping[str, Path],
    codes: Mapping[str, NDArray[np.float32]],
    levels: Sequence[str],
    size: int,
    kept: Path,
) -> Targets:
    """Views and codes of the shapes that have both."""
    both = sorted(folders.keys() & codes.keys())
    views = load_views({shape: folders[shape] for shape in both}, levels, size, kept)
    wanted = np.array([codes[shape] for shape in both], np.float32)
    return Targets(views, torch.from_numpy(wanted))


def train_encoder(
    data: tuple[Targets, Targets],
    config: EncoderConfig,
    plan: RegressionPlan,
    seed: int,
    scratch: Path | None,
    progress: Progress,
) -> tuple[Encoder, list[Row]]:
    """The encoder that did best on the validation views (the last one where there are none), and curves.

    data: training and validation. The loss is the L1 distance of codes, summed over their numbers and
    averaged over images, as published. Stops when `patience` validations in a row brought nothing.
    """
    train, val = data
    accelerator = open_accelerator(plan.gpu, plan.precision)
    device = accelerator.device
    encoder = build_encoder(config, train.codes.shape[1], plan.pretrained, seed).to(device)
    run = Run(encoder, _optimizer(encoder, plan), scratch)
    run.resume()
    wrapped, optimizer = accelerator.prepare(encoder, run.optimizer)

    def take_step(step: int) -> dict[str, Tensor]:
        set_learning_rate(
            run.optimizer, learning_rate(plan.schedule, step, plan.iterations, plan.decay_every)
        )
        images, wanted = _augmented_batch(train, plan, seed, (step, accelerator.process_index), device)
        encoder.train()  # batch norm: statistics of the batch, and running ones updated
        with accelerator.autocast():
            loss = code_l1(wrapped(images), wanted)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        return {"loss": loss}

    def validate(row: Row) -> bool:
        if not len(val.views):
            return False
        row["val"] = validation_loss(encoder, val, plan.batch)
        return _remember_best(run, encoder, row, plan.patience)

    run.go(plan.iterations, take_step, validate, progress, plan.validate_every)
    if "best" in run.memory:
        encoder.load_state_dict(run.memory["best"], strict=True)
    return encoder.cpu(), run.rows


def _augmented_batch(
    train: Targets, plan: RegressionPlan, seed: int, turn: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Views (B, 3, S, S) drawn and changed at random, and their codes (B, C); turn: step and process."""
    chosen = _draw(len(train.views), plan.batch, (seed, 1, *turn))
    images, masks = train.views.images[chosen].to(device), train.views.masks[chosen].to(device)
    draws = generator(device, seed, 2, *turn)
    images = augment(images, masks, (plan.jitter, plan.hue), plan.shift, draws)
    return images, train.codes[train.views.shapes[chosen]].to(device)


def code_l1(codes: Tensor, wanted: Tensor) -> Tensor:
    """Mean over images of the sum over the code's numbers of |difference|; both (B, C)."""
    return (codes.float() - wanted).abs().sum(1).mean()


@torch.no_grad()
def validation_loss(encoder: Encoder, targets: Targets, batch: int) -> float:
    """`code_l1` over all views, without augmentation, with the running statistics of batch norm."""
    encoder.eval()
    device = next(encoder.parameters()).device
    total = 0.0
    for start in range(0, len(targets.views), batch):
        chosen = slice(start, start + batch)
        codes = encoder(to_float(targets.views.images[chosen].to(device)))
        wanted = targets.codes[targets.views.shapes[chosen]].to(device)
        total += float(code_l1(codes, wanted)) * len(codes)
    return total / len(targets.views)


def mean_code_loss(train: Targets, val: Targets) -> float:
    """`code_l1` on the validation views of always answering the mean training code: what must be beaten."""
    wanted = val.codes[val.views.shapes]
    return float(code_l1(train.codes.mean(0).expand_as(wanted), wanted))


def _remember_best(run: Run, encoder: Encoder, row: Row, patience: int) -> bool:
    """Keep the weights if they are the best so far; True when it is time to stop."""
    memory: dict[str, Any] = run.memory
    if row["val"] < memory.get("best_val", float("inf")):
        memory.update(best_val=row["val"], best_step=int(row["step"]), waited=0)
        memory["best"] = {name: value.detach().cpu().clone() for name, value in encoder.state_dict().items()}
        return False
    memory["waited"] = memory.get("waited", 0) + 1
    return bool(patience and memory["waited"] >= patience)


def _draw(count: int, batch: int, seed: tuple[int, ...]) -> Tensor:
    """`batch` different views at random (all of them, if there are fewer)."""
    draws = generator(torch.device("cpu"), *seed)
    return torch.randperm(count, generator=draws)[:batch]


def _optimizer(encoder: Encoder, plan: RegressionPlan) -> torch.optim.Optimizer:
    """Adam; `weight_decay` is the decoupled one of AdamW, 0 as published."""
    groups = [{"params": encoder.parameters(), "lr": plan.lr, "base": plan.lr}]
    return torch.optim.AdamW(groups, weight_decay=plan.weight_decay)
