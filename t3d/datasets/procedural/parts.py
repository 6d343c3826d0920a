"""Closed parts to build shapes from: beveled blocks, lofts, sweeps, solids of revolution."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from t3d.datasets.procedural.solid import FORTH, Array, Faces, Solid
from t3d.geometry.mesh import Mesh, volume


def block(
    size: Sequence[float],
    radius: float,
    bevel: int = 1,
    flat: Sequence[int] = (1, 1, 1),
    bulge: Sequence[float] = (0.0, 0.0, 0.0),
) -> Solid:
    """A box of the given size (x, y, z) around the origin, its edges rounded by `radius`.

    bevel: segments of half an edge's quarter circle. flat: segments between the edges along x, y, z, for
    parts that are bent later. bulge: how far the middle of the faces across x, y, z swells, as in a cushion.
    """
    half: Array = np.asarray(size, dtype=np.float64) / 2
    radius = min(radius, 0.96 * float(half.min()))
    cells = np.asarray(flat) + 2 * bevel
    lattice = np.stack(np.meshgrid(*(np.arange(n + 1) for n in cells), indexing="ij"), axis=-1)
    on_surface = ((lattice == 0) | (lattice == cells)).any(axis=-1)
    steps = lattice[on_surface] - bevel
    inside = np.clip(steps, 0, flat)
    direction = np.tan(np.pi / 4 * (steps - inside) / bevel)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    core = 2 * inside / np.asarray(flat) - 1
    vertices = core * (half - radius) + radius * direction
    swell = 1 - np.clip(vertices / half, -1, 1) ** 2
    vertices = vertices + core * swell[:, [1, 0, 0]] * swell[:, [2, 2, 1]] * np.asarray(bulge)
    number = np.where(on_surface, np.cumsum(on_surface).reshape(on_surface.shape) - 1, -1)
    return Solid(vertices, _box_faces(number), vertices)


def _box_faces(number: Faces) -> Faces:
    """Triangles on the six sides of a lattice whose surface points are numbered."""
    sides = [(axis, side) for axis in range(3) for side in (0, -1)]
    quads = [_quads(np.take(number, side, axis=axis)) for axis, side in sides]
    turned = [(side < 0) != (axis == 1) for axis, side in sides]
    return np.concatenate([q if keep else q[:, ::-1] for q, keep in zip(quads, turned, strict=True)])


def _quads(grid: Faces) -> Faces:
    """Two triangles for each cell of a grid of vertex numbers."""
    a, b, c, d = (part.ravel() for part in (grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]))
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def loft(rings: Array, closed: bool = False) -> Solid:
    """A skin over closed rings (K, M, 3), its ends shut by fans; the end rings must be star-shaped.

    closed: the last ring leads back to the first, as in a torus, and there are no ends.
    """
    vertices = rings.reshape(-1, 3)
    numbers = np.arange(len(vertices)).reshape(rings.shape[:2])
    grid = np.pad(numbers, ((0, int(closed)), (0, 1)), "wrap")
    faces = _quads(grid)
    if not closed:
        ends = _fan(grid[0], len(vertices)), _fan(grid[-1, ::-1], len(vertices) + 1)
        faces = np.concatenate([faces, *ends])
        vertices = np.concatenate([vertices, rings[[0, -1]].mean(axis=1)])
    outward = volume(Mesh(vertices, faces)) >= 0
    return Solid(vertices, faces if outward else faces[:, ::-1], vertices)


def _fan(ring: Faces, centre: int) -> Faces:
    """Triangles from a centre to the edges of a ring whose first vertex is repeated at its end."""
    return np.stack([np.full(len(ring) - 1, centre), ring[:-1], ring[1:]], axis=1)


def section(sides: int, squareness: float = 0.0) -> Array:
    """A closed curve (sides, 2) in the square -1 .. 1: a circle at squareness 0, nearly the square at 1."""
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    curve = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.sign(curve) * np.abs(curve) ** (1 - 0.85 * squareness)


def revolve(profile: Sequence[tuple[float, float]], sides: int = 16) -> Solid:
    """A solid around the y axis from a profile of (radius, height) pairs; radii are positive."""
    circle = section(sides)
    rings = [np.insert(radius * circle, 1, height, axis=1) for radius, height in profile]
    return loft(np.stack(rings))


def rod(start: ArrayLike, end: ArrayLike, radii: tuple[float, float], sides: int = 10) -> Solid:
    """A straight round bar from `start` to `end` with slightly rounded ends."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    soft = min(0.15 * min(radii) / float(np.linalg.norm(b - a)), 0.2)
    stations = np.array([0, soft, 1 - soft, 1])
    widths = 2 * np.interp(stations, [0, 1], radii) * (0.82, 1, 1, 0.82)
    return sweep(a + stations[:, None] * (b - a), widths, widths, sides=sides)


