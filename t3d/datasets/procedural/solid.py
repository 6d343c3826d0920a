"""Closed parts with a label and a material: moved, bent, turned and mirrored.

Every part is one closed, outward, consistently wound triangle mesh. Lengths are metres, +y is up, the front
is towards -z. `rest` keeps where each vertex was when the part was made, so that textures follow the part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = NDArray[np.int64]
RIGHT, UP, FORTH = np.eye(3)


@dataclass(frozen=True)
class Solid:
    """A closed part: vertices (V, 3), faces (F, 3), texture positions `rest` (V, 3), label and material."""

    vertices: Array
    faces: Faces
    rest: Array
    name: str = "part"
    material: str = "body"

    def mapped(self, move: Callable[[Array], Array]) -> "Solid":
        """The part with its vertices moved by `move`: (V, 3) -> (V, 3), which must not turn it inside out."""
        return replace(self, vertices=move(self.vertices))

    def at(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Solid":
        """The part shifted."""
        return self.mapped(lambda points: points + np.array([x, y, z]))

    def stretched(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> "Solid":
        """The part scaled along the axes by positive factors."""
        return self.mapped(lambda points: points * np.array([x, y, z]))

    def pushed(self, axis: str, by: Callable[[Array, Array, Array], Array]) -> "Solid":
        """The part with each vertex moved along "x", "y" or "z" by `by(x, y, z)`."""
        unit = np.eye(3)["xyz".index(axis)]
        return self.mapped(lambda points: points + np.multiply.outer(by(*points.T), unit))

    def turned(self, axis: str, degrees: float, about: Sequence[float] = (0.0, 0.0, 0.0)) -> "Solid":
        """The part turned about an axis, "x", "y" or "z", through the point `about` (right-handed)."""
        a, b = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(np.radians(degrees))
        turn[b, a] = np.sin(np.radians(degrees))
        turn[a, b] = -turn[b, a]
        return self.mapped(lambda points: (points - about) @ turn.T + about)

    def mirrored(self) -> "Solid":
        """The part on the other side of x = 0."""
        return replace(self, vertices=self.vertices * np.array([-1, 1, 1]), faces=self.faces[:, ::-1])


def called(name: str, material: str, *solids: Solid) -> list[Solid]:
    """The parts with their label and material."""
    return [replace(solid, name=name, material=material) for solid in solids]


def both(*solids: Solid) -> list[Solid]:
    """Each part and its mirror image."""
    return [part for solid in solids for part in (solid, solid.mirrored())]
