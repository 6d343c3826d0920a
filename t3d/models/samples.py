"""Batches of signed distance samples, gathered from files that stay on disk."""

import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from t3d.datasets.formats import open_samples
from t3d.errors import DataError

OPEN_FILES = 200
"""Shapes whose files stay mapped: each takes two file handles, of which processes often have 1,024."""

MOST_BEYOND = 0.5
"""Share of samples beyond the clamp from which on there is a warning."""

log = logging.getLogger(__name__)

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


class Batch(NamedTuple):
    """Samples of B shapes: which ones (B,), points (B, N, 3) in the unit frame, distances (B, N)."""

    shapes: Tensor
    points: Tensor
    distances: Tensor

    def share(self, index: int, count: int) -> "Batch":
        """Every `count`-th shape from `index` on: the part of one of `count` processes."""
        return Batch(*(x[index::count] for x in self))

    def to(self, device: torch.device) -> "Batch":
        """Moved to a device."""
        return Batch(*(x.to(device, non_blocking=True) for x in self))


class Samples:
    """The samples of a set of shapes, in folders or in a pack; a batch is decided by (seed, step) alone.

    So any batch can be made again without those before it: a resumed run needs no state of this class.
    """

    def __init__(self, shapes: Mapping[str, Path] | Mapping[str, Pair]) -> None:
        from t3d.models.pack import pack_of

        self.ids = tuple(sorted(shapes))
        pack = pack_of(shapes)
        sources = pack.samples(self.ids) if pack else shapes
        self._open = functools.lru_cache(OPEN_FILES)(
            lambda index: _open(self.ids[index], sources[self.ids[index]])
        )

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, step: int, scenes: int, points: int, seed: int) -> Batch:
        """Step `step` of passes over all shapes, each in its own random order: `scenes` shapes at most
        once each, `points` random samples of every one, half of them outside and half inside.
        """
        shapes = self._turn(step, min(scenes, len(self)), seed)
        return self.of(shapes, points, np.random.default_rng((seed, 1, step)))

    def of(self, shapes: NDArray[np.int64], points: int, rng: np.random.Generator) -> Batch:
        """`points` random samples of each of the given shapes (B,), the outside ones first."""
        rows = np.empty((len(shapes), points, 4), np.float32)
        draws = rng.random((len(shapes), points))
        for place, draw, shape in zip(rows, draws, shapes, strict=True):
            pos, neg = self._open(int(shape))
            outside = points - points // 2 if len(pos) and len(neg) else points * bool(len(pos))
            _take(pos, draw[:outside], place[:outside])
            _take(neg, draw[outside:], place[outside:])
        tensor = torch.from_numpy(rows)
        return Batch(torch.from_numpy(shapes), tensor[..., :3], tensor[..., 3])

    def beyond(self, clamp: float, rows: int = 256) -> float:
        """Share of samples beyond the clamp, as training draws them; warns of what teaches little.

        There both sides of the loss are flat as soon as the sign is right. Of real chairs, planes and sofas
        sampled by DeepSDF's recipe it is 8 % at 0.1; more than half means another frame, or other units.
        Shapes of one sign are warned of too. Looks at `rows` samples outside and inside every shape.
        """
        shares, one_signed = [], []
        for index, shape in enumerate(self.ids):
            there = [part for part in self._open(index) if len(part)]
            if len(there) == 1:
                one_signed.append(shape)
            seen = [part[:: -(-len(part) // rows), 3] for part in there]
            shares.append(np.mean([np.mean(np.abs(distances) >= clamp) for distances in seen]))
        share = float(np.mean(shares)) if shares else 0.0
        if share > MOST_BEYOND:
            what = "%.0f %% of the samples are beyond the clamp, %g, and teach little"
            log.warning(what, 100 * share, clamp)
        if one_signed:
            some = ", ".join(one_signed[:9])
            log.warning("%d shapes have samples of one sign only: %s", len(one_signed), some)
        return share

    def _turn(self, step: int, scenes: int, seed: int) -> NDArray[np.int64]:
        """Whose turn it is: full groups of `scenes` out of a fresh permutation per pass, as `drop_last`."""
        per_pass = len(self) // scenes
        turn, group = divmod(step, per_pass)
        order = np.random.default_rng((seed, 0, turn)).permutation(len(self))
        return order[group * scenes : (group + 1) * scenes]


def _open(shape: str, source: Path | Pair) -> Pair:
    pos, neg = open_samples(source / "samples.npz") if isinstance(source, Path) else source
    if not len(pos) + len(neg):
        where = source / "samples.npz" if isinstance(source, Path) else "pack"
        raise DataError(f"{where}: no samples of shape {shape}; make it again with sample-sdf")
    return pos, neg


def _take(rows: NDArray[np.float32], draw: NDArray[np.float64], out: NDArray[np.float32]) -> None:
    """Rows at uniform draws in [0, 1): with repeats, so that few rows are enough."""
    if len(draw):
        chosen = (draw * len(rows)).astype(np.int64)
        np.take(rows, chosen, axis=0, out=out, mode="clip")  # the default mode fills a copy first
