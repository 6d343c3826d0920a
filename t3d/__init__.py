"""t3d: from a folder of 3D meshes to a single-image reconstruction network and a scored report.

`t3d.load("work/sofa")` gives what a run made to any network (docs/own-network.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t3d.tasks.load import load as load

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`load`, which needs torch, when it is first asked for."""
    if name != "load":
        raise AttributeError(f"module 't3d' has no attribute {name!r}")
    from t3d.tasks.load import load

    return load
