"""The repository keeps its promises: versions in step, no address of one machine, small modules."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
SIZES = runpy.run_path(str(ROOT / "tools" / "sizes.py"))
PACKAGE: dict[Path, ast.Module] = SIZES["modules"]("t3d")

TARGETS = (
    "setup all render sample-sdf train evaluate report test test-slow check bench docs gallery clean".split()
)

CONDA_NAMES = {"dask-core": "dask", "matplotlib-base": "matplotlib", "pytorch": "torch"}
"""Packages that conda-forge calls otherwise."""

IMPORT_NAMES = {"PIL": "pillow", "igl": "libigl", "mpl_toolkits": "matplotlib", "skimage": "scikit-image"}
IMPORT_NAMES |= {"sklearn": "scikit-learn", "OpenGL": "pyrender"}
"""Packages that are imported otherwise; pyrender is what brings OpenGL."""

CONDA_ONLY = {"python", "pip", "libusb", "libgl", "libegl", "mesalib", "libgomp", "xorg-libx11"}
"""The interpreter, and the system libraries that environment.yml brings."""

PACKAGE_LINES, MODULE_LINES, FUNCTION_LINES = 12_100, 300, 40
"""Most lines of code in the package (blank lines, comments and docstrings not counted), of all lines in a
module, and of a function less its docstring."""


def make(*arguments: str, **variables: str) -> str:
    """What `make` prints in an environment of nothing but PATH and `variables`."""
    program = shutil.which("make")
    if program is None:
        pytest.skip("no make on this machine")
    environment = {"PATH": os.environ["PATH"], **variables}
    run = subprocess.run(
        [program, "-C", ROOT, "--no-print-directory", *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout


def project_requirements() -> list[Requirement]:
    """What pyproject.toml asks for, all extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for lines in lists for line in lines]


