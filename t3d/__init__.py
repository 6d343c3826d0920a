"""t3d: from a folder of 3D meshes to a single-image reconstruction network and a scored report.

In a notebook: `t3d.run("work/sofa")`, `predict`, `extract`, `score`, `show` (docs/predict.md), and
`t3d.load("work/sofa")`, which gives what a run made to any network (docs/own-network.md).
"""

from importlib import import_module as _import
from typing import Any as _Any

__version__ = "0.1.0"

_LAZY = {
    "extract": "t3d.geometry.isosurface:extract",
    "load": "t3d.tasks.load:load",
    "predict": "t3d.tasks.predict:predict",
    "run": "t3d.tasks.predict:run",
    "score": "t3d.tasks.predict:score",
    "show": "t3d.tasks.predict:show",
}
"""For notebooks, by name: imported when first used, so that `import t3d` takes no time."""


def __getattr__(name: str) -> _Any:
    if name not in _LAZY:
        raise AttributeError(f"module 't3d' has no attribute {name!r}")
    module, _, function = _LAZY[name].partition(":")
    return getattr(_import(module), function)
