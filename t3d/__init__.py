"""t3d: from a folder of 3D meshes to a single-image reconstruction network and a scored report."""

__version__ = "0.1.0"
