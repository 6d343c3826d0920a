"""Solution 2: decoder and image encoder learned together, the encoder's output being the code."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t3d.models.codes import CodeBook, Out, weighted_losses
from t3d.models.decoder import Decoder, build_decoder
from t3d.models.encoder import Encoder, set_training, to_float
from t3d.models.fitting import fit, group
from t3d.models.losses import code_l1
from t3d.models.plans import Augmentation, DecoderConfig, EndToEndPlan, LossPlan
from t3d.models.samples import Batch, Samples
from t3d.models.training import Progress, Row, Run, generator, open_accelerator
from t3d.models.views import Views, augment, load_views
from t3d.models.watching import SHOWN

VALIDATION_VIEWS = 8
"""Views of each validation shape that are reconstructed."""

VALIDATION_POINTS = 2_000
"""Samples of each validation shape at which they are compared."""

MEAN_VIEWS = 8
"""Views of each training shape whose codes are averaged."""


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Samples and views of the same shapes, in the same order."""

    samples: Samples
    views: Views


def scenes(
    sdf: Mapping[str, Path], views: Mapping[str, Path], levels: Sequence[str], size: int, kept: Path
) -> Scenes:
    """The shapes that have both samples and views."""
    both = sorted(sdf.keys() & views.keys())
    loaded = load_views({shape: views[shape] for shape in both}, levels, size, kept)
    return Scenes(Samples({shape: sdf[shape] for shape in both}), loaded)


class EndToEnd(nn.Module):
    """Encoder and decoder, and a code book to begin with; forward is the training pass, so that it can be
    wrapped for several GPUs.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, book: CodeBook) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.book = book

    def forward(
        self, shapes: Tensor, images: Tensor, points: Tensor, draws: torch.Generator, share: float
    ) -> tuple[Out, Tensor]:
        """Values and warped points of the four stages (see `Decoder.training_forward`) with codes (B, C), and
        how far the encoder's are from the book's.

        shapes (B,), images (B, 3, S, S), points (B, N, 3). share: 0 decodes the codes of the book, 1 those of
        the encoder; either way all weights have gradients, as several GPUs need.
        """
        seen, known = self.encoder(images), self.book(shapes)
        codes = share * seen + (1 - share) * known
        values, warped = self.decoder.training_forward(points, codes, draws)
        return (values, warped, codes), code_l1(seen, known.detach())


def train_end_to_end(
    data: tuple[Scenes, Scenes],
    encoder: Encoder,
    config: DecoderConfig | Decoder,
    plans: tuple[EndToEndPlan, LossPlan],
    seed: int,
    scratch: Path | None,
    progress: Progress,
) -> tuple[EndToEnd, list[Row]]:
    """The network, see `fit` for which of it, and its curves.

    data: training and validation. config: sizes of a decoder that starts from nothing, or a trained one that
    belongs to the encoder, whose codes are then left as they are. Losses are those of phase 1, the weight
    of the codes' length being on what is decoded: the codes of a book first, if the plan says so, then the
    encoder's.
    """
    (train, val), (plan, weights) = data, plans
    accelerator = open_accelerator(plan.gpu, plan.precision)
    device = accelerator.device
    set_training(encoder, plan.norms)
    model, first = _begun(encoder, config, train, plan, seed)
    model.to(device)
    run = Run(
        model, _optimizer(model, plan), scratch, shown=lambda: (model.decoder, _shown(model, train.views))
    )
    run.resume()
    mine = (accelerator.process_index, accelerator.num_processes)

    def figures_of(wrapped: nn.Module, step: int) -> dict[str, Tensor]:
        batch = train.samples.batch(step, plan.scenes, plan.points, seed)
        images = _augmented_views(train.views, batch, plan, (seed, step), mine, device)
        model.book.shorten(batch.shapes.to(device))
        batch, share = batch.share(*mine).to(device), float(step >= first)
        model.train()
        set_training(encoder, plan.norms)
        draws = generator(device, seed, 3, step, mine[0])
        out, away = wrapped(batch.shapes, images, batch.points, draws, share)
        figures = weighted_losses(out, batch, weights, step)
        figures["loss"] = figures["loss"] + (1 - share) * plan.book_weight * away
        return figures

    def judge(row: Row) -> float | None:
        row |= {"val": reconstruction_loss(model, val, weights.clamp, seed)} if len(val.samples) else {}
        return row.get("val")

    fit(run, accelerator, plan, (plan.schedule, plan.decay_every), figures_of, judge, progress)
    return model.cpu(), run.rows


def _begun(
    encoder: Encoder, config: DecoderConfig | Decoder, train: Scenes, plan: EndToEndPlan, seed: int
) -> tuple[EndToEnd, int]:
    """The network before its first step, and how many steps are its code book's."""
    if isinstance(config, DecoderConfig):
        start_codes(encoder, train.views, plan.code_start)
        decoder, first = build_decoder(config, seed), plan.book_iterations
    else:
        decoder, first = config, 0
    size = (len(train.samples), decoder.config.code)
    return EndToEnd(encoder, decoder, CodeBook(size, plan.code_start, plan.code_bound, seed)), first


