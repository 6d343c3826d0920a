"""From options to a project: the shared options, where each value comes from, and the data set."""

import functools
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import click

from t3d.cli.console import show_log
from t3d.errors import UsageError
from t3d.pipeline.graph import Graph
from t3d.pipeline.plan import Project
from t3d.pipeline.settings import Layer, assignment, coerce, known, read_toml, resolve
from t3d.pipeline.stage import stages_of

PACKAGE = "t3d.stages"
PRESETS = ("tiny", "small", "paper", "dit")
METHODS = ("simclr", "moco", "byol", "simsiam", "none")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run is asked, stage parameters aside. Defaults < `t3d.toml` < environment < flags."""

    data: str | None = None
    category: str = "sofa"
    splits: str | None = None
    photos: str | None = None
    work: str = "work"
    preset: str = "tiny"
    solution: str = "both"
    contrastive: str = "simclr"
    init: str | None = None
    limit: int = 0
    seed: int = 0
    train_seed: int = 0
    allow_missing: bool = False
    retry_failed: bool = False
    values: Mapping[str, Mapping[str, Any]] | None = None

    def record(self) -> dict[str, Any]:
        """What decides the artifacts, for the run file."""
        ephemeral = ("work", "retry_failed")
        return {name: value for name, value in asdict(self).items() if name not in ephemeral}


_TYPES = {"limit": int, "seed": int, "train_seed": int, "allow_missing": bool, "retry_failed": bool}
_CHOICES = {"preset": PRESETS, "solution": ("1", "2", "both"), "contrastive": METHODS}


def project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is run on what."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _debug(_context: click.Context, _option: click.Parameter, chosen: bool) -> None:
    if chosen:
        show_log(True)


_OPTIONS = (
    click.option(
        "--data", "--from", "data", metavar="PATH", help="ShapeNet layout, mesh files, or a pack. [T3D_DATA]"
    ),
    click.option("--category", metavar="NAME", help="sofa, sofas, 04256520, or any folder name."),
    click.option("--splits", metavar="PATH", help="DeepSDF split JSON, or a folder of them."),
    click.option("--photos", metavar="DIR", help="Photographs to reconstruct for the report."),
    click.option("--work", metavar="DIR", help="The store. [T3D_WORK; default: work]"),
    click.option(
        "--preset", type=click.Choice(PRESETS), help="Size of training and extraction. [default: tiny]"
    ),
    click.option("--solution", type=click.Choice(("1", "2", "both")), help="Which solution. [default: both]"),
    click.option(
        "--contrastive",
        metavar="NAME[,NAME...]",
        help=f"Pre-training of solution 2: {', '.join(METHODS)}, or several. [default: simclr]",
    ),
    click.option(
        "--init", metavar="RUN", help="Go on from the networks of a run file, a store's category or a folder."
    ),
    click.option("--config", metavar="FILE", help="Settings in TOML. [default: t3d.toml, when there]"),
    click.option(
        "--set", "sets", multiple=True, metavar="STAGE.NAME=VALUE", help="One parameter of one stage."
    ),
    click.option("--limit", type=int, help="First N sorted ids of each part of the split; 0: all."),
    click.option("--seed", type=int, help="Seed of the data: shapes, split, views, samples. [default: 0]"),
    click.option("--train-seed", type=int, help="Seed of training. [default: 0]"),
    click.option("--retry-failed", is_flag=True, default=None, help="Try again what failed for good."),
    click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_debug,
        help="Show the library's log, and tracebacks.",
    ),
    click.option(
        "--allow-missing", is_flag=True, default=None, help="Go on without shapes lost to accidents."
    ),
)


def settings_of(options: Mapping[str, Any], earlier: Mapping[str, Any] | None = None) -> Settings:
    """Settings out of the command's options, the environment, the TOML file and an earlier run's record."""
    given = {name: value for name, value in options.items() if value is not None}
    path = _config_path(given)
    toml = read_toml(path) if path else {}
    stages = stages_of(PACKAGE)
    fields_now = {field.name for field in fields(Settings)}  # a run file may be of another version
    settings = Settings(**{name: value for name, value in (earlier or {}).items() if name in fields_now})
    flat = {name: value for name, value in toml.items() if not isinstance(value, dict)}
    for name in flat:
        known(name, _names(), f"{path}: setting")
    tables = {name: value for name, value in toml.items() if isinstance(value, dict) and name != "cluster"}
    environment = {
        name: os.environ[f"T3D_{name.upper()}"]
        for name in ("data", "work")
        if f"T3D_{name.upper()}" in os.environ
    }
    for where, layer in ((str(path), flat), ("environment", environment), ("option", given)):
        settings = replace(settings, **_checked(layer, where))
    values = _merged(settings.values or {}, tables, _sets(given.get("sets", ())), given.get("values", {}))
    resolve(stages, [Layer(str(path or "settings"), tables), Layer("--set", values)])
    return replace(settings, values=values)


def _config_path(given: Mapping[str, Any]) -> Path | None:
    if "config" in given:
        return Path(given["config"])
    return Path("t3d.toml") if Path("t3d.toml").is_file() else None


def cluster(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The cluster that the settings' TOML asks for, if it does."""
    path = _config_path({name: value for name, value in options.items() if value is not None})
    return read_toml(path).get("cluster") if path else None


