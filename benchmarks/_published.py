"""The decoder as it was published, restated plainly: what t3d's is compared with, for equality and for speed.

One row per point: its shape's code is repeated beside every point and goes through the cell's input product
at every step, state and all; torch's own LSTMCell and dropout; one template evaluation per supervised stage.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

LIMIT = 10.0


class PublishedWarp(nn.Module):
    """Eight affine steps by an LSTM cell; supervised are the steps 2, 4, 6 and 8."""

    def __init__(self, code: int = 256, hidden: int = 512, steps: int = 8) -> None:
        super().__init__()
        self.steps = steps
        self.cell = nn.LSTMCell(code + 3, hidden)
        self.head = nn.Linear(hidden, 6)
        for bias in (self.cell.bias_ih, self.cell.bias_hh):
            nn.init.ones_(bias.detach()[hidden : 2 * hidden])
        nn.init.uniform_(self.head.weight, -1e-5, 1e-5)
        nn.init.zeros_(self.head.bias)

    def forward(self, rows: Tensor) -> list[Tensor]:
        """Rows (R, C + 3) of [code, xyz] -> the four stages, (R, 3) each."""
        code, xyz = rows[:, :-3], rows[:, -3:]
        empty = torch.zeros(len(rows), self.cell.hidden_size, dtype=rows.dtype)
        state, stages = (empty, empty), []
        for step in range(self.steps):
            state = self.cell(torch.cat([code, xyz], dim=1), state)
            if state[0].requires_grad:
                state[0].register_hook(lambda grad: grad.clamp(min=-LIMIT, max=LIMIT))
            change = self.head(state[0])
            xyz = (1 + change[:, :3]) * xyz + change[:, 3:]
            if (step + 1) % (self.steps // 4) == 0:
                stages.append(xyz)
        return stages


class PublishedTemplate(nn.Module):
    """3 -> 256 x 5 -> 1: weight norm, ReLU and dropout on the hidden layers, tanh at the end."""

    def __init__(self, width: int = 256, depth: int = 5, dropout: float = 0.05) -> None:
        super().__init__()
        pairs = itertools.pairwise([3] + [width] * depth)
        self.hidden = nn.ModuleList(nn.utils.parametrizations.weight_norm(nn.Linear(a, b)) for a, b in pairs)
        self.last = nn.Linear(width, 1)
        self.dropout = dropout

    def forward(self, xyz: Tensor) -> Tensor:
        """(R, 3) -> (R, 1)."""
        for layer in self.hidden:
            xyz = nn.functional.dropout(layer(xyz).relu(), self.dropout, training=self.training)
        return self.last(xyz).tanh()


class PublishedDecoder(nn.Module):
    """Signed distances: of all four stages while training, else of the last."""

    def __init__(self, **sizes: int) -> None:
        super().__init__()
        self.warp = PublishedWarp(**{k: v for k, v in sizes.items() if k in ("code", "hidden", "steps")})
        self.template = PublishedTemplate(**{k: v for k, v in sizes.items() if k in ("width", "depth")})

    def forward(self, points: Tensor, codes: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Points (B, N, 3), codes (B, C) -> values (B, N) and warped points (B, N, 3) of the stages."""
        rows = torch.cat([codes[:, None].expand(-1, points.shape[1], -1), points], dim=2).flatten(0, 1)
        stages = self.warp(rows)
        seen = stages if self.training else stages[-1:]
        values = [self.template(stage).view(points.shape[:2]) for stage in seen]
        return values, [stage.view(points.shape) for stage in stages]


class PublishedPhase1(nn.Module):
    """The decoder with its code book, whose rows are shortened to the bound when they are looked up."""

    def __init__(self, shapes: int, bound: float = 1.0, **sizes: int) -> None:
        super().__init__()
        self.decoder = PublishedDecoder(**sizes)
        size = sizes.get("code", 256)
        self.codes = nn.Embedding(shapes, size, max_norm=bound)
        nn.init.normal_(self.codes.weight.detach(), 0.0, size**-0.5)

    def forward(self, shapes: Tensor, points: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Shapes (B,), points (B, N, 3) -> values, warped points and codes (B, C)."""
        codes = self.codes(shapes)
        return *self.decoder(points, codes), codes


def published_loss(
    out: tuple[list[Tensor], list[Tensor], Tensor], points: Tensor, distances: Tensor, epoch: float
) -> Tensor:
    """The loss of the method's authors with the weights of their specs, sums divided as they divide."""
    values, stages, codes = out
    return sum(_parts(values, stages, codes, points, distances, epoch), torch.zeros(()))


def _parts(
    values: list[Tensor], stages: list[Tensor], codes: Tensor, points: Tensor, distances: Tensor, epoch: float
) -> Iterator[Tensor]:
    count, rising = distances.numel(), min(1.0, epoch / 100)
    wanted = distances.clamp(-0.1, 0.1)
    for found, (slack, hard) in zip(values, ((0.025, 0), (0.01, 0.1), (0.0025, 0.2), (0, 0.5)), strict=True):
        clamped = found.clamp(-0.1, 0.1)
        excess = ((clamped - wanted).abs() - slack).relu()
        yield (excess * (1 + hard * wanted.sign() * (wanted - clamped).sign())).sum() / count / 4
    falling = max(1.0, 10 * (1 - epoch / 100))
    for stage in stages:
        moved = (stage - points).flatten(0, 1).norm(dim=1)
        huber = nn.functional.huber_loss(moved, torch.zeros_like(moved), reduction="sum", delta=0.25)
        yield 0.005 * falling * huber / count / 4
    shift, first = stages[-1] - points, points.shape[1] // 8
    apart = (points[:, :first, None] - points[:, None, first:]).norm(dim=3) + 1e-3
    strain = (shift[:, :first, None] - shift[:, None, first:]).norm(dim=3) / apart
    yield 2e-5 * rising * (strain - 0.5).clamp(0, 5).sum() / count
    yield 1e-4 * rising * codes.norm(dim=1).mean()
