"""The command as people call it: help, one-line errors, exit statuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from t3d.cli import main as module


def t3d(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run `t3d` in a folder, as a user would."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("T3D_")}
    command = [sys.executable, "-c", "from t3d.cli.main import main; main()", *line.split()]
    return subprocess.run(
        command, cwd=folder, env={**clean, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def sofas(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sofas")
    assert t3d("synth data --category sofa --count 4", folder).returncode == 0
    return folder


def test_help_lists_the_contract(tmp_path):
    text = t3d("--help", tmp_path).stdout
    for section, names in module.SECTIONS.items():
        assert f"{section}:" in text
        for name in names:
            assert f"\n  {name} " in text


def commands() -> list[str]:
    if not module.t3d.commands:
        module._fill()
    return sorted(module.t3d.commands)


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_that_works(name):
    from click.testing import CliRunner

    found = CliRunner().invoke(module.t3d, [name, "--help"])
    assert found.exit_code == 0
    assert len(module.t3d.commands[name].get_short_help_str()) > 10


@pytest.mark.parametrize("line", [line for lines in module.SECTIONS.values() for _, line in lines.values()])
def test_every_example_is_a_command_with_options_that_it_has(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "truth", "shapes", "DeepSDF/data"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sofa.jpg").touch()
    commands()
    program, name, *words = line.split()
    command = module.t3d.commands[name]
    assert program == "t3d"
    assert command.epilog.endswith(line)
    assert command.make_context(name, words).params


def test_every_command_is_in_a_section_or_hidden():
    named = {name for names in module.SECTIONS.values() for name in names}
    shown = {name for name in commands() if not module.t3d.commands[name].hidden}
    assert shown == named


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("render --data nowhere", "error: nowhere: no such folder"),
        ("render --data empty", "error: empty: no mesh in it"),
        (
            "render --data data --category sofaa",
            "error: data: no category 'sofaa' in it; there is sofa",
        ),
        ("render --set sdff.count=3", "error: --set: stage 'sdff' is not known; did you mean 'sdf'?"),
        (
            "render --set sdf.cuont=3",
            "error: --set: parameter of sdf 'cuont' is not known; did you mean 'count'?",
        ),
        ("render --set sdf.count=some", "error: --set: sdf.count: 'some' is not a whole number"),
        ("render --config none.toml", "error: --config none.toml: no such file; leave it out"),
        ("render --views 0", "error: views: views and size must be at least 1"),
        ("render --data absent.json", "absent.json: no pack (of another kind); name one"),
        ("import nowhere there --layout seed", "error: nowhere: no such folder"),
        ("render --categry sofa", "error: No such option '--categry'"),
        ("render --data data --splits nowhere.json", "error: --splits nowhere.json: no such file or folder"),
        ("render --data data --splits absent.json", "error: "),
        ("rendr", "error: No such command 'rendr'"),
        ("render --preset huge", "Invalid value for '--preset'"),
        ("render --category lamp", "error: no procedural lamps"),
    ],
)
def test_bad_input_is_one_line_and_status_2(sofas, line, message):
    (sofas / "empty").mkdir(exist_ok=True)
    (sofas / "absent.json").write_text('{"ShapeNetV2": {"04256520": ["none-such"]}}')
    found = t3d(line, sofas)
    assert found.returncode == 2, found.stderr
    assert message in found.stderr
    assert found.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in found.stderr


def test_empty_data_is_an_error_wherever_it_comes_from(tmp_path):
    (tmp_path / "t3d.toml").write_text('data = ""')
    assert "data is empty" in t3d("render", tmp_path).stderr
    (tmp_path / "t3d.toml").unlink()
    from click.testing import CliRunner

    from t3d.errors import UsageError

    commands()
    found = CliRunner().invoke(module.t3d, ["render", "--data", ""])
    assert isinstance(found.exception, UsageError)
    assert "data is empty" in str(found.exception)
    assert "data is empty" in t3d("render", tmp_path, T3D_DATA="").stderr


def test_typo_in_toml_names_the_nearest(tmp_path):
    (tmp_path / "t3d.toml").write_text('categry = "sofa"')
    found = t3d("render", tmp_path)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "setting 'categry' is not known; did you mean 'category'?" in found.stderr


def test_a_run_is_made_kept_explained_found_verified_and_cleaned(sofas):
    common = "--data data --workers 0 --set views.views=2 --set views.size=32"
    first = t3d(f"render {common} --json", sofas)
    assert first.returncode == 0, first.stderr
    assert '"made": 9' in first.stdout, "the split, four meshes, four sets of views"
    second = t3d(f"render {common} --json", sofas)
    assert '"made": 0' in second.stdout
    assert '"made": 4' in t3d(f"render {common} --json --force", sofas).stdout
    assert "4 (sofa-0000" in t3d("why views --data data", sofas).stdout
    (path,) = t3d("path views --shape sofa-0001", sofas).stdout.split()
    assert sorted(one.name for one in Path(path).joinpath("easy").iterdir()) == ["00.png", "01.png"]
    assert t3d("verify", sofas).returncode == 0
    Path(path, "easy", "00.png").write_bytes(b"torn")
    damaged = t3d("verify", sofas)
    assert damaged.returncode == 1
    assert "easy/00.png has changed" in damaged.stdout
    assert t3d("verify --remove", sofas).returncode == 0
    assert '"made": 1' in t3d(f"render {common} --json", sofas).stdout
    assert "0 artifacts" in t3d("clean", sofas).stderr
    assert "9 artifacts" in t3d("clean --all", sofas).stderr
    assert "9 artifacts" in t3d("clean --all --yes", sofas).stderr
    assert not (sofas / "work" / "sofa").exists()


def test_debug_shows_where_an_error_comes_from(sofas):
    assert "Traceback" in t3d("render --data nowhere --debug", sofas).stderr
    assert "Traceback" in t3d("--debug render --data nowhere", sofas).stderr


def test_dry_run_and_graph_run_nothing(sofas):
    found = t3d("run --data data --work other --dry-run", sofas)
    assert found.returncode == 0
    assert "views: 0 kept, 4 to make" in found.stdout
    assert "never made: 4 (" in found.stdout
    assert not (sofas / "other" / "sofa" / "mesh").exists()
    assert t3d("run --data data --work other --graph graph.svg", sofas).returncode == 0
    assert "reconstructions[s1]" in (sofas / "graph.svg").read_text()


def test_virtual_shapes_are_counted_apart(sofas):
    found = t3d("run --data data --work virtual --dry-run --set split.virtual=2", sofas)
    assert "sdf: 0 kept, 4 real + 6 virtual to make" in found.stdout
    assert "surface: 0 kept, 4 to make" in found.stdout, "they are never scored"


def test_a_network_that_is_none_or_does_not_fit_is_one_line(sofas):
    (sofas / "model").mkdir()
    decoder = '"code": 64, "hidden": 64, "steps": 4, "width": 96, "depth": 4'
    text = f'{{"format": "t3d-network", "variant": "s1", "decoder": {{{decoder}}}}}'
    (sofas / "model" / "config.json").write_text(text)
    for init, message in (("model", "has code=64; set these too"), ("data", "no run here yet")):
        found = t3d(f"run --data data --work other --init {init}", sofas)
        assert (found.returncode, found.stderr.count("\n")) == (2, 1)
        assert message in found.stderr


def test_without_data_the_first_line_says_so(tmp_path):
    found = t3d("split --workers 0", tmp_path)
    assert found.stderr.startswith("no data set named (--data): using procedural sofa shapes")
    assert (tmp_path / "work" / "procedural").is_dir()


def test_store_commands_without_a_store_are_one_line(tmp_path):
    for name in ("verify", "clean"):
        found = t3d(name, tmp_path)
        assert found.returncode == 2
        assert "no store here; name it with --work and --category" in found.stderr
