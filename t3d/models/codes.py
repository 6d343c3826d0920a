"""Phase 1: a decoder and one code per training shape, learned together from signed distances."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t3d.models import losses
from t3d.models.decoder import Decoder, DecoderConfig, build_decoder
from t3d.models.samples import Batch, Samples
from t3d.models.training import (
    Progress,
    Row,
    Run,
    generator,
    learning_rate,
    open_accelerator,
    set_learning_rate,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossPlan:
    """Weights of the losses; the stage `codes` documents each."""

    clamp: float
    pointwise: float
    pointpair: float
    pointpair_limit: float
    code_weight: float
    ramp: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodesPlan:
    """How to optimise; the stage `codes` documents each."""

    iterations: int
    scenes: int
    points: int
    lr_warp: float
    lr_template: float
    lr_codes: float
    schedule: str
    decay_every: int
    code_start: float
    code_bound: float
    log_every: int
    gpu: bool
    precision: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitPlan:
    """How to find the code of a shape that was not trained on; the stage `codes` documents each."""

    fit_iterations: int
    fit_points: int
    fit_lr: float
    clamp: float


@dataclasses.dataclass
class Trained:
    """What phase 1 leaves: decoder, codes (K, C) in the order of the samples' ids, and curves."""

    decoder: Decoder
    codes: NDArray[np.float32]
    rows: list[Row]


