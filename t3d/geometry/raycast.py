"""Pictures of shapes by casting rays on the CPU (Embree through Open3D): no display, no OpenGL."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t3d.geometry.cameras import Camera, extreme_points, project
from t3d.geometry.parts import Material, Part, join, plain
from t3d.geometry.shading import Floats, encode, irradiance

__all__ = ["Image", "Material", "Part", "Renderer", "plain", "render"]

_EIGHT = [(1, -3), (-1, 3), (5, 1), (-3, -5), (-5, 5), (-7, -1), (3, 7), (7, -7)]
_FOUR = [(2, -6), (6, 2), (-2, 6), (-6, -2)]
OUTLINE_OFFSETS, INNER_OFFSETS = (np.array(grid, np.float32) / np.float32(16) for grid in (_EIGHT, _FOUR))
"""Where in a pixel, from its centre, more rays are cast at outlines and at edges within the shape: Direct3D's
patterns of eight and of four, no two in one row or column."""

COLOR_STEP = 8
"""Pixels whose neighbour on another face differs """

LAYERS = 8
"""At most so many see-through surfaces behind one another are drawn."""

_STEP = np.float32(1e-5)  # past a surface that lets light through, so as not to meet it again


@dataclass(frozen=True)
class Image:
    """A picture on white. rgb: (H, W, 3) sRGB bytes. mask: (H, W) bytes, the coverage of each pixel.

    rgb = mask / 255 * own colour + (1 - mask / 255) * 255, on sRGB codes, so the background can be replaced.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class _Samples:
    """What rays saw: premultiplied linear colour (N, 3), opacity (N,), first face met or -1 (N,)."""

    rgb: Floats
    alpha: Floats
    face: NDArray[np.int64]


def render(parts: Sequence[Part], camera: Camera) -> Image:
    """One picture; for several of the same shape keep a `Renderer`."""
    return Renderer(parts).render(camera)


