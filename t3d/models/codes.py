"""Phase 1: a decoder and one code per training shape, learned together from signed distances."""

import dataclasses
import logging
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t3d.models import losses
from t3d.models.decoder import Decoder, build_decoder
from t3d.models.fitting import group
from t3d.models.plans import STAGES, CodesPlan, DecoderConfig, FitPlan, LossPlan
from t3d.models.samples import Batch, Samples
from t3d.models.training import (
    Progress,
    Row,
    Run,
    generator,
    in_parts,
    learning_rate,
    open_accelerator,
    set_learning_rate,
)
from t3d.models.watching import SHOWN

log = logging.getLogger(__name__)

ALIKE_CODES, ALIKE_POINTS = 100, 512
"""Codes and samples by which the code to start from is chosen: seconds at the published size."""

Out = tuple[list[Tensor], list[Tensor], Tensor]
"""Values (B, N) and warped points (B, N, 3) of the four stages, and codes (B, C)."""


@dataclasses.dataclass
class Trained:
    """What phase 1 leaves: decoder, codes (K, C) in the order of the samples' ids, curves, and facts.

    Facts are `beyond_clamp`, the share of samples that teach little, `memory_gb` as estimated beforehand, and
    `batch_split`, the parts in which batches fitted into memory.
    """

    decoder: Decoder
    codes: NDArray[np.float32]
    rows: list[Row]
    facts: dict[str, float]


class CodeBook(nn.Embedding):
    """A code (C,) for each of K shapes, drawn at first from N(0, start^2 / C) around a mean.

    bound: the greatest length of a code. mean: (C,), zero without.
    """

    def __init__(
        self, size: tuple[int, int], start: float, bound: float, seed: int, mean: Tensor | None = None
    ) -> None:
        draws = torch.randn(*size, generator=generator(torch.device("cpu"), seed, 2))
        draws *= start / math.sqrt(size[1])
        super().__init__(*size, _weight=draws if mean is None else draws + mean)
        self.bound = bound
        self.shorten()

    @torch.no_grad()
    def shorten(self, shapes: Tensor | None = None) -> None:
        """Shorten the codes of `shapes` (B,), of all without, that are longer than the bound.

        As published, where `max_norm` of the embedding does it to those that are looked up.
        """
        chosen = slice(None) if shapes is None else shapes
        codes = self.weight[chosen]
        self.weight[chosen] = codes * (self.bound / codes.norm(dim=-1, keepdim=True)).clamp(max=1.0)


class AutoDecoder(nn.Module):
    """Decoder and codes; forward is the training pass, so that it can be wrapped for several GPUs."""

    def __init__(self, decoder: Decoder, codes: CodeBook) -> None:
        super().__init__()
        self.decoder = decoder
        self.codes = codes

    def forward(self, shapes: Tensor, points: Tensor, draws: torch.Generator) -> Out:
        """Values and warped points of the four stages (see `Decoder.training_forward`), and codes (B, C)."""
        codes = self.codes(shapes)
        values, warped = self.decoder.training_forward(points, codes, draws)
        return values, warped, codes


