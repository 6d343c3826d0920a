"""The part of a mesh that borders the outside of what it encloses."""

import numpy as np

from t3d.geometry.distance import Solid
from t3d.geometry.mesh import Array, Flags, Indices, Mesh, corners, face_areas, face_normals, weld

_GRAIN = 0.02  # side of a square that is looked at once; patches smaller than that may be missed
_LOOKS = 50_000  # squares, in all; on more surface they are larger
_FINE = 0.02  # pieces with a longest edge below this are not divided further
_MOST = 10_000  # pieces that come of dividing, in all; where more are needed the smallest stay partly hidden
_LIFT = 1e-4  # how far in front of the surface is asked, at most; unit lengths
_INSET = 1e-3  # how far from the edges of a piece is looked, unit lengths
_CLEARLY = 2 / 3  # winding number in front of a face above which it is hidden


def exposed(solid: Solid, rng: np.random.Generator) -> tuple[Mesh, Flags]:
    """The part of the solid's mesh that has the outside in front of it; and the faces (F,) that cut for it.

    The mesh itself where nothing is hidden. With fronts looking outside (`orientation.outward`), the
    winding number in front of a face is one less than behind it, so where it is 1 already, both sides are
    inside: the arm of a sofa within its seat. Points drawn on every face show whether it is hidden; those
    partly hidden are divided in four until they are small, and what is still partly hidden then is kept.
    Sheets and open meshes keep their faces: the winding number in front of them is at most about 1/2.

    The cost is bounded but for one look at every face, which is all that small ones get: about 50,000
    others are shared out by area, and at most 10,000 pieces are made.
    """
    mesh = solid.mesh
    pieces, owners = corners(mesh), np.arange(len(mesh.faces))
    kept, of_kept, cut = [], [], np.zeros(len(mesh.faces), dtype=bool)
    allowed = _MOST // 4
    while len(pieces):
        some_open, some_hidden = _looks(solid, pieces, rng)
        longest = np.linalg.norm(pieces - np.roll(pieces, 1, axis=1), axis=2).max(axis=1)
        divided = some_open & some_hidden & (longest > _FINE)
        divided[np.flatnonzero(divided)[allowed:]] = False
        allowed -= int(divided.sum())
        stays = some_open & ~divided
        kept.append(pieces[stays])
        of_kept.append(owners[stays])
        cut[owners[~some_open]] = True
        pieces, owners = _quarters(pieces[divided]), np.tile(owners[divided], 4)
    if not cut.any():
        return mesh, cut
    return _assembled(mesh, cut, np.concatenate(kept), np.concatenate(of_kept)), cut


def hidden_share(mesh: Mesh, surface: Mesh) -> float:
    """Share of a mesh's area that is not in what `exposed` left of it: how much parts overlap."""
    return max(0.0, 1.0 - float(face_areas(surface).sum() / face_areas(mesh).sum()))


def _looks(solid: Solid, pieces: Array, rng: np.random.Generator) -> tuple[Flags, Flags]:
    """(P,) twice: whether any point looked at on pieces (P, 3, 3) is open, and whether any is hidden."""
    mesh = Mesh(pieces.reshape(-1, 3), np.arange(3 * len(pieces)).reshape(-1, 3))
    areas, normals = face_areas(mesh), face_normals(mesh)
    sides = np.linalg.norm(pieces - np.roll(pieces, 1, axis=1), axis=2)
    radius = 2 * areas / sides.sum(axis=1)  # of the inscribed circle
    square = max(_GRAIN**2, areas.sum() / _LOOKS)
    counts = np.where(sides.max(axis=1) > _FINE, 4 + areas / square, 1).astype(np.int64)
    piece = np.repeat(np.arange(len(pieces)), counts)
    weights = _weights(counts, np.maximum(1 - _INSET / radius, 0.9)[piece], rng)
    lift = np.minimum(_LIFT, radius / 20)[piece]  # less than the inset: the front of a neighbour may be near
    points = np.einsum("ij,ijk->ik", weights, pieces[piece]) + lift[:, None] * normals[piece]
    hidden = solid.inside(points, lift, _CLEARLY)
    found = np.bincount(piece, weights=hidden, minlength=len(pieces))
    return found < counts, found > 0


def _weights(counts: Indices, reach: Array, rng: np.random.Generator) -> Array:
    """(N, 3) barycentric coordinates of `counts` points on each piece: its middle, corners, and random ones.

    reach (N,): how far from the middle (0) to the edge (1) they go.
    """
    number = np.arange(len(reach)) - np.repeat(np.cumsum(counts) - counts, counts)
    root, share = np.sqrt(rng.random(len(reach))), rng.random(len(reach))
    drawn = np.stack([1 - root, root * (1 - share), root * share], axis=1)
    fixed = np.concatenate([np.full((1, 3), 1 / 3), np.eye(3)])
    weights = np.where(number[:, None] < 4, fixed[np.minimum(number, 3)], drawn)
    return reach[:, None] * weights + (1 - reach[:, None]) / 3


def _quarters(pieces: Array) -> Array:
    """(4 P, 3, 3) triangles between the corners and the middles of the sides of (P, 3, 3)."""
    a, b, c = np.moveaxis(pieces, 1, 0)
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    corners_of = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.concatenate([np.stack(quarter, axis=1) for quarter in corners_of])


def _assembled(mesh: Mesh, cut: Flags, pieces: Array, owners: Indices) -> Mesh:
    """Faces that are not `cut` as they were, and the pieces (P, 3, 3) of the others."""
    left = pieces[cut[owners]]
    extra = np.arange(3 * len(left)).reshape(-1, 3) + len(mesh.vertices)
    vertices = np.concatenate([mesh.vertices, left.reshape(-1, 3)])
    return weld(Mesh(vertices, np.concatenate([mesh.faces[~cut], extra])))