class Renderer:
    """Draws one shape from many cameras; built once, used by one thread at a time.

    threads: how many Embree may use; the pictures do not depend on it. Raises DataError without any faces.
    """

    def __init__(self, parts: Sequence[Part], threads: int = 1) -> None:
        import open3d

        self._soup = join(parts)
        self._threads = threads
        self._outline = extreme_points(self._soup.vertices[np.unique(self._soup.faces)])
        self._scene = open3d.t.geometry.RaycastingScene(nthreads=threads)
        tensor = open3d.core.Tensor.from_numpy
        self._tensor = tensor
        self._scene.add_triangles(tensor(self._soup.vertices), tensor(self._soup.faces))
        sides = [irradiance(-self._soup.normals), irradiance(self._soup.normals)]
        self._flat_light = np.stack(sides, axis=1).ravel()

    def render(self, camera: Camera) -> Image:
        """The shape from `camera`: one ray per pixel, eight more where that shows an edge."""
        rgb = np.full((camera.height, camera.width, 3), 255, dtype=np.uint8)
        mask = np.zeros((camera.height, camera.width), dtype=np.uint8)
        left, top, right, bottom = self._window(camera)
        if left < right and top < bottom:
            window = np.s_[top:bottom, left:right]
            seen = self._draw(camera, left, top, right, bottom)
            rgb[window], mask[window] = seen.rgb, seen.mask
        return Image(rgb, mask)

    def _window(self, camera: Camera) -> tuple[int, int, int, int]:
        """Pixels that can see anything: left, top, right, bottom (exclusive); all if too near to tell."""
        pixels = project(self._outline, camera)
        if not np.isfinite(pixels).all():
            return 0, 0, camera.width, camera.height
        low = np.clip(np.floor(pixels.min(axis=0)) - 1, 0, (camera.width, camera.height))
        high = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, (camera.width, camera.height))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def _draw(self, camera: Camera, left: int, top: int, right: int, bottom: int) -> Image:
        """A window of the picture."""
        shape = (bottom - top, right - left)
        y, x = np.mgrid[top:bottom, left:right].reshape(2, -1).astype(np.float32) + np.float32(0.5)
        levels = self._levels(camera)
        samples = self._trace(camera, x, y, levels)
        picture = _composite(samples.rgb, samples.alpha)
        outline, inner = _edges(picture, samples, shape, self._soup.opaque)
        for pixels, offsets in ((outline, OUTLINE_OFFSETS), (inner, INNER_OFFSETS)):
            if len(pixels):
                across, down = ((v[pixels, None] + offsets[:, i]).ravel() for i, v in enumerate((x, y)))
                _average(samples, pixels, self._trace(camera, across, down, levels))
                picture[pixels] = _composite(samples.rgb[pixels], samples.alpha[pixels])
        mask = np.round(samples.alpha * 255).astype(np.uint8)
        return Image(picture.reshape(*shape, 3), mask.reshape(shape))

    def _levels(self, camera: Camera) -> list[int]:
        """Which copy of each texture suits the size of the shape in the picture."""
        distance = float(np.linalg.norm(camera.eye - self._outline.mean(axis=0)))
        return [
            texture.level_for(density * distance / camera.fl)
            for texture, density in zip(self._soup.textures, self._soup.densities, strict=True)
        ]

    def _trace(self, camera: Camera, x: Floats, y: Floats, levels: list[int]) -> _Samples:
        """What rays through pixel positions (N,) see."""
        rays = _rays(camera, x, y)
        count = len(rays)
        samples = _Samples(np.zeros((count, 3), np.float32), np.zeros(count, np.float32), np.full(count, -1))
        hits = self._cast(rays)
        rgb, alpha = self._shade(hits, levels)
        samples.face[hits.ray], samples.rgb[hits.ray], samples.alpha[hits.ray] = hits.face, rgb, alpha
        if not self._soup.opaque:
            self._see_through(samples, rays, hits, levels)
        return samples

    def _see_through(self, samples: _Samples, rays: Floats, hits: "_Hits", levels: list[int]) -> None:
        """Follow rays on, through what lets light pass."""
        here = np.arange(len(rays))
        for _ in range(LAYERS - 1):
            onward = np.flatnonzero(samples.alpha[here[hits.ray]] < 0.99)
            if not len(onward):
                return
            kept = hits.ray[onward]
            here, rays = here[kept], rays[kept]
            rays[:, :3] += rays[:, 3:] * (hits.depth[onward] + _STEP * (1 + hits.depth[onward]))[:, None]
            hits = self._cast(rays)
            rgb, alpha = self._shade(hits, levels)
            where = here[hits.ray]
            alpha = alpha * (1 - samples.alpha[where])
            samples.rgb[where] += rgb * (1 - samples.alpha[where])[:, None]
            samples.alpha[where] += alpha

    def _cast(self, rays: Floats) -> "_Hits":
        found = self._scene.cast_rays(self._tensor(rays), self._threads)
        depth = found["t_hit"].numpy()
        ray = np.flatnonzero(np.isfinite(depth))
        face = found["primitive_ids"].numpy().take(ray).astype(np.int64)
        inside = found["primitive_uvs"].numpy().take(ray, axis=0)
        normals, directions = self._soup.normals.take(face, axis=0), rays[:, 3:].take(ray, axis=0)
        facing = np.einsum("ni,ni->n", normals, directions) < 0
        if self._soup.behind is not None:
            face = np.where(facing, face, self._soup.behind.take(face))
        return _Hits(ray, face, inside, depth.take(ray), facing)

    def _shade(self, hits: "_Hits", levels: list[int]) -> tuple[Floats, Floats]:
        """Premultiplied linear colour (N, 3) and opacity (N,) of hits."""
        soup, face = self._soup, hits.face
        if soup.smooth is None:
            light = self._flat_light.take(2 * face + hits.facing)
        else:
            light = _smooth_light(soup.smooth.at(face, hits.inside), hits.facing)
        rgba = soup.rgba.take(face, axis=0)
        if soup.colors is not None:
            rgba *= soup.colors.at(face, hits.inside)
        if soup.uv is not None:
            self._apply_textures(rgba, hits, levels)
        if soup.opaque:
            return rgba[:, :3] * light[:, None], np.ones(len(face), np.float32)
        cutoff = soup.cutoff[face]
        alpha = np.where(cutoff == 0, rgba[:, 3], np.where(np.isinf(cutoff), 1, rgba[:, 3] >= cutoff))
        alpha = alpha.astype(np.float32)
        return rgba[:, :3] * (light * alpha)[:, None], alpha

    def _apply_textures(self, rgba: Floats, hits: "_Hits", levels: list[int]) -> None:
        soup = self._soup
        assert soup.uv is not None
        index = soup.texture.take(hits.face)
        uv = soup.uv.at(hits.face, hits.inside)
        for number, texture in enumerate(soup.textures):
            here = np.flatnonzero(index == number)
            if len(here) == len(index):
                rgba *= texture.sample(uv, levels[number])
            elif len(here):
                rgba[here] *= texture.sample(uv[here], levels[number])


