"""Phase 2 of solution 1: an image encoder learns the codes of phase 1 from single views."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t3d.models.encoder import Encoder, EncoderConfig, build_encoder, set_training, to_float
from t3d.models.fitting import fit, group
from t3d.models.losses import code_l1
from t3d.models.plans import RegressionPlan
from t3d.models.training import Progress, Row, Run, generator, open_accelerator
from t3d.models.views import Views, augment, load_views
from t3d.models.weights import transfer


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
    start: Encoder | None = None,
) -> tuple[Encoder, list[Row]]:
    """The encoder, see `fit` for which of it, and its curves.

    data: training and validation. start: an encoder of which it takes over the tensors that fit. The loss is
    the L1 distance of codes, summed over their numbers and averaged over images, as published.
    """
    train, val = data
    accelerator = open_accelerator(plan.gpu, plan.precision)
    device = accelerator.device
    encoder = build_encoder(config, train.codes.shape[1], plan.pretrained, seed).to(device)
    if start:
        transfer(encoder, start.state_dict())
    encoder.backbone.requires_grad_(not plan.freeze)
    run = Run(encoder, torch.optim.AdamW([group(encoder, plan.lr, plan.weight_decay)], fused=True), scratch)
    run.resume()

    def figures_of(wrapped: nn.Module, step: int) -> dict[str, Tensor]:
        mine = (accelerator.process_index, accelerator.num_processes)
        images, wanted = _augmented_batch(train, plan, (seed, step), mine, device)
        set_training(encoder, plan.norms)
        return {"loss": code_l1(wrapped(images), wanted)}

    def judge(row: Row) -> float | None:
        row |= {"val": validation_loss(encoder, val, plan.batch)} if len(val.views) else {}
        return row.get("val")

    fit(run, accelerator, plan, (plan.schedule, plan.decay_every), figures_of, judge, progress)
    return encoder.cpu(), run.rows


def _augmented_batch(
    train: Targets, plan: RegressionPlan, turn: tuple[int, int], mine: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Views (B, 3, S, S) drawn and changed at random, and their codes (B, C), where this process is `mine[0]`
    of `mine[1]` that share the batch; turn: seed and step.
    """
    (seed, step), (index, count) = turn, mine
    order = torch.randperm(len(train.views), generator=generator(torch.device("cpu"), seed, 1, step, 0))
    chosen = order[: plan.batch][index::count]  # different views, all of them if there are fewer
    images, masks = train.views.images[chosen].to(device), train.views.masks[chosen].to(device)
    draws = generator(device, seed, 2, step, index)
    images = augment(images, masks, plan, draws)
    return images, train.codes[train.views.shapes[chosen]].to(device)


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
