"""Meshes reconstructed from one view of a shape each."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t3d.pipeline import Facts, stage

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Params:
    """From which view, and how fine."""

    view: str = "30"
    """The view called `fix`, by the name of its file (seed `generate_training_meshes.py`: 30)."""

    resolution: int = 256
    """Cells of the box [-1, 1]^3 along each axis (DeepSDF `deep_sdf/mesh.py`)."""


@stage(
    per="shape",
    version=1,
    command="reconstruct",
    parts=("test", "train_scored"),
    files=("choices.json",),
)
def reconstructions(
    views: Path,
    surface: Path,
    network: Path,
    *,
    out: Path,
    params: Params,
    rng: "np.random.Generator",
) -> Facts:
    """Reconstruct a shape from its fixed and from a randomly drawn easy view, in the original frame."""
    from t3d.datasets.extraction import write_surface
    from t3d.datasets.formats import read_normalization, write_json
    from t3d.models.network import load
    from t3d.report.pictures import input_image

    model = load(network)
    transform = read_normalization(surface / "normalization.npz")
    chosen = chosen_views(views / "easy", params.view, rng)
    choices: dict[str, Any] = {choice: f"easy/{name}" for choice, name in chosen.items()}
    if chosen["fix"] != params.view:
        choices["note"] = f"there is no easy/{params.view}: fix is the middle view"
    (out / "easy").mkdir()
    for name in sorted(set(chosen.values())):
        code = model.encode(input_image(views, f"easy/{name}")[None])[0]
        values = partial(model.sdf, code=code)
        outcome = write_surface(out / "easy" / f"{name}.ply", values, params.resolution, transform)
        choices[f"easy/{name}"] = outcome
    write_json(out / "choices.json", choices)
    return choices


def chosen_views(folder: Path, fixed: str, rng: "np.random.Generator") -> dict[str, str]:
    """Names of the views `fix` and `rnd` among the PNG files of a folder; independent of listing order.

    Where there are too few views for the fixed one, the middle one takes its place. DataError: no views.
    """
    from t3d.errors import DataError

    names = sorted(path.stem for path in folder.glob("*.png"))
    if not names:
        raise DataError(f"{folder}: no views in it; render the shape again")
    middle = names[len(names) // 2]
    return {"fix": fixed if fixed in names else middle, "rnd": names[int(rng.integers(len(names)))]}
