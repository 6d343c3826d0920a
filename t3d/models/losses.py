"""Losses of phase 1 as pure functions, and the ramps of their weights.

B shapes, N points of each. The report's Eq. 9 has the two weights of the warp swapped; what stands here
is what its training ran: point-wise 0.005, point-pair 2e-5 (of a sum; see `pointpair_mean_weight`).

`over="sum"` is what is written in papers: the sum over the four stages, which is 4 times the mean that the
method's authors trained with; of pairs, the sum divided by B N, which is 7 N / 64 times the mean.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

CURRICULUM = ((0.025, 0.0), (0.01, 0.1), (0.0025, 0.2), (0.0, 0.5))
"""(epsilon, lambda) per stage: four epochs of Curriculum DeepSDF, four depths in Deep Implicit Templates."""

Over = Literal["mean", "sum"]

PAIR_SHARE = 8
"""One point in eight is paired with the seven others (`apply_pointpair_reg` of Deep Implicit Templates)."""


def curriculum_l1(
    stages: Sequence[Tensor], target: Tensor, clamp: float = 0.1, over: Over = "mean"
) -> Tensor:
    """Mean over the stages and points of max(|p - g| - eps, 0) * (1 + lam * sgn(g) * sgn(g - p)).

    p, of shape (B, N) per stage, and g = `target` (B, N) are clamped to [-clamp, clamp] first. The weight
    raises errors towards the surface's wrong side. The report's Eq. 6 writes a sum over the stages: `over`.
    """
    wanted = target.clamp(-clamp, clamp)
    total = torch.zeros((), device=target.device)
    for values, (slack, hardness) in zip(stages, CURRICULUM, strict=True):
        missing = wanted - values.clamp(-clamp, clamp)
        excess = (missing.abs() - slack).relu()
        if hardness:
            excess = excess * (1 + hardness * wanted.sign() * missing.sign().detach())
        total = total + excess.mean()
    return total / (len(stages) if over == "mean" else 1)


def pointwise(warped: Sequence[Tensor], points: Tensor, delta: float = 0.25, over: Over = "mean") -> Tensor:
    """Mean over stages and points of the Huber function h of how far a point was moved, r = |W(p) - p|.

    h(r) = r^2 / 2 for r < delta, delta * (r - delta / 2) beyond. `warped`: (B, N, 3) each.
    """
    total = torch.zeros((), device=points.device)
    for moved in warped:
        squared = (moved - points).square().sum(-1)
        # The square root's slope is infinite at 0, where every point stands at first: it sees delta^2 there.
        distance = squared.clamp(min=delta * delta).sqrt()
        near = squared < delta * delta
        total = total + torch.where(near, squared / 2, delta * (distance - delta / 2)).mean()
    return total / (len(warped) if over == "mean" else 1)


def pointpair(
    warped: Tensor, points: Tensor, slack: float = 0.5, limit: float = 5.0, over: Over = "mean"
) -> Tensor:
    """Mean over pairs (i, j) of min(max(|D_i - D_j| / (|p_i - p_j| + 1e-3) - slack, 0), limit), D = W(p) - p.

    i runs over the first N // 8 points of each shape, j over the rest; `warped` and `points` (B, N, 3).
    The limit is the report's; Deep Implicit Templates has none (`limit=inf`).
    """
    count = points.shape[1] // PAIR_SHARE
    moved = warped - points
    apart = _distances(points[:, :count], points[:, count:]) + 1e-3
    strain = _distances(moved[:, :count], moved[:, count:]) / apart
    mean = (strain - slack).clamp(0.0, limit).mean()
    return mean if over == "mean" else pointpair_mean_weight(1.0, points.shape[1]) * mean


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """(B, I, 3), (B, J, 3) -> (B, I, J); its slope is zero where points coincide."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def pointpair_mean_weight(published: float, points: int) -> float:
    """The weight of the mean over pairs that equals a published weight of (sum over pairs) / (B * N).

    B * (N / 8) * (7 N / 8) pairs: the factor is 7 N / 64, so that a published weight meant more with more
    points. 2e-5 with N = 5000 is 0.0109 here, Deep Implicit Templates' 1e-4 is 0.0547.
    """
    first = points // PAIR_SHARE
    return published * first * (points - first) / points


def code_norm(codes: Tensor) -> Tensor:
    """Mean length of the codes (B, C): the length, not its square, as published."""
    return codes.norm(dim=-1).mean()


def falling(step: int, ramp: int) -> float:
    """Factor of the point-wise weight: from 10 down to 1, which it reaches at 0.9 * `ramp` iterations.

    Published as max(1, 10 * (1 - epoch / 100)).
    """
    return max(1.0, 10.0 * (1.0 - step / ramp)) if ramp else 1.0


def rising(step: int, ramp: int) -> float:
    """Factor of the point-pair and code weights: from 0 up to 1 at `ramp` iterations: min(1, epoch / 100)."""
    return min(1.0, step / ramp) if ramp else 1.0


def code_l1(codes: Tensor, wanted: Tensor) -> Tensor:
    """Mean over images of the sum over the code's numbers of |difference|; both (B, C)."""
    return (codes.float() - wanted).abs().sum(1).mean()
