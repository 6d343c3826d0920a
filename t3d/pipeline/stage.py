"""What a stage is: a function named after what it makes, its parameters, and what it reads.

A stage is declared once, in its signature:

- before the star stand the things it reads: other stages, or source files of the data set;
- after the star stands what the runner hands over (`HANDED`);
- `Params`, a frozen dataclass in the same module, is its settings, options, help and part of its key.
"""

import dataclasses
import functools
import importlib
import inspect
import itertools
import pkgutil
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from t3d.errors import T3dError

Shapes = Mapping[str, Path]
"""Folder of a per-shape artifact by shape id."""

Parts = Mapping[str, Shapes]
"""The same, by part of the split: `parts["train"]["some-id"]` is a folder."""

Facts = Mapping[str, Any]
"""What a stage returns for its manifest: plain numbers, strings and lists."""

Progress = Callable[..., None]
"""`progress(done, total, loss=..., ...)`: live figures for whoever watches the run."""

HANDED = "out params rng train_seed shape variant scratch progress threads ids failures recipe".split()
"""Names the runner can hand to a stage after the star.

out: empty folder to fill. params: this stage's `Params`. rng: numpy generator seeded by (seed, stage,
shape). train_seed: int. shape: shape id. variant: "s1", ... scratch: folder that outlives a killed
attempt, for checkpoints. progress: see `Progress`. threads: how many this task may use. ids: every
shape id of the data set, sorted. failures: records of the shapes lost upstream. recipe: settings of
every stage upstream, category and data set name.
"""


class Each:
    """Read a per-shape stage for every shape of the named parts of the split; none named: of all."""

    def __init__(self, *parts: str, variants: bool = False) -> None:
        self.parts, self.variants = parts, variants


class Variants:
    """Read an artifact once per selected variant: the argument is a mapping by variant.

    only: kinds of variants, by the beginning of their names, that it is read for; without any of them
    selected the mapping is empty, and nothing is made for it.
    """

    def __init__(self, *only: str) -> None:
        self.variants, self.only = True, only


@dataclasses.dataclass(frozen=True)
class Need:
    """One thing a stage reads: `name` is a stage, a kind of artifact or a source role.

    parts: those of `Each`, None for one folder.
    """

    name: str
    parts: tuple[str, ...] | None = None
    variants: bool = False
    only: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoParams:
    """A stage without parameters."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A declared stage.

    version: raised by hand when the meaning of the output changes. makes: the kind of artifact where
    several stages make the same kind (default: the function's name). command: name of its command.
    variants: the recipes in which it takes part (none: it is the same for all). parts: the parts of
    the split made when a per-shape stage is itself the target. files: what `out` must hold at the end.
    resource: "train" for tasks that take the whole machine. timeout: seconds for one task, None: never.
    """

    function: Callable[..., Facts | None]
    per: Literal["shape", "set"]
    version: int
    makes: str
    needs: tuple[Need, ...]
    handed: tuple[str, ...]
    command: str | None = None
    variants: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("train", "virtual", "val", "test")
    files: tuple[str, ...] = ()
    resource: str | None = None
    timeout: float | None = 1800.0

    @property
    def name(self) -> str:
        """Name of the function and of its file."""
        return self.function.__name__

    @property
    def names(self) -> tuple[str | None, ...]:
        """What it may be called by: its own name, that of what it makes, and of its command."""
        return (self.name, self.makes, self.command)

    @property
    def params(self) -> type:
        """The dataclass of its settings."""
        return self.function.__globals__.get("Params", NoParams)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def stage(**facts: Any) -> Callable[[Callable[..., Facts | None]], Callable[..., Facts | None]]:
    """Declare a function to be a stage; it stays an ordinary function that tests can call.

    facts: `per` and `version`, and whatever else of `Stage` is not read off the function.
    """

    def declare(function: Callable[..., Facts | None]) -> Callable[..., Facts | None]:
        name, parameters = function.__name__, inspect.signature(function).parameters.values()
        handed = tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)
        for one in handed:
            if one not in HANDED:
                raise T3dError(f"stage {name}: the runner hands no {one!r} (it has {', '.join(HANDED)})")
        needs = tuple(_need(one.name, one.annotation) for one in parameters if one.name not in handed)
        declared = Stage(**{"makes": name, **facts}, function=function, needs=needs, handed=handed)
        function.__stage__ = declared  # type: ignore[attr-defined]
        return function

    return declare


def _need(name: str, annotation: Any) -> Need:
    """A plain annotation means one folder; `Annotated[..., Each(...)]` or `Variants()` means many."""
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, Each | Variants):
            return Need(name, **vars(mark))
    return Need(name)


@functools.cache
def stages_of(package: str) -> dict[str, Stage]:
    """Every stage of a package, by name: one per module, in the function named like the file."""
    root = importlib.import_module(package)
    found = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(root.__path__)):
        if name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{name}")
        declared = getattr(getattr(module, name, None), "__stage__", None)
        if declared is None:
            raise T3dError(f"{module.__name__}: no @stage function named {name!r} in it")
        found[name] = declared
    return found


@functools.cache
def field_docs(params: type) -> dict[str, str]:
    """The string under each field of a `Params` dataclass or of what it is made of, by field name."""
    import ast
    import textwrap

    docs = {}
    for base in reversed([one for one in params.__mro__ if dataclasses.is_dataclass(one)]):
        body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]).body
        for field, text in itertools.pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(doc))):
                    docs[name] = " ".join(doc.split())
    return docs
