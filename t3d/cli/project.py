"""From options to a project: where each value comes from, and the data set."""

import functools
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from t3d.cli.options import KINDS, Preset, Settings
from t3d.errors import UsageError
from t3d.pipeline.graph import Graph
from t3d.pipeline.plan import Project
from t3d.pipeline.settings import Layer, assignment, coerce, known, read_toml, resolve
from t3d.pipeline.stage import stages_of
from t3d.pipeline.store import Store

PACKAGE = "t3d.stages"
PRESETS: tuple[str, ...] = get_args(Preset)
METHODS = ("simclr", "moco", "byol", "simsiam", "none")
PATHS = ("data", "work", "splits", "photos", "init")
"""Settings that name a file or folder."""


def settings_of(options: Mapping[str, Any], earlier: Mapping[str, Any] | None = None) -> Settings:
    """Settings out of the command's options, the environment, the TOML file and an earlier run's record."""
    earlier, (path, toml) = earlier or {}, read_config(options)
    tables = {name: value for name, value in toml.items() if isinstance(value, dict) and name != "cluster"}
    flat = {name: value for name, value in toml.items() if not isinstance(value, dict)}
    for name in flat:
        known(name, [*KINDS.keys() - {"retry_failed"}], f"{path}: setting")
    environment = {name: os.environ.get(f"T3D_{name.upper()}") for name in ("data", "work")}
    settings = Settings(**{name: value for name, value in earlier.items() if name in KINDS})
    for where, layer in ((f"{path}: ", flat), ("environment: ", environment), ("--", options)):
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
    if path and not Path(path).is_file():
        raise UsageError(f"--config {path}: no such file; leave it out, or name a TOML file")
    return (path, read_toml(Path(path))) if path else ("settings", {})


def _checked(layer: Mapping[str, Any], where: str) -> dict[str, Any]:
    checked = {}
    for name in [name for name in KINDS if layer.get(name) is not None]:
        value = checked[name] = coerce(layer[name], KINDS[name], f"{where}{name}")
        if name in PATHS and not value.strip():
            raise UsageError(f"{where}{name} is empty; name a folder, or leave it out")
        for method in value.split(",") if name == "contrastive" else []:
            known(method, METHODS, f"{where}{name}")
    return checked


@functools.cache
def preset_values(name: str) -> dict[str, Any]:
    """Stage parameters of a preset."""
    return read_toml(Path(__file__).parents[1] / "presets" / f"{name}.toml")


def project_of(settings: Settings) -> Project:
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
        "command": command_of(settings),
    }
    return Project(
        Graph(stages, variants_of(settings), catalogue.roles),
        resolve(stages, layers),
        catalogue,
        Store(work / catalogue.name),
        settings.seed,
        settings.train_seed,
        recipe,
        settings.allow_missing,
        settings.retry_failed,
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
    files = sorted(Path(settings.splits).glob("*.json")) or [Path(settings.splits)]
    if not files[0].is_file():
        raise UsageError(f"--splits {settings.splits}: no such file or folder of .json files")
    return files


def command_of(settings: Settings) -> str:
    """The `t3d run` command that asks for the same artifacts."""
    default, words = Settings().record(), ["t3d run"]
    for name, value in settings.record().items():
        if name != "values" and (name == "category" or value != default[name]):
            flag = f"--{name.replace('_', '-')}"
            words.append(flag if value is True else f"{flag} {shlex.quote(str(value))}")
    for stage, values in sorted(settings.values.items()):
        for name, value in sorted(values.items()):
            words.append(f"--set {shlex.quote(f'{stage}.{name}={written(value)}')}")
    return " ".join(words)


def written(value: Any) -> str:
    """A parameter's value as it is written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
