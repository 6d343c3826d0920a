"""Meshes of photographs that the user brings along."""

from dataclasses import dataclass
from pathlib import Path

from t3d.pipeline import Facts, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """How fine."""

    resolution: int = 256
    """Cells of the box [-1, 1]^3 along each axis, as `reconstructions.resolution`."""


@stage(per="shape", version=1, parts=("photos",), files=("photo.seen.png", "photo.preview.png"))
def photos(photo: Path, network: Path, *, out: Path, params: Params) -> Facts:
    """Reconstruct the object of a photograph, in the unit frame: there is no truth to give it another."""
    from t3d.datasets.photographs import read_photograph
    from t3d.models.network import load
    from t3d.models.prediction import predict
    from t3d.report.pictures import write_prediction

    return write_prediction(
        predict(load(network), [read_photograph(photo)], params.resolution), out / "photo"
    )
