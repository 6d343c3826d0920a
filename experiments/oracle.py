"""How well a decoder can say shapes it was not trained on: codes optimised for them, then Chamfer distances.

    python experiments/oracle.py STORE CODES...

STORE is a category's folder in a store where a run ended, each CODES a folder of the stage `codes`. A line
each: median (and mean) over test shapes of the template, the mean code and optimised codes, and over scored
training shapes of their own; unit frame, sum of both mean squares, 1e-3.
"""

import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from t3d.datasets.formats import read_json, read_normalization
from t3d.datasets.meshes import read_points
from t3d.geometry.isosurface import NoSurface, extract
from t3d.geometry.metrics import chamfer, nearest
from t3d.geometry.sampling import surface_points
from t3d.models.codes import FitPlan, fit_codes
from t3d.models.decoder import Decoder
from t3d.models.network import load_codes
from t3d.models.samples import Samples

RESOLUTION, POINTS, OWN = 48, 3_000, 6
PLAN = FitPlan(fit_iterations=100, fit_points=256, fit_lr=1.5e-2, clamp=0.1)


def newest(store: Path, stage: str, shape: str) -> Path:
    """The latest artifact of a stage."""
    return max((store / stage / shape).glob("*/manifest.json"), key=lambda path: path.stat().st_mtime).parent


@cache
def truth(store: Path, shape: str) -> np.ndarray:
    """Points (N, 3) of a shape's visible surface, in the unit frame."""
    folder = newest(store, "surface", shape)
    points = read_points(folder / "surface.ply")[0]
    return read_normalization(folder / "normalization.npz").apply(points)[:POINTS]


def cloud(values: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    """Points of a field's zero level; the origin where it has none."""

    @torch.inference_mode()
    def of(points: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(np.ascontiguousarray(points, np.float32)).split(16_384)
        return torch.cat([values(part) for part in parts]).numpy()

    try:
        return surface_points(extract(of, RESOLUTION), POINTS, np.random.default_rng(0))[0]
    except NoSurface:
        return np.zeros((1, 3))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Chamfer distance, 1e-3."""
    return 1e3 * chamfer(nearest(a, b)[0], nearest(b, a)[0], 2)


def line(name: str, values: list[float]) -> str:
    """Median and mean."""
    return f"{name} {np.median(values):6.2f} ({np.mean(values):6.2f})"


def score(store: Path, folder: Path, split: dict[str, list[str]]) -> str:
    """One line of figures."""
    decoder, codes, _ = load_codes(folder)
    return score_decoder(store, decoder, codes, split, {"template": decoder.template.values})


def score_decoder(
    store: Path,
    decoder: Decoder,
    codes: dict[str, np.ndarray],
    split: dict[str, list[str]],
    common: dict[str, Callable[[torch.Tensor], torch.Tensor]] | None = None,
) -> str:
    """One line of figures of a decoder and its codes by shape; common: fields that are the same for all."""
    test, own = split["test"], split["train_scored"][:OWN]
    samples = Samples({shape: newest(store, "sdf", shape) for shape in test})
    found, loss = fit_codes(decoder, samples, PLAN, 0)
    real = torch.from_numpy(np.stack([codes[shape] for shape in split["train"]]))
    fields = {**(common or {}), "mean code": partial(decoder.sdf, code=real.mean(0))}
    same = {name: cloud(values) for name, values in fields.items()}
    rows = {name: [distance(points, truth(store, shape)) for shape in test] for name, points in same.items()}
    oracle = [cloud(partial(decoder.sdf, code=torch.from_numpy(code))) for code in found]
    rows["oracle"] = [distance(p, truth(store, s)) for p, s in zip(oracle, sorted(test), strict=True)]
    mine = [cloud(partial(decoder.sdf, code=torch.from_numpy(codes[shape]))) for shape in own]
    rows["own"] = [distance(p, truth(store, s)) for p, s in zip(mine, own, strict=True)]
    lengths = real.norm(dim=1).median(), np.median(np.linalg.norm(found, axis=1))
    figures = "  ".join(line(*row) for row in rows.items())
    return f"{figures}  fit {loss:.5f}  |code| {lengths[0]:.2f} {lengths[1]:.2f}"


def main(store: Path, folders: list[Path]) -> None:
    """Print a line per folder, and one for the nearest training shape."""
    split = read_json(newest(store, "split", "_all") / "split.json")
    for folder in folders:
        sys.stdout.write(f"{folder.name} {score(store, folder, split)}\n")
    if len(folders) < 2:
        return
    near = [
        min(distance(truth(store, one), truth(store, t)) for one in split["train"]) for t in split["test"]
    ]
    sys.stdout.write(f"{line('nearest training shape', near)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
