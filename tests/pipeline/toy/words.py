"""Words of a text."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from t3d.errors import DataError
from t3d.pipeline import Facts, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """How to split."""

    separator: str = " "
    """What stands between words."""
    salt: int = 0
    """How many random words are added (test of seeds)."""


@stage(per="shape", version=1, files=("words.txt",), timeout=8)
def words(text: Path, *, out: Path, params: Params, rng: "object") -> Facts:
    """The words of one text, a line each."""
    content = text.read_text()
    if content == "bad":
        raise DataError(f"{text}: a bad text; write another")
    if content == "bug":
        raise ZeroDivisionError("nobody expected this")
    if content == "crash":
        os.kill(os.getpid(), 11)
    if content == "parricide":
        os.kill(os.getppid(), 9)
        time.sleep(5)
    if content == "hang":
        time.sleep(60)
    if content == "slow":
        time.sleep(1)
    if content.startswith("nap "):
        time.sleep(float(content.split()[1]))
    if content == "eat":
        hoard = [bytearray(b"x") * (1 << 24) for _ in range(128)]
        time.sleep(60 + len(hoard))
    found = content.split(params.separator) + [str(rng.integers(10**9)) for _ in range(params.salt)]
    (out / "words.txt").write_text("\n".join(found))
    return {"words": len(found)}
