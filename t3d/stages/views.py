"""Pictures of every shape from easy and hard cameras, with masks and cameras."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from t3d.pipeline import Facts, stage
from t3d.stages import Rng

THUMBNAIL = 80
"""Width of a view on the contact sheet, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """How many views, how large, from where, and what draws them.

    Distances and shifts are in bounding-box diagonals; every draw of the recipe `seed` that would cut the
    shape off is repeated.
    """

    backend: Literal["raycast", "pyrender"] = "raycast"
    """raycast: rays on the CPU. pyrender: OpenGL, for machines with a GPU (docs/rendering.md)."""
    recipe: Literal["seed", "ring", "sphere", "file"] = "seed"
    """seed: the published draws; ring, sphere: evenly round or all over, no chance; file: `cameras`."""
    cameras: tuple[Path, ...] = ()
    """nerfstudio, NeRF or t3d camera files in the unit frame, with recipe=file; `views` is then theirs."""
    maps: tuple[Literal["depth", "normals", "albedo"], ...] = ()
    """What is written beside every view (docs/rendering.md): depth, normals, albedo."""
    views: int = 50
    """Views per level, evenly round the shape (`2d_render/render.py`)."""
    size: int = 224
    """Width and height in pixels (`2d_render/render.py`)."""
    jitter: float = 5.0
    """Degrees by which the azimuth may be off on either side (`2d_render/render.py:181-222`)."""
    easy_elevation: tuple[float, float] = (20.0, 30.0)
    """Degrees above the horizon, easy views (`2d_render/render.py:181-222`)."""
    easy_distance: tuple[float, float] = (1.1375, 1.75)
    """Camera to centre, easy views: 1.75 times 0.65 to 1 (`2d_render/render.py:181-222`)."""
    hard_elevation: tuple[float, float] = (0.0, 45.0)
    """Degrees above the horizon, hard views (`2d_render/render.py:181-222`)."""
    hard_distance: tuple[float, float] = (1.05, 1.75)
    """Camera to centre, first tries of hard views: 1.75 times 0.6 to 1 (`2d_render/render.py:181-222`)."""
    hard_shift: float = 0.2
    """Largest shift off the centre along each axis, first tries of hard views (`render.py:181-222`)."""
    late_distance: tuple[float, float] = (1.3125, 1.925)
    """Camera to centre, later tries of hard views: 1.75 times 0.75 to 1.1 (`render.py:181-222`)."""
    late_shift: float = 0.1
    """Largest shift, later tries of hard views (`2d_render/render.py:181-222`)."""
    first_tries: int = 4
    """Draws from the first ranges before those of the later tries hold (`2d_render/render.py:181-222`)."""
    max_tries: int = 200
    """Draws before the last one is moved back until the shape fits (`2d_render/batch.py` gives up there)."""

    def __post_init__(self) -> None:
        if min(self.views, self.size) < 1:
            raise ValueError("views and size must be at least 1")
        if (self.recipe == "file") != bool(self.cameras):
            raise ValueError("recipe=file and cameras=FILE.json belong together; give both or neither")


@stage(
    per="shape",
    version=2,
    command="render",
    files=("cameras.json", "masks.npz", "contact.png", "easy/00.png"),
)
def views(mesh: Path, appearance: Path, *, out: Path, params: Params, rng: Rng, threads: int = 1) -> Facts:
    """Render every shape: 50 easy and 50 hard views on white, masks and cameras.

    Cameras are drawn for the box-centred shape of diagonal 1 and stored in the unit frame. Where materials
    cannot be read or do not match the mesh, the shape is drawn in grey, with a warning. A shape that no view
    shows is a DataError.
    """
    from t3d.datasets import rendering
    from t3d.datasets.cameras import write_cameras
    from t3d.datasets.formats import read_transform
    from t3d.datasets.images import write_png
    from t3d.datasets.meshes import read_ply
    from t3d.geometry import rasterize, raycast
    from t3d.geometry.mesh import bounds
    from t3d.report.pictures import Tile, sheet

    shape, placed = read_ply(mesh / "mesh.ply"), mesh / "transform.json"
    drawn, diagonal = rendering.views_of(shape, params, rng)
    parts, warnings = rendering.looks(appearance, shape, placed)
    renderer = {"raycast": raycast, "pyrender": rasterize}[params.backend].Renderer(parts, threads)
    images = rendering.write_views(renderer, drawn, params.maps, out)
    faults, told = rendering.faults({name: image.mask for name, image in images.items()})
    every = dict(zip(images, (view for level in drawn.values() for view in level), strict=True))
    angles = {name: f"{one.azimuth_deg % 360:.0f}°/{one.elevation_deg:.0f}°" for name, one in every.items()}
    tiles = [Tile(f"{name[0]}{name[-2:]}  {angles[name]}", image.rgb) for name, image in images.items()]
    write_png(out / "contact.png", sheet(tiles, THUMBNAIL, 10))
    box, transform = bounds(shape), read_transform(placed)
    write_cameras(out / "cameras.json", drawn, transform, box, diagonal, params.maps)
    fitted = sum(view.fitted for view in every.values())
    return {"views": len(images), **faults, "fitted": fitted, "warnings": [*warnings, *told]}
