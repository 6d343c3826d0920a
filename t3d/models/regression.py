"""Phase 2 of solution 1: an image encoder learns the codes of phase 1 from single views."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from t3d.models.encoder import Encoder, build_encoder, encoder_config, set_training, to_float
from t3d.models.losses import code_l1
from t3d.models.plans import RegressionPlan
from t3d.models.training import Figures, Progress, Row, Run, fit, generator, group
from t3d.models.views import Views, load_views
from t3d.models.weights import transfer
from t3d.pipeline.stage import Shapes


@dataclasses.dataclass(frozen=True)
class Targets:
    """Views of a set of shapes and the codes (K, C) that they should give, in the order of `views.ids`."""

    views: Views
    codes: Tensor

    def wanted(self, rows: Tensor) -> Tensor:
        """The codes (B, C) of some views."""
        return self.codes[self.views.shapes[rows]]


def targets(
    folders: Shapes, codes: Mapping[str, NDArray[np.float32]], levels: Sequence[str], size: int, kept: Path
) -> Targets:
    """Views and codes of the shapes that have both."""
    views = load_views({shape: folders[shape] for shape in folders.keys() & codes.keys()}, levels, size, kept)
    return Targets(views, torch.from_numpy(np.array([codes[shape] for shape in views.ids], np.float32)))


def train_encoder(
    data: tuple[Targets, Targets],
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
    encoder = build_encoder(encoder_config(plan), train.codes.shape[1], plan.pretrained, seed)
    if start:
        transfer(encoder, start.state_dict())
    encoder.backbone.requires_grad_(not plan.freeze)
    run = Run(
        encoder, torch.optim.AdamW([group(encoder, plan.lr, plan.weight_decay)], fused=True), plan, scratch
    )

    def figures_of(step: int) -> Figures:
        every = torch.randperm(len(train.views), generator=generator(torch.device("cpu"), seed, 1, step, 0))
        rows = every[: plan.batch][run.mine[0] :: run.mine[1]]  # different views, all if there are fewer
        images = train.views.augmented(rows, plan, generator(run.device, seed, 2, step, run.mine[0]))
        set_training(encoder, plan.norms)
        return {"loss": code_l1(run.wrapped(images), train.wanted(rows).to(run.device))}

    def judge(row: Row) -> float | None:
        row |= {"val": validation_loss(encoder, val, plan.batch)} if len(val.views) else {}
        return row.get("val")

    fit(run, plan, (plan.schedule, plan.decay_every), figures_of, judge, progress)
    return encoder.cpu(), run.rows


@torch.no_grad()
def validation_loss(encoder: Encoder, targets: Targets, batch: int) -> float:
    """`code_l1` over all views, without augmentation, with the running statistics of batch norm."""
    encoder.eval()
    device, total = next(encoder.parameters()).device, 0.0
    for rows in torch.split(torch.arange(len(targets.views)), batch):
        codes = encoder(to_float(targets.views.images[rows].to(device)))
        total += float(code_l1(codes, targets.wanted(rows).to(device))) * len(codes)
    return total / len(targets.views)


def mean_code_loss(train: Targets, val: Targets) -> float:
    """`code_l1` on the validation views of always answering the mean training code: what must be beaten."""
    wanted = val.codes[val.views.shapes]
    return float(code_l1(train.codes.mean(0).expand_as(wanted), wanted))
