"""docs/results.md says what the files that were kept say: each of its tables is made anew and compared."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python experiments/tables\.py (.+)$", PAGE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "experiments" / "tables.py"))


def test_every_kept_file_is_shown() -> None:
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / "experiments" / "results").glob("*.csv")}
    assert kept == set(" ".join(COMMANDS).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_tables_are_what_the_command_beside_them_prints(script: dict[str, Any], command: str) -> None:
    printed = script["tables"]([script["rows_of"](ROOT / name) for name in command.split()])
    shown = PAGE.split(f"experiments/tables.py {command}\n")[1]
    missing = [line for line in printed.splitlines() if line and line not in shown]
    assert not missing
