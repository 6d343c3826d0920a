"""What the training part teaches."""

from pathlib import Path
from typing import Annotated

from t3d.pipeline import Each, Facts, Parts, stage


@stage(per="set", version=1)
def model(item: Annotated[Parts, Each("train")], *, out: Path) -> Facts:
    """All training texts."""
    (out / "text").write_text(" ".join((one / "text").read_text() for one in item["train"].values()))
    return {}