def lower_bound(requirement: Requirement) -> Version:
    """The version after `>=`."""
    (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
    return Version(bound)


def conda_requirements() -> dict[str, Requirement]:
    """What environment.yml asks for by its name on the Python side, without what only conda knows."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    lines = [line for line in listed if isinstance(line, str)]
    lines += [line for section in listed if isinstance(section, dict) for line in section["pip"]]
    found = {}
    for line in lines:
        if re.split(r"[=<>]", line)[0] not in CONDA_ONLY:
            requirement = Requirement(line)
            found[CONDA_NAMES.get(requirement.name, requirement.name)] = requirement
    return found


def pins() -> dict[str, Version]:
    """The versions of constraints.txt by canonical name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def project_files() -> list[Path]:
    """Every file that is tracked, or would be by `git add .`."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [path for name in run.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def addresses(text: str) -> list[str]:
    """Registries, options that name one, and absolute folders of one machine, as they stand in the text."""
    registries = (
        r"(?:pypi|pythonhosted|download\.pytorch|anaconda)\.org|--(?:extra-)?index-url|--find-link[s]"
    )
    return re.findall(rf"{registries}|(?<![\w.~}})<>/-])/(?:work|farm|root)(?![\w-])", text)


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of what a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_make_alone_lists_every_target_with_what_it_does() -> None:
    listed = dict(re.findall(r"^  make (\S+) +(\S.+)$", make(), flags=re.MULTILINE))
    assert set(TARGETS) <= set(listed)


def test_make_all_runs_every_category_with_the_options_given() -> None:
    printed = make("-n", "all", "CATEGORY=sofa chair", "DATA=/a b", "WORKERS=2", "ARGS=--limit 3")
    runs = re.findall(r"/t3d (.*?) *(?:\|\||;)", printed)
    options = "--data '/a b' --workers '2' --limit 3"
    assert runs == [f"run --category sofa {options}", f"run --category chair {options}", "overview"]
    assert printed.rstrip().endswith("exit $status"), "one that fails is told when all others are done"


def test_make_passes_an_empty_variable_on_for_t3d_to_refuse() -> None:
    assert "--data ''" in make("-n", "all", "CATEGORY=sofa", "DATA=")
    assert "--data" not in make("-n", "all", "CATEGORY=sofa")
    assert '--category ""' in make("-n", "all", "CATEGORY=")
    assert "--category" not in make("-n", "all")


@pytest.mark.parametrize(
    ("variables", "environment"),
    [
        ({}, ".venv"),
        ({"CONDA_PREFIX": "/opt/conda/envs/t3d", "CONDA_DEFAULT_ENV": "t3d"}, "/opt/conda/envs/t3d"),
        ({"CONDA_PREFIX": "/opt/conda", "CONDA_DEFAULT_ENV": "base"}, ".venv"),
        ({"CONDA_PREFIX": "/opt/conda", "CONDA_DEFAULT_ENV": "t3d", "VENV": "own"}, "own"),
    ],
    ids=["nothing active", "conda environment", "conda base", "VENV wins"],
)
def test_make_uses_the_active_conda_environment_unless_told_otherwise(
    variables: dict[str, str], environment: str
) -> None:
    assert f'"{environment}"/bin/python -m pytest' in make("-n", "test", **variables)


def test_ci_runs_the_checks_then_the_tests_and_stops_at_the_first_error() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    commands = re.findall(r"^make (\S+)", script, flags=re.MULTILINE)
    assert commands == ["check", "test"]
    assert "set -euo pipefail" in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_every_package_imported_is_asked_for() -> None:
    names = {name for tree in PACKAGE.values() for name in imported(tree)}
    foreign = {IMPORT_NAMES.get(name, name) for name in names - sys.stdlib_module_names - {"t3d"}}
    asked = {canonicalize_name(requirement.name) for requirement in project_requirements()}
    assert {canonicalize_name(name) for name in foreign} <= asked


def test_constraints_pin_everything_the_project_asks_for_within_its_range() -> None:
    pinned = pins()
    for requirement in project_requirements():
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_constraints_fit_what_is_installed() -> None:
    from importlib.metadata import PackageNotFoundError, requires

    pinned = pins()
    for name in pinned:
        try:
            needed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # the queue of a cluster
            continue
        for need in needed:
            pin = pinned.get(canonicalize_name(need.name))
            if (need.marker is None or need.marker.evaluate({"extra": ""})) and pin:
                assert need.specifier.contains(pin), f"{name} needs {need}"


def test_the_conda_environment_asks_for_what_the_project_asks_for() -> None:
    conda = conda_requirements()
    project = {requirement.name: requirement for requirement in project_requirements()}
    assert set(conda) == set(project)
    for name, requirement in project.items():
        assert lower_bound(conda[name]) >= lower_bound(requirement), name


def test_the_conda_environment_has_a_python_that_the_project_accepts() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (python,) = [line for line in listed if isinstance(line, str) and line.startswith("python")]
    accepted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert Requirement(f"python{accepted}").specifier.contains(python.partition("=")[2])


def test_addresses_are_told_from_words() -> None:
    folder, host = "/" + "work/main", "files." + "pythonhosted" + ".org"
    assert addresses(f"cd {folder}; get {host}") == ["/" + "work", "pythonhosted" + ".org"]
    assert addresses("./work ../work/sofa {base}/work ~/work a/root </root> WORK=work /works") == []


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    texts = {path: content for path in project_files() if b"\0" not in (content := path.read_bytes())}
    found = {str(path.relative_to(ROOT)): addresses(text.decode()) for path, text in texts.items()}
    assert not {path: hits for path, hits in found.items() if hits}


def test_every_link_between_the_pages_leads_to_a_file() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_the_package_stays_small() -> None:
    lines = {path: SIZES["all_lines"](path) for path in PACKAGE}
    assert not [path for path, count in lines.items() if count > MODULE_LINES]
    assert sum(SIZES["lines_of_code"](path, tree) for path, tree in PACKAGE.items()) < PACKAGE_LINES


def test_functions_stay_short_and_are_typed() -> None:
    count, typed = SIZES["lines_of_function"], SIZES["typed"]
    own = [(path, one) for path, tree in PACKAGE.items() for one in SIZES["functions"](tree)]
    assert not [f"{path}: {one.name}" for path, one in own if count(one) > FUNCTION_LINES or not typed(one)]


def test_every_public_function_and_class_is_described() -> None:
    named = [(path, node) for path, tree in PACKAGE.items() for node in SIZES["public"](tree)]
    assert not [f"{path}: {getattr(node, 'name', '')}" for path, node in named if not ast.get_docstring(node)]
