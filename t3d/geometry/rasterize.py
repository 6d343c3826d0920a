"""Pictures of shapes by OpenGL through pyrender: the ray-caster's interface, light, colours and masks.

The shaders are t3d's own: those of pyrender know neither holes in textures nor the recipe's lights.
"""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t3d.geometry import opengl
from t3d.geometry.cameras import Camera, Image, Maps, extreme_points
from t3d.geometry.parts import Corners, Part, Soup, join
from t3d.geometry.raycast import draw_triangle
from t3d.geometry.shading import Floats, irradiance

SUPERSAMPLING = 2
"""Drawn so many times larger and averaged; with OpenGL's four samples that makes 16 per pixel."""

_BLENDS = 2.0  # in place of an alpha cutoff
_CORNERS = np.array([(0, 0), (1, 0), (0, 1)], dtype=np.float32)  # of a face, as Embree's (u, v)


class Renderer:
    """Draws one shape from many cameras; its twin is `t3d.geometry.raycast.Renderer`.

    threads: see `opengl.context`. Pictures depend on the machine's driver in the last digits. Raises
    DataError without any faces, UsageError where OpenGL does not work.
    """

    def __init__(self, parts: Sequence[Part], threads: int = 1) -> None:
        self._context = opengl.context(threads)
        import pyrender  # not before the context is: it loads OpenGL

        self._pyrender = pyrender
        soup = join(parts)
        self._outline = extreme_points(soup.vertices[np.unique(soup.faces)])
        self._attributes, face = _sides(soup)
        self._middles, self._texture = self._attributes["positions"].mean(axis=1), soup.texture[face]
        self._blended = soup.cutoff[face] == 0
        self._textures = [pyrender.Texture(None, None, one, "RGBA") for one in soup.textures]
        self._solid = None if self._blended.any() else self._mesh(np.arange(len(face)))

    def render(self, camera: Camera) -> Image:
        """The shape from `camera`, 16 samples per pixel."""
        light, _ = self._draw(camera, "OUTPUT_LIGHT", SUPERSAMPLING)
        coverage = light[..., 3:]
        if self._blended.any():  # which has spoilt the alpha
            coverage = self._draw(camera, "OUTPUT_COVERAGE", SUPERSAMPLING)[0][..., :1]
        rgb, mask = _smaller(light[..., :3]), _smaller(coverage)
        picture = np.round(np.clip(rgb + 255 - mask, 0, 255)).astype(np.uint8)
        return Image(picture, np.round(mask[..., 0]).astype(np.uint8))

    def maps(self, camera: Camera) -> Maps:
        """What the middle of each pixel shows; normals are good to half a degree."""
        albedo, depth = self._draw(camera, "OUTPUT_ALBEDO", 1)
        coded, _ = self._draw(camera, "OUTPUT_NORMALS", 1)
        there = (depth > 0)[..., None]
        normals = coded[..., :3].astype(np.float32) / np.float32(127.5) - 1
        normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), np.float32(1e-6))
        depth = np.where(there[..., 0], depth, np.float32(np.inf))
        return Maps(depth, normals * there, np.where(there, albedo[..., :3], np.uint8(255)))

    def _draw(self, camera: Camera, output: str, factor: int) -> tuple[NDArray[np.uint8], Any]:
        depths = (camera.eye - self._outline) @ camera.c2w[:3, 2]
        far = 1.01 * max(float(depths.max()), 1e-6)
        near = max(0.99 * float(depths.min()), 1e-4 * far)
        pixels = [factor * one for one in (camera.fl, camera.fl, camera.cx, camera.cy)]
        scene = self._pyrender.Scene(bg_color=np.zeros(4))
        scene.add(self._pyrender.IntrinsicsCamera(*pixels, znear=near, zfar=far), pose=camera.c2w)
        scene.add(self._solid or self._sorted(camera))
        return self._context.draw(scene, output, factor * camera.width, factor * camera.height)

    def _sorted(self, camera: Camera) -> Any:
        """A mesh in which what lets light through comes last, the farthest side first."""
        distance = np.linalg.norm(self._middles - camera.eye, axis=1)
        return self._mesh(np.argsort(np.where(self._blended, -distance, -np.inf), kind="stable"))

    def _mesh(self, order: NDArray[np.int64]) -> Any:
        """A mesh of sides in this order, solid ones by texture: a primitive per run of one texture."""
        solid = order[~self._blended[order]]
        order[: len(solid)] = solid[np.argsort(self._texture[solid], kind="stable")]
        kinds = np.stack([self._texture[order], self._blended[order]])
        starts = np.flatnonzero((np.diff(kinds, axis=1) != 0).any(axis=0)) + 1
        return self._pyrender.Mesh([self._primitive(run) for run in np.split(order, starts)])

    def _primitive(self, run: NDArray[np.int64]) -> Any:
        number, mode = int(self._texture[run[0]]), "BLEND" if self._blended[run[0]] else "OPAQUE"
        texture = self._textures[number] if number >= 0 else None
        material = self._pyrender.MetallicRoughnessMaterial(baseColorTexture=texture, alphaMode=mode)
        corners = {name: one[run].reshape(-1, one.shape[2]) for name, one in self._attributes.items()}
        return self._pyrender.Primitive(**corners, material=material)


