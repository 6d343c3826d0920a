"""Deep Implicit Templates: a shape is one template, reached by warping space with a small recurrent network.

Points, distances and warped points are in the unit frame; distances are negative inside. Letters of
shapes: B shapes, N points of each, C code size, H hidden size.

Training and inference are separate functions, not modes: `training_forward` keeps every supervised stage
and applies dropout from a given generator; the others do neither, whatever `.train()` or `.eval()` said.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from t3d.errors import UsageError

STAGES = 4
"""Supervised depths of the warp: steps 2, 4, 6 and 8 of 8 (Deep Implicit Templates, section 3.3)."""

aten = torch.ops.aten

GRADIENT_LIMIT = 10.0
"""Bound of the gradient that reaches each hidden state (Deep Implicit Templates, `Warper.forward`)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Sizes of the decoder; the defaults are the published ones."""

    code: int = 256
    hidden: int = 512
    steps: int = 8
    width: int = 256
    depth: int = 5
    dropout: float = 0.05
    init: Literal["published", "intended"] = "published"

    def __post_init__(self) -> None:
        if self.steps < STAGES or self.steps % STAGES:
            raise UsageError(f"warp steps: {self.steps} is no multiple of {STAGES}; use 4, 8, 12, ...")
        if self.init not in ("published", "intended"):
            raise UsageError(f"init: {self.init!r} is unknown; use 'published' or 'intended'")
        if min(self.code, self.hidden, self.width, self.depth) < 1 or not 0 <= self.dropout < 1:
            raise UsageError("decoder: sizes must be positive and 0 <= dropout < 1")


class _LstmPointwise(torch.autograd.Function):
    """Elementwise half of an LSTM step: products (B, N, 4H) in torch's order i, f, g, o -> h, c (B, N, H).

    `share` (B, 1, 4H) is added to the products first; `cell` None is a zero state. One buffer holds the
    activations forward and one the gradients of the gates backward, which autograd over the separate
    operations does not. The gradient of h is bounded on its way in.
    """

    @staticmethod
    def forward(ctx: Any, products: Tensor, share: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
        active = _activate(products + share)
        hidden, new_cell, shape = _advance(active, cell)
        ctx.save_for_backward(active, cell, shape)
        return hidden, new_cell

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        active, cell, shape = ctx.saved_tensors
        i, f, g, o = active.chunk(4, dim=-1)
        d_hidden = grads[0].clamp(-GRADIENT_LIMIT, GRADIENT_LIMIT)
        d_cell = grads[1] + aten.tanh_backward(d_hidden * o, shape)
        d_gates = torch.empty_like(active)
        d_i, d_f, d_g, d_o = d_gates.chunk(4, dim=-1)
        aten.sigmoid_backward.grad_input(d_cell * g, i, grad_input=d_i)
        aten.tanh_backward.grad_input(d_cell * i, g, grad_input=d_g)
        aten.sigmoid_backward.grad_input(d_hidden * shape, o, grad_input=d_o)
        if cell is None:
            d_f.zero_()
        else:
            aten.sigmoid_backward.grad_input(d_cell * cell, f, grad_input=d_f)
        return d_gates, d_gates.sum(1, keepdim=True), None if cell is None else d_cell * f


def _activate(gates: Tensor) -> Tensor:
    """Sigmoid of i, f and o, tanh of g, in place."""
    size = gates.shape[-1] // 4
    gates[..., : 2 * size].sigmoid_()
    gates[..., 2 * size : 3 * size].tanh_()
    gates[..., 3 * size :].sigmoid_()
    return gates


def _advance(active: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """New h, c and tanh(c)."""
    i, f, g, o = active.chunk(4, dim=-1)
    new_cell = i * g if cell is None else torch.addcmul(i * g, f, cell)
    shape = new_cell.tanh()
    return o * shape, new_cell, shape


class Warp(nn.Module):
    """Moves points of an instance into the template's frame in `steps` affine steps.

    At each step an LSTM cell reads [code, xyz] and a linear head gives (a, b): p <- (1 + a) * p + b. The
    head starts near zero, so that the warp starts near the identity. The cell's matrices are used in
    parts: the code's share of its input does not change with the point or the step, so it is computed
    once per shape, and the product with the zero initial state is skipped.
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.steps = config.steps
        self.cell = nn.LSTMCell(config.code + 3, config.hidden)
        self.head = nn.Linear(config.hidden, 6)
        if config.init == "intended":
            # What DIT's `init_recurrent_weights` means to do: it tests for GRU, LSTM and RNN only.
            nn.init.kaiming_normal_(self.cell.weight_ih)
            nn.init.orthogonal_(self.cell.weight_hh)
            nn.init.zeros_(self.cell.bias_ih)
            nn.init.zeros_(self.cell.bias_hh)
        with torch.no_grad():
            for bias in (self.cell.bias_ih, self.cell.bias_hh):
                bias[config.hidden : 2 * config.hidden] = 1.0
        nn.init.uniform_(self.head.weight, -1e-5, 1e-5)
        nn.init.zeros_(self.head.bias)

    def stages(self, points: Tensor, codes: Tensor) -> list[Tensor]:
        """Points (B, N, 3) with codes (B, C) -> the four supervised stages, each (B, N, 3)."""
        return list(self._walk(points, codes))

    def _walk(self, points: Tensor, codes: Tensor) -> Iterator[Tensor]:
        size = codes.shape[-1]
        share = linear(codes, self.cell.weight_ih[:, :size], self.cell.bias_ih + self.cell.bias_hh)[:, None]
        first = self.cell.weight_ih[:, size:].t()
        later = torch.cat([self.cell.weight_hh.t(), first])
        moved, cell, hidden = points, None, None
        for step in range(1, self.steps + 1):
            seen = moved if hidden is None else torch.cat([hidden, moved], dim=-1)
            matrix = first if hidden is None else later
            hidden, cell = _lstm_step(seen, matrix, share, cell)
            scale, shift = self.head(hidden).split(3, dim=-1)
            moved = torch.addcmul(moved + shift, scale, moved)
            if step % (self.steps // STAGES) == 0:
                yield moved


def _lstm_step(rows: Tensor, matrix: Tensor, share: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
    """Rows (B, N, K) of state and points, matrix (K, 4H), the code's share (B, 1, 4H) -> h, c (B, N, H)."""
    if torch.is_grad_enabled():
        hidden, new_cell = _LstmPointwise.apply(rows @ matrix, share, cell)  # type: ignore[no-untyped-call]
        return hidden, new_cell
    gates = torch.baddbmm(share, rows, matrix.expand(len(rows), -1, -1))
    return _advance(_activate(gates), cell)[:2]


class Template(nn.Module):
    """The category's template: signed distance at points of the template's frame, in (-1, 1)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        sizes = [3] + [config.width] * config.depth
        self.dropout = config.dropout
        self.hidden = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Linear(a, b)) for a, b in itertools.pairwise(sizes)
        )
        self.last = nn.Linear(config.width, 1)

    def training_values(self, points: Tensor, generator: torch.Generator) -> Tensor:
        """Points (..., 3) -> values (...,), dropout drawn from `generator` after each hidden layer."""
        x = points
        for layer in self.hidden:
            x = layer(x).relu()
            if self.dropout:
                kept = torch.empty_like(x).bernoulli_(1 - self.dropout, generator=generator)
                x = x * kept.div_(1 - self.dropout)
        return self.last(x).tanh().squeeze(-1)

    def values(self, points: Tensor) -> Tensor:
        """Points (..., 3) -> values (...,)."""
        x = points
        for layer in self.hidden:
            x = layer(x).relu()
        return self.last(x).tanh().squeeze(-1)


class Decoder(nn.Module):
    """Signed distance of a shape given by its code: the template's at the warped point."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.warp = Warp(config)
        self.template = Template(config)

    def training_forward(
        self, points: Tensor, codes: Tensor, generator: torch.Generator
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Points (B, N, 3), codes (B, C) -> values, 4 of (B, N), and warped points, 4 of (B, N, 3)."""
        warped = self.warp.stages(points, codes)
        values = self.template.training_values(torch.stack(warped), generator)
        return list(values.unbind()), warped

    def values(self, points: Tensor, codes: Tensor) -> Tensor:
        """Points (B, N, 3), codes (B, C) -> signed distances (B, N)."""
        return self.template.values(self.warp.stages(points, codes)[-1])

    def sdf(self, points: Tensor, code: Tensor) -> Tensor:
        """Points (N, 3), code (C,) -> signed distances (N,)."""
        return self.values(points[None], code[None])[0]

    def warp_steps(self, points: Tensor, code: Tensor) -> list[Tensor]:
        """Points (N, 3), code (C,) -> where they stand at the four stages of the warp, each (N, 3)."""
        return [moved[0] for moved in self.warp.stages(points[None], code[None])]


def build_decoder(config: DecoderConfig, seed: int) -> Decoder:
    """A decoder whose first weights depend on `seed` alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Decoder(config)


def fold(decoder: Decoder) -> Decoder:
    """Replace each weight-normalised matrix by its value, for inference: same outputs, less work."""
    for layer in decoder.template.hidden:
        nn.utils.parametrize.remove_parametrizations(layer, "weight")
    return decoder