def sweep(
    path: ArrayLike,
    width: ArrayLike,
    height: ArrayLike,
    across: ArrayLike | None = None,
    squareness: float = 0.0,
    sides: int = 12,
    closed: bool = False,
) -> Solid:
    """A bar along a path (K, 3): `width` along `across`, `height` beside it, each a number or (K,).

    across: must not run along the path; without it the axis least along the path. closed: it is a loop.
    """
    path = np.asarray(path, dtype=np.float64)
    around = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    tangent = around if closed else np.gradient(path, axis=0)
    side = np.eye(3)[np.abs(tangent).sum(axis=0).argmin()] if across is None else np.asarray(across)
    up = np.cross(tangent, side)
    out = np.cross(up, tangent)
    curve = section(sides, squareness) / 2
    offsets = (
        np.reshape(np.broadcast_to(size, len(path)), (-1, 1, 1)) * curve[:, [k]] * _unit(way)[:, None]
        for k, (size, way) in enumerate(((width, out), (height, up)))
    )
    return loft(path[:, None] + sum(offsets), closed)


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rounded_path(corners: Sequence[Sequence[float]], radius: float, steps: int = 4) -> Array:
    """A polyline (K, 3) through the corners, each cut by a curve that starts `radius` before it."""
    points = np.asarray(corners, dtype=np.float64)
    path = [points[:1]]
    share = np.linspace(0, 1, steps + 1)[:, None]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        a = corner + (before - corner) * min(0.48, radius / np.linalg.norm(before - corner))
        b = corner + (after - corner) * min(0.48, radius / np.linalg.norm(after - corner))
        path.append((1 - share) ** 2 * a + 2 * share * (1 - share) * corner + share**2 * b)
    return np.concatenate([*path, points[-1:]])


def airfoil(path: Array, chords: Array, thickness: float) -> Solid:
    """A wing from leading-edge points (K, 3), root first, and chords (K,): NACA 00xx, the rear edge thicker.

    Sections stand across the path as seen from the front, so that winglets and fins work too.
    """
    x = np.array([1.0, 0.75, 0.5, 0.25, 0.08, 0.0, 0.08, 0.25, 0.5, 0.75, 1.0])
    half = 5 * thickness * (0.2969 * np.sqrt(x) - 0.126 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.0936 * x**4)
    along = np.gradient(path * (1, 1, 0), axis=0)
    high = (half * np.sign(5 - np.arange(11)))[:, None] * _unit(np.cross(FORTH, along))[:, None]
    return loft(path[:, None] + chords[:, None, None] * (np.multiply.outer(x, FORTH) + high))


def panel(root: ArrayLike, span: float, chords: tuple[float, float], sweep: float, angle: float) -> Solid:
    """A plain wing from `root`, chords at root and tip, at `angle` degrees from the horizontal."""
    share, rise = np.array([0, 0.33, 0.66, 0.95, 1.0]), np.radians(angle)
    lengths = np.interp(share, [0, 1], chords) * (1, 1, 1, 1, 0.72)
    way = np.array([np.cos(rise), np.sin(rise), np.tan(np.radians(sweep))])
    path = np.multiply.outer(span * share, way) + root
    path[-1, 2] += 0.14 * chords[1]  # a rounded tip
    return airfoil(path, lengths, 0.085)


def oval(wide: float, high: float, plane: str, count: int = 22) -> Array:
    """A closed path (count, 3): an ellipse around the origin in the plane "xy" or "xz", half axes given."""
    angle = np.linspace(0, 2 * np.pi, count + 1)[:-1]
    path = np.zeros((count, 3))
    path[:, 0] = wide * np.cos(angle)
    path[:, "xyz".index(plane[1])] = high * np.sin(angle)
    return path
