"""From options to a project: the shared options, where each value comes from, and the data set."""

import functools
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import click

from t3d.errors import UsageError
from t3d.pipeline.graph import Graph
from t3d.pipeline.plan import Project
from t3d.pipeline.settings import Layer, assignment, coerce, known, read_toml, resolve
from t3d.pipeline.stage import field_docs, stages_of

PACKAGE = "t3d.stages"
PRESETS = ("tiny", "small", "paper", "dit")
METHODS = ("simclr", "moco", "byol", "simsiam", "none")
PATHS = ("data", "work", "splits", "photos", "init")
"""Settings that name a file or folder."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run is asked, stage parameters aside. Defaults < `t3d.toml` < environment < flags."""

    data: str = ""
    """ShapeNet layout, mesh files, or a pack. [T3D_DATA]"""
    category: str = "sofa"
    """sofa, sofas, 04256520, or any folder name."""
    splits: str = ""
    """DeepSDF split JSON, or a folder of them."""
    photos: str = ""
    """Photographs to reconstruct for the report."""
    work: str = "work"
    """The store. [T3D_WORK; default: work]"""
    preset: Literal["tiny", "small", "paper", "dit"] = "tiny"
    """Size of training and extraction. [default: tiny]"""
    solution: Literal["1", "2", "both"] = "both"
    """Which solution. [default: both]"""
    contrastive: str = "simclr"
    """Pre-training of solution 2: simclr, moco, byol, simsiam, none, or several. [default: simclr]"""
    init: str = ""
    """Go on from the networks of a run file, a store's category or a folder."""
    limit: int = 0
    """First N sorted ids of each part of the split; 0: all."""
    seed: int = 0
    """Seed of the data: shapes, split, views, samples. [default: 0]"""
    train_seed: int = 0
    """Seed of training. [default: 0]"""
    retry_failed: bool = False
    """Try again what failed for good."""
    allow_missing: bool = False
    """Go on without shapes lost to accidents."""
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """What decides the artifacts, for the run file."""
        ephemeral = ("work", "retry_failed")
        return {name: value for name, value in asdict(self).items() if name not in ephemeral}


KINDS = {name: kind for name, kind in get_type_hints(Settings).items() if name != "values"}
"""Types of the settings that have an option, by name."""

_METAVARS = {**dict.fromkeys(("data", "splits"), "PATH"), **dict.fromkeys(("photos", "work"), "DIR")}
_METAVARS |= {"category": "NAME", "contrastive": "NAME[,NAME...]", "init": "RUN"}


def project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is run on what."""
    others = (
        click.option("--config", metavar="FILE", help="Settings in TOML. [default: t3d.toml, when there]"),
        click.option(
            "--set", "sets", multiple=True, metavar="STAGE.NAME=VALUE", help="One parameter of one stage."
        ),
        click.option("--debug", is_flag=True, expose_value=False, help="Show the log, and tracebacks."),
    )
    for option in reversed([*map(_option, KINDS), *others]):
        command = option(command)
    return command


def _option(name: str) -> Callable[..., Any]:
    names = [f"--{name.replace('_', '-')}", *(["--from"] if name == "data" else []), name]
    text, kind = field_docs(Settings)[name], KINDS[name]
    if kind is bool:
        return click.option(*names, is_flag=True, default=None, help=text)
    choices = get_args(kind)
    return click.option(
        *names, type=click.Choice(choices) if choices else kind, metavar=_METAVARS.get(name), help=text
    )


def settings_of(options: Mapping[str, Any], earlier: Mapping[str, Any] | None = None) -> Settings:
    """Settings out of the command's options, the environment, the TOML file and an earlier run's record."""
    earlier, (path, toml) = earlier or {}, read_config(options)
    tables = {name: value for name, value in toml.items() if isinstance(value, dict) and name != "cluster"}
    flat = {name: value for name, value in toml.items() if not isinstance(value, dict)}
    for name in flat:
        known(name, [*KINDS.keys() - {"retry_failed"}], f"{path}: setting")
    environment = {
        name: os.environ[f"T3D_{name.upper()}"]
        for name in ("data", "work")
        if f"T3D_{name.upper()}" in os.environ
    }
    settings = Settings(**{name: value for name, value in earlier.items() if name in KINDS})
    for where, layer in ((path, flat), ("environment", environment), ("option", options)):
        settings = replace(settings, **_checked(layer, where))
    values: dict[str, dict[str, Any]] = {}
    sets = [(stage, {name: value}) for stage, name, value in map(assignment, options.get("sets", ()))]
    before, now = earlier.get("values") or {}, options.get("values", {})
    for stage, chosen in [*before.items(), *tables.items(), *sets, *now.items()]:
        values.setdefault(stage, {}).update(chosen)
    resolve(stages_of(PACKAGE), [Layer(path, tables), Layer("--set", values)])
    return replace(settings, values=values)


def read_config(options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The settings' TOML, named or `t3d.toml`, and its content."""
    path = options.get("config") or ("t3d.toml" if Path("t3d.toml").is_file() else "")
    return (path, read_toml(Path(path))) if path else ("settings", {})


