"""Pictures of meshes for pages, and of what a network made of photographs: drawn by the ray-cast renderer.

Pictures are (H, W, 4) uint8 arrays with straight alpha, so that they sit on light and dark pages alike.
"""

import base64
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t3d.geometry.cameras import Camera, centred, look_at
from t3d.geometry.mesh import Mesh

if TYPE_CHECKING:
    from t3d.models.network import Network
    from t3d.models.prediction import Prediction

Picture = NDArray[np.uint8]
"""(H, W, 4) uint8: red, green, blue, opacity."""

Color = tuple[int, int, int] | NDArray[np.uint8]
"""One colour, or those (V, 3) of a mesh's vertices."""

MADE = (104, 155, 214)
"""Colour of what a network made."""

TRUE = (196, 194, 188)
"""Colour of what is given: ground truth."""

ANGLES = ((-35.0, 22.0), (145.0, 22.0))
"""Azimuth and elevation in degrees of pictures of a mesh alone: from the front, from behind."""

PREVIEW = 256
"""Width of a tile of a photograph's preview, in pixels."""

FACES = 12_000
"""Most triangles of a mesh that can be turned in a page: about 140 kB of text."""

CELL = 1 / 50
"""Side of the cells in which vertices share one shift of the warp, in unit-frame lengths."""


@dataclass(frozen=True)
class Tile:
    """One picture of several, or none where there is nothing to draw; `note` then says why.

    solid: the same thing to be turned, where the page can show it.
    """

    caption: str
    picture: Picture | None
    note: str = ""
    solid: Mapping[str, str] | None = None


def tile(caption: str, mesh: Mesh | None, camera: Camera, color: Color = TRUE, note: str = "") -> Tile:
    """A mesh drawn by a camera of its frame; without a mesh the note, or that there is no surface."""
    return Tile(caption, draw(mesh, camera, color)) if mesh else Tile(caption, None, note or "no surface")


def draw(mesh: Mesh, camera: Camera, color: Color = TRUE) -> Picture:
    """Picture of a mesh; mesh and camera in one frame."""
    from t3d.geometry.parts import plain
    from t3d.geometry.raycast import Renderer

    image = Renderer(plain(mesh, color)).render(camera)
    return cut_out(image.rgb, image.mask)


def cut_out(rgb: NDArray[np.uint8], coverage: NDArray[np.uint8]) -> Picture:
    """An image on white (H, W, 3) without its background, of which `coverage` (H, W) in 255ths shows nothing.

    Compositing over white gives `rgb` back to within rounding.
    """
    alpha = coverage[..., None].astype(np.float64) / 255
    ink = (rgb - 255 * (1 - alpha)) / np.where(alpha > 0, alpha, 1)
    color = np.where(alpha > 0, ink, 255).round().clip(0, 255).astype(np.uint8)
    return np.concatenate([color, coverage[..., None]], axis=-1)


def around(azimuth: float, elevation: float, size: int, radius: float = 1.0) -> Camera:
    """A camera that sees a sphere about the origin, `azimuth` degrees from the front (-z) towards +x."""
    focal = size * 35 / 32  # the lens of the rendered views
    distance = 1.02 * radius / math.sin(math.atan(0.5 * size / focal))
    turn, lift = math.radians(azimuth), math.radians(elevation)
    towards = np.array([math.sin(turn) * math.cos(lift), math.sin(lift), -math.cos(turn) * math.cos(lift)])
    return centred(look_at(distance * towards, np.zeros(3)), focal, size)


def reach(meshes: Iterable[Mesh]) -> float:
    """Radius of the sphere about the origin that holds the meshes; at least 1, which holds the unit frame."""
    return max([1.0, *(float(np.linalg.norm(one.vertices, axis=1).max(initial=0)) for one in meshes)])


def template_colors(mesh: Mesh, image: NDArray[np.uint8], network: "Network") -> NDArray[np.uint8]:
    """Colour (V, 3) of each vertex by the place of the category's template it is warped to.

    Places with one colour correspond between shapes (DIT's correspondence pictures): 0.5 + 0.5 x, clamped,
    for x in the template's frame. mesh: in the unit frame. image: (H, W, 3), what the code is read off.
    """
    return place_colors(warped(mesh, network, network.encode(image[None])[0]))


def warped(mesh: Mesh, network: "Network", code: NDArray[np.float32]) -> NDArray[np.float64]:
    """Places (V, 3) in the template's frame of the vertices of a shape with a code, to a colour's accuracy.

    The warp is evaluated at one vertex per cell of a grid, and its shift holds for the others of the cell:
    a fine mesh costs no more than a coarse one.
    """
    cells = np.floor(mesh.vertices / CELL).astype(np.int64)
    _, first, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    chosen = mesh.vertices[first]
    shift = network.warp(chosen, code) - chosen
    return mesh.vertices + shift[cell.reshape(-1)]


