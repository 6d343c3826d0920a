"""What the decoder could reach at best: each shape from the code that fits its own distances."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from t3d.pipeline import Facts, stage
from t3d.stages import Rng


@dataclass(frozen=True, kw_only=True)
class Params:
    """How long a code is sought, and how fine its shape is."""

    iterations: int = 800
    """Steps of the optimiser (DIT `reconstruct_deep_implicit_templates.py`). 0: not sought, not scored."""

    points: int = 8_000
    """Samples per iteration (same file)."""

    rate: float = 5e-3
    """First learning rate, a tenth from half of the iterations on (same file)."""

    clamp: float = 0.1
    """Distances beyond this, in unit-frame lengths, count as this (DIT specs, ClampingDistance)."""

    resolution: int = 256
    """Cells of the box [-1, 1]^3 along each axis, as for reconstructions (DeepSDF `deep_sdf/mesh.py`)."""

    gpu: bool = False
    """Search on a GPU, as `reconstructions.gpu`."""


@stage(per="shape", version=2, parts=("test", "train_scored"), files=("code.json",))
def oracle_code(
    sdf: Path, mesh: Path, network: Path, *, out: Path, params: Params, shape: str, rng: Rng, threads: int
) -> Facts:
    """Reconstruct a shape from its own distances instead of a picture, in the original frame.

    The search begins at the training shape's code that gives most samples their sign: from codes near zero,
    as published, a decoder that learned few shapes does not reach what it could say.
    `code.json` says what came of it; `mesh.ply` is there where it has a surface.
    """
    import numpy as np

    from t3d.datasets.extraction import write_surface
    from t3d.datasets.formats import read_transform, write_json
    from t3d.models.codes import fit_codes, most_alike
    from t3d.models.network import load
    from t3d.models.plans import FitPlan
    from t3d.models.samples import Samples
    from t3d.models.training import thread_count

    outcome: dict[str, object] = {"status": "off", "reason": "oracle_code.iterations is 0"}
    if params.iterations:
        model, seed = load(network, params.gpu), int(rng.integers(2**32))
        plan = FitPlan(
            fit_iterations=params.iterations, fit_points=params.points, fit_lr=params.rate, clamp=params.clamp
        )
        with thread_count(threads):
            samples = Samples({shape: sdf})
            start = most_alike(model.decoder, samples, np.stack([*model.codes.values()]), seed)
            codes, loss = fit_codes(model.decoder, samples, plan, seed, start)
        values = partial(model.sdf, code=codes[0])
        transform = read_transform(mesh / "transform.json")
        outcome = write_surface(out / "mesh.ply", values, params.resolution, transform) | {"loss": loss}
    write_json(out / "code.json", outcome)
    return outcome
