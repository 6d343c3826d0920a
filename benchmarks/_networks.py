"""The networks whose surfaces are extracted: fitted on the spot to a mesh, or a trained one's folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._sides import THREADS, Row

ITERATIONS, POINTS = 500, 1024


def fit(mesh: Path, folder: Path) -> Row:
    """A small decoder and one code of zeros, fitted to the mesh; template and warp both move."""
    import numpy as np
    import torch

    from t3d.datasets.meshes import load_geometry
    from t3d.geometry.distance import Solid
    from t3d.geometry.inspection import prepare
    from t3d.geometry.sampling import surface_points
    from t3d.models.decoder import DecoderConfig, build_decoder
    from t3d.models.network import save_codes

    torch.set_num_threads(1)  # steps this small lose more by waiting for each other than they gain
    rng = np.random.default_rng(0)
    unit = prepare(load_geometry(mesh), rng, THREADS)[0]
    near = surface_points(unit, 160_000, rng)[0] + rng.normal(size=(160_000, 3)) * np.tile(
        [[0.0707], [0.0224]], (80_000, 1)
    )
    points = np.concatenate([near, rng.uniform(-1, 1, (40_000, 3))]).astype(np.float32)
    solid = Solid(unit, THREADS)
    distance = np.where(solid.winding(points) > 0.5, -1, 1) * solid.distance(points)
    target = torch.from_numpy(distance.astype(np.float32)).clamp(-0.1, 0.1)
    positions, code = torch.from_numpy(points), torch.zeros(1, 32)
    decoder = build_decoder(DecoderConfig(code=32, hidden=64, steps=4, width=96, depth=4, dropout=0.0), 0)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, ITERATIONS)
    for _ in range(ITERATIONS):
        chosen = torch.from_numpy(rng.integers(len(points), size=POINTS))
        values = decoder.values(positions[chosen][None], code)[0].clamp(-0.1, 0.1)
        loss = (values - target[chosen]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    folder.mkdir()
    save_codes(folder, decoder, (["mesh"], code.numpy()), ([], code.numpy()[:0]))
    return {"loss": float(loss.detach())}


def costly(values: Callable[[Any], Any], how: str) -> Callable[[Any], Any]:
    """The same values at the cost of a network of the published size (256-d code, 512 hidden, 8 steps).

    No trained weights of that size are at hand, so one with random weights is evaluated too, at the same
    points and in chunks of the same size, and its answer dropped: surface and count of evaluations are those
    of the small network, seconds those of the large one plus the small one. how: `ours`, t3d's inference;
    `peer`, as published code evaluates it: the code beside every point at every step, weights not folded.
    """
    import torch

    from t3d.models.decoder import DecoderConfig, build_decoder, fold
    from t3d.models.network import GATES_AT_ONCE

    decoder = build_decoder(DecoderConfig(), 0).eval()
    code, count = torch.zeros(256), GATES_AT_ONCE // (4 * 512)
    evaluate = _as_published(decoder) if how == "peer" else fold(decoder).sdf

    @torch.inference_mode()
    def both(points: Any) -> Any:
        for chunk in torch.split(torch.from_numpy(points), count):
            evaluate(chunk, code)
        return values(points)

    both(torch.zeros(2 * count, 3).numpy())
    return both


def _as_published(decoder: Any) -> Callable[[Any, Any], Any]:
    """Deep Implicit Templates' `Warper` and `SdfDecoder`: the whole LSTM cell on [code, xyz]."""
    import torch

    warp, template = decoder.warp, decoder.template

    def evaluate(points: Any, code: Any) -> Any:
        codes, state = code.expand(len(points), -1), None
        for _ in range(warp.steps):
            state = warp.cell(torch.cat([codes, points], dim=1), state)
            scale, shift = warp.head(state[0]).split(3, dim=1)
            points = points + (scale * points + shift)
        return template.values(points)

    return evaluate


def network_values(folder: Path) -> Callable[[Any], Any]:
    """The network of a folder at its code, warm; points (N, 3) float32 -> values (N,) float32."""
    import numpy as np
    import torch

    from t3d.models.decoder import fold
    from t3d.models.network import GATES_AT_ONCE, load, load_codes

    if (folder / "codes.npz").exists():
        decoder, codes, _ = load_codes(folder)
        decoder, code = fold(decoder).eval(), torch.from_numpy(codes["mesh"])
        count = GATES_AT_ONCE // (4 * decoder.config.hidden)

        @torch.inference_mode()
        def values(points: Any) -> Any:
            chunks = torch.split(torch.from_numpy(np.ascontiguousarray(points, np.float32)), count)
            return torch.cat([decoder.sdf(chunk, code) for chunk in chunks]).numpy()
    else:
        network = load(folder)

        def values(points: Any) -> Any:
            return network.sdf(points, network.mean_code)

    values(np.zeros((20_000, 3), np.float32))
    return values
