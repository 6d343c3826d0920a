"""From photographs to a mesh by a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from t3d.datasets.photographs import Photograph
from t3d.geometry.cutout import placed
from t3d.geometry.isosurface import NoSurface, find_surface
from t3d.geometry.mesh import Mesh
from t3d.models.encoder import to_input
from t3d.models.network import Network

USUAL = 0.9
"""Share of held-out views that pass as usual: some false alarms, for strangers are often near."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network makes of one object."""

    photographs: Sequence[Photograph]
    seen: NDArray[np.uint8]
    """(V, S, S, 3): what the encoder saw of each photograph."""
    code: NDArray[np.float32]
    """(C,): the mean of the photographs' codes."""
    mesh: Mesh | None
    """In the unit frame, front towards -z, +y up; None: the network makes no surface of the code."""
    facts: dict[str, Any]
    """What extraction took, as in reconstructions; `isolated`, `unlike`, and `warnings` in words."""


def predict(network: Network, photographs: Sequence[Photograph], resolution: int) -> Prediction:
    """One object from one photograph, or from several of it: their codes are averaged.

    resolution: cells of the box [-1, 1]^3 along each axis.
    """
    looks, notes = network.looks, [text for one in photographs for text in one.warnings]
    on_white = [placed(one.rgb, one.mask, looks.placement)[None] for one in photographs]
    small = [to_input(image, network.input_size) for image in on_white]
    seen = torch.cat(small).permute(0, 2, 3, 1).contiguous().numpy()
    unlike = float(looks.share_nearer(network.features(seen)).max())
    if unlike >= USUAL:
        notes.append(f"unlike the training pictures: farther off than {unlike:.0%} of held-out views")
    facts = {"isolated": [one.isolated for one in photographs], "unlike": unlike, "warnings": notes}
    code, mesh = network.encode(seen).mean(axis=0), None
    try:
        found = find_surface(partial(network.sdf, code=code), resolution)
        mesh, outcome = found.mesh, {"status": "ok", **found.facts()}
    except NoSurface as error:
        outcome = {"status": "empty", "reason": str(error)}
    return Prediction(photographs, seen, code, mesh, facts | outcome)
