"""Rendered views as training images: loaded once at the encoder's size, coloured anew for every batch."""

import dataclasses
import fcntl
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from t3d.datasets.images import read_rgb
from t3d.errors import DataError
from t3d.models.encoder import to_float, to_input
from t3d.models.plans import Augmentation
from t3d.pipeline.stage import Shapes

Bytes = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Views:
    """Images (M, 3, S, S) and coverage masks (M, 1, S, S), uint8, and whose they are (M,) in `ids`.

    The views of a shape are consecutive.
    """

    ids: tuple[str, ...]
    images: Tensor
    masks: Tensor
    shapes: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def _spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each shape's first row, and how many views it has: (K,) both."""
        counts = np.bincount(self.shapes.numpy(), minlength=len(self.ids))
        return np.cumsum(counts) - counts, counts

    def drawn(self, shapes: NDArray[np.int64], count: int, rng: np.random.Generator) -> Tensor:
        """Rows (count, B) of `count` different views of each of the given shapes (B,), at random."""
        first, counts = self._spans()
        if len(shapes) and counts[shapes].min() < count:
            poor = self.ids[int(shapes[counts[shapes].argmin()])]
            raise DataError(f"shape {poor}: {counts[shapes].min()} views, {count} needed; render more")
        draws = rng.random((len(shapes), max(counts, default=0)))
        draws[np.arange(draws.shape[1]) >= counts[shapes][:, None]] = 2.0
        return torch.from_numpy(first[shapes] + draws.argsort(1)[:, :count].T)

    def spaced(self, count: int) -> Tensor:
        """Rows (K, V) of V <= `count` views of every shape, evenly over its list; the same every time."""
        first, counts = self._spans()
        least = min(count, int(min(counts, default=0)))
        return torch.from_numpy(first[:, None] + np.arange(least) * counts[:, None] // max(least, 1))

    def augmented(self, rows: Tensor, plan: Augmentation, draws: torch.Generator) -> Tensor:
        """The images (B, 3, S, S) of some rows, changed by `augment` where `draws` comes from."""
        return augment(self.images[rows].to(draws.device), self.masks[rows].to(draws.device), plan, draws)


def load_views(folders: Shapes, levels: Sequence[str], size: int, kept: Path) -> Views:
    """All views of the given shapes and levels, in the order of id, level and number.

    They are mapped from `kept`.images.npy and `kept`.masks.npy, made on first use, so that a set larger than
    memory works and a resumed run need not read it again. Those of a pack are mapped from it; `DataError`
    where they are of another size.
    """
    from t3d.models.pack import pack_of

    if pack := pack_of(folders):
        if pack.size != size:
            what = f"its images have {pack.size} pixels a side, the network takes {size}"
            raise DataError(f"{pack.path}: {what}; export it again with these settings, or train with its")
        return pack.views(folders, levels)
    ids = tuple(sorted(folders))
    listed = [(shape, level, _numbers(folders[shape] / level)) for shape in ids for level in levels]
    counts = (
        np.array([len(numbers) for *_, numbers in listed], np.int64).reshape(len(ids), len(levels)).sum(1)
    )
    whose, done = np.repeat(np.arange(len(ids)), counts), kept.with_suffix(".done")
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes of the same training wait here
        mode: Literal["r+", "w+"] = "r+" if done.exists() else "w+"
        images, masks = (
            open_memmap(kept.with_suffix(f".{name}.npy"), mode, np.uint8, (len(whose), planes, size, size))
            for name, planes in (("images", 3), ("masks", 1))
        )
        start = 0
        for shape, level, numbers in listed if mode == "w+" else ():
            rows = slice(start, start + len(numbers))
            pair = read_views(folders[shape], level, numbers)
            images[rows], masks[rows] = (to_input(pictures, size).numpy() for pictures in pair)
            start = rows.stop
        done.touch()
    return Views(ids, *map(torch.from_numpy, (images, masks, whose)))


def _numbers(folder: Path) -> list[int]:
    numbers = sorted(int(path.stem) for path in folder.glob("*.png"))
    if not numbers:
        raise DataError(f"{folder}: no views; make them again with render")
    return numbers


def read_views(folder: Path, level: str, numbers: Sequence[int]) -> tuple[Bytes, Bytes]:
    """RGB images (V, H, H, 3) on white and coverage masks (V, H, H) of one shape's `views` artifact."""
    images = np.stack([read_rgb(folder / level / f"{number:02d}.png") for number in numbers])
    with np.load(folder / "masks.npz", allow_pickle=False) as masks:
        return images, masks[level][list(numbers)]


def augment(images: Tensor, masks: Tensor, plan: Augmentation, draws: torch.Generator) -> Tensor:
    """Float images (B, 3, S, S) of uint8 ones: new colours of the object, composed on white, then moved.

    Jitter and hue are torchvision's, but not of the background.
    """
    alpha, on_white = to_float(masks), to_float(images)
    own = ((on_white - (1 - alpha)) / alpha.clamp(min=1 / 255)).clamp(0, 1)
    own = recolour(own, alpha, (plan.jitter, plan.hue), draws)
    if plan.gray:
        chosen = torch.rand((len(own), 1, 1, 1), generator=draws, device=draws.device) < plan.gray
        own = torch.where(chosen, _luminance(own), own)
    premultiplied = own * alpha
    if plan.shift or plan.zoom:
        premultiplied, alpha = _moved(premultiplied, alpha, plan, draws)
    return premultiplied + 1 - alpha


def recolour(own: Tensor, alpha: Tensor, jitter: tuple[float, float], draws: torch.Generator) -> Tensor:
    """Jitter colours (B, 3, S, S) in [0, 1]; `alpha` (B, 1, S, S) tells what counts for the mean colour."""
    from kornia.enhance import adjust_hue

    amount, hue = jitter
    factors = 1 + amount * _signed((3, len(own), 1, 1, 1), draws)
    own = (own * factors[0]).clamp(0, 1)
    gray = _luminance(own)
    mean = (gray * alpha).sum((1, 2, 3), keepdim=True) / alpha.sum((1, 2, 3), keepdim=True).clamp(min=1e-6)
    own = (mean + factors[1] * (own - mean)).clamp(0, 1)
    gray = _luminance(own)
    own = (gray + factors[2] * (own - gray)).clamp(0, 1)
    if hue:
        own = adjust_hue(own, 2 * math.pi * hue * _signed((len(own),), draws)).clamp(0, 1)
    return own


def _signed(shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
    return 2 * torch.rand(shape, generator=draws, device=draws.device) - 1


def _luminance(rgb: Tensor) -> Tensor:
    """Rec. 601 luma (B, 1, S, S), as torchvision and Pillow."""
    return (rgb * rgb.new_tensor((0.299, 0.587, 0.114)).view(3, 1, 1)).sum(1, keepdim=True)


def _moved(
    premultiplied: Tensor, alpha: Tensor, plan: Augmentation, draws: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Both moved and resized alike, about the middle; nothing comes in from outside."""
    both = torch.cat([premultiplied, alpha], dim=1)
    place = torch.eye(2, 3, device=both.device).repeat(len(both), 1, 1)
    place[:, :, 2] = 2 * plan.shift * _signed((len(both), 2), draws)
    if plan.zoom:
        place[:, :, :2] /= 1 + plan.zoom * _signed((len(both), 1, 1), draws)
    grid = affine_grid(place, list(both.shape), align_corners=False)
    moved = grid_sample(both, grid, align_corners=False)
    return moved[:, :3], moved[:, 3:]