def _names() -> list[str]:
    return [field.name for field in fields(Settings) if field.name not in ("values", "retry_failed")]


def _checked(layer: Mapping[str, Any], where: str) -> dict[str, Any]:
    checked = {}
    for name in layer.keys() & {*_names(), "retry_failed"}:
        value = coerce(layer[name], _TYPES.get(name, str), f"{where}: {name}")
        for one in value.split(",") if name == "contrastive" else [value]:
            if name in _CHOICES:
                known(one, _CHOICES[name], f"{where}: {name}")
        if name in ("data", "work", "splits", "init", "photos") and not value.strip():
            raise UsageError(f"{where}: {name} is empty; name a folder, or leave it out")
        checked[name] = value
    return checked


def _sets(texts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = {}
    for stage, parameter, value in map(assignment, texts):
        values.setdefault(stage, {})[parameter] = value
    return values


def _merged(*layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for stage, values in layer.items():
            merged.setdefault(stage, {}).update(values)
    return merged


@functools.cache
def preset_values(name: str) -> dict[str, Any]:
    """Stage parameters of a preset."""
    return read_toml(Path(str(resources.files("t3d") / "presets" / f"{name}.toml")))


def project_of(settings: Settings, command: str = "") -> Project:
    """The project: data set found or made, parameters resolved, graph of the selected variants."""
    from t3d.datasets.splits import discover
    from t3d.datasets.start import start_values

    stages = stages_of(PACKAGE)
    data = Path(settings.data) if settings.data else _procedural(settings)
    catalogue = _catalogue(data, settings)
    files = _split_files(settings) or discover(data, catalogue.name)
    split: dict[str, Any] = {
        "category": catalogue.name,
        "limit": settings.limit,
        "files": tuple(map(str, files)),
    }
    layers = [
        Layer(f"preset {settings.preset}", preset_values(settings.preset)),
        Layer("data set", {"split": split}),
        Layer("--init", start_values(settings.init) if settings.init else {}),
        Layer("settings", settings.values or {}),
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
        work=Path(settings.work).absolute(),
        seed=settings.seed,
        train_seed=settings.train_seed,
        recipe=recipe,
        allow_missing=settings.allow_missing,
        retry_failed=settings.retry_failed,
        apart={"photos": sorted(_photos(settings))},
    )


def _catalogue(data: Path, settings: Settings) -> Any:
    from t3d.datasets.catalogue import find_catalogue

    if not data.is_file():
        return replace(find_catalogue(data, settings.category), photos=_photos(settings))
    from t3d.tasks.packs import find_pack

    if settings.splits or settings.limit or settings.photos:
        raise UsageError(f"{data}: a pack is as it is; leave --splits, --limit and --photos out")
    return find_pack(data, settings.category)


def variants_of(settings: Settings) -> tuple[str, ...]:
    """Variants selected by --solution and --contrastive."""
    second = tuple(dict.fromkeys(f"s2-{method}" for method in settings.contrastive.split(",")))
    return {"1": ("s1",), "2": second, "both": ("s1", *second)}[settings.solution]


def _procedural(settings: Settings) -> Path:
    from t3d.tasks.synth import procedural_set

    return procedural_set(Path(settings.work).absolute(), settings.category, seed=settings.seed)


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
    for field in fields(Settings):
        value = getattr(settings, field.name)
        usual = value == getattr(default, field.name) and field.name != "category"
        if field.name in ("values", "work", "retry_failed") or usual:
            continue
        flag = f"--{field.name.replace('_', '-')}"
        words.append(flag if value is True else f"{flag} {shlex.quote(str(value))}")
    for stage, values in sorted((settings.values or {}).items()):
        for name, value in sorted(values.items()):
            text = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
            words.append(f"--set {shlex.quote(f'{stage}.{name}={text}')}")
    return " ".join(words)
