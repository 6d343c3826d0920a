"""A training step of phase 1 at the published size, against the network and losses as published.

Four shapes of 1,000 samples: all losses, gradients, and Adam. Same weights, in turn in one process; the ratio
is in processor time, since the machine may be shared. bf16 is t3d's step under torch's autocast.
"""

import os

from benchmarks._alternate import alternate, report
from benchmarks._sides import THREADS, Row, answer, conclude, side

SHAPES, POINTS, EPOCH, EPOCHS = 4, 1_000, 50, 100


def main() -> None:
    """Print samples per second of each side over RUNS turns (default: 5), and how far apart losses are."""
    row = side("train", "both")
    if "error" not in row:
        row = report(row, SHAPES * POINTS, "samples")
        print(
            f"losses without dropout differ by {row['float32']:.1e} of their size; bf16 by {row['bf16']:.1e}"
        )
    conclude("train", [{"subject": "256/512/8", **row}])


def _both() -> Row:
    import torch

    from benchmarks._published import PublishedPhase1, published_loss
    from t3d.models.codes import AutoDecoder, CodeBook, LossPlan, weighted_losses
    from t3d.models.decoder import DecoderConfig, build_decoder
    from t3d.models.losses import pointpair_mean_weight
    from t3d.models.samples import Batch

    torch.set_num_threads(THREADS)
    draws = torch.Generator().manual_seed(0)
    config = DecoderConfig()
    model = AutoDecoder(build_decoder(config, 0), CodeBook((SHAPES, config.code), 1.0, 1.0, 0))
    torch.nn.init.normal_(model.decoder.warp.head.weight, 0.0, 0.1, generator=draws)  # a warp that moves
    peer = PublishedPhase1(SHAPES)
    peer.load_state_dict(model.state_dict(), strict=True)
    points = torch.rand(SHAPES, POINTS, 3, generator=draws) * 2 - 1
    batch = Batch(torch.arange(SHAPES), points, points.norm(dim=2) - 0.5)
    plan = LossPlan(
        clamp=0.1, pointwise=0.005, pointpair=pointpair_mean_weight(2e-5, POINTS), pointpair_limit=5.0,
        code_weight=1e-4, ramp=EPOCHS,
    )  # fmt: skip
    optimizers = {module: torch.optim.Adam(module.parameters(), lr=1e-4) for module in (model, peer)}

    def step(module: torch.nn.Module, loss: torch.Tensor) -> None:
        optimizers[module].zero_grad()
        loss.backward()
        optimizers[module].step()

    def loss_of_ours(rough: bool = False) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=rough):
            out = model(batch.shapes, points, draws)
        return weighted_losses(out, batch, plan, EPOCH)["loss"]

    def loss_of_theirs() -> torch.Tensor:
        return published_loss(peer(batch.shapes, points), points, batch.distances, EPOCH)

    templates = (model.decoder.template, peer.decoder.template)
    for template in templates:
        template.dropout = 0.0
    found, rough, wanted = (float(x.detach()) for x in (loss_of_ours(), loss_of_ours(True), loss_of_theirs()))
    for template in templates:
        template.dropout = 0.05
    sides = {
        "peer": lambda: step(peer, loss_of_theirs()),
        "t3d": lambda: step(model, loss_of_ours()),
        "bf16": lambda: step(model, loss_of_ours(True)),
    }
    return {
        "sides": alternate(sides, int(os.environ.get("RUNS") or 5)),
        "float32": abs(found - wanted) / wanted,
        "bf16": abs(rough - wanted) / wanted,
    }


if __name__ == "__main__":
    answer(main, {"both": _both})
