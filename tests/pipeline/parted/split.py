"""Parts by the first letter."""

import json
from pathlib import Path

from t3d.pipeline import Facts, stage


@stage(per="set", version=1, files=("split.json",))
def split(*, out: Path, ids: list[str]) -> Facts:
    """Which text is in which part."""
    parts = {name: [one for one in ids if one.startswith(name)] for name in ("train", "val", "test")}
    (out / "split.json").write_text(json.dumps(parts))
    return {}