def triangle() -> str:
    """Draw a triangle where the environment says; tells with what, or raises RuntimeError."""
    opengl.context(untried=True)
    draw_triangle(Renderer)
    return f"pyrender {metadata.version('pyrender')} draws a triangle"


def _sides(soup: Soup) -> tuple[dict[str, Floats], NDArray[np.int64]]:
    """Both sides of the faces, each culled from behind, and which face (S,) gives a side its looks.

    By pyrender's names, at corners, (S, 3, K): positions, normals of the side seen, uv, light and alpha
    cutoff, linear RGBA. The light depends on the normal only: it is known before any camera is.
    """
    front = np.flatnonzero(soup.faces[:, 0] != soup.faces[:, 1])
    back = front if soup.behind is None else soup.behind[front]
    face, turned = np.concatenate([front, back]), np.repeat([False, True], len(front))
    order = np.where(turned[:, None], (0, 2, 1), (0, 1, 2))

    def at_corners(values: Corners) -> Floats:
        spread = np.stack([values.at(face, np.tile(spot, (len(face), 1))) for spot in _CORNERS], axis=1)
        return np.take_along_axis(spread, order[..., None], axis=1)

    flat = np.repeat(soup.normals[face, None], 3, axis=1)
    normal = flat if soup.smooth is None else at_corners(soup.smooth)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), np.float32(1e-6))
    normal[turned] *= -1
    rgba = np.repeat(soup.rgba[face, None], 3, axis=1)
    if soup.colors is not None:
        rgba *= at_corners(soup.colors)
    cutoff = np.where(np.isinf(soup.cutoff), 0, np.where(soup.cutoff == 0, _BLENDS, soup.cutoff))[face]
    corners = np.take_along_axis(soup.faces[np.concatenate([front, front])], order, axis=1)
    sides = {
        "positions": soup.vertices[corners],
        "normals": normal,
        "texcoord_0": np.zeros((len(face), 3, 2), np.float32) if soup.uv is None else at_corners(soup.uv),
        "texcoord_1": np.stack([irradiance(normal), np.repeat(cutoff[:, None], 3, axis=1)], axis=2),
        "color_0": rgba,
    }
    return sides, face


def _smaller(pixels: NDArray[np.uint8]) -> Floats:
    """Means (H, W, K) over blocks of `SUPERSAMPLING` pixels on either side."""
    factor, (height, width, count) = SUPERSAMPLING, pixels.shape
    blocks = pixels.reshape(height // factor, factor, width // factor, factor, count)
    return blocks.sum(axis=(1, 3), dtype=np.uint16) / np.float32(factor**2)