def train_codes(
    samples: Samples,
    config: DecoderConfig,
    plans: tuple[CodesPlan, LossPlan],
    seed: int,
    scratch: Path | None,
    progress: Progress,
    start: tuple[Decoder, NDArray[np.float32]] | None = None,
) -> Trained:
    """Run phase 1 to its end, or on from where a killed run left it in `scratch`.

    start: a decoder of these sizes to go on from, and its mean code (C,), at which all codes begin: fitted
    ones would cost as many evaluations as a short training, in which they are found anyway.

    On the CPU in float32 the result is decided by the arguments, however often the run was interrupted. A
    batch that does not fit into memory is computed in parts; without dropout that changes rounding only.
    """
    plan, weights = plans
    facts = {"beyond_clamp": samples.beyond(weights.clamp)}
    facts["memory_gb"] = memory_needed(config, plan, len(samples)) / 1e9
    log.info("phase 1 needs about %.2g GB of memory", facts["memory_gb"])
    accelerator = open_accelerator(plan.gpu, plan.precision)
    decoder, mean = (start[0], torch.from_numpy(start[1])) if start else (build_decoder(config, seed), None)
    book = CodeBook((len(samples), config.code), plan.code_start, plan.code_bound, seed, mean)
    model = AutoDecoder(decoder, book).to(accelerator.device)
    run = Run(
        model, _optimizer(model, plan), scratch, shown=lambda: (model.decoder, model.codes.weight[:SHOWN])
    )
    run.resume()
    steps = _Steps(model, run, samples, plans, seed, accelerator)
    run.go(plan.iterations, steps.take, lambda row: False, progress, plan.log_every)
    model.codes.shorten()
    facts["batch_split"] = max(plan.batch_split, run.memory.get("parts", 1))
    return Trained(model.decoder.cpu(), model.codes.weight.detach().cpu().numpy(), run.rows, facts)


@dataclasses.dataclass
class _Steps:
    """The steps of phase 1, each decided by its number."""

    model: AutoDecoder
    run: Run
    samples: Samples
    plans: tuple[CodesPlan, LossPlan]
    seed: int
    accelerator: Any

    def __post_init__(self) -> None:
        self.wrapped, self.optimizer = self.accelerator.prepare(self.model, self.run.optimizer)

    def take(self, step: int) -> dict[str, Tensor]:
        """Change the weights once; the figures of the batch."""
        plan, processes = self.plans[0], self.accelerator.num_processes
        factor = learning_rate(plan.schedule, step, plan.iterations, plan.decay_every)
        set_learning_rate(self.run.optimizer, factor)
        batch = self.samples.batch(step, plan.scenes, plan.points, self.seed).to(self.accelerator.device)
        self.model.codes.shorten(batch.shapes)
        mine = batch.share(self.accelerator.process_index, processes)
        # Several processes wait for each other's gradients: one alone cannot begin anew.
        most = len(mine.shapes) if processes == 1 else min(plan.batch_split, len(mine.shapes))
        figures = in_parts(self.run, plan.batch_split, most, lambda parts: self._gradients(mine, step, parts))
        self.optimizer.step()
        return figures

    def _gradients(self, batch: Batch, step: int, parts: int) -> dict[str, Tensor]:
        """Gradients and figures of a batch whose shapes are dealt into parts.

        All losses are means over shapes of the same size, so that a part weighs as many shapes as it has.
        """
        self.optimizer.zero_grad()
        total: dict[str, Tensor] = {}
        for index in range(parts):
            part = batch.share(index, parts)
            weight = len(part.shapes) / len(batch.shapes)
            turn = (self.seed, 3, step, self.accelerator.process_index, index)
            with self.accelerator.no_sync(self.wrapped) if index < parts - 1 else nullcontext():
                with self.accelerator.autocast():
                    out = self.wrapped(part.shapes, part.points, generator(part.points.device, *turn))
                figures = weighted_losses(out, part, self.plans[1], step)
                self.accelerator.backward(figures["loss"] * weight)
            for name, value in figures.items():
                total[name] = total.get(name, 0.0) + weight * value.detach()
        return total


