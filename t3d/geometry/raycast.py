"""Pictures of shapes by casting rays on the CPU (Embree through Open3D): no display, no OpenGL."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t3d.geometry.cameras import Camera, Image, Maps, centred, extreme_points, look_at
from t3d.geometry.lattice import Lattice, lattice
from t3d.geometry.mesh import Mesh
from t3d.geometry.parts import Part, Whole, join, plain
from t3d.geometry.shading import Atlas, Floats, encode, irradiance

OFFSETS = np.array([(7, 3, 0), (13, 7, 0), (3, 9, 0), (9, 13, 0)], np.float32) / np.float32(16)
"""Where in a pixel, from its upper left, rays are added at edges; (4, 3) with zeros: a turned square."""

INNER = 0.75
"""What those count beside the corners: so coverage by half-planes is best, off by 0.054 on average."""

STEPS = np.array([0.05, 0.05, 0.05, 0.02], np.float32)
"""Pixels are smoothed whose corners show different faces and differ by more in the square root of a linear
colour, which is close to sRGB, or of opacity."""

LAYERS = 8
"""At most so many see-through surfaces behind one another are drawn."""

_STEP = np.float32(1e-5)  # past a surface that lets light through, so as not to meet it again
_EMPTY = 0x00FFFFFF  # white, covered by nothing: RGBA bytes as a little-endian number


Ints = NDArray[np.int32]


@dataclass(frozen=True)
class _View:
    """A camera as rays need it. rays: (3, 6), from (x, y, 1) in pixels to origin and direction. face (F,):
    what is drawn where a face is met, from the side seen; facing (F,), 0 or 1: whether that is the side of
    its normal; away (F,): the eye's distance from its plane.
    """

    fl: float
    rays: Floats
    face: Ints
    facing: NDArray[np.int8]
    away: Floats


@dataclass(frozen=True)
class _Hits:
    """Rays that met something: their numbers, faces met, (u, v) on them (N, 2), depths; (N,) each."""

    ray: Whole
    face: Ints
    inside: Floats
    depth: Floats


class Renderer:
    """Draws one shape from many cameras; built once, used by one thread at a time.

    threads: how many Embree may use; the pictures do not depend on it. Raises DataError without any faces.
    """

    def __init__(self, parts: Sequence[Part], threads: int = 1) -> None:
        import open3d

        soup = self._soup = join(parts)
        self._opaque, self._threads = bool(np.isinf(soup.cutoff).all()), threads
        self._outline = extreme_points(soup.vertices[np.unique(soup.faces)])
        self._scene = open3d.t.geometry.RaycastingScene(nthreads=threads)
        self._tensor = open3d.core.Tensor.from_numpy
        self._scene.add_triangles(self._tensor(soup.vertices), self._tensor(soup.faces))
        self._planes = np.einsum("fi,fi->f", soup.normals, soup.vertices[soup.faces[:, 0]])
        self._atlas = Atlas(soup.textures) if soup.textures else None
        self._lit = np.repeat(soup.rgba, 2, axis=0)
        if soup.smooth is None:
            sides = [irradiance(-soup.normals), irradiance(soup.normals)]
            self._lit[:, :3] *= np.stack(sides, axis=1).reshape(-1, 1)

    def render(self, camera: Camera) -> Image:
        """The shape from `camera`: a ray per corner of a pixel, four more within where these show an edge."""
        rgb = np.full((camera.height, camera.width, 3), 255, np.uint8)
        mask = np.zeros((camera.height, camera.width), np.uint8)
        grid = lattice(self._outline, camera, 0)
        if len(grid.near):
            drawn = self._draw(self._view(camera), grid)
            window = np.s_[grid.top : grid.top + len(drawn), grid.left : grid.left + drawn.shape[1]]
            rgb[window], mask[window] = drawn[..., :3], drawn[..., 3]
        return Image(rgb, mask)

    def _draw(self, view: _View, grid: Lattice) -> NDArray[np.uint8]:
        """Colours and coverage (height - 1, width - 1, 4) of the pixels between the spots of a grid."""
        height, width = grid.height, grid.width
        rgba, face = self._trace(view, grid.at(grid.near), grid.near, height * width)
        lines = rgba[:-width] + rgba[width:]
        mean = (lines[:-1] + lines[1:]) * np.float32(0.25)  # the last of each line belongs to no pixel
        shown = mean[:, 3] > 0
        shown[width - 1 :: width] = False
        corners = np.flatnonzero(shown)
        edge = self._edges(rgba, face, corners, width)
        total = mean.take(corners, axis=0)
        within = (grid.at(corners.take(edge)) + OFFSETS[:, None]).reshape(-1, 3)
        seen, _ = self._trace(view, within, np.arange(len(within)), len(within))
        inner = seen.reshape(4, -1, 4).sum(axis=0) * np.float32(INNER / 4)
        total[edge] = inner + total.take(edge, axis=0) * np.float32(1 - INNER)
        picture = np.full((height - 1) * width, _EMPTY, dtype="<u4")
        picture[corners] = _packed(total)
        return picture.view(np.uint8).reshape(height - 1, width, 4)[:, :-1]

    def maps(self, camera: Camera) -> Maps:
        """What the ray through the middle of each pixel meets first that is not wholly transparent."""
        grid = lattice(self._outline, camera, 0.5)
        shape = (camera.height, camera.width)
        depth, normals = np.full(shape, np.inf, np.float32), np.zeros((*shape, 3), np.float32)
        albedo = np.full((*shape, 3), 255, np.uint8)
        if len(grid.near):
            spots, view = grid.at(grid.near), self._view(camera)
            column, row = spots.astype(np.int64)[:, :2].T
            for hits, rgba in self._layers(view, spots, lit=False):
                at = row.take(hits.ray), column.take(hits.ray)
                fresh = np.isinf(depth[at]) & (rgba[:, 3] > 0)
                at = at[0][fresh], at[1][fresh]
                depth[at], normals[at] = hits.depth[fresh], self._normals(view, hits)[fresh]
                albedo[at] = encode(rgba[fresh, :3] / rgba[fresh, 3:])
        return Maps(depth, normals @ camera.c2w[:3, :3].astype(np.float32), albedo)

    def _view(self, camera: Camera) -> _View:
        soup, eye = self._soup, camera.eye
        right, up, back = camera.c2w[:3, :3].T
        corner = (camera.cy * up - camera.cx * right) / camera.fl - back
        rays = np.zeros((3, 6))
        rays[:, 3:], rays[2, :3] = (right / camera.fl, -up / camera.fl, corner), eye
        away = soup.normals @ eye.astype(np.float32) - self._planes
        front = away > 0
        every = np.arange(len(away), dtype=np.int32)
        face = every if soup.behind is None else np.where(front, every, soup.behind).astype(np.int32)
        return _View(camera.fl, rays.astype(np.float32), face, front.view(np.int8), np.abs(away))

    def _trace(self, view: _View, spots: Floats, number: Whole, size: int) -> tuple[Floats, Ints]:
        """What rays through spots (N, 3) see, each in the row `number` (N,) says of `size`.

        Linear RGBA (size, 4), premultiplied, and the first face met or -1, (size,).
        """
        seen, face = np.zeros((size, 4), np.float32), np.full(size, -1, np.int32)
        for layer, (hits, rgba) in enumerate(self._layers(view, spots, lit=True)):
            where = number.take(hits.ray)
            if layer:
                before = seen.take(where, axis=0)
                seen[where] = before + rgba * (1 - before[:, 3:])
            else:
                _items(seen)[where], face[where] = _items(rgba), hits.face
        return seen, face

    def _layers(self, view: _View, spots: Floats, lit: bool) -> Iterator[tuple[_Hits, Floats]]:
        """What rays meet first, then what those meet behind it that were let through, and so on.

        With each its linear RGB times opacity, and opacity, (N, 4).
        """
        number: Whole = np.arange(len(spots))
        rays = spots @ view.rays
        start = np.zeros(len(spots), np.float32)
        for _ in range(1 if self._opaque else LAYERS):
            found = self._scene.cast_rays(self._tensor(rays), self._threads)
            met = found["primitive_ids"].numpy().view(np.int32)
            ray = np.flatnonzero(met >= 0)
            inside, depth = (found[name].numpy().take(ray, axis=0) for name in ("primitive_uvs", "t_hit"))
            depth += start.take(ray)
            hits = _Hits(number.take(ray), view.face.take(met.take(ray)), inside, depth)
            rgba = self._colors(view, hits, lit)
            yield hits, rgba
            onward = np.flatnonzero(rgba[:, 3] < 0.99)
            if self._opaque or not len(onward):
                return
            number, start = hits.ray.take(onward), (depth * (1 + _STEP) + _STEP).take(onward)
            rays = spots.take(number, axis=0) @ view.rays
            rays[:, :3] += rays[:, 3:] * start[:, None]

    def _edges(self, rgba: Floats, face: Ints, corners: Whole, width: int) -> Whole:
        """Which of some pixels (P,), by place, need more rays.

        rgba (N, 4), face (N,): at spots, rows of `width`; corners (P,): the number of the upper left spots.
        """
        chosen, steps = np.arange(len(corners)), (0, 1, width, width + 1)
        if self._opaque:
            first, *others = (face.take(corners + step) for step in steps)
            chosen = np.flatnonzero((first != others[0]) | (first != others[1]) | (first != others[2]))
            corners = corners.take(chosen)
        four = [rgba.take(corners + step, axis=0) for step in steps]
        high = np.maximum(np.maximum(four[0], four[1]), np.maximum(four[2], four[3]))
        low = np.minimum(np.minimum(four[0], four[1]), np.minimum(four[2], four[3]))
        apart = np.sqrt(high) - np.sqrt(low) > STEPS
        return chosen[apart.view(np.uint32).reshape(-1) != 0]

    def _colors(self, view: _View, hits: _Hits, lit: bool) -> Floats:
        """Faces' colours, in the light or without, times those of vertices and textures, times opacity."""
        soup, face = self._soup, hits.face
        rgba = (
            self._lit.take(2 * face + view.facing.take(face), axis=0) if lit else soup.rgba.take(face, axis=0)
        )
        if lit and soup.smooth is not None:
            rgba[:, :3] *= irradiance(self._normals(view, hits))[:, None]
        if soup.colors is not None:
            rgba *= soup.colors.at(face, hits.inside)
        if self._atlas is not None and soup.uv is not None:
            texture = soup.texture.take(face)
            steep = hits.depth / np.maximum(view.away.take(face), np.float32(1e-3) * hits.depth)
            texels = soup.density.take(face) * hits.depth * np.sqrt(steep) / np.float32(view.fl)
            here = np.flatnonzero(texture >= 0)
            if len(here) == len(face):
                rgba *= self._atlas.sample(soup.uv.at(face, hits.inside), texture, texels)
            else:
                uv = soup.uv.at(face.take(here), hits.inside.take(here, axis=0))
                rgba[here] *= self._atlas.sample(uv, texture.take(here), texels.take(here))
        if self._opaque:
            rgba[:, 3] = 1
            return rgba
        cutoff = soup.cutoff.take(face)
        alpha = np.where(cutoff == 0, rgba[:, 3], np.where(np.isinf(cutoff), 1, rgba[:, 3] >= cutoff))
        rgba[:, 3] = 1
        return rgba * alpha[:, None].astype(np.float32)

    def _normals(self, view: _View, hits: _Hits) -> Floats:
        """Unit normals (N, 3) in the world, interpolated where the shape has some, of the side seen."""
        side = 2 * view.facing.take(hits.face) - np.int8(1)
        if self._soup.smooth is None:
            return self._soup.normals.take(hits.face, axis=0) * side[:, None]
        normals = self._soup.smooth.at(hits.face, hits.inside)
        squared = np.einsum("ni,ni->n", normals, normals)
        return normals * (side / np.sqrt(np.maximum(squared, np.float32(1e-12))))[:, None]


