"""Meshes of a small network at 128^3 and 256^3: t3d's extraction, a dense grid, and the octree rule of DIT.

The decoder is first fitted to each mesh for some seconds, from a fixed seed; NETWORK names the folder
of a trained one (its mean code is extracted) to be used instead. All three evaluate it by the same code on
the same lattice. The dense grid is timed on a slab of 5 %, as long as that is not the only truth: at 128^3
all of it is evaluated, to count the cells that the others miss. The octree starts with 64 cells along an
axis and fills a cell with the middle of its corners' values, clamped to 0.1, where their spread is below a
quarter of 2 / resolution; its seconds include marching cubes, those of the dense grid do not.

NETWORK=published: 256^3 only, and each value costs what one of a network of the published size does (see
`_networks.costly`). t3d is timed in full. The others' evaluations are all counted and their own work is timed
in full; the large network is timed on POINTS points, once by t3d's inference (`times_same_...`: the
algorithms alone) and once as published code evaluates it (`times_...`).
"""

import itertools
import os
import time
from pathlib import Path

from benchmarks._networks import costly, fit, network_values
from benchmarks._sides import Row, answer, conclude, scratch_and_meshes, side

PUBLISHED = os.environ.get("NETWORK") == "published"
RESOLUTIONS = (256,) if PUBLISHED else (128, 256)
SLAB, POINTS = 0.05, 40_000
FACTORS = ("times_dense", "times_octree", "times_same_dense", "times_same_octree")


def main() -> None:
    """Print evaluations, seconds and cells found of the three, and how much faster t3d is than either."""
    rows = []
    with scratch_and_meshes() as (scratch, files):
        given = None if PUBLISHED else os.environ.get("NETWORK")
        subjects = [Path(given).resolve()] if given else files
        for (number, subject), resolution in itertools.product(enumerate(subjects), RESOLUTIONS):
            folder = subject if given else scratch / f"network{number}"
            row: Row = {"subject": f"{Path(*subject.parts[-3:])} at {resolution}", "resolution": resolution}
            fitted = {} if folder.exists() else side("surface", "fit", subject, folder)
            rows.append(row | (fitted if "error" in fitted else _compare(folder, resolution)))
            if "error" not in rows[-1]:
                print(_line(rows[-1]), flush=True)
    factors = [factor for factor in FACTORS if any(factor in row for row in rows)]
    for factor, resolution in itertools.product(factors, RESOLUTIONS):
        found = [row[factor] for row in rows if row["resolution"] == resolution and "error" not in row]
        print(f"{factor} at {resolution}: {', '.join(f'{value:.1f}' for value in found)}")
    conclude("surface", [row for row in rows if row["resolution"] == RESOLUTIONS[-1]], "times_octree")


def _compare(folder: Path, resolution: int) -> Row:
    row: Row = {}
    for name in ("t3d", "octree", "dense"):
        row[name] = side("surface", name, folder, resolution)
        if "error" in row[name]:
            return row[name]
    rates = side("surface", "rates") if PUBLISHED else {"ours": float("inf")}
    if "error" in rates:
        return rates
    for name, (how, rate) in itertools.product(("octree", "dense"), rates.items()):
        seconds = row[name]["seconds"] + row[name]["evaluations"] / rate
        prefix = "times_same" if PUBLISHED and how == "ours" else "times"
        row[f"{prefix}_{name}"] = seconds / row["t3d"]["seconds"]
    return row | {"rates": rates}


def _line(row: Row) -> str:
    parts = [
        f"{name} {it['evaluations']:,} evaluations, {it['seconds']:.2f} s, {it['cells']} cells"
        for name, it in ((name, row[name]) for name in ("t3d", "octree", "dense"))
    ]
    each = row["t3d"]["evaluations"] / row["t3d"]["cells"]
    return "; ".join([f"{row['subject']}: {parts[0]} ({each:.1f} per cell)", *parts[1:]])


def _t3d(folder: Path, resolution: Path) -> Row:
    from t3d.geometry.isosurface import find_surface

    values = network_values(folder)
    values = costly(values, "ours") if PUBLISHED else values
    started = time.perf_counter()
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
    whole = side_length - 1 == 128
    points, started = slab(side_length - 1, 1.0 if whole else SLAB), time.perf_counter()
    found = evaluate(values, points, side_length - 1)
    seconds = (time.perf_counter() - started) * side_length**3 / len(points)
    cells = crossed(found.reshape((side_length,) * 3)) if whole else None
    return {"seconds": seconds, "evaluations": side_length**3, "evaluated": len(points), "cells": cells}


def _rates() -> Row:
    """Points per second of a network of the published size: the best of three turns of each evaluator."""
    import numpy as np

    points = np.random.default_rng(0).uniform(-1, 1, (POINTS // 3, 3)).astype(np.float32)
    sides = {how: costly(lambda points: points[:, 0], how) for how in ("ours", "peer")}
    rates = dict.fromkeys(sides, 0.0)
    for how, values in list(sides.items()) * 3:
        started = time.perf_counter()
        values(points)
        rates[how] = max(rates[how], len(points) / (time.perf_counter() - started))
    return rates


if __name__ == "__main__":
    answer(main, {"fit": fit, "t3d": _t3d, "octree": _octree, "dense": _dense, "rates": _rates})
