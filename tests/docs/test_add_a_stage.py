"""The page's code is run as it stands: one new file adds a stage, its command, its cache and its help."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "add-a-stage.md"


@pytest.fixture
def command(tmp_path):
    """Runs `t3d` in a folder, with the page's file beside the package's own stages."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S).group(1)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "volume.py").write_text(code)
    start = (
        f"import t3d.stages; t3d.stages.__path__.append({str(tmp_path / 'stages')!r});"
        "from t3d.cli.main import main; main()"
    )

    def run(line: str) -> subprocess.CompletedProcess:
        words = [sys.executable, "-c", start, *line.split()]
        environment = {**os.environ, "T3D_DATA": str(tmp_path / "data")}
        return subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert run(f"synth {tmp_path / 'data'} --category sofa --count 3").returncode == 0
    return run


def test_the_new_file_is_a_command_with_cache_help_and_place_in_the_graph(command):
    first = command("volume --workers 0 --json")
    assert first.returncode == 0, first.stderr
    assert '"made": 7' in first.stdout, "the split, three meshes and three volumes"
    assert '"made": 0' in command("volume --workers 0 --json").stdout
    help_text = command("volume --help").stdout
    assert "--power" in help_text
    assert "Both numbers are raised to it" in help_text
    again = command("volume --workers 0 --json --power 2")
    assert '"made": 3' in again.stdout
    assert "kept" in command("why volume --shape sofa-0000").stdout
    path = Path(command("path volume --shape sofa-0000").stdout.strip())
    assert (path / "volume.json").exists()
