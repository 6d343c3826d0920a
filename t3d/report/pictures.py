"""Pictures of meshes for pages: drawn by the ray-cast renderer, kept as small inline images.

Pictures are (H, W, 4) uint8 arrays with straight alpha, so that they sit on light and dark pages alike.
"""

import base64
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.images import read_rgb
from t3d.geometry.cameras import Camera, centred, look_at, resized
from t3d.geometry.mesh import Mesh

if TYPE_CHECKING:
    from t3d.models.network import Network

Picture = NDArray[np.uint8]
"""(H, W, 4) uint8: red, green, blue, opacity."""

MADE = (104, 155, 214)
"""Colour of what a network made."""

TRUE = (196, 194, 188)
"""Colour of what is given: ground truth."""

CELL = 1 / 50
"""Side of the cells in which vertices share one shift of the warp, in unit-frame lengths."""


def draw(mesh: Mesh, camera: Camera, color: tuple[int, int, int] | NDArray[np.uint8] = TRUE) -> Picture:
    """Picture of a mesh in one colour, or in (V, 3) colours of its vertices; mesh and camera in one frame."""
    from t3d.geometry.raycast import Renderer, plain

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


def on_white(picture: Picture) -> NDArray[np.uint8]:
    """The picture composited over white: (H, W, 3) uint8."""
    alpha = picture[..., 3:].astype(np.float64) / 255
    return (picture[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)


def input_image(views: Path, view: str) -> NDArray[np.uint8]:
    """A rendered view such as `easy/30` of a `views` folder, as the network sees it: (H, W, 3) on white."""
    return read_rgb(views / f"{view}.png")


def input_view(views: Path, view: str) -> Picture:
    """The same view without its white background."""
    level, number = _split(view)
    with np.load(views / "masks.npz") as masks:
        return cut_out(input_image(views, view), masks[level][number])


def view_camera(views: Path, view: str, size: int) -> Camera:
    """Camera of a rendered view in the unit frame, for pictures `size` pixels wide."""
    from t3d.datasets.cameras import read_cameras

    level, number = _split(view)
    return resized(read_cameras(views / "cameras.json")[level][number], size)


def _split(view: str) -> tuple[str, int]:
    level, _, number = view.partition("/")
    return level, int(number)


def around(azimuth: float, elevation: float, size: int) -> Camera:
    """A camera that sees all of the unit sphere, `azimuth` degrees from the front (-z) towards +x."""
    focal = size * 35 / 32  # the lens of the rendered views
    distance = 1.02 / math.sin(math.atan(0.5 * size / focal))
    turn, lift = math.radians(azimuth), math.radians(elevation)
    towards = np.array([math.sin(turn) * math.cos(lift), math.sin(lift), -math.cos(turn) * math.cos(lift)])
    return centred(look_at(distance * towards, np.zeros(3)), focal, size)


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