def _optimizer(model: EndToEnd, plan: EndToEndPlan) -> torch.optim.Optimizer:
    """AdamW; the encoder alone has weight decay."""
    model.encoder.backbone.requires_grad_(not plan.freeze)
    warp, template = group(model.decoder.warp, plan.lr_warp), group(model.decoder.template, plan.lr_template)
    encoder = group(model.encoder, plan.lr_encoder, plan.weight_decay)
    return torch.optim.AdamW([warp, template, encoder, group(model.book, plan.lr_codes)], fused=True)


def _augmented_views(
    views: Views,
    batch: Batch,
    plan: Augmentation,
    turn: tuple[int, int],
    mine: tuple[int, int],
    device: torch.device,
) -> Tensor:
    """A view (B, 3, S, S) of each shape of this process's share (`mine`) of a batch, changed at random;
    turn, seed and step, decides how.
    """
    (drawn,) = views.drawn(batch.shapes.numpy(), 1, np.random.default_rng((*turn, 0, 1)))
    rows = drawn[mine[0] :: mine[1]]
    images, masks = views.images[rows].to(device), views.masks[rows].to(device)
    return augment(images, masks, plan, generator(device, *turn, mine[0], 2))


@torch.no_grad()
def reconstruction_loss(model: EndToEnd, scenes: Scenes, clamp: float, seed: int) -> float:
    """Mean |difference| of clamped distances at samples of shapes reconstructed from single views.

    The same views and samples each time, no augmentation, running statistics of batch norm; comparable with
    the error that `fit_codes` returns, of codes found from the samples themselves.
    """
    model.eval()
    device = next(model.parameters()).device
    rng, total = np.random.default_rng((seed, 4)), 0.0
    for shape, rows in enumerate(scenes.views.spaced(VALIDATION_VIEWS)):
        batch = scenes.samples.of(np.array([shape]), VALIDATION_POINTS, rng).to(device)
        codes = model.encoder(to_float(scenes.views.images[rows].to(device)))
        values = model.decoder.values(batch.points.expand(len(codes), -1, -1), codes)
        error = values.clamp(-clamp, clamp) - batch.distances.clamp(-clamp, clamp)
        total += float(error.abs().mean())
    return total / len(scenes.samples)


@torch.no_grad()
def _shown(model: EndToEnd, views: Views) -> Tensor:
    """Codes (K, C) of a view each of the first shapes, for pictures."""
    model.eval()
    rows = views.spaced(1)[:SHOWN, 0]
    return model.encoder(to_float(views.images[rows].to(next(model.parameters()).device)))


@torch.no_grad()
def start_codes(encoder: Encoder, views: Views, length: float) -> None:
    """Shift and scale the last layer so that codes have mean zero and about this length over some views.

    The features of different pictures have most in common at first, the more the less was pre-trained; a
    decoder would have to learn the rest from small differences (see Kraehenbuehl et al. 2016).
    """
    codes = _codes(encoder, views)
    mean = codes.mean(0)
    factor = length / (codes - mean).norm(dim=1).mean().clamp(min=1e-6)
    encoder.to_code.weight.mul_(factor)
    encoder.to_code.bias.sub_(mean).mul_(factor)


@torch.no_grad()
def shape_codes(encoder: Encoder, views: Views) -> dict[str, NDArray[np.float32]]:
    """A code (C,) of each shape by id, the mean over some of its views, without augmentation."""
    encoder.eval()
    codes = torch.stack(torch.split(_codes(encoder, views), len(views.ids))).mean(0)
    return dict(zip(views.ids, codes.numpy(), strict=True))


def _codes(encoder: Encoder, views: Views) -> Tensor:
    rows = views.spaced(MEAN_VIEWS).t().flatten()
    return torch.cat([encoder(to_float(views.images[part])) for part in torch.split(rows, 64)])
