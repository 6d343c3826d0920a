"""Deep Implicit Templates: a shape is one template, reached by warping space with a small recurrent network.

Points, distances and warped points are in the unit frame; distances are negative inside. Letters of
shapes: B shapes, N points of each, C code size, H hidden size.

Training and inference are separate functions, not modes: `training_forward` keeps every supervised stage
and applies dropout from a given generator; the others do neither, whatever `.train()` or `.eval()` said.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from t3d.models.plans import STAGES, DecoderConfig

aten = torch.ops.aten

GRADIENT_LIMIT = 10.0
"""Bound of the gradient that reaches each hidden state (Deep Implicit Templates, `Warper.forward`)."""


class _LstmStep(torch.autograd.Function):
    """LSTM step: rows (B, N, K) of [h, xyz], matrix (K, 4H), share (B, 1, 4H), c or None -> h, c (B, N, H).

    Gates are in torch's order i, f, g, o, those of g doubled, since tanh(x) = 2 sigmoid(2x) - 1 makes one
    sigmoid of all four; torch's tanh costs nine times as much. One buffer holds the activations forward and
    one the gradients of the gates backward. The gradient of h is bounded on its way in.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, matrix: Tensor, share: Tensor, cell: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        active = _gates(rows, matrix, share)
        hidden, new_cell, shape = _advance(active, cell)
        ctx.save_for_backward(rows.to(active.dtype), matrix.to(active.dtype), active, cell, shape)
        return hidden, new_cell

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        rows, matrix, active, cell, shape = ctx.saved_tensors
        i, f, g, o = active.chunk(4, dim=-1)
        d_hidden = grads[0].clamp(-GRADIENT_LIMIT, GRADIENT_LIMIT)
        d_cell = torch.addcmul(grads[1], d_hidden * o, 1 - shape * shape)
        d_gates = torch.empty_like(active)
        d_i, d_f, d_g, d_o = d_gates.chunk(4, dim=-1)
        torch.mul(d_cell, (g * 2).sub_(1), out=d_i)
        torch.mul(d_cell, i, out=d_g).mul_(2)
        torch.mul(d_hidden, shape, out=d_o)
        if cell is None:
            d_f.zero_()
        else:
            torch.mul(d_cell, cell, out=d_f)
        aten.sigmoid_backward.grad_input(d_gates, active, grad_input=d_gates)
        d_matrix = rows.flatten(0, 1).t() @ d_gates.flatten(0, 1)
        d_share = d_gates.sum(1, keepdim=True)
        return d_gates @ matrix.t(), d_matrix, d_share, None if cell is None else d_cell * f


def _gates(rows: Tensor, matrix: Tensor, share: Tensor) -> Tensor:
    """Sigmoid of the gates (B, N, 4H)."""
    if len(rows) == 1:
        return torch.addmm(share[0], rows[0], matrix)[None].sigmoid_()
    return (rows @ matrix).add_(share).sigmoid_()


def _advance(active: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """New h, c and tanh(c)."""
    i, f, g, o = active.chunk(4, dim=-1)
    added = torch.addcmul(-i, i, g, value=2)
    new_cell = added if cell is None else added.addcmul_(f, cell)
    shape = (new_cell * 2).sigmoid_().mul_(2).sub_(1)
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
        share, first, later = self._matrices(codes)
        padding = points.new_zeros(*points.shape[:2], len(later) - self.cell.hidden_size - 3)
        moved, cell, hidden, supervised = points, None, None, []
        for step in range(1, self.steps + 1):
            seen = moved if hidden is None else torch.cat([hidden, moved, padding], dim=-1)
            hidden, cell = _lstm_step(seen, first if hidden is None else later, share, cell)
            scale, shift = self.head(hidden).split(3, dim=-1)
            moved = torch.addcmul(moved + shift, scale, moved)
            if step % (self.steps // STAGES) == 0:
                supervised.append(moved)
        return supervised

    def _matrices(self, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The code's share of the gates (B, 1, 4H), and what multiplies xyz (3, 4H) and [h, xyz] (K, 4H).

        The gates of g are doubled (see `_LstmStep`); K is padded to a multiple of 8: matrix products with
        rows of 515 numbers run at 85 % of the speed of 520.
        """
        size, hidden = codes.shape[-1], self.cell.hidden_size
        gain = codes.new_ones(4, hidden, 1)
        gain[2] = 2.0
        gain = gain.view(-1, 1)
        on_input, bias = self.cell.weight_ih * gain, (self.cell.bias_ih + self.cell.bias_hh) * gain[:, 0]
        share = linear(codes, on_input[:, :size], bias)[:, None]
        first = on_input[:, size:]
        padding = gain.new_zeros(4 * hidden, -(hidden + 3) % 8)
        later = torch.cat([self.cell.weight_hh * gain, first, padding], dim=1)
        return share, first.t(), later.t()


def _lstm_step(rows: Tensor, matrix: Tensor, share: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
    """See `_LstmStep`, whose buffers are not kept where no gradients are asked for."""
    if torch.is_grad_enabled():
        hidden, new_cell = _LstmStep.apply(rows, matrix, share, cell)  # type: ignore[no-untyped-call]
        return hidden, new_cell
    return _advance(_gates(rows, matrix, share), cell)[:2]


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
                x = x * _kept(x, self.dropout, generator)
        return self.last(x).tanh().squeeze(-1)

    def values(self, points: Tensor) -> Tensor:
        """Points (..., 3) -> values (...,)."""
        x = points
        for layer in self.hidden:
            x = layer(x).relu()
        return self.last(x).tanh().squeeze(-1)


def _kept(x: Tensor, dropped: float, generator: torch.Generator) -> Tensor:
    """Zeros at the given share of places (to 1 / 65,536), elsewhere what keeps the mean: like `x`.

    Four 16-bit numbers from each draw: torch's bernoulli_ takes 7 % of a training step.
    """
    draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    draws.random_(-(2**63), None, generator=generator)
    kept = draws.view(torch.int16)[: x.numel()].view(x.shape) >= round(dropped * 65_536) - 32_768
    return kept.to(x.dtype).div_(1 - dropped)


class Decoder(nn.Module):
    """Signed distance of a shape given by its code: the template's at the warped point."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.warp = Warp(config)
        self.template = Template(config)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

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
