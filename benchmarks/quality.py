"""Phase 1 in equal wall time, against the network and losses as published: which fits its shapes better.

Both start from the same weights and codes and see the same batches with the same rates, each in a process of
its own for SECONDS (default: 240); the rates fall to a tenth at three quarters of the time. Then each decodes
its training shapes, and the meshes are scored against the true ones. `ratio` above 1: t3d is nearer.

DATA: a category's folder of a store, such as work/sofa; COUNT of its sampled shapes are taken (default: 16).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._sides import THREADS, Row, answer, conclude, side, spread

if TYPE_CHECKING:
    import torch

    from t3d.models.samples import Batch

SIZES = {"code": 64, "hidden": 128, "steps": 8, "width": 128, "depth": 5}
SCENES, POINTS, RAMP, CELLS = 16, 256, 500, 64
RATES = {"warp": 1e-3, "template": 1e-3, "codes": 2e-3}


def main() -> None:
    """Print both sides' median Chamfer distance over the shapes, and how many steps each took."""
    if not Path(os.environ.get("DATA") or "", "sdf").is_dir():
        print("quality: name a category's folder of a store with DATA=work/sofa")
        return
    sides = {name: side("quality", name) for name in ("peer", "t3d")}
    errors = [row | {"subject": name} for name, row in sides.items() if "error" in row]
    rows = [
        {"subject": shape, "ratio": sides["peer"]["chamfer"][shape] / sides["t3d"]["chamfer"][shape]}
        for shape in ({} if errors else sides["t3d"]["chamfer"].keys() & sides["peer"]["chamfer"].keys())
    ]
    for name, row in sides.items() if not errors else ():
        values = spread([1e3 * value for value in row["chamfer"].values()])
        made = len(row["chamfer"])
        print(f"{name}: {row['steps']} steps, {made} meshes, Chamfer x 1000 in the unit frame: {values}")
    conclude("quality", errors + rows)


def _t3d() -> Row:
    import torch

    from t3d.models.codes import LossPlan, weighted_losses
    from t3d.models.losses import pointpair_mean_weight

    model, plan = _model(), LossPlan(
        clamp=0.1, pointwise=0.005, pointpair=pointpair_mean_weight(2e-5, POINTS), pointpair_limit=5.0,
        code_weight=1e-4, ramp=RAMP,
    )  # fmt: skip
    draws = torch.Generator().manual_seed(1)

    def loss(batch: "Batch", step: int) -> "torch.Tensor":
        return weighted_losses(model(batch.shapes, batch.points, draws), batch, plan, step)["loss"]

    return _fitted(model, loss, model.codes.shorten)


def _peer() -> Row:
    from benchmarks._published import PublishedPhase1, published_loss

    ours = _model()
    model = PublishedPhase1(len(ours.codes.weight), **SIZES)
    model.load_state_dict(ours.state_dict(), strict=True)

    def loss(batch: "Batch", step: int) -> "torch.Tensor":
        out = model(batch.shapes, batch.points)
        return published_loss(out, batch.points, batch.distances, 100 * step / RAMP)

    return _fitted(model, loss, lambda: None)


def _model() -> Any:
    from t3d.models.codes import AutoDecoder, CodeBook
    from t3d.models.decoder import DecoderConfig, build_decoder

    decoder = build_decoder(DecoderConfig(**SIZES), 0)
    return AutoDecoder(decoder, CodeBook((len(_samples()), decoder.config.code), 1.0, 1.0, 0))


def _samples() -> Any:
    from t3d.models.samples import Samples

    paths = sorted(Path(os.environ["DATA"]).resolve().glob("sdf/*/*/samples.npz"))
    newest = {path.parents[1].name: path.parent for path in paths}
    return Samples(dict(list(newest.items())[: int(os.environ.get("COUNT") or 16)]))


def _fitted(model: Any, loss: Callable[["Batch", int], "torch.Tensor"], bound: Callable[[], None]) -> Row:
    import torch

    torch.set_num_threads(THREADS)
    samples, limit, step = _samples(), float(os.environ.get("SECONDS") or 240), 0
    parts = {"warp": model.decoder.warp, "template": model.decoder.template, "codes": model.codes}
    groups = [{"params": part.parameters(), "lr": RATES[name]} for name, part in parts.items()]
    optimizer = torch.optim.Adam(groups)
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < limit:
        for group, rate in zip(optimizer.param_groups, RATES.values(), strict=True):
            group["lr"] = rate * (0.1 if elapsed > 0.75 * limit else 1.0)
        optimizer.zero_grad()
        loss(samples.batch(step, SCENES, POINTS, 0), step).backward()
        optimizer.step()
        bound()
        step += 1
    return {"steps": step, "chamfer": _chamfer(model, samples)}


def _chamfer(model: Any, samples: Any) -> dict[str, float]:
    """Chamfer distance, sum of mean squares in the unit frame, of every shape that came out, to its mesh."""
    import numpy as np
    import torch

    from t3d.datasets.meshes import read_ply
    from t3d.geometry.isosurface import NoSurface, extract
    from t3d.geometry.metrics import chamfer, nearest
    from t3d.geometry.sampling import surface_points

    model.eval()
    rng, found = np.random.default_rng(0), {}
    for number, shape in enumerate(samples.ids):
        values = _values(model, model.codes.weight[number].detach()[None])
        path = next(Path(os.environ["DATA"]).resolve().glob(f"mesh/{shape}/*/mesh.ply"))
        try:
            with torch.no_grad():
                made = extract(values, CELLS)
        except NoSurface:
            continue
        ours, truth = (surface_points(mesh, 10_000, rng)[0] for mesh in (made, read_ply(path)))
        found[shape] = chamfer(nearest(ours, truth)[0], nearest(truth, ours)[0], 2)
    return found


def _values(model: Any, code: "torch.Tensor") -> Callable[[Any], Any]:
    import numpy as np
    import torch

    from t3d.models.decoder import Decoder

    def of(points: Any) -> Any:
        rows = torch.from_numpy(np.array(points, np.float32))[None]
        ours = isinstance(model.decoder, Decoder)
        return (model.decoder.values(rows, code) if ours else model.decoder(rows, code)[0][-1])[0].numpy()

    return of


if __name__ == "__main__":
    answer(main, {"peer": _peer, "t3d": _t3d})
