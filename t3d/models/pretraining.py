"""Contrastive pre-training of the image encoder: different views of one shape shall look alike to it."""

import copy
import dataclasses
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from t3d.errors import DataError
from t3d.models.contrastive import cosine_error, effective_rank, info_nce, nt_xent, retrieval, spread
from t3d.models.encoder import Backbone, build_backbone, encoder_config
from t3d.models.plans import PretrainPlan
from t3d.models.training import Figures, Progress, Row, Run, Share, fit, generator, group
from t3d.models.views import Views

MEASURED_VIEWS = 8
"""Views of each validation shape by which an encoder is measured."""


def _mlp(width: int, plan: PretrainPlan, normed: bool) -> nn.Sequential:
    """Two layers; with a batch norm between them where the method's paper has one that it needs."""
    norm = [nn.BatchNorm1d(plan.hidden)] if normed else []
    layers = nn.Linear(width, plan.hidden), *norm, nn.ReLU(inplace=True)
    return nn.Sequential(*layers, nn.Linear(plan.hidden, plan.projection))


class Method(nn.Module):
    """Encoder and projection; `forward` is the loss of images (B, 3, S, S) of one view and of another of
    the same shapes (B,), with random numbers from `draws`.
    """

    NORMED = False
    """Whether the projection has a batch norm, without which the method would collapse."""

    def __init__(self, encoder: Backbone, plan: PretrainPlan) -> None:
        super().__init__()
        self.plan = plan
        self.online = nn.Sequential(encoder, _mlp(encoder.width, plan, self.NORMED))

    @property
    def encoder(self) -> Backbone:
        """What is kept in the end."""
        return self.online[0]  # type: ignore[return-value]

    def after_step(self, step: int) -> None:
        """What follows the optimiser's step number `step`."""


class SimCLR(Method):
    """Pairs against the rest of the batch (Chen et al. 2020)."""

    def forward(self, one: Tensor, other: Tensor, shapes: Tensor, draws: torch.Generator) -> Tensor:
        """See `Method`; both views pass together, so that they share the batch norms' statistics."""
        first, second = self.online(torch.cat([one, other])).chunk(2)
        return nt_xent(first, second, self.plan.temperature)


class MoCo(Method):
    """Queries against a queue of keys of a slowly following network (He et al. 2020)."""

    queue: Tensor
    queue_shapes: Tensor
    latest: tuple[Tensor, Tensor]

    def __init__(self, encoder: Backbone, plan: PretrainPlan) -> None:
        super().__init__(encoder, plan)
        self.slow = copy.deepcopy(self.online).requires_grad_(False)
        self.register_buffer("queue", torch.randn(plan.queue, plan.projection))
        self.register_buffer("queue_shapes", torch.full((plan.queue,), -1))

    def forward(self, one: Tensor, other: Tensor, shapes: Tensor, draws: torch.Generator) -> Tensor:
        """See `Method`. Keys are shuffled between groups with batch norms of their own, as between GPUs in
        the paper (section 3.3): with equal statistics on both sides the norms give the pair away.
        """
        order = torch.randperm(len(one), generator=draws, device=draws.device)
        queries = in_groups(self.online, one, order.sort().values, self.plan.norm_groups)
        with torch.no_grad():
            keys = in_groups(self.slow, other, order, self.plan.norm_groups)
        self.latest = (keys, shapes)
        own = shapes[:, None] == self.queue_shapes
        return info_nce(queries, keys, self.queue, own, self.plan.temperature)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Let the slow network follow, and the oldest keys give way to the newest."""
        follow(self.slow, self.online, self.plan.moco_momentum)
        keys, shapes = (x[-self.plan.queue :] for x in self.latest)
        places = torch.arange(step * len(keys), (step + 1) * len(keys), device=keys.device)
        self.queue[places % self.plan.queue] = keys.to(self.queue.dtype)
        self.queue_shapes[places % self.plan.queue] = shapes


class SimSiam(Method):
    """A predictor of the other view's embedding, through which alone gradients pass (Chen & He 2021)."""

    NORMED = True

    def __init__(self, encoder: Backbone, plan: PretrainPlan) -> None:
        super().__init__(encoder, plan)
        self.predictor = _mlp(plan.projection, plan, True)

    def forward(self, one: Tensor, other: Tensor, shapes: Tensor, draws: torch.Generator) -> Tensor:
        """See `Method`; both directions are added: in [0, 8]."""
        online = [self.online(images) for images in (one, other)]
        first, second = self.targets(one, other, online)
        from_first, from_second = (self.predictor(embedding) for embedding in online)
        return cosine_error(from_first, second) + cosine_error(from_second, first)

    def targets(self, one: Tensor, other: Tensor, online: list[Tensor]) -> list[Tensor]:
        """What is to be predicted of the two views; here the embeddings themselves."""
        return online


