"""What encoders say of views, and how well it tells shapes apart.

K shapes, V views of each, C numbers in a code or feature.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from t3d.datasets.splits import evenly
from t3d.models.contrastive import effective_rank, retrieval
from t3d.models.encoder import Backbone, build_backbone, seen_by, to_input
from t3d.models.network import Floats, load_encoder
from t3d.models.views import read_views

Bytes = NDArray[np.uint8]


def easy_numbers(folder: Path, count: int) -> list[int]:
    """Numbers of at most `count` easy views of a shape, evenly."""
    return evenly(sorted(int(path.stem) for path in (folder / "easy").glob("*.png")), count)


def easy_views(folder: Path, count: int) -> Bytes:
    """These views, (V, H, H, 3)."""
    return read_views(folder, "easy", easy_numbers(folder, count))[0]


def pretrained(folders: Mapping[str, Path], seed: int) -> dict[str, Backbone]:
    """Encoders of `pretrain` folders by variant; first what was before: `s2-none`, else random weights."""
    encoders: dict[str, Backbone] = {
        name: load_encoder(folder, 1, seed)[0] for name, folder in folders.items()
    }
    config = next(iter(encoders.values())).config
    before = encoders.pop("s2-none", None) or build_backbone(config, "none", seed)
    return {"before pre-training": before, **encoders}


def features(encoder: Backbone, images: Bytes) -> Floats:
    """Features (M, F) of the backbone, before the layer that gives codes, for images (M, H, H, 3)."""
    small = to_input(images, encoder.config.input_size)
    return seen_by(encoder.eval(), small, encoder.features).numpy()


def cosines(embeddings: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Cosines between views of one shape, and between views of two, each pair once, from (K, V, C).

    The mean of all embeddings is subtracted first: what all images have in common says nothing of a shape.
    """
    unit = _centred(embeddings).reshape(-1, embeddings.shape[-1])
    whose = np.repeat(np.arange(len(embeddings)), embeddings.shape[1])
    one, other = np.triu_indices(len(unit), 1)
    values, same = (unit @ unit.T)[one, other], whose[one] == whose[other]
    return values[same], values[~same]


def measures(embeddings: NDArray[np.floating]) -> dict[str, float]:
    """How well views (K, V, C) tell K > 1 shapes apart, V > 1.

    retrieval: see `contrastive.retrieval`. silhouette: mean over views of (b - a) / max(a, b), a the mean
    distance (1 - cosine) to views of the same shape, b to those of the nearest other one (Rousseeuw 1987).
    intra, inter: mean cosines, see `cosines`. rank: dimensions that the shapes' means fill, see
    `contrastive.effective_rank`. All of embeddings without their mean.
    """
    from sklearn.metrics import silhouette_score

    unit, (intra, inter) = _centred(embeddings), cosines(embeddings)
    rows, whose = unit.reshape(-1, unit.shape[-1]), np.repeat(np.arange(len(unit)), unit.shape[1])
    return {
        "retrieval": retrieval(torch.from_numpy(unit)),
        "silhouette": float(silhouette_score(rows, whose, metric="cosine")),
        "intra": float(intra.mean()),
        "inter": float(inter.mean()),
        "rank": effective_rank(torch.from_numpy(unit.mean(1))),
    }


def drift(embeddings: NDArray[np.floating]) -> Floats:
    """How far each view (K, V) is from the mean of its shape, over the mean distance of two shapes' means.

    0: the view does not matter; 1: two views differ as two shapes do.
    """
    means = embeddings.mean(1)
    one, other = np.triu_indices(len(means), 1)
    apart = np.linalg.norm(means[one] - means[other], axis=1).mean()
    away: Floats = np.linalg.norm(embeddings - means[:, None], axis=2) / apart
    return away


def _centred(embeddings: NDArray[np.floating]) -> Floats:
    """Less the mean of all, each scaled to length 1."""
    less = embeddings - embeddings.mean((0, 1))
    lengths = np.linalg.norm(less, axis=-1, keepdims=True)
    return np.divide(less, lengths, out=np.zeros_like(less), where=lengths > 1e-12)
