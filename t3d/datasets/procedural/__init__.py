"""Sofas, chairs and planes made of closed, overlapping parts; one shape per (seed, category, index)."""

from t3d.datasets.procedural.write import CATEGORIES, VERSION, write_shape

__all__ = ["CATEGORIES", "VERSION", "write_shape"]
