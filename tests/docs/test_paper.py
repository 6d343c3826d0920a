"""Every command, function, test and page that docs/paper.md names is there."""

import ast
import re
from pathlib import Path

import pytest

from t3d.cli import main as module

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "paper.md").read_text()
CODE = set(re.findall(r"`([^`]+)`", TEXT))


@pytest.mark.parametrize("target", sorted(one for one in CODE if one.startswith(("t3d/", "tests/"))))
def test_files_and_what_is_named_in_them_exist(target):
    path, _, name = target.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert not name or name in {getattr(node, "name", None) for node in tree.body}


@pytest.mark.parametrize("line", sorted(one for one in CODE if one.startswith("t3d ")))
def test_commands_and_their_options_exist(line):
    if "export" not in module.t3d.commands:
        module._fill()
    _, command, *words = line.split()
    options = {name for param in module.t3d.commands[command].params for name in param.opts}
    assert {word for word in words if word.startswith("-")} <= options


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_pages_exist(link):
    assert (ROOT / "docs" / link).exists()


def test_the_page_names_what_it_should():
    assert len(CODE) > 60