def draw_triangle(renderer: Callable[[list[Part]], Any]) -> None:
    """Try a renderer, this one or OpenGL's, on a triangle; RuntimeError where that does not come out."""
    camera = centred(look_at((2, 2, 2), (0, 0, 0)), 32.0, 32)
    share = renderer(plain(Mesh(np.eye(3), np.array([[0, 1, 2]])))).render(camera).mask.mean() / 255
    if not 0.05 < share < 0.95:
        raise RuntimeError(f"a triangle covers {share:.0%} of its picture")


def _items(rgba: Floats) -> NDArray[np.complex128]:
    """Rows of four numbers (N, 4) as one item of 16 bytes each, (N,): NumPy moves those fastest."""
    return rgba.view(np.complex128).reshape(-1)


def _packed(rgba: Floats) -> NDArray[np.uint32]:
    """Pixels (N,) on white, RGBA bytes as one number, of premultiplied linear colours; see `Image`."""
    codes = encode(rgba)
    codes[:, 3] = 255
    part = np.flatnonzero(rgba[:, 3] < 0.999)
    mixed = encode(rgba.take(part, axis=0) / rgba[part, 3:]) - np.float32(255)
    coverage = np.round(255 * rgba[part, 3:])
    codes[part] = np.round(255 + mixed * coverage / np.float32(255))
    codes[part, 3] = coverage[:, 0]
    return codes.view("<u4").reshape(-1)
