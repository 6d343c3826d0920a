"""500,000 signed distances around one mesh: the mesh and sdf stages against mesh-to-sdf's own sampler.

Both read the file; t3d also repairs orientation, checks its signs and writes the samples. The true
distances that both are held against are libigl's, in double precision, on each side's own normalised mesh:
outside to all of it, inside to what borders the outside, which is what DeepSDF and mesh-to-sdf see.
t3d's points stand farther off: it takes DeepSDF's numbers for variances, mesh-to-sdf for deviations.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._sides import THREADS, Row, answer, each_mesh, side, tetrahedron

if TYPE_CHECKING:
    import numpy as np

    from t3d.geometry.mesh import Mesh

COUNT = 500_000
SEED = 1
"""Of the sdf stage: the same gives the truth the same exposed surface."""


def main() -> None:
    """Time RUNS runs (default: 1) of either side per mesh, in turn; print medians, errors and their ratio."""
    each_mesh("sdf", _compare, _line)


def _compare(file: Path, scratch: Path) -> Row:
    subject = str(Path(*file.parts[-3:]))
    runs = []
    for number in range(int(os.environ.get("RUNS") or 1)):
        sides = {}
        for name in ("t3d", "peer"):
            out = scratch / f"{name}{number}"
            out.mkdir(parents=True)
            sides[name] = side("sdf", name, file, out)
            if "error" in sides[name]:
                return {"subject": subject, **sides[name]}
            sides[name] |= side("sdf", "truth", out) if number == 0 else {}
            if "error" in sides[name]:
                return {"subject": subject, **sides[name]}
        runs.append(sides)
    seconds = {name: [run[name]["seconds"] for run in runs] for name in ("t3d", "peer")}
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {"subject": subject, **runs[0], "seconds": seconds, "ratio": medians["peer"] / medians["t3d"]}


def _line(row: Row) -> str:
    parts = [f"{row['subject']}: {row['t3d']['faces']} faces"]
    for name in ("t3d", "peer"):
        it = row[name]
        parts.append(
            f"{name} {statistics.median(row['seconds'][name]):.2f} s, error mean {it['mean']:.1e}"
            f" max {it['max']:.1e}, inside {it['inside']:.0%}"
        )
    return "; ".join([*parts, f"{row['ratio']:.1f}x"])


def _t3d(file: Path, out: Path) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        _stages(tetrahedron(Path(folder)), Path(folder), 1000)
    return _stages(file, out, COUNT)


def _stages(file: Path, out: Path, count: int) -> Row:
    """Seconds of both stages."""
    import numpy as np

    from t3d.stages.mesh import Params as MeshParams
    from t3d.stages.mesh import mesh
    from t3d.stages.sdf import Params, sdf

    rng, started = np.random.default_rng(0), time.perf_counter()
    found = mesh(file, out=out, params=MeshParams(), rng=rng, threads=THREADS)
    prepared = time.perf_counter()
    sdf(out, out=out, params=Params(count=count), rng=np.random.default_rng(SEED), threads=THREADS)
    ended = time.perf_counter()
    return {"seconds": ended - started, "sdf_stage": ended - prepared, "faces": found["faces"]}


def _peer(file: Path, out: Path) -> Row:
    import mesh_to_sdf  # before anything else that may touch OpenGL
    import numpy as np
    import trimesh

    with tempfile.TemporaryDirectory() as folder:
        small = trimesh.load(tetrahedron(Path(folder)), force="mesh")
        mesh_to_sdf.sample_sdf_near_surface(small, 100, scan_count=2)
    np.random.seed(0)  # noqa: NPY002 - what mesh-to-sdf draws from
    started = time.perf_counter()
    mesh = trimesh.load(file, force="mesh")
    points, distances = mesh_to_sdf.sample_sdf_near_surface(mesh, COUNT)
    seconds = time.perf_counter() - started
    scaled = mesh_to_sdf.scale_to_unit_sphere(mesh)
    np.savez(out / "peer.npz", v=scaled.vertices, f=scaled.faces, p=points, d=distances)
    return {"seconds": seconds}


def _truth(out: Path) -> Row:
    """Errors of the distances of either side, and its share of points inside."""
    import numpy as np

    from t3d.datasets.formats import open_samples
    from t3d.datasets.meshes import read_ply
    from t3d.geometry.distance import Solid
    from t3d.geometry.exposed import exposed
    from t3d.geometry.inspection import prepare
    from t3d.geometry.mesh import Mesh

    scale = 1.0
    if (out / "peer.npz").exists():
        with np.load(out / "peer.npz") as kept:
            vertices, faces, points, distances = (kept[name] for name in "vfpd")
        mesh, transform, _ = prepare(Mesh(vertices, faces), np.random.default_rng(0), THREADS)
        points, scale = transform.apply(points), transform.scale
    else:
        mesh, rows = read_ply(out / "mesh.ply"), np.concatenate(open_samples(out / "samples.npz"))
        points, distances = rows[:, :3], rows[:, 3]
    shell, _ = exposed(Solid(mesh, THREADS), np.random.default_rng(SEED))
    truth, inside = np.zeros(len(points)), distances < 0
    for surface, members in ((mesh, ~inside), (shell, inside)):
        truth[members] = _exact(surface, points[members]) / scale
    error = np.abs(np.abs(distances) - truth)
    return {"mean": float(error.mean()), "max": float(error.max()), "inside": float(inside.mean())}


def _exact(mesh: "Mesh", points: "np.ndarray") -> "np.ndarray":
    """(N,) libigl's distances of points (N, 3)."""
    import igl
    import numpy as np

    queries = np.ascontiguousarray(points, dtype=np.float64)
    return np.sqrt(igl.point_mesh_squared_distance(queries, mesh.vertices, mesh.faces)[0])


if __name__ == "__main__":
    answer(main, {"t3d": _t3d, "peer": _peer, "truth": _truth})