@dataclass(frozen=True)
class _Hits:
    """Rays that met something: their numbers, faces, (u, v) on them (N, 2), depths, whether the side seen is
    the one the faces' normals point to; (N,) each.
    """

    ray: NDArray[np.int64]
    face: NDArray[np.int64]
    inside: Floats
    depth: Floats
    facing: NDArray[np.bool_]


def _rays(camera: Camera, x: Floats, y: Floats) -> Floats:
    """Origins and directions (N, 6) through pixel positions (N,); hit distances are depths along the axis."""
    right, up, back = camera.c2w[:3, :3].T
    corner = (camera.cy * up - camera.cx * right) / camera.fl - back
    rays = np.empty((len(x), 6), dtype=np.float32)
    rays[:, :3] = camera.eye
    pixels = np.stack([x, y, np.ones_like(x)], axis=1)
    rays[:, 3:] = pixels @ np.stack([right / camera.fl, -up / camera.fl, corner]).astype(np.float32)
    return rays


def _smooth_light(normals: Floats, facing: NDArray[np.bool_]) -> Floats:
    """Irradiance (N,) at interpolated normals (N, 3), turned to the side that is seen."""
    squared = np.einsum("ni,ni->n", normals, normals)
    scale = np.where(facing, np.float32(1), np.float32(-1)) / np.sqrt(np.maximum(squared, np.float32(1e-12)))
    return irradiance(normals * scale[:, None])


def _average(samples: _Samples, pixels: NDArray[np.int64], more: _Samples) -> None:
    """Take more samples of pixels (P,), P rows of S, into account, the one at the centre as one of them."""
    rgb, alpha = more.rgb.reshape(len(pixels), -1, 3), more.alpha.reshape(len(pixels), -1)
    share = np.float32(1 / (1 + alpha.shape[1]))
    samples.rgb[pixels] = (samples.rgb[pixels] + np.einsum("psk->pk", rgb)) * share
    samples.alpha[pixels] = (samples.alpha[pixels] + np.einsum("ps->p", alpha)) * share


def _composite(rgb: Floats, alpha: Floats) -> NDArray[np.uint8]:
    """Bytes (N, 3) on white of premultiplied linear colours, mixed on sRGB codes as `Image` says."""
    opacity = alpha[:, None]
    own = encode(rgb / np.maximum(opacity, np.float32(1e-6)))
    return np.round(255 + (own - np.float32(255)) * opacity).astype(np.uint8)


def _edges(
    picture: NDArray[np.uint8], samples: _Samples, shape: tuple[int, int], opaque: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of the window, by number, that differ so much from a neighbour that one ray is too few.

    First those where opacity differs, then the others: another face and another colour.
    """
    colors, alpha = picture.reshape(*shape, 3).astype(np.int16), samples.alpha.reshape(shape)
    face = samples.face.reshape(shape)
    outline, inner = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        differ = (np.abs(colors[one] - colors[other]) > COLOR_STEP).any(axis=2)
        if opaque:
            differ &= face[one] != face[other]
        opacity = np.abs(alpha[one] - alpha[other]) > 1 / 64
        for side in (one, other):
            inner[side] |= differ
            outline[side] |= opacity
    return np.flatnonzero(outline), np.flatnonzero(inner & ~outline)
