"""100 views of 224 x 224 pixels as PNG: the views stage against pyrender on EGL, same cameras and file.

Both have two cores. t3d has two worker processes of one thread, as in production; pyrender whichever is
faster on the mesh: the same, or one process of two threads. Each process reads the file with its materials,
draws all views and writes them, the peer with Pillow's encoder at its quickest level; t3d also draws the
cameras by lot and writes masks and a contact sheet. pyrender takes 4 samples per pixel and two lights,
without shadows. Libraries are loaded, and the context and its shaders made, before the clock starts.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._sides import Row, answer, each_mesh, ready, side, tetrahedron, together

SIZE = 224


def main() -> None:
    """Time RUNS runs (default: 1) of either side per mesh, in turn; print views per second and ratios."""
    each_mesh("render", _compare, _line)


def _compare(file: Path, scratch: Path) -> Row:
    row: Row = {"subject": str(Path(*file.parts[-3:]))}
    rates: dict[str, list[float]] = {"t3d": [], "peer, two processes": [], "peer, two threads": []}
    for number in range(int(os.environ.get("RUNS") or 1)):
        ours = _folders(scratch / f"t3d{number}")
        theirs = [(file, ours[0], folder) for folder in _folders(scratch / f"peer{number}", 3)]
        reports = {"t3d": together("render", "t3d", [(file, folder) for folder in ours], 1)}
        reports["peer, two processes"] = together("render", "peer", theirs[:2], 1)
        reports["peer, two threads"] = [side("render", "peer", *theirs[2])]
        for name, found in reports.items():
            if wrong := [report for report in found if "error" in report]:
                return row | wrong[0]
            rates[name].append(sum(report["views"] / report["seconds"] for report in found))
            row[name] = found[0]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    best = max(rate for name, rate in medians.items() if name != "t3d")
    return row | {"views_per_second": rates, "medians": medians, "ratio": medians["t3d"] / best}


def _folders(place: Path, count: int = 2) -> list[Path]:
    folders = [place / str(number) for number in range(count)]
    for folder in folders:
        folder.mkdir(parents=True)
    return folders


def _line(row: Row) -> str:
    rates = ", ".join(f"{name} {rate:.1f}" for name, rate in row["medians"].items())
    busy = (f"{1000 * row[name]['cpu'] / row[name]['views']:.1f}" for name in row["medians"])
    return (
        f"{row['subject']}: {row['t3d']['faces']} faces, {row['t3d']['parts']} parts,"
        f" {row['t3d']['textures']} textures; views/s: {rates} (CPU ms per view: {', '.join(busy)});"
        f" masks overlap {row['peer, two threads']['overlap']:.3f}; {row['ratio']:.1f}x"
    )


def _t3d(file: Path, out: Path) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        _stage(tetrahedron(Path(folder)), Path(folder), 1, wait=lambda: None)
    return _stage(file, out, 50)


def _stage(file: Path, out: Path, views_per_level: int, wait: Callable[[], None] = ready) -> Row:
    """Seconds of the views stage; the mesh stage before it is not counted."""
    import numpy as np

    from t3d.stages.mesh import Params as MeshParams
    from t3d.stages.mesh import mesh
    from t3d.stages.views import Params, views

    rng = np.random.default_rng(0)
    faces = mesh(file, out=out, params=MeshParams(), rng=rng, threads=1)["faces"]
    wait()
    started, busy = time.perf_counter(), time.process_time()
    facts = views(out, file, out=out, params=Params(views=views_per_level, size=SIZE), rng=rng, threads=1)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    kept = {name: facts[name] for name in ("views", "parts", "textures", "warnings")}
    return {"seconds": seconds, "cpu": cpu, "faces": faces, **kept}


def _peer(file: Path, made: Path, out: Path) -> Row:
    """The cameras that t3d has drawn, with pyrender; `overlap` tells that both drew the same thing."""
    import numpy as np
    import pyrender
    import trimesh
    from PIL import Image

    from t3d.datasets.cameras import read_cameras, view_path
    from t3d.datasets.formats import read_json

    levels = read_cameras(made / "cameras.json")
    unit = np.array(read_json(made / "transform.json")["matrix"])
    with tempfile.TemporaryDirectory() as folder:
        renderer = pyrender.OffscreenRenderer(SIZE, SIZE)
        warm, camera = _scene(trimesh.load_scene(tetrahedron(Path(folder))), np.eye(4), levels["easy"][0])
        renderer.render(warm)
    ready()
    started, busy = time.perf_counter(), time.process_time()
    scene, camera = _scene(trimesh.load_scene(file), unit, levels["easy"][0])
    masks = []
    for level, cameras in levels.items():
        (out / level).mkdir()
        for number, one in enumerate(cameras):
            scene.set_pose(camera, one.c2w)
            color, depth = renderer.render(scene)
            Image.fromarray(color).save(out / view_path(level, number), compress_level=1)
            masks.append(depth > 0)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    with np.load(made / "masks.npz") as kept:
        ours = np.concatenate([kept[level] for level in levels]) > 127
    theirs = np.stack(masks)
    overlap = float((ours & theirs).sum() / max(1, (ours | theirs).sum()))
    return {"seconds": seconds, "cpu": cpu, "views": len(theirs), "overlap": overlap}


def _scene(loaded: Any, unit: Any, first: Any) -> tuple[Any, Any]:
    """The file's scene in the unit frame on white with two lights, and the node of its camera."""
    import numpy as np
    import pyrender

    scene = pyrender.Scene(bg_color=[1.0, 1.0, 1.0, 1.0], ambient_light=[0.4, 0.4, 0.4])
    for node in loaded.graph.nodes_geometry:
        matrix, key = loaded.graph[node]
        geometry = loaded.geometry[key]
        if len(getattr(geometry, "faces", ())):
            smooth = geometry.visual.kind != "face"
            scene.add(pyrender.Mesh.from_trimesh(geometry, smooth=smooth), pose=unit @ matrix)
    for turn in (-0.7, 0.7):
        pose = np.eye(4)
        pose[0, [0, 2]], pose[2, [0, 2]] = (np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))
        scene.add(pyrender.DirectionalLight(intensity=2.0), pose=pose)
    lens = pyrender.IntrinsicsCamera(first.fl, first.fl, first.cx, first.cy, znear=0.05, zfar=100.0)
    return scene, scene.add(lens, pose=first.c2w)


if __name__ == "__main__":
    answer(main, {"t3d": _t3d, "peer": _peer})
