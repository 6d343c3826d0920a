"""The engine: stages, settings, keys, store, plan and runner. It knows nothing of 3D."""

from t3d.pipeline.stage import Each, Facts, Parts, Progress, Shapes, Variants, stage

__all__ = ["Each", "Facts", "Parts", "Progress", "Shapes", "Variants", "stage"]
