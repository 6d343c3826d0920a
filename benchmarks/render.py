"""100 views of 224 x 224 pixels as PNG: the views stage against pyrender on EGL, same cameras and file.

Both read the file with its materials, draw, and write with one PNG encoder at one level; t3d also draws
the cameras by lot and writes masks. pyrender takes 4 samples per pixel and two lights, without shadows.
Libraries are loaded, and the context and its shaders made, before the clock starts.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._sides import THREADS, Row, answer, conclude, scratch_and_meshes, side, tetrahedron

SIZE = 224


def main() -> None:
    """Time RUNS runs (default: 1) of either side per mesh, in turn; print views per second and ratios."""
    rows = []
    with scratch_and_meshes() as (scratch, files):
        for number, file in enumerate(files):
            rows.append(_compare(file, scratch / str(number)))
            if "error" not in rows[-1]:
                print(_line(rows[-1]), flush=True)
    conclude("render", rows)


def _compare(file: Path, scratch: Path) -> Row:
    row: Row = {"subject": str(Path(*file.parts[-3:]))}
    rates: dict[str, list[float]] = {"t3d": [], "peer": []}
    for number in range(int(os.environ.get("RUNS") or 1)):
        ours, theirs = scratch / f"t3d{number}", scratch / f"peer{number}"
        for name, folders in (("t3d", (ours,)), ("peer", (ours, theirs))):
            folders[-1].mkdir(parents=True)
            report = side("render", name, file, *folders)
            if "error" in report:
                return row | report
            rates[name].append(report["views"] / report["seconds"])
            row[name] = report
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return row | {"views_per_second": rates, "ratio": medians["t3d"] / medians["peer"]}


def _line(row: Row) -> str:
    rates = {name: statistics.median(values) for name, values in row["views_per_second"].items()}
    return (
        f"{row['subject']}: {row['t3d']['faces']} faces, {row['t3d']['parts']} parts,"
        f" {row['t3d']['textures']} textures; t3d {rates['t3d']:.1f} views/s,"
        f" peer {rates['peer']:.1f} views/s, masks overlap {row['peer']['overlap']:.3f}; {row['ratio']:.1f}x"
    )


def _t3d(file: Path, out: Path) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        _stage(tetrahedron(Path(folder)), Path(folder), 1)
    return _stage(file, out, 50)


def _stage(file: Path, out: Path, views_per_level: int) -> Row:
    """Seconds of the views stage; the mesh stage before it is not counted."""
    import numpy as np

    from t3d.stages.mesh import mesh
    from t3d.stages.views import Params, views

    rng = np.random.default_rng(0)
    faces = mesh(file, out=out, rng=rng, threads=THREADS)["faces"]
    started = time.perf_counter()
    facts = views(
        out, file, out=out, params=Params(views=views_per_level, size=SIZE), rng=rng, threads=THREADS
    )
    seconds = time.perf_counter() - started
    kept = {name: facts[name] for name in ("views", "parts", "textures", "warnings")}
    return {"seconds": seconds, "faces": faces, **kept}


def _peer(file: Path, made: Path, out: Path) -> Row:
    """The cameras that t3d has drawn, with pyrender; `overlap` tells that both drew the same thing."""
    import numpy as np
    import pyrender
    import trimesh

    from t3d.datasets.cameras import read_cameras, view_path
    from t3d.datasets.formats import read_json
    from t3d.datasets.images import write_png

    levels = read_cameras(made / "cameras.json")
    unit = np.array(read_json(made / "transform.json")["matrix"])
    with tempfile.TemporaryDirectory() as folder:
        renderer = pyrender.OffscreenRenderer(SIZE, SIZE)
        warm, camera = _scene(trimesh.load_scene(tetrahedron(Path(folder))), np.eye(4), levels["easy"][0])
        renderer.render(warm)
    started = time.perf_counter()
    scene, camera = _scene(trimesh.load_scene(file), unit, levels["easy"][0])
    masks = []
    for level, cameras in levels.items():
        (out / level).mkdir()
        for number, one in enumerate(cameras):
            scene.set_pose(camera, one.c2w)
            color, depth = renderer.render(scene)
            write_png(out / view_path(level, number), color)
            masks.append(depth > 0)
    seconds = time.perf_counter() - started
    with np.load(made / "masks.npz") as kept:
        ours = np.concatenate([kept[level] for level in levels]) > 127
    theirs = np.stack(masks)
    overlap = float((ours & theirs).sum() / max(1, (ours | theirs).sum()))
    return {"seconds": seconds, "views": len(theirs), "overlap": overlap}


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
