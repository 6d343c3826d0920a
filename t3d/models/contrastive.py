"""Losses of contrastive learning and measures of what it learned, as pure functions.

B pairs of images, D numbers in an embedding, F in the features below it. The two images of a pair are
different views of one shape; the pairs of a batch are of different shapes.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def nt_xent(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss of embeddings (B, D) of the two images of each pair (Chen et al. 2020, Eq. 1).

    Mean over all 2B images i, j being the other of i's pair, of
    -log(exp(s_ij / t) / sum over k != i of exp(s_ik / t)), s the cosine. Ln(2B - 1) where all are alike.
    """
    unit = normalize(torch.cat([one, other]).float())
    with torch.autocast(unit.device.type, enabled=False):
        logits = unit @ unit.t() / temperature
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    partner = torch.arange(len(unit), device=unit.device).roll(len(one))
    return cross_entropy(logits.masked_fill(itself, -torch.inf), partner)


def info_nce(queries: Tensor, keys: Tensor, queue: Tensor, own: Tensor, temperature: float) -> Tensor:
    """MoCo's loss of queries and keys (B, D) against a queue (K, D) of older keys (He et al. 2020, Eq. 1).

    Mean over queries of -log(exp(s+ / t) / (exp(s+ / t) + sum over the queue of exp(s / t))), s the cosine.
    Entries of the query's own shape, which `own` (B, K) marks, are left out of the sum: in small sets the
    queue holds every shape many times.
    """
    queries, keys, queue = (normalize(x.float(), dim=-1) for x in (queries, keys, queue))
    positive = (queries * keys).sum(-1, keepdim=True)
    with torch.autocast(queries.device.type, enabled=False):
        negative = (queries @ queue.t()).masked_fill(own, -torch.inf)
    logits = torch.cat([positive, negative], dim=1) / temperature
    return cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.int64))


def cosine_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """Mean over rows (B, D) of |p/|p| - z/|z||^2 = 2 - 2 cos(p, z), in [0, 4]; no gradient to the targets.

    BYOL's loss of one direction (Grill et al. 2020, Eq. 2); SimSiam's -cos(p, z) (Chen & He 2021, Eq. 1)
    is half of it less one. Both sides are normalised: an unbounded predictor could lower it for ever.
    """
    cosine = normalize(predictions.float(), dim=-1) * normalize(targets.detach().float(), dim=-1)
    return (2 - 2 * cosine.sum(-1)).mean()


def retrieval(features: Tensor) -> float:
    """Share of the views whose shape is found again, from features (K, V, F) of V views of K shapes.

    Each view is compared, by the cosine, to the views of one other number of all shapes; the nearest should
    be of its own shape. A guess finds 1 / K. Views of equal number have about equal cameras, so that the
    camera does not help, as it would among all views: those next to each other are almost one picture.
    """
    unit = normalize(features.float(), dim=-1)
    nearest = torch.einsum("ivf,jwf->vwij", unit, unit).argmax(-1)
    hits = (nearest == torch.arange(len(unit), device=unit.device)).float().mean(-1)
    return float(hits[~torch.eye(len(hits), dtype=torch.bool, device=hits.device)].mean())


def spread(embeddings: Tensor) -> float:
    """Standard deviation of normalised embeddings (M, D), times sqrt(D) (Chen & He 2021, section 4.1).

    0 where all are alike, which is the collapse; 1 where they are spread over the whole sphere.
    """
    unit = normalize(embeddings.float(), dim=-1)
    return float(unit.std(0, correction=0).mean() * unit.shape[1] ** 0.5)


def effective_rank(embeddings: Tensor) -> float:
    """Dimensions that centred, normalised embeddings (M, D) fill (Roy & Vetterli 2007): exp of the entropy
    of the singular values' shares; 1 is a line, 0 where all are alike.
    """
    unit = normalize(embeddings.double(), dim=-1)
    values = torch.linalg.svdvals(unit - unit.mean(0))
    if float(values.sum()) < 1e-9:
        return 0.0
    share = values / values.sum()
    return float(torch.exp(-(share * share.clamp(min=1e-30).log()).sum()))
