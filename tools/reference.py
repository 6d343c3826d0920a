"""Write docs/reference.md: the help of every command, as the commands print it.

python tools/reference.py           writes the page
python tools/reference.py --check   status 1 if the page is out of step
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from t3d.pipeline.stage import stages_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
HEAD = "# Commands\n\nWritten by `make docs`: what `t3d COMMAND --help` prints.\n"
WIDTH = "100"
"""Columns of the help texts, whatever the terminal."""


def main() -> None:
    """Write or check the page."""
    page = reference()
    if "--check" not in sys.argv:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        sys.exit("docs/reference.md is out of step with the commands: run `make docs`")


def reference() -> str:
    """The whole page, in Markdown."""
    overview = printed_help()
    names = re.findall(r"^  ([a-z][a-z-]*)  ", overview, flags=re.MULTILINE)
    names += [stage.name for stage in stages_of("t3d.stages").values() if not stage.command]
    chapters = [f"\n## t3d {name}\n\n```text\n{printed_help(name)}```\n" for name in names]
    return f"{HEAD}\n```text\n{overview}```\n{''.join(chapters)}"


def printed_help(*command: str) -> str:
    """What `t3d COMMAND --help` prints where no settings of the user's reach it, without trailing blanks."""
    program = Path(sys.executable).with_name("t3d")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("T3D_")}
    environment |= {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    run = subprocess.run(
        [program, *command, "--help"],
        cwd=PAGE.parent,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return re.sub(r"[ \t]+$", "", run.stdout, flags=re.MULTILINE)


if __name__ == "__main__":
    main()
