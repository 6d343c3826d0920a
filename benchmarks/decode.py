"""Signed distances of one shape at the published size (256 / 512 / 8), against the network as published.

Same weights, same points, same 2,048 points at once, in turn in one process. The ratio is in processor time,
since the machine may be shared. The multiply-adds that t3d saves are worth 1.68 in float32; what is beyond is
elementwise work. bf16 is t3d's side under torch's autocast; it pays with AVX512-BF16 or AMX.
"""

import os

from benchmarks._alternate import alternate, report
from benchmarks._sides import THREADS, Row, answer, conclude, side

POINTS, AT_ONCE = 16_384, 2_048


def main() -> None:
    """Print points per second of each side over RUNS turns (default: 5), and how far apart values are."""
    row = side("decode", "both")
    if "error" not in row:
        row = report(row, POINTS, "points")
        print(f"greatest difference in float32 {row['float32_max']:.1e}")
        print(f"bf16 against float32: mean {row['bf16_mean']:.1e}, max {row['bf16_max']:.1e}")
    conclude("decode", [{"subject": "256/512/8", **row}])


def _both() -> Row:
    import torch

    from benchmarks._published import PublishedDecoder
    from t3d.models.decoder import DecoderConfig, build_decoder, fold

    torch.set_num_threads(THREADS)
    decoder, draws = build_decoder(DecoderConfig(), 0), torch.Generator().manual_seed(0)
    torch.nn.init.normal_(decoder.warp.head.weight, 0.0, 0.1, generator=draws)  # a warp that moves
    peer = PublishedDecoder().eval()
    peer.load_state_dict(decoder.state_dict(), strict=True)
    fold(decoder)
    points, code = torch.rand(POINTS, 3, generator=draws) * 2 - 1, torch.randn(256, generator=draws) / 16

    @torch.inference_mode()
    def published() -> torch.Tensor:
        return torch.cat([peer(part[None], code[None])[0][0][0] for part in points.split(AT_ONCE)])

    @torch.inference_mode()
    def ours() -> torch.Tensor:
        return torch.cat([decoder.sdf(part, code) for part in points.split(AT_ONCE)])

    def rough() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return ours()

    sides = alternate({"peer": published, "t3d": ours, "bf16": rough}, int(os.environ.get("RUNS") or 5))
    error = (rough().float() - ours()).abs()
    return {
        "sides": sides,
        "float32_max": float((published() - ours()).abs().max()),
        "bf16_mean": float(error.mean()),
        "bf16_max": float(error.max()),
    }


if __name__ == "__main__":
    answer(main, {"both": _both})
