"""Solution 2: decoder and image encoder learned together, the encoder's output being the code."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t3d.models.codes import CodeBook, Out, decoder_groups, weighted_losses
from t3d.models.decoder import Decoder, build_decoder
from t3d.models.encoder import AT_ONCE, Encoder, seen_by, set_training, to_float
from t3d.models.losses import code_l1
from t3d.models.plans import DecoderConfig, EndToEndPlan, LossPlan
from t3d.models.samples import Samples
from t3d.models.training import Figures, Progress, Row, Run, fit, generator, group
from t3d.models.views import Views, load_views
from t3d.models.watching import SHOWN
from t3d.pipeline.stage import Shapes

VALIDATION_VIEWS = 8
"""Views of each validation shape that are reconstructed."""

VALIDATION_POINTS = 2_000
"""Samples of each validation shape at which they are compared."""

MEAN_VIEWS = 8
"""Views of each training shape whose codes are averaged."""


class Scenes(NamedTuple):
    """Samples and views of the same shapes, in the same order."""

    samples: Samples
    views: Views


def scenes(sdf: Shapes, views: Shapes, levels: Sequence[str], size: int, kept: Path) -> Scenes:
    """The shapes that have both samples and views."""
    loaded = load_views({shape: views[shape] for shape in sdf.keys() & views.keys()}, levels, size, kept)
    return Scenes(Samples({shape: sdf[shape] for shape in loaded.ids}), loaded)


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
    set_training(encoder, plan.norms)
    model, first = _begun(encoder, config, train, plan, seed)
    encoder.backbone.requires_grad_(not plan.freeze)
    learning = [*decoder_groups(model.decoder, plan), group(encoder, plan.lr_encoder, plan.weight_decay)]
    optimizer = torch.optim.AdamW([*learning, group(model.book, plan.lr_codes)], fused=True)
    run = Run(model, optimizer, plan, scratch, shown=lambda: (model.decoder, _shown(model, train.views)))

    def figures_of(step: int) -> Figures:
        batch = train.samples.batch(step, plan.scenes, plan.points, seed)
        (rows,) = train.views.drawn(batch.shapes.numpy(), 1, np.random.default_rng((seed, step, 0, 1)))
        rows = rows[run.mine[0] :: run.mine[1]]
        images = train.views.augmented(rows, plan, generator(run.device, seed, step, run.mine[0], 2))
        model.book.shorten(batch.shapes.to(run.device))
        batch, share = batch.share(*run.mine).to(run.device), float(step >= first)
        model.train()
        set_training(encoder, plan.norms)
        draws = generator(run.device, seed, 3, step, run.mine[0])
        out, away = run.wrapped(batch.shapes, images, batch.points, draws, share)
        figures = weighted_losses(out, batch, weights, step)
        figures["loss"] = figures["loss"] + (1 - share) * plan.book_weight * away
        return figures

    def judge(row: Row) -> float | None:
        row |= {"val": reconstruction_loss(model, val, weights.clamp, seed)} if len(val.samples) else {}
        return row.get("val")

    fit(run, plan, (plan.schedule, plan.decay_every), figures_of, judge, progress)
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


@torch.no_grad()
def reconstruction_loss(model: EndToEnd, scenes: Scenes, clamp: float, seed: int) -> float:
    """Mean |difference| of clamped distances at samples of shapes reconstructed from single views.

    The same views and samples each time, no augmentation, running statistics of batch norm; comparable with
    the error that `fit_codes` returns, of codes found from the samples themselves.
    """
    model.eval()
    device = model.decoder.device
    rng, total = np.random.default_rng((seed, 4)), 0.0
    for shape, rows in enumerate(scenes.views.spaced(VALIDATION_VIEWS)):
        batch = scenes.samples.of(np.array([shape]), VALIDATION_POINTS, rng).to(device)
        codes = model.encoder(to_float(scenes.views.images[rows].to(device)))
        values = model.decoder.values(batch.points.expand(len(codes), -1, -1), codes)
        error = values.clamp(-clamp, clamp) - batch.distances.clamp(-clamp, clamp)
        total += float(error.abs().mean())
    return total / len(scenes.samples)


def _shown(model: EndToEnd, views: Views) -> Tensor:
    """Codes (K, C) of a view each of the first shapes, for pictures."""
    model.eval()
    return seen_by(model.encoder, views.images[views.spaced(1)[:SHOWN, 0]]).to(model.decoder.device)


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


def shape_codes(encoder: Encoder, views: Views) -> dict[str, NDArray[np.float32]]:
    """A code (C,) of each shape by id, the mean over some of its views, without augmentation."""
    codes = torch.stack(torch.split(_codes(encoder.eval(), views), len(views.ids))).mean(0)
    return dict(zip(views.ids, codes.numpy(), strict=True))


def _codes(encoder: Encoder, views: Views) -> Tensor:
    """Codes of some views of every shape, the first of each, the second of each, and so on."""
    rows = views.spaced(MEAN_VIEWS).t().flatten()
    return torch.cat([seen_by(encoder, views.images[some]) for some in torch.split(rows, AT_ONCE)])
