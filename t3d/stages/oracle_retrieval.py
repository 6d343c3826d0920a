"""What retrieval could reach at best: the training shape that truly is nearest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from t3d.pipeline import Each, Facts, Parts, stage
from t3d.stages import Rng


@dataclass(frozen=True, kw_only=True)
class Params:
    """How finely shapes are compared to choose one; the chosen one is scored like any prediction."""

    points: int = 1000
    """Points per shape of the comparison, drawn by area (the protocol `deepsdf` has 30,000)."""


@stage(per="set", version=1, files=("retrieval.json",), timeout=None)
def oracle_retrieval(
    mesh: Annotated[Parts, Each("train", "test", "train_scored")],
    surface: Annotated[Parts, Each("test", "train_scored")],
    *,
    out: Path,
    params: Params,
    rng: Rng,
    threads: int,
) -> Facts:
    """Find the training shape with the least Chamfer distance to every shape, both in their unit frames.

    The distance of the protocol `deepsdf`, with fewer points: of the visible surface of the shape, and of the
    whole surface of the training shape. A training shape never finds itself. `retrieval.json`: by shape,
    `shape` and `chamfer` in the unit frame (oracle of Tatarchenko et al. 2019, section 4).
    """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from t3d.datasets.formats import read_normalization, write_json
    from t3d.datasets.meshes import read_ply, read_points
    from t3d.geometry.metrics import chamfer, nearest, tree
    from t3d.geometry.sampling import surface_points

    seed = int(rng.integers(2**32))

    def cloud(folder: Path) -> Any:
        shape = read_ply(folder / "mesh.ply")
        return tree(surface_points(shape, params.points, np.random.default_rng(seed))[0])

    def search(item: tuple[str, Path]) -> tuple[str, dict[str, Any]]:
        shape, folder = item
        to_unit = read_normalization(folder / "normalization.npz")
        points = to_unit.apply(read_points(folder / "surface.ply")[0])
        true = tree(np.random.default_rng(seed).permutation(points)[: params.points])
        pairs = ((name, nearest(one, true)[0], nearest(true, one)[0]) for name, one in known.items())
        far = {name: chamfer(there, back, 2) for name, there, back in pairs if name != shape}
        best = min(far, key=lambda name: far[name], default="")
        return shape, {"shape": best, "chamfer": far[best]} if best else {}

    with ThreadPoolExecutor(threads) as pool:  # the search for nearest points lets other threads run
        known = dict(zip(mesh["train"], pool.map(cloud, mesh["train"].values()), strict=True))
        found = dict(pool.map(search, [item for shapes in surface.values() for item in shapes.items()]))
    write_json(out / "retrieval.json", found)
    return {"shapes": len(found), "searched": len(known)}
