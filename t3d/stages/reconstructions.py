"""Meshes reconstructed from one view of a shape each."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from t3d.pipeline import Facts, stage
from t3d.stages import Rng


@dataclass(frozen=True, kw_only=True)
class Params:
    """From which views, and how fine."""

    view: str = "30"
    """The view called `fix`, by the name of its file (seed `generate_training_meshes.py`: 30)."""

    draws: int = 1
    """Random views per shape and level, called `rnd`; its score is the mean over them (seed: 1)."""

    levels: tuple[Literal["easy", "hard"], ...] = ("easy", "hard")
    """Sets of views that are reconstructed from (the seed looks at easy ones only)."""

    every: bool = False
    """Reconstruct from all views of these levels too; their score is that of the choice `all`."""

    resolution: int = 256
    """Cells of the box [-1, 1]^3 along each axis (DeepSDF `deep_sdf/mesh.py`)."""

    gpu: bool = False
    """Evaluate networks on a GPU, where there is one; all workers of a machine share its first."""

    def __post_init__(self) -> None:
        if self.draws < 0 or not self.levels:
            raise ValueError("draws must be 0 or more, and levels one or more of easy and hard")


@stage(per="shape", version=2, command="reconstruct", parts=("test", "train_scored"), files=("choices.json",))
def reconstructions(
    views: Path, surface: Path, network: Path, *, out: Path, params: Params, rng: Rng
) -> Facts:
    """Reconstruct a shape from its fixed and from randomly drawn views, easy and hard, in the original frame.

    `choices.json`: `views`, by level and choice, the views chosen; `fix` and `rnd`, the first of the first
    level; and by view what came of it.
    """
    from t3d.datasets.extraction import write_surface
    from t3d.datasets.formats import read_normalization, write_json
    from t3d.datasets.images import read_rgb
    from t3d.models.network import load

    model = load(network, params.gpu)
    transform = read_normalization(surface / "normalization.npz")
    chosen = chosen_views(views, params, rng)
    first = next(iter(chosen.values()))
    choices: dict[str, Any] = {**{choice: some[0] for choice, some in first.items()}, "views": chosen}
    missing = [level for level in chosen if chosen[level]["fix"] != [f"{level}/{params.view}"]]
    if missing:
        choices["note"] = f"no view {params.view} is {' or '.join(missing)}: fix is the middle one there"
    for view in sorted({view for named in chosen.values() for some in named.values() for view in some}):
        code = model.encode(read_rgb(views / f"{view}.png")[None])[0]
        (out / view).parent.mkdir(exist_ok=True)
        values = partial(model.sdf, code=code)
        choices[view] = write_surface(out / f"{view}.ply", values, params.resolution, transform)
    write_json(out / "choices.json", choices)
    return choices


def chosen_views(folder: Path, params: Params, rng: Rng) -> dict[str, dict[str, list[str]]]:
    """Views `level/name` by level and choice out of a `views` folder; independent of listing order.

    Where a level has too few views for the fixed one, the middle one takes its place; one without views, as
    imported data may have, is left out. Random views are drawn without replacement; more draws keep the
    earlier ones. DataError: no views at all.
    """
    from t3d.errors import DataError

    chosen: dict[str, dict[str, list[str]]] = {}
    for level in params.levels:
        names = sorted(f"{level}/{path.stem}" for path in (folder / level).glob("*.png"))
        order = [names[i] for i in rng.permutation(len(names))]
        if names:
            fixed = f"{level}/{params.view}"
            fix = [fixed if fixed in names else names[len(names) // 2]]
            picked = {"fix": fix, "rnd": order[: params.draws], "all": names if params.every else []}
            chosen[level] = {choice: some for choice, some in picked.items() if some}
    if not chosen:
        raise DataError(f"{folder}: no views in it; render the shape again")
    return chosen