def _checked(layer: Mapping[str, Any], where: str) -> dict[str, Any]:
    checked = {}
    for name in [name for name in KINDS if layer.get(name) is not None]:
        value = checked[name] = coerce(layer[name], KINDS[name], f"{where}: {name}")
        if name in PATHS and not value.strip():
            raise UsageError(f"{where}: {name} is empty; name a folder, or leave it out")
        for method in value.split(",") if name == "contrastive" else []:
            known(method, METHODS, f"{where}: {name}")
    return checked


@functools.cache
def preset_values(name: str) -> dict[str, Any]:
    """Stage parameters of a preset."""
    return read_toml(Path(str(resources.files("t3d") / "presets" / f"{name}.toml")))


def project_of(settings: Settings, command: str = "") -> Project:
    """The project: data set found or made, parameters resolved, graph of the selected variants."""
    from t3d.datasets.splits import discover
    from t3d.datasets.start import start_values
    from t3d.tasks.synth import procedural_set

    stages, work = stages_of(PACKAGE), Path(settings.work).absolute()
    data = settings.data or procedural_set(work, settings.category, seed=settings.seed)
    photos = _photos(settings)
    catalogue = _catalogue(Path(data), settings, photos)
    files = _split_files(settings) or discover(Path(data), catalogue.name)
    split = {"category": catalogue.name, "limit": settings.limit, "files": tuple(map(str, files))}
    layers = [
        Layer(f"preset {settings.preset}", preset_values(settings.preset)),
        Layer("data set", {"split": split}),
        Layer("--init", start_values(settings.init) if settings.init else {}),
        Layer("settings", settings.values),
    ]
    recipe = {
        "category": catalogue.name,
        "data": catalogue.title,
        "procedural": catalogue.procedural,
        "command": command or command_of(settings),
    }
    return Project(
        package=PACKAGE,
        graph=Graph(stages, variants_of(settings), catalogue.roles),
        params=resolve(stages, layers),
        catalogue=catalogue,
        work=work,
        seed=settings.seed,
        train_seed=settings.train_seed,
        recipe=recipe,
        allow_missing=settings.allow_missing,
        retry_failed=settings.retry_failed,
        apart={"photos": sorted(photos)},
    )


def _catalogue(data: Path, settings: Settings, photos: Mapping[str, Path]) -> Any:
    from t3d.datasets.catalogue import find_catalogue

    if not data.is_file():
        return replace(find_catalogue(data, settings.category), photos=photos)
    from t3d.tasks.packs import find_pack

    if settings.splits or settings.limit or settings.photos:
        raise UsageError(f"{data}: a pack is as it is; leave --splits, --limit and --photos out")
    return find_pack(data, settings.category)


def variants_of(settings: Settings) -> tuple[str, ...]:
    """Variants selected by --solution and --contrastive."""
    second = tuple(dict.fromkeys(f"s2-{method}" for method in settings.contrastive.split(",")))
    return {"1": ("s1",), "2": second, "both": ("s1", *second)}[settings.solution]


def _photos(settings: Settings) -> dict[str, Path]:
    """Photographs by the names of their files."""
    if not settings.photos:
        return {}
    found = {path.name: path for path in Path(settings.photos).absolute().glob("[!.]*") if path.is_file()}
    if not found:
        raise UsageError(f"--photos {settings.photos}: no folder with photographs in it")
    return found


def _split_files(settings: Settings) -> list[Path]:
    if not settings.splits:
        return []
    path = Path(settings.splits)
    if not path.exists():
        raise UsageError(f"--splits {path}: no such file or folder")
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"--splits {path}: no .json file in it")
    return files


def command_of(settings: Settings) -> str:
    """The `t3d run` command that asks for the same artifacts."""
    default, words = Settings(), ["t3d run"]
    for name in KINDS:
        value = getattr(settings, name)
        usual = value == getattr(default, name) and name != "category"
        if not usual and name not in ("work", "retry_failed"):
            flag = f"--{name.replace('_', '-')}"
            words.append(flag if value is True else f"{flag} {shlex.quote(str(value))}")
    for stage, values in sorted(settings.values.items()):
        for name, value in sorted(values.items()):
            text = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
            words.append(f"--set {shlex.quote(f'{stage}.{name}={text}')}")
    return " ".join(words)
