"""`t3d score` on a hundred pairs: damaged copies of meshes against the meshes, timed, and scored twice.

No peer: what is asked of it is under 60 s for the protocol `deepsdf` and under 10 min for all of them, on two
cores, and the same digits twice. Of the copies a fifth each is decimated, noisy, shifted or as it was, and of
the last fifth one half is missing and the other half empty.
"""

import filecmp
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._sides import THREADS, Row, conclude, scratch_and_meshes

LIMITS = {"deepsdf": 60.0, "all": 600.0}
"""Seconds on THREADS idle cores."""

PAIRS = 100


def main() -> None:
    """Print seconds, of the clock and of processors, for meshes of the folder DATA, repeated if need be."""
    os.environ.setdefault("COUNT", str(PAIRS))
    with scratch_and_meshes() as (scratch, files), tempfile.TemporaryDirectory() as name:
        pairs = [files[number % len(files)] for number in range(min(PAIRS, int(os.environ["COUNT"])))]
        _damage(pairs, scratch / "pred", scratch / "true")
        rows = [_timed(protocol, scratch, Path(name)) for protocol in LIMITS]
    conclude("score", rows, "margin")


def _timed(protocol: str, folder: Path, out: Path) -> Row:
    """Two runs under one protocol; margin: how many times less processor time than THREADS cores may use."""
    spent = []
    for turn in ("first", "second"):
        before, started = _cpu_time(), time.monotonic()
        code = "from t3d.cli.main import main; main()"
        words = ["score", folder / "pred", folder / "true", "-p", protocol, "--workers", THREADS, "--quiet"]
        command = [sys.executable, "-c", code, *map(str, words), "--out", str(out / protocol / turn)]
        status = subprocess.run([*command, "--max-failures", "1000"], check=False).returncode
        spent.append((time.monotonic() - started, _cpu_time() - before, status))
    same = filecmp.cmpfiles(
        *(out / protocol / turn for turn in ("first", "second")), ["scores.json", "scores.csv"], False
    )
    wall, cpu, status = min(spent)
    print(
        f"{protocol}: {wall:.1f} s, {cpu:.1f} s of processor time; the same again: {len(same[0]) == 2}",
        flush=True,
    )
    row: Row = {"subject": protocol, "wall": wall, "cpu": cpu, "same": len(same[0]) == 2}
    if status or not row["same"]:
        return {**row, "error": f"status {status}, files that differ: {same[1]}"}
    return {**row, "margin": LIMITS[protocol] * THREADS / cpu}


def _cpu_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _damage(files: list[Path], predicted: Path, true: Path) -> None:
    """Write meshes and their copies as PLY, each fifth damaged in a way of its own."""
    import numpy as np

    from t3d.datasets.meshes import load_geometry, write_ply
    from t3d.geometry.mesh import Mesh

    for folder in (predicted, true):
        folder.mkdir()
    rng = np.random.default_rng(0)
    for number, file in enumerate(files):
        mesh, name = load_geometry(file), f"{number:03}.ply"
        write_ply(true / name, mesh)
        size = float(np.ptp(mesh.vertices, axis=0).max())
        moved = [
            np.round(mesh.vertices / size * 40) * size / 40,  # to the points of a coarse lattice
            mesh.vertices + rng.normal(0, 0.01 * size, mesh.vertices.shape),
            mesh.vertices + 0.03 * size,
            mesh.vertices,
        ]
        if number % 5 < 4:
            write_ply(predicted / name, Mesh(moved[number % 5], mesh.faces))
        elif number % 2:
            (predicted / name).write_text("ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")


if __name__ == "__main__":
    main()
