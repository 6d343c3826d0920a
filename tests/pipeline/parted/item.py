"""A text of its own."""

from pathlib import Path

from t3d.pipeline import Facts, stage


@stage(per="shape", version=1)
def item(text: Path, *, out: Path) -> Facts:
    """A copy."""
    (out / "text").write_text(text.read_text())
    return {}
