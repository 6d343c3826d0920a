"""The shape that a network bends into all others, and the one of its mean code."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from t3d.pipeline import Facts, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """How fine."""

    resolution: int = 512
    """Cells of the box [-1, 1]^3 along each axis for the template (DIT `generate_template_mesh.py`)."""

    mean_resolution: int = 256
    """The same for the mean code's shape, as for reconstructions (DeepSDF `deep_sdf/mesh.py`)."""


@stage(per="set", version=1, command="template", files=("template.json",))
def template(network: Path, *, out: Path, params: Params) -> Facts:
    """Extract the template and the shape of the mean training code, both in the unit frame.

    A surface that is not there has a status with the reason in `template.json`, and no file.
    """
    from t3d.datasets.extraction import write_surface
    from t3d.datasets.formats import write_json
    from t3d.models.network import load

    model = load(network)
    mean = partial(model.sdf, code=model.mean_code)
    statuses = {
        "template": write_surface(out / "template.ply", model.template_sdf, params.resolution),
        "mean": write_surface(out / "mean.ply", mean, params.mean_resolution),
    }
    write_json(out / "template.json", statuses)
    return statuses
