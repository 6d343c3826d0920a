"""Meshes of a small network at 128^3 and 256^3: t3d's extraction, a dense grid, and the octree rule of DIT.

The decoder is first fitted to each mesh for some seconds, from a fixed seed; NETWORK names the folder
of a trained one (its mean code is extracted) to be used instead. All three evaluate it by the same code on
the same lattice. The dense grid is timed on a slab of 5 %, as long as that is not the only truth: at 128^3
all of it is evaluated, to count the cells that the others miss. The octree starts with 64 cells along an
axis and fills a cell with the middle of its corners' values, clamped to 0.1, where their spread is below a
quarter of 2 / resolution; its seconds include marching cubes, those of the dense grid do not.
"""

import itertools
import os
import time
from pathlib import Path

from benchmarks._networks import fit, network_values
from benchmarks._sides import Row, answer, conclude, scratch_and_meshes, side

RESOLUTIONS = (128, 256)
SLAB = 0.05


def main() -> None:
    """Print evaluations, seconds and cells found of the three, and how much faster t3d is than either."""
    rows = []
    with scratch_and_meshes() as (scratch, files):
        given = os.environ.get("NETWORK")
        subjects = [Path(given).resolve()] if given else files
        for (number, subject), resolution in itertools.product(enumerate(subjects), RESOLUTIONS):
            folder = subject if given else scratch / f"network{number}"
            row: Row = {"subject": f"{Path(*subject.parts[-3:])} at {resolution}", "resolution": resolution}
            fitted = {} if folder.exists() else side("surface", "fit", subject, folder)
            rows.append(row | (fitted if "error" in fitted else _compare(folder, resolution)))
            if "error" not in rows[-1]:
                print(_line(rows[-1]), flush=True)
    for factor, resolution in itertools.product(("times_dense", "times_octree"), RESOLUTIONS):
        found = [row[factor] for row in rows if row["resolution"] == resolution and "error" not in row]
        print(f"{factor} at {resolution}: {', '.join(f'{value:.1f}' for value in found)}")
    conclude("surface", [row for row in rows if row["resolution"] == RESOLUTIONS[-1]], "times_octree")


def _compare(folder: Path, resolution: int) -> Row:
    row: Row = {}
    for name in ("t3d", "octree", "dense"):
        row[name] = side("surface", name, folder, resolution)
        if "error" in row[name]:
            return row[name]
    for name in ("octree", "dense"):
        row[f"times_{name}"] = row[name]["seconds"] / row["t3d"]["seconds"]
    return row


def _line(row: Row) -> str:
    parts = [
        f"{name} {it['evaluations']:,} evaluations, {it['seconds']:.2f} s, {it['cells']} cells"
        for name, it in ((name, row[name]) for name in ("t3d", "octree", "dense"))
    ]
    each = row["t3d"]["evaluations"] / row["t3d"]["cells"]
    return "; ".join([f"{row['subject']}: {parts[0]} ({each:.1f} per cell)", *parts[1:]])


def _t3d(folder: Path, resolution: Path) -> Row:
    from t3d.geometry.isosurface import find_surface

    values, started = network_values(folder), time.perf_counter()
    found = find_surface(values, int(str(resolution)))
    return {"seconds": time.perf_counter() - started, **found.facts(), "faces": len(found.mesh.faces)}


def _octree(folder: Path, resolution: Path) -> Row:
    from skimage.measure import marching_cubes

    from benchmarks._grids import crossed, octree

    values, started = network_values(folder), time.perf_counter()
    grid, evaluations = octree(values, int(str(resolution)))
    faces = marching_cubes(grid, 0.0)[1] if grid.min() < 0 < grid.max() else ()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "evaluations": evaluations, "cells": crossed(grid), "faces": len(faces)}


def _dense(folder: Path, resolution: Path) -> Row:
    from benchmarks._grids import crossed, evaluate, slab

    values, side_length = network_values(folder), int(str(resolution)) + 1
    whole = side_length - 1 == RESOLUTIONS[0]
    points, started = slab(side_length - 1, 1.0 if whole else SLAB), time.perf_counter()
    found = evaluate(values, points, side_length - 1)
    seconds = (time.perf_counter() - started) * side_length**3 / len(points)
    cells = crossed(found.reshape((side_length,) * 3)) if whole else None
    return {"seconds": seconds, "evaluations": side_length**3, "evaluated": len(points), "cells": cells}


if __name__ == "__main__":
    answer(main, {"fit": fit, "t3d": _t3d, "octree": _octree, "dense": _dense})