def memory_needed(config: DecoderConfig, plan: CodesPlan, shapes: int) -> int:
    """Bytes that a training step keeps at its peak, about: activations of float32, weights, Adam's state.

    shapes: how many have a code. Per point and step of the warp: the row that goes into the cell and seven
    times the hidden size; per point, stage and layer of the template three values; six per pair of points.
    """
    scenes = -(-min(plan.scenes, shapes) // plan.batch_split)
    warp = config.steps * 8 * config.hidden
    template = STAGES * config.depth * config.width * 3
    first = plan.points // losses.PAIR_SHARE
    pairs = 6 * first * (plan.points - first)
    lstm = 4 * config.hidden * (config.code + 3 + config.hidden)
    weights = lstm + config.depth * config.width**2 + shapes * config.code
    return 4 * (scenes * (plan.points * (warp + template) + pairs) + 4 * weights)


def weighted_losses(out: Out, batch: Batch, plan: LossPlan, step: int) -> dict[str, Tensor]:
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
    warp, template = group(model.decoder.warp, plan.lr_warp), group(model.decoder.template, plan.lr_template)
    return torch.optim.Adam([warp, template, group(model.codes, plan.lr_codes)], fused=True)


def fit_codes(
    decoder: Decoder,
    samples: Samples,
    plan: FitPlan,
    seed: int,
    first: NDArray[np.float32] | None = None,
    at_once: int = 24,
) -> tuple[NDArray[np.float32], float]:
    """Codes (K, C) of shapes not trained on, by gradient descent with a fixed decoder; and the last loss.

    Where the decoder is, from `first` (K, C), without it from N(0, 0.01^2); Adam, rate / 10 at half the
    iterations, clamped L1 plus 1e-4 times the mean square of the code (DIT
    `reconstruct_deep_implicit_templates.py`).
    """
    decoder.requires_grad_(False)
    parts, final = [np.empty((0, decoder.config.code), np.float32)], 0.0
    for start in range(0, len(samples), at_once):
        shapes = np.arange(start, min(start + at_once, len(samples)))
        codes, loss = _fit(decoder, samples, shapes, plan, seed, None if first is None else first[shapes])
        parts.append(codes)
        final += loss * len(shapes) / len(samples)
    decoder.requires_grad_(True)
    return np.concatenate(parts), final


@torch.no_grad()
def most_alike(
    decoder: Decoder, samples: Samples, codes: NDArray[np.float32], seed: int
) -> NDArray[np.float32]:
    """Of `codes` (M, C), of 100 evenly out of more, the best for each of K shapes: (K, C).

    The best tells most samples inside from outside. By the clamped L1 it would be one whose distances are
    near zero everywhere: most samples lie close to the surface, so that such a code is never far off, though
    its own surface is anywhere.
    """
    rng, found, device = np.random.default_rng((seed, 5)), [], decoder.device
    tried = torch.from_numpy(codes[:: -(-len(codes) // ALIKE_CODES)]).to(device)
    for shape in range(len(samples)):
        batch = samples.of(np.array([shape]), ALIKE_POINTS, rng).to(device)
        inside = batch.distances < 0
        wrong = [((decoder.values(batch.points, code[None]) < 0) != inside).sum() for code in tried]
        found.append(tried[int(torch.stack(wrong).argmin())])
    return torch.stack(found).cpu().numpy()


def _fit(
    decoder: Decoder,
    samples: Samples,
    shapes: NDArray[np.int64],
    plan: FitPlan,
    seed: int,
    first: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float32], float]:
    rng = np.random.default_rng((seed, 4, int(shapes[0])))
    drawn = rng.normal(0, 0.01, (len(shapes), decoder.config.code)).astype(np.float32)
    start = torch.from_numpy(drawn if first is None else first.copy())
    codes = start.to(decoder.device).requires_grad_()
    optimizer = torch.optim.Adam([codes], lr=plan.fit_lr)
    errors = torch.zeros(0)
    for step in range(plan.fit_iterations):
        optimizer.param_groups[0]["lr"] = plan.fit_lr * (1.0 if step < plan.fit_iterations / 2 else 0.1)
        batch = samples.of(shapes, plan.fit_points, rng).to(decoder.device)
        values = decoder.values(batch.points, codes).clamp(-plan.clamp, plan.clamp)
        wanted = batch.distances.clamp(-plan.clamp, plan.clamp)
        errors = (values - wanted).abs().mean(1)
        optimizer.zero_grad()
        (errors + 1e-4 * codes.square().mean(1)).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return codes.detach().cpu().numpy(), float(errors.detach().mean()) if len(errors) else math.nan