class BYOL(SimSiam):
    """The same, but the embeddings to predict are a slowly following network's (Grill et al. 2020)."""

    def __init__(self, encoder: Backbone, plan: PretrainPlan) -> None:
        super().__init__(encoder, plan)
        self.slow = copy.deepcopy(self.online).requires_grad_(False)

    @torch.no_grad()
    def targets(self, one: Tensor, other: Tensor, online: list[Tensor]) -> list[Tensor]:
        """What the slow network makes of the two views."""
        return [self.slow(images) for images in (one, other)]

    def after_step(self, step: int) -> None:
        """Let the slow network follow, ever more slowly."""
        follow(self.slow, self.online, byol_momentum(self.plan.byol_momentum, step, self.plan.iterations))


METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR, "moco": MoCo, "byol": BYOL, "simsiam": SimSiam, "none": SimCLR,
}  # fmt: skip
"""By name; "none" is SimCLR before its first step, measured as the others are."""


def build_method(name: str, encoder: Backbone, plan: PretrainPlan, seed: int) -> Method:
    """A method around an encoder; what it adds to it depends on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        return METHODS[name](encoder, plan)


def in_groups(network: nn.Module, images: Tensor, order: Tensor, groups: int) -> Tensor:
    """Embeddings (B, D) of images (B, 3, S, S), passed in this order in groups with statistics of their own.

    A group has two images at least, else a batch norm could not tell anything.
    """
    groups = max(1, min(groups, len(images) // 2))
    parts = [network(images[part]) for part in order.tensor_split(groups)]
    return torch.cat(parts)[order.argsort()]


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, momentum: float) -> None:
    """Exponential average: slow <- momentum * slow + (1 - momentum) * fast, for parameters.

    Not for buffers: in training the slow network normalises by its own batches, and its running statistics
    are of those.
    """
    for mine, theirs in zip(slow.parameters(), fast.parameters(), strict=True):
        mine.lerp_(theirs.detach(), 1 - momentum)


def byol_momentum(base: float, step: int, iterations: int) -> float:
    """From `base` at the first step to 1 at the last: 1 - (1 - base) (cos(pi k / K) + 1) / 2
    (Grill et al. 2020, section 3.1).
    """
    return 1 - (1 - base) * (math.cos(math.pi * step / iterations) + 1) / 2


def pretrain(
    method: str,
    data: tuple[Views, Views],
    plan: PretrainPlan,
    seed: int,
    scratch: Path | None,
    progress: Progress,
) -> tuple[Backbone, list[Row]]:
    """The encoder, see `fit` for which of it, and its curves.

    data: training and validation. The first row of the curves, step 0, is before any training: the only one
    of the method "none".
    """
    train, val = data
    plan = dataclasses.replace(plan, iterations=0) if method == "none" else plan
    model = build_method(method, build_backbone(encoder_config(plan), plan.pretrained, seed), plan, seed)
    run = Run(model, torch.optim.AdamW([group(model, plan.lr, plan.weight_decay)], fused=True), plan, scratch)
    run.optimizer.register_step_post_hook(lambda *_: model.after_step(run.step - 1))

    def figures_of(step: int) -> Figures:
        model.train()
        pair = positives(train, plan, (seed, step), run.device, run.mine)
        return {"loss": run.wrapped(*pair, generator(run.device, seed, step, run.mine[0], 2))}

    def judge(row: Row) -> float | None:
        row |= measure(model, val, plan)
        return 1 - row["retrieval"] if "retrieval" in row else None

    run.rows = run.rows or [{"step": 0, "seconds": 0.0, **measure(model, val, plan)}]
    fit(run, plan, ("cosine", 0), figures_of, judge, progress)
    return model.encoder.cpu(), run.rows


def positives(
    views: Views, plan: PretrainPlan, turn: tuple[int, int], device: torch.device, mine: Share = (0, 1)
) -> tuple[Tensor, Tensor, Tensor]:
    """Two different views (B, 3, S, S) of each of B different shapes, augmented apart, and the shapes (B,).

    turn: seed and step, which decide all of it; mine: of processes, which contrast each its own part.
    """
    if len(views.ids) < 2:
        raise DataError(f"{len(views.ids)} training shapes with views: a contrast needs two at least")
    rng = np.random.default_rng((*turn, 0, 0))
    shapes = rng.permutation(len(views.ids))[: plan.batch][mine[0] :: mine[1]]
    rows = views.drawn(shapes, 2, rng).flatten()
    one, other = views.augmented(rows, plan, generator(device, *turn, mine[0], 1)).chunk(2)
    return one, other, torch.from_numpy(shapes).to(device)


@torch.no_grad()
def measure(model: Method, views: Views, plan: PretrainPlan) -> dict[str, float]:
    """How well features tell the shapes of `views` apart, and how embeddings fill their space; with one
    shape or none, nothing.

    Views are augmented as in training, always alike: by its colours alone any encoder would know a shape.
    """
    if len(views.ids) < 2:
        return {}
    model.eval()
    draws = generator(next(model.parameters()).device, 0)
    features = [model.encoder(views.augmented(rows, plan, draws)) for rows in views.spaced(MEASURED_VIEWS)]
    whole = model.online[1](torch.cat(features))
    found = retrieval(torch.stack(features))
    return {"retrieval": found, "spread": spread(whole), "rank": effective_rank(whole)}
