"""Phase 1: a decoder and one code per training shape, learned together from signed distances."""

import logging
import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t3d.models import losses
from t3d.models.decoder import Decoder, build_decoder
from t3d.models.network import Start
from t3d.models.plans import STAGES, CodesPlan, DecoderConfig, FitPlan, LossPlan, SamplePlan
from t3d.models.samples import Batch, Samples
from t3d.models.training import Figures, Progress, Row, Run, generator, group, in_parts, set_learning_rate
from t3d.models.watching import SHOWN

log = logging.getLogger(__name__)

ALIKE_CODES, ALIKE_POINTS = 100, 512
"""Codes and samples by which the code to start from is chosen: seconds at the published size."""

FITTED_AT_ONCE = 24
"""Shapes whose codes are sought together."""

Out = tuple[list[Tensor], list[Tensor], Tensor]
"""Values (B, N) and warped points (B, N, 3) of the four stages, and codes (B, C)."""


class Trained(NamedTuple):
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
    start: Start | None = None,
) -> Trained:
    """Run phase 1 to its end, or on from where a killed run left it in `scratch`.

    start: a decoder of these sizes to go on from, at whose mean code all codes begin: fitted ones would cost
    as many evaluations as a short training, in which they are found anyway.

    On the CPU in float32 the result is decided by the arguments, however often the run was interrupted. A
    batch that does not fit into memory is computed in parts; without dropout that changes rounding only.
    """
    plan, weights = plans
    gigabytes = memory_needed(config, plan, len(samples)) / 1e9
    facts = {"beyond_clamp": samples.beyond(weights.clamp), "memory_gb": gigabytes}
    log.info("phase 1 needs about %.2g GB of memory", gigabytes)
    decoder = start.decoder if start else build_decoder(config, seed)
    mean = torch.from_numpy(start.mean_code) if start else None
    book = CodeBook((len(samples), config.code), plan.code_start, plan.code_bound, seed, mean)
    groups = [*decoder_groups(decoder, plan), group(book, plan.lr_codes)]
    model, optimizer = AutoDecoder(decoder, book), torch.optim.Adam(groups, fused=True)
    run = Run(model, optimizer, plan, scratch, shown=lambda: (decoder, book.weight[:SHOWN]))

    def take_step(step: int) -> Figures:
        set_learning_rate(optimizer, step, plan.iterations, (plan.schedule, plan.decay_every))
        batch = samples.batch(step, plan.scenes, plan.points, seed).to(run.device)
        book.shorten(batch.shapes)
        mine = batch.share(*run.mine)
        # Several processes wait for each other's gradients: one alone cannot begin anew.
        most = len(mine.shapes) if run.mine[1] == 1 else min(plan.batch_split, len(mine.shapes))
        turn = (seed, step)
        figures = in_parts(run, plan.batch_split, most, lambda n: _gradients(run, mine, weights, turn, n))
        run.prepared.step()
        return figures

    run.go(plan.iterations, take_step, lambda row: False, progress, plan.log_every)
    book.shorten()
    facts["batch_split"] = max(plan.batch_split, run.memory.get("parts", 1))
    return Trained(decoder.cpu(), book.weight.detach().cpu().numpy(), run.rows, facts)


def _gradients(run: Run, batch: Batch, plan: LossPlan, turn: tuple[int, int], parts: int) -> Figures:
    """Gradients and figures of a batch whose shapes are dealt into parts; turn: seed and step.

    All losses are means over shapes of the same size, so that a part weighs as many shapes as it has.
    """
    run.prepared.zero_grad()
    total: dict[str, Tensor] = {}
    for index in range(parts):
        part = batch.share(index, parts)
        weight = len(part.shapes) / len(batch.shapes)
        draws = generator(run.device, turn[0], 3, turn[1], run.mine[0], index)
        with run.accelerator.no_sync(run.wrapped) if index < parts - 1 else nullcontext():
            with run.accelerator.autocast():
                out = run.wrapped(part.shapes, part.points, draws)
            figures = weighted_losses(out, part, plan, turn[1])
            run.accelerator.backward(figures["loss"] * weight)
        for name, value in figures.items():
            total[name] = total.get(name, 0.0) + weight * value.detach()
    return total


def decoder_groups(decoder: Decoder, plan: SamplePlan) -> list[dict[str, Any]]:
    """Warp and template as groups of an optimiser."""
    return [group(decoder.warp, plan.lr_warp), group(decoder.template, plan.lr_template)]


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
    loss = rec + plan.pointwise * losses.falling(step, plan.ramp) * pointwise
    loss = loss + plan.pointpair * rising * pointpair + plan.code_weight * rising * norm
    return {"loss": loss, "rec": rec, "pointwise": pointwise, "pointpair": pointpair, "code_norm": norm}


def fit_codes(
    decoder: Decoder, samples: Samples, plan: FitPlan, seed: int, first: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], float]:
    """Codes (K, C) of shapes not trained on, by gradient descent with a fixed decoder; and the last loss.

    Where the decoder is, from `first` (K, C), without it from N(0, 0.01^2); Adam, rate / 10 at half the
    iterations, clamped L1 plus 1e-4 times the mean square of the code (DIT
    `reconstruct_deep_implicit_templates.py`).
    """
    decoder.requires_grad_(False)
    codes, final = np.empty((len(samples), decoder.config.code), np.float32), 0.0
    for start in range(0, len(samples), FITTED_AT_ONCE):
        shapes = np.arange(start, min(start + FITTED_AT_ONCE, len(samples)))
        rng = np.random.default_rng((seed, 4, start))
        codes[shapes] = rng.normal(0, 0.01, codes[shapes].shape)
        sought = torch.from_numpy(codes[shapes] if first is None else first[shapes]).to(decoder.device)
        loss = _descend(decoder, sought, partial(samples.of, shapes, plan.fit_points, rng), plan)
        codes[shapes] = sought.detach().cpu().numpy()
        final += loss * len(shapes) / len(samples)
    decoder.requires_grad_(True)
    return codes, final


def _descend(decoder: Decoder, codes: Tensor, draw: Callable[[], Batch], plan: FitPlan) -> float:
    """Change codes in place, by a batch of their shapes for each step; the last loss."""
    optimizer = torch.optim.Adam([codes.requires_grad_()], lr=plan.fit_lr)
    errors = torch.full((1,), math.nan)
    for step in range(plan.fit_iterations):
        optimizer.param_groups[0]["lr"] = plan.fit_lr * (1.0 if step < plan.fit_iterations / 2 else 0.1)
        batch = draw().to(decoder.device)
        values = decoder.values(batch.points, codes).clamp(-plan.clamp, plan.clamp)
        wanted = batch.distances.clamp(-plan.clamp, plan.clamp)
        errors = (values - wanted).abs().mean(1)
        optimizer.zero_grad()
        (errors + 1e-4 * codes.square().mean(1)).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return float(errors.detach().mean())


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
