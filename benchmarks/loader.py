"""Training items of 5,000 samples out of 500,000: from files and from a pack, against reading whole files.

The peer loads a shape's whole NPZ per item and picks rows at random, half of them outside, as the loaders of
DeepSDF and its successors do. All files are in the system's cache; from a disk the peer loses more.
"""

import os
import tempfile
from pathlib import Path

from benchmarks._alternate import alternate, report
from benchmarks._sides import Row, answer, conclude, side

SHAPES, COUNT, POINTS = 8, 500_000, 5_000


def main() -> None:
    """Print items per second of RUNS turns (default: 5) of eight items, and how many times more they are."""
    row = side("loader", "both")
    if "error" not in row:
        row = report(row, SHAPES, "items")
    conclude("loader", [{"subject": f"{POINTS} of {COUNT} samples", **row}])


def _both() -> Row:
    import numpy as np

    from t3d.datasets.formats import write_samples
    from t3d.models.pack import Extent, open_pack, write_pack
    from t3d.models.samples import Samples

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folders = {str(number): Path(name) / str(number) for number in range(SHAPES)}
        for folder in folders.values():
            folder.mkdir()
            rows = rng.normal(size=(COUNT // 2, 4)).astype(np.float32)
            write_samples(folder / "samples.npz", rows, -rows)
        write_pack(
            Path(name) / "pack", "ball", {"train": list(folders)}, folders, {}, Extent(COUNT, 0, 8, ())
        )
        files, packed = Samples(folders), Samples(open_pack(Path(name) / "pack").samples(folders))

        def whole() -> None:
            for folder in folders.values():
                with np.load(folder / "samples.npz") as arrays:
                    rows = [arrays[key][rng.integers(COUNT // 2, size=POINTS // 2)] for key in ("pos", "neg")]
                np.concatenate(rows)

        sides = {
            "peer": whole,
            "t3d": lambda: files.batch(0, SHAPES, POINTS, seed=0),
            "pack": lambda: packed.batch(0, SHAPES, POINTS, seed=0),
        }
        return {"sides": alternate(sides, int(os.environ.get("RUNS") or 5))}


if __name__ == "__main__":
    answer(main, {"both": _both})