class AutoDecoder(nn.Module):
    """Decoder and codes; forward is the training pass, so that it can be wrapped for several GPUs.

    lengths: about how long codes are at first, and at most.
    """

    def __init__(self, decoder: Decoder, shapes: int, lengths: tuple[float, float], seed: int) -> None:
        super().__init__()
        self.decoder = decoder
        size, (length, self.bound) = decoder.config.code, lengths
        start = torch.randn(shapes, size, generator=generator(torch.device("cpu"), seed, 2))
        self.codes = nn.Embedding(shapes, size, _weight=start * (length / math.sqrt(size)))
        self.bound_codes()

    def forward(
        self, shapes: Tensor, points: Tensor, draws: torch.Generator
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Values and warped points of the four stages (see `Decoder.training_forward`), and codes (B, C)."""
        codes = self.codes(shapes)
        values, warped = self.decoder.training_forward(points, codes, draws)
        return values, warped, codes

    @torch.no_grad()
    def bound_codes(self) -> None:
        """Shorten the codes that are longer than the bound (published: on look-up, by `max_norm`)."""
        norms = self.codes.weight.norm(dim=-1, keepdim=True)
        self.codes.weight.mul_((self.bound / norms).clamp(max=1.0))


def train_codes(
    samples: Samples,
    config: DecoderConfig,
    plans: tuple[CodesPlan, LossPlan],
    seed: int,
    scratch: Path | None,
    progress: Progress,
) -> Trained:
    """Run phase 1 to its end, or on from where a killed run left it in `scratch`.

    On the CPU in float32 the result is decided by the arguments, however often the run was interrupted.
    """
    plan, weights = plans
    accelerator = open_accelerator(plan.gpu, plan.precision)
    model = AutoDecoder(
        build_decoder(config, seed), len(samples), (plan.code_start, plan.code_bound), seed
    ).to(accelerator.device)
    run = Run(model, _optimizer(model, plan), scratch)
    run.resume()
    wrapped, optimizer = accelerator.prepare(model, run.optimizer)
    mine = (accelerator.process_index, accelerator.num_processes)

    def take_step(step: int) -> dict[str, Tensor]:
        set_learning_rate(
            run.optimizer, learning_rate(plan.schedule, step, plan.iterations, plan.decay_every)
        )
        batch = samples.batch(step, plan.scenes, plan.points, seed).share(*mine).to(accelerator.device)
        draws = generator(accelerator.device, seed, 3, step, mine[0])
        with accelerator.autocast():
            out = wrapped(batch.shapes, batch.points, draws)
        figures = weighted_losses(out, batch, weights, step)
        optimizer.zero_grad()
        accelerator.backward(figures["loss"])
        optimizer.step()
        model.bound_codes()
        return figures

    run.go(plan.iterations, take_step, lambda row: False, progress, plan.log_every)
    return Trained(model.decoder.cpu(), model.codes.weight.detach().cpu().numpy(), run.rows)


def weighted_losses(
    out: tuple[list[Tensor], list[Tensor], Tensor], batch: Batch, plan: LossPlan, step: int
) -> dict[str, Tensor]:
    """The loss of a step and its parts, unweighted: loss, rec, pointwise, pointpair, code_norm."""
    values, warped, codes = out
    rec = losses.curriculum_l1([x.float() for x in values], batch.distances, plan.clamp)
    pointwise = losses.pointwise(warped, batch.points)
    pointpair = losses.pointpair(warped[-1], batch.points, limit=plan.pointpair_limit or math.inf)
    norm = losses.code_norm(codes)
    rising = losses.rising(step, plan.ramp)
    loss = (
        rec
        + plan.pointwise * losses.falling(step, plan.ramp) * pointwise
        + plan.pointpair * rising * pointpair
        + plan.code_weight * rising * norm
    )
    return {"loss": loss, "rec": rec, "pointwise": pointwise, "pointpair": pointpair, "code_norm": norm}


def _optimizer(model: AutoDecoder, plan: CodesPlan) -> torch.optim.Optimizer:
    groups = [
        (model.decoder.warp, plan.lr_warp),
        (model.decoder.template, plan.lr_template),
        (model.codes, plan.lr_codes),
    ]
    return torch.optim.Adam(
        [{"params": part.parameters(), "lr": rate, "base": rate} for part, rate in groups]
    )


def fit_codes(
    decoder: Decoder, samples: Samples, plan: FitPlan, seed: int, at_once: int = 24
) -> tuple[NDArray[np.float32], float]:
    """Codes (K, C) of shapes not trained on, by gradient descent with a fixed decoder; and the last loss.

    From N(0, 0.01^2), Adam, rate / 10 at half the iterations, clamped L1 plus 1e-4 times the mean square of
    the code (Deep Implicit Templates, `reconstruct_deep_implicit_templates.py`).
    """
    decoder.requires_grad_(False)
    parts, final = [np.empty((0, decoder.config.code), np.float32)], 0.0
    for start in range(0, len(samples), at_once):
        shapes = np.arange(start, min(start + at_once, len(samples)))
        codes, loss = _fit(decoder, samples, shapes, plan, seed)
        parts.append(codes)
        final += loss * len(shapes) / len(samples)
    decoder.requires_grad_(True)
    return np.concatenate(parts), final


def _fit(
    decoder: Decoder, samples: Samples, shapes: NDArray[np.int64], plan: FitPlan, seed: int
) -> tuple[NDArray[np.float32], float]:
    rng = np.random.default_rng((seed, 4, int(shapes[0])))
    start = rng.normal(0, 0.01, (len(shapes), decoder.config.code)).astype(np.float32)
    codes = torch.from_numpy(start).requires_grad_()
    optimizer = torch.optim.Adam([codes], lr=plan.fit_lr)
    errors = torch.zeros(0)
    for step in range(plan.fit_iterations):
        optimizer.param_groups[0]["lr"] = plan.fit_lr * (1.0 if step < plan.fit_iterations / 2 else 0.1)
        batch = samples.of(shapes, plan.fit_points, rng)
        values = decoder.values(batch.points, codes).clamp(-plan.clamp, plan.clamp)
        wanted = batch.distances.clamp(-plan.clamp, plan.clamp)
        errors = (values - wanted).abs().mean(1)
        optimizer.zero_grad()
        (errors + 1e-4 * codes.square().mean(1)).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return codes.detach().numpy(), float(errors.detach().mean()) if len(errors) else math.nan
