"""Write the pictures of docs/sdf.md: slices of signed distance fields, with the zero line.

python tools/slices.py [FOLDER]
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from t3d.geometry.distance import Points, Solid
from t3d.geometry.exposed import exposed
from t3d.geometry.inspection import prepare
from t3d.geometry.mesh import Array, Mesh, concatenate
from t3d.geometry.signs import SIGNS, measured, thickened

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = 361
"""Points along a side of a slice."""

Field = Callable[[Points], Array]


def box(low: tuple[float, ...], high: tuple[float, ...], divide: int = 0) -> Mesh:
    """A box between two corners."""
    import trimesh

    made = trimesh.creation.box(bounds=[low, high])
    for _ in range(divide):
        made = made.subdivide()
    return Mesh(np.array(made.vertices), np.array(made.faces))


def sofa(divide: int = 0) -> Mesh:
    """Seat, arms of two heights and a cushion: four boxes that overlap."""
    parts = [
        box((-0.8, -0.35, -0.5), (0.8, -0.05, 0.5), divide),
        box((-0.8, -0.35, -0.5), (-0.55, 0.45, 0.5), divide),
        box((0.55, -0.35, -0.5), (0.8, 0.2, 0.5), divide),
        box((-0.65, -0.15, -0.45), (0.65, 0.08, 0.45), divide),
    ]
    return concatenate(parts)


def bowl() -> Mesh:
    """The lower half of a sphere, open above."""
    import trimesh

    made = trimesh.creation.icosphere(5, radius=0.65)
    vertices, faces = np.array(made.vertices), np.array(made.faces)
    return Mesh(vertices, faces[vertices[faces][:, :, 1].max(axis=1) < 1e-6])


def sheet() -> Mesh:
    """A wave that encloses nothing."""
    x, z = np.meshgrid(np.linspace(-0.8, 0.8, 81), np.linspace(-0.6, 0.6, 9), indexing="ij")
    vertices = np.stack([x, 0.2 * np.sin(5 * x), z], axis=-1).reshape(-1, 3)
    a = (np.arange(80)[:, None] * 9 + np.arange(8)).reshape(-1, 1)
    return Mesh(vertices, np.concatenate([a + np.array([0, 1, 9]), a + np.array([1, 10, 9])]))


def damaged(mesh: Mesh) -> Mesh:
    """2 % of the faces removed, half of the others flipped, 20 % doubled in reverse."""
    rng = np.random.default_rng(1)
    faces = mesh.faces[rng.random(len(mesh.faces)) > 0.02]
    flips = rng.random(len(faces)) < 0.5
    faces[flips] = faces[flips][:, ::-1]
    doubled = faces[rng.random(len(faces)) < 0.2][:, ::-1]
    return Mesh(mesh.vertices, np.concatenate([faces, doubled]))


def signed(mesh: Mesh, sign: str = "auto", whole: bool = False, thickness: float = 0.0) -> Field:
    """Signed distances to a mesh as the stage has them; whole: to all faces, hidden ones too."""

    def field(points: Points) -> Array:
        rng = np.random.default_rng(0)
        solid = Solid(mesh)
        surface, lost = (mesh, np.zeros(len(mesh.faces), bool)) if whole else exposed(solid, rng)
        values, _ = measured(solid, Solid(surface), lost, points, SIGNS[sign], rng)
        return thickened(values, thickness).astype(np.float64)

    return field


def mended(mesh: Mesh, sign: str) -> Field:
    """The same after the mesh has been cleaned and oriented, in the frame it came in."""
    unit, transform, _ = prepare(mesh, np.random.default_rng(0))
    inner = signed(unit, sign)
    return lambda points: inner(transform.apply(points).astype(np.float32)) / transform.scale


def draw(path: Path, panels: list[tuple[str, Field]], depth: float) -> None:
    """One slice (x to the right, y up, z = depth) for each panel, with a colour bar."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matplotlib.rcParams["font.size"] = 9
    steps = np.linspace(-1, 1, SIZE)
    across, up = np.meshgrid(steps, steps * 0.75)
    points = np.stack([across, up, np.full_like(up, depth)], axis=-1).reshape(-1, 3).astype(np.float32)
    figure = Figure(figsize=(0.4 + 2.75 * len(panels), 2.3), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    shown: Any = None
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, field) in zip(axes, panels, strict=True):
        values = field(points).reshape(up.shape)
        shown = ax.contourf(across, up, values, np.linspace(-0.4, 0.4, 33), cmap="RdBu_r", extend="both")
        ax.contour(across, up, values, [0.0], colors="black", linewidths=1.4)
        ax.set_title(title, fontsize=9)
        ax.set_aspect("equal")
        ax.set_axis_off()
    bar = figure.colorbar(shown, ax=axes.tolist(), shrink=0.85, ticks=[-0.4, 0, 0.4], pad=0.01)
    bar.set_label("signed distance")
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Write all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    parts = sofa()
    overlap = [("all faces", signed(parts, whole=True)), ("the exposed surface", signed(parts))]
    draw(folder / "sdf-overlap.png", overlap, 0.02)
    open_ones = [
        ("a bowl", signed(bowl())),
        ("a sheet", signed(sheet())),
        ("the sheet, sdf.thickness=0.08", signed(sheet(), thickness=0.08)),
    ]
    draw(folder / "sdf-open.png", open_ones, 0.02)
    broken = damaged(sofa(4))
    signs = [(name, signed(broken, name, whole=True)) for name in ("parity", "visibility", "winding")]
    signs = [(f"{name}, as the file is", field) for name, field in signs]
    draw(folder / "sdf-damage.png", [*signs, ("auto, oriented", mended(broken, "auto"))], 0.02)


if __name__ == "__main__":
    main()
