"""What the model says to a text."""

from pathlib import Path

from t3d.pipeline import Facts, stage


@stage(per="shape", version=1, parts=("test",))
def answer(item: Path, model: Path, *, out: Path) -> Facts:
    """Both texts."""
    (out / "text").write_text((item / "text").read_text() + (model / "text").read_text())
    return {}
