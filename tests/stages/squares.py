"""Views of squares for tests of stages that train, and what the runner hands to such stages."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.models.watchers import nobody


def write_squares(folder: Path, side: int, corners: Iterable[tuple[int, int]]) -> Path:
    """Easy views of 32 pixels: a dark square of `side` in each, top and left as shares of what is free."""
    (folder / "easy").mkdir(parents=True)
    masks = np.zeros((0, 32, 32), np.uint8)
    for number, (down, across) in enumerate(corners):
        top, left = down * (32 - side), across * (32 - side)
        mask = np.zeros((1, 32, 32), np.uint8)
        mask[0, top : top + side, left : left + side] = 255
        rgb = np.repeat(255 - mask[0] // 2, 3).reshape(32, 32, 3)
        Image.fromarray(rgb).save(folder / "easy" / f"{number:02d}.png")
        masks = np.concatenate([masks, mask])
    np.savez_compressed(folder / "masks.npz", easy=masks)
    return folder


CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


def train(stage: Callable[..., Any], read: tuple[Any, ...], root: Path, params: Any, **handed: Any) -> dict:
    """The facts of a stage that trains in root/out, with scratch in root/scratch."""
    out, scratch = root / "out", root / "scratch"
    for folder in (out, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    rest = {"progress": nobody, "train_seed": 0, "threads": 1, **handed}
    return dict(stage(*read, out=out, scratch=scratch, params=params, **rest))
