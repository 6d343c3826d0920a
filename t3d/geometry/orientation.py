"""Turn every face so that its front looks outside."""

import numpy as np
import numpy.typing as npt

from t3d.geometry.distance import Solid, sphere_directions
from t3d.geometry.mesh import (
    Adjacency,
    Array,
    Flags,
    Indices,
    Mesh,
    adjacency,
    components,
    corners,
    face_areas,
    face_normals,
    flipped,
)
from t3d.geometry.sampling import points_on_faces

_PROBES = 100_000  # points in all from which two rays leave, shared out by area
_PER_PATCH = 48  # points that the smallest patch gets, as long as there are not too many patches
_LIFT = 1e-4  # how far from the surface rays start, unit lengths
_CLEARLY = 1.1  # how many times more of the outside the back must see before a patch is turned


def outward(mesh: Mesh, rng: np.random.Generator, threads: int = 0) -> Flags:
    """(F,) which faces to turn so that all fronts look outside.

    mesh: unit frame, welded, without degenerate or doubled faces. Faces joined by edges of exactly two
    faces form patches and get one winding; rays from both sides of each patch then show which side sees
    more of the outside (after Takayama et al., A simple method for correcting facet orientations in
    polygon meshes based on ray casting, 2014). No ray is cast when every patch is closed and encloses a
    positive volume as modelled.
    """
    joined = adjacency(mesh)
    patch, flips = coherent_patches(mesh, joined)
    turned = flipped(mesh, flips)
    volumes = _volumes(turned, patch)
    if not flips.any() and (joined.counts == 2).all() and (volumes > 0).all():
        return flips
    front, back = _escapes(turned, patch, rng, threads)
    wrong = back > _CLEARLY * front
    hidden = front + back == 0
    areas = _sums(patch, face_areas(mesh))
    wrong[hidden] = _hidden_wrong(areas, wrong, hidden, volumes, as_modelled=not flips.any())[hidden]
    return flips ^ wrong[patch]


def coherent_patches(mesh: Mesh, joined: Adjacency) -> tuple[Indices, Flags]:
    """Patch of every face (F,), and the flips (F,) after which the neighbours in a patch agree.

    Of the two ways to wind a patch, the one that turns the smaller area. A spanning forest carries the
    winding from face to face, through agreeing neighbours first, so that a one-sided (Moebius) patch is
    cut where it disagrees. Its double cover, two nodes per face for its two windings, falls into two
    components per patch, one for each winding.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    count, (low, high) = len(mesh.faces), np.sort(joined.pairs, axis=1).T
    order = np.lexsort([~joined.coherent, high, low])  # of several edges between two faces the best first
    kept = order[np.unique(low[order] * count + high[order], return_index=True)[1]]
    weights = np.where(joined.coherent[kept], 1.0, 2.0)
    tree = minimum_spanning_tree(csr_array((weights, (low[kept], high[kept])), shape=(count, count))).tocoo()
    one, other, disagree = tree.row, tree.col, tree.data > 1.5
    ends = [(one, other + count * disagree), (one + count, other + count * ~disagree)]
    label = components(2 * count, np.concatenate([np.stack(pair, axis=1) for pair in ends]))
    first = np.minimum(label[:count], label[count:])
    _, patch = np.unique(first, return_inverse=True)
    flips = label[:count] != first
    areas = face_areas(mesh)
    mostly = _sums(patch, np.where(flips, areas, -areas)) > 0
    return patch, flips ^ mostly[patch]


def _sums(patch: Indices, values: npt.ArrayLike) -> Array:
    """(P,) sum of `values` (N,) over each patch."""
    return np.bincount(patch, weights=values).astype(np.float64)


def _volumes(mesh: Mesh, patch: Indices) -> Array:
    """(P,) volume between each patch and its centroid: enclosed if it is closed, positive if it bulges."""
    areas, triangles = face_areas(mesh), corners(mesh)
    weights = np.maximum(_sums(patch, areas), np.finfo(float).tiny)
    middles = triangles.mean(axis=1) * areas[:, None]
    centroids = np.stack([_sums(patch, middles[:, axis]) for axis in range(3)], axis=1) / weights[:, None]
    a, b, c = np.moveaxis(triangles - centroids[patch][:, None], 1, 0)
    return _sums(patch, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0)


def _escapes(mesh: Mesh, patch: Indices, rng: np.random.Generator, threads: int) -> tuple[Array, Array]:
    """(P,) twice: how many rays reach the outside from the front and from the back of each patch.

    Every probe sends one ray to each side, in opposite directions, spread by the cosine to the normal.
    """
    faces = _probed_faces(face_areas(mesh), patch, rng)
    points, normals = points_on_faces(mesh, faces, rng), face_normals(mesh)[faces]
    directions = normals + sphere_directions(len(faces), rng)
    solid = Solid(mesh, threads)
    free = (solid.unblocked(points + side * _LIFT * normals, side * directions) for side in (1.0, -1.0))
    front, back = (_sums(patch[faces], one) for one in free)
    return front, back


def _probed_faces(areas: Array, patch: Indices, rng: np.random.Generator) -> Indices:
    """Faces (N,) to probe: by area within each patch, and every patch often enough to be judged."""
    order = np.argsort(patch, kind="stable")
    total = np.cumsum(areas[order])
    sizes = _sums(patch, areas)
    least = np.clip(2 * _PROBES // len(sizes), 4, _PER_PATCH)
    counts = np.maximum(least, (_PROBES * sizes / sizes.sum()).astype(np.int64))
    owner = np.repeat(np.arange(len(sizes)), counts)
    ends = total[np.searchsorted(patch[order], np.arange(len(sizes)), side="right") - 1]
    drawn = ends[owner] - rng.random(len(owner)) * sizes[owner]
    last = np.searchsorted(patch[order], owner, side="right") - 1
    start = np.searchsorted(patch[order], owner, side="left")
    return order[np.clip(np.searchsorted(total, drawn), start, last)]


def _hidden_wrong(areas: Array, wrong: Flags, hidden: Flags, volumes: Array, as_modelled: bool) -> Flags:
    """(P,) which patches that no ray leaves to turn.

    Where the rest says that the file winds its faces consistently, it is believed: a cavity stays one.
    Otherwise each is taken for a part of its own and turned so that it bulges.
    """
    seen_areas = np.where(hidden, 0.0, areas)
    turned = float(seen_areas[wrong].sum() / max(seen_areas.sum(), np.finfo(float).tiny))
    if as_modelled and not 0.01 < turned < 0.99:
        return np.full(len(areas), turned > 0.5)
    return volumes < 0