def place_colors(places: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colours (N, 3) of places (N, 3) in the template's frame; beyond [-1, 1] they saturate, never wrap."""
    return np.rint(255 * np.clip(0.5 + 0.5 * places, 0, 1)).astype(np.uint8)


def data_uri(picture: Picture) -> str:
    """A picture as an inline WebP image: a few kilobytes, with opacity."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=88, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def solid(mesh: Mesh, color: Color) -> dict[str, str]:
    """A mesh of the unit frame, thinned to `FACES`, as `viewer.js` draws it by WebGL.

    Base64 of little-endian arrays: points (V, 3) int16 in 1/32767 of a length, colors (V, 3) uint8, faces
    (F, 3) uint16.
    """
    import open3d

    vector, corners = open3d.utility.Vector3dVector, open3d.utility.Vector3iVector
    # Open3D reads writable arrays only
    thin = open3d.geometry.TriangleMesh(vector(np.array(mesh.vertices)), corners(mesh.faces.astype(np.int32)))
    colors = np.broadcast_to(np.asarray(color, np.float64) / 255, mesh.vertices.shape)
    thin.vertex_colors = vector(np.array(colors))
    thin = thin.merge_close_vertices(1e-4)
    if len(thin.triangles) > FACES:
        thin = thin.simplify_quadric_decimation(FACES)
    thin = thin.remove_unreferenced_vertices()
    arrays = {
        "points": np.rint(np.asarray(thin.vertices).clip(-1, 1) * 32767).astype("<i2"),
        "colors": np.rint(np.asarray(thin.vertex_colors).clip(0, 1) * 255).astype(np.uint8),
        "faces": np.asarray(thin.triangles).astype("<u2"),
    }
    return {name: base64.b64encode(array.tobytes()).decode("ascii") for name, array in arrays.items()}


def sheet(tiles: Sequence[Tile], size: int, columns: int = 0) -> NDArray[np.uint8]:
    """The tiles in rows of `columns` (0: one row) on white, their captions below: (H, W, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    columns = columns or len(tiles)
    high = size + max(size // 8, 16)
    image = Image.new("RGB", (size * columns, high * -(-len(tiles) // columns)), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(max(10, size // 16))
    for number, one in enumerate(tiles):
        left, top = number % columns * size, number // columns * high
        if one.picture is not None:
            picture = Image.fromarray(one.picture)
            picture = picture.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=1.0)
            image.paste(picture, (left, top), picture if picture.mode == "RGBA" else None)
        pen.text((left + size / 2, top + size / 2), one.note, "#444444", font, anchor="mm")
        caption = fitted(one.caption, size, font.getlength)
        pen.text((left + size / 2, top + size + size // 32), caption, "#444444", font, anchor="ma")
    return np.asarray(image)


def fitted(text: str, width: float, measure: Callable[[str], float]) -> str:
    """As much of the text's beginning as is no wider than `width`, with dots where some is left out."""
    short = text
    while measure(short) > width and len(text) > 1:
        text = text[:-1]
        short = text + "…"
    return short


def preview(made: "Prediction") -> list[Tile]:
    """Each photograph and what the network saw of it, then the mesh from two sides."""
    tiles = []
    for photograph, small in zip(made.photographs, made.seen, strict=True):
        tiles += [Tile("photograph", _square(photograph.rgb)), Tile("seen by the network", _square(small))]
    return tiles + (sides(made.mesh) if made.mesh else [Tile("no surface", None)])


def sides(mesh: Mesh) -> list[Tile]:
    """A mesh of the unit frame from the front and from behind, whole even where it leaves the unit sphere."""
    named, radius = zip(("mesh, front", "mesh, back"), ANGLES, strict=True), reach([mesh])
    return [tile(name, mesh, around(*angle, PREVIEW, radius), MADE) for name, angle in named]


def _square(rgb: NDArray[np.uint8]) -> Picture:
    """A picture of any shape in the middle of a transparent square."""
    from PIL import Image, ImageOps

    return np.asarray(
        ImageOps.pad(Image.fromarray(rgb).convert("RGBA"), (PREVIEW, PREVIEW), color=(0, 0, 0, 0))
    )


def write_prediction(made: "Prediction", stem: Path, suffix: str = ".ply") -> dict[str, Any]:
    """Write STEM and suffix, STEM.seen.png and STEM.preview.png; its facts, code, and names of these files.

    suffix: of a format that `write_mesh` writes. Without a surface there is no mesh file.
    """
    from t3d.datasets.images import write_png
    from t3d.datasets.meshes import write_mesh

    seen, drawn, mesh = (stem.with_name(stem.name + end) for end in (".seen.png", ".preview.png", suffix))
    write_png(seen, np.concatenate(list(made.seen), axis=1))
    write_png(drawn, sheet(preview(made), PREVIEW))
    mesh.unlink(missing_ok=True)  # of an earlier network
    if made.mesh:
        write_mesh(mesh, made.mesh)
    names = {"seen": seen.name, "preview": drawn.name, "mesh": mesh.name if made.mesh else None}
    return {**made.facts, **names, "code": made.code.tolist()}
