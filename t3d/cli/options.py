"""Options that commands share: each is a field of a dataclass, its help the string under the field."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args, get_type_hints

import click

from t3d.pipeline.stage import field_docs

Preset = Literal["tiny", "small", "paper", "dit"]


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
    preset: Preset = "tiny"
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


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """How a run is made and shown; nothing here changes a byte of what is made."""

    workers: int | None = None
    """How many at once; 0: in this process, as with a pack."""
    scheduler: str = ""
    """A running Dask scheduler."""
    memory: float = 0.0
    """Most memory one shape may use. [default: 90 % of the machine's]"""
    max_failures: int | None = None
    """More lost shapes: status 1. [default: 10 % of train]"""
    dry_run: bool = False
    """Say what would run, and why; run nothing."""
    estimate: bool = False
    """Say about how long and how large; run nothing."""
    graph: str = ""
    """Draw the stages and stop."""
    force: bool = False
    """Make the command's own artifacts anew."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """One machine-readable last line."""


KINDS = {name: kind for name, kind in get_type_hints(Settings).items() if name != "values"}
"""Types of the settings that have an option, by name."""

_METAVARS = {
    "data": "PATH", "category": "NAME", "splits": "PATH", "photos": "DIR", "work": "DIR", "init": "RUN",
    "contrastive": "NAME[,NAME...]", "scheduler": "ADDRESS", "memory": "GB", "graph": "FILE.svg",
}  # fmt: skip

_TYPES = {str: click.STRING, float: click.FLOAT, int: click.INT, int | None: click.IntRange(0)}


def options_of(kind: type) -> list[Callable[..., Any]]:
    """An option for every documented field of a dataclass, None where it is not given."""
    kinds = get_type_hints(kind)
    return [_option(name, kinds[name], text) for name, text in field_docs(kind).items()]


def _option(name: str, kind: Any, text: str) -> Callable[..., Any]:
    names = [f"--{name.replace('_', '-')}", *(["--from"] if name == "data" else []), name]
    if kind is bool:
        return click.option(*names, is_flag=True, default=None, help=text)
    taken = _TYPES.get(kind) or click.Choice(get_args(kind))
    return click.option(*names, type=taken, metavar=_METAVARS.get(name), help=text)


def with_options(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    """The command with these options, listed in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is run on what."""
    return with_options(
        command,
        *options_of(Settings),
        click.option("--config", metavar="FILE", help="Settings in TOML. [default: t3d.toml, when there]"),
        click.option(
            "--set", "sets", multiple=True, metavar="STAGE.NAME=VALUE", help="One parameter of one stage."
        ),
        click.option("--debug", is_flag=True, expose_value=False, help="Show the log, and tracebacks."),
    )
