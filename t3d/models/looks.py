"""What the pictures that a network was trained on look like to it, so that it can tell when one does not."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from t3d.geometry.cutout import placement
from t3d.models.encoder import Backbone, seen_by
from t3d.models.views import Views

VIEWS = 1024
"""How many training views, and held-out ones, are looked at, evenly over all there are."""

SHRINKAGE = 0.1
"""Part of the mean variance that is added to that of every direction."""


@dataclass(frozen=True)
class Looks:
    """Some training views as the network's encoder sees them, and how near others come to them."""

    features: NDArray[np.float32]
    """(M, F): the encoder's features of training views."""
    held_out: NDArray[np.float32]
    """(H,): for views of validation shapes the distance to the nearest of them, sorted; may be empty."""
    placement: NDArray[np.float64]
    """(3,): how shapes lie in training views, see `cutout.placement`."""

    def share_nearer(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Share (B,) of the held-out views that are nearer to training views than features (B, F) are."""
        return np.searchsorted(self.held_out, nearest(features, self.features)) / max(1, len(self.held_out))


def nearest(features: NDArray[np.float32], among: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance (B,) of features (B, F) to the nearest of others (M, F), by the others' spread (Mahalanobis).

    Their covariance is shrunk towards a sphere, as directions in which they hardly differ would be all noise.
    """
    variances, axes = np.linalg.eigh(np.cov(among.T, bias=True).reshape(among.shape[1], -1))
    unit = axes / np.sqrt(variances.clip(min=0) + SHRINKAGE * variances.mean() + 1e-12)
    features, among = (features @ unit).astype(np.float32), (among @ unit).astype(np.float32)
    squares = (features**2).sum(1)[:, None] + (among**2).sum(1) - 2 * features @ among.T
    return np.sqrt(squares.min(axis=1).clip(min=0))


def measure(encoder: Backbone, train: Views, val: Views) -> Looks:
    """Look at views of training and of validation shapes; leaves the encoder in evaluation mode."""
    encoder.eval()
    held, rows = (torch.linspace(0, len(one) - 1, min(VIEWS, len(one))).long() for one in (val, train))
    others = seen_by(encoder, val.images[held], encoder.features).numpy()
    features = seen_by(encoder, train.images[rows], encoder.features).numpy()
    return Looks(features, np.sort(nearest(others, features)), placement(train.masks[rows, 0].numpy()))
