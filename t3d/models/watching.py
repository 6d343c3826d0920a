"""A training while it goes on: its figures and slices through some of its shapes, beside the checkpoint."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from t3d.datasets.images import write_png
from t3d.models.decoder import Decoder

BOARD = "T3D_TENSORBOARD"
"""Environment variable with the folder of TensorBoard's event files; needs the package `tensorboard`."""

SIDE = 96
"""Pixels along each side of a slice."""

SHOWN = 4
"""Shapes whose slices are drawn."""

_NEAR, _FAR, _LINE = 0.02, 0.1, 0.006  # unit-frame lengths: a shade, the last shade, half the surface's line


def slices(decoder: Decoder, codes: Tensor) -> NDArray[np.uint8]:
    """Slices of shapes with codes (K, C): (K S, 3 S, 3) uint8, a row each, the planes x = 0, y = 0, z = 0.

    y, or z where it is y's own plane, points up. Inside is blue, outside grey, each in shades of 0.02
    unit-frame lengths, and the surface is black.
    """
    ahead = torch.linspace(-1, 1, SIDE, device=codes.device)
    up, across = torch.meshgrid(-ahead, ahead, indexing="ij")
    none = torch.zeros_like(up)
    planes = [(none, up, across), (across, none, up), (across, up, none)]
    points = torch.stack([torch.stack(plane, -1) for plane in planes], dim=1).reshape(1, -1, 3)
    with torch.no_grad():
        values = torch.cat([decoder.values(points, code[None]) for code in codes])
    return _shaded(values.float().cpu().numpy().reshape(-1, 3 * SIDE))


def _shaded(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    depth = (np.abs(values) // _NEAR).clip(max=_FAR / _NEAR)[..., None]
    inside, outside = np.array([104, 155, 214]), np.array([255, 255, 255])
    colors = np.where(values[..., None] < 0, inside - 14 * depth, outside - 10 * depth)
    return np.where(np.abs(values)[..., None] < _LINE, 0, colors).astype(np.uint8)


def leads() -> bool:
    """Whether this process is the one that writes, of those that train together (`pipeline.companions`)."""
    return os.environ.get("RANK", "0") == "0"


class Board:
    """Scalars for TensorBoard, under the name of a training; nothing without `BOARD`."""

    def __init__(self, name: str) -> None:
        self.writer: Any = None
        folder = os.environ.get(BOARD)
        if not folder or not leads():
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            logging.getLogger(__name__).warning("%s is set, but tensorboard is not installed", BOARD)
            return
        self.writer = SummaryWriter(Path(folder) / name)

    def add(self, row: Mapping[str, float]) -> None:
        """The figures of a row at its step."""
        if self.writer:
            for name in row.keys() - {"step"}:
                self.writer.add_scalar(name, row[name], int(row["step"]))

    def close(self) -> None:
        """Write what is left."""
        if self.writer:
            self.writer.close()


def draw(folder: Path, decoder: Decoder, codes: Tensor) -> None:
    """Write `slices.png` into a folder, whole."""
    write_png(folder / "slices.part", slices(decoder, codes))
    (folder / "slices.part").replace(folder / "slices.png")
