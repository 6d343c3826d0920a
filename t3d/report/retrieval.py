"""Pictures of what retrieval answers: the query, the shape found, the truth, and the best to be found."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from t3d.datasets.meshes import read_ply
from t3d.geometry.cameras import Camera
from t3d.report.pictures import MADE, TRUE, draw, input_view, view_camera
from t3d.report.strip import Tile
from t3d.report.summary import Score

Folders = Mapping[str, Path]


def retrieval_strips(
    shapes: Sequence[str], scores: Sequence[Score], folders: tuple[Folders, Folders], size: int
) -> list[tuple[str, list[Tile]]]:
    """For each shape its id and four tiles, `size` pixels wide, from the camera of the fixed view.

    scores: of one network, with its baselines, on these shapes. folders: of `views` of these shapes, and of
    `mesh` of these and of training shapes. All meshes are in the unit frame. A shape that was not retrieved
    for, or was lost on the way, is left out.
    """
    views, mesh = folders
    alike = {one.shape: one for one in reversed(scores) if (one.method, one.choice) == ("retrieval", "fix")}
    nearest = {one.shape: one.answer for one in scores if one.method == "oracle-retrieval"}
    strips = []
    for shape in shapes:
        if shape in views and shape in mesh and shape in alike and alike[shape].view:
            camera = view_camera(views[shape], alike[shape].view, size)
            named = (("retrieved", alike[shape].answer), ("oracle retrieval", nearest.get(shape, "")))
            found = [_tile(caption, answer, mesh, camera) for caption, answer in named]
            truth = Tile("ground truth", draw(read_ply(mesh[shape] / "mesh.ply"), camera, TRUE))
            query = Tile("query", input_view(views[shape], alike[shape].view))
            strips.append((shape, [query, found[0], truth, found[1]]))
    return strips


def _tile(caption: str, answer: str, mesh: Folders, camera: Camera) -> Tile:
    if answer not in mesh:
        return Tile(caption, None, "nothing was found")
    return Tile(f"{caption}: {answer}", draw(read_ply(mesh[answer] / "mesh.ply"), camera, MADE))
