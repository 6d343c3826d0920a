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
    from t3d.geometry.sampling import deepsdf_points
    from t3d.models.decoder import DecoderConfig, build_decoder
    from t3d.models.network import save_codes

    torch.set_num_threads(1)  # steps this small lose more by waiting for each other than they gain
    rng = np.random.default_rng(0)
    unit = prepare(load_geometry(mesh), rng, THREADS)[0]
    points = deepsdf_points(unit, 200_000, (0.005, 0.0005), 0.8, rng)
    target = torch.from_numpy(Solid(unit, THREADS).signed_distance(points)).clamp(-0.1, 0.1)
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
