"""Takes words over that a data set brings along."""

from pathlib import Path

from t3d.errors import DataError


def take_words(folder: Path, out: Path) -> dict[str, int]:
    """Copy `words.txt`, in lower case, unless it says bad."""
    text = (folder / "words.txt").read_text()
    if text == "bad":
        raise DataError("words.txt: bad words; write others")
    (out / "words.txt").write_text(text.lower())
    return {"words": len(text.split("\n"))}
