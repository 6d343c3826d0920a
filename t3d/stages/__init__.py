"""The stages: one file each, named after what it makes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
    Rng = np.random.Generator
else:  # NumPy is loaded where it is used: `t3d --help` imports every stage
    Array = Rng = Any

TRAINING: dict[str, Any] = {"per": "set", "resource": "train", "timeout": None}
"""What stages that train declare: they take the whole machine, for as long as it takes."""

SOLUTION_2 = ("s2-simclr", "s2-moco", "s2-byol", "s2-simsiam", "s2-none")
"""Variants of solution 2, by how their encoders are pre-trained."""
