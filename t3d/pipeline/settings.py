"""Settings: published defaults < preset < TOML file < flags, each checked against the stage's `Params`."""

import dataclasses
import difflib
import math
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from t3d.errors import UsageError
from t3d.pipeline.stage import Stage


@dataclasses.dataclass(frozen=True)
class Layer:
    """Values by stage and parameter from one place, which `where` names in errors; later layers win."""

    where: str
    values: Mapping[str, Mapping[str, Any]]


def resolve(stages: Mapping[str, Stage], layers: Iterable[Layer]) -> dict[str, Any]:
    """The `Params` of every stage; raises UsageError naming the nearest for what is not known.

    Stages may be written by their name, or several by that of their command or of what they make: a value is
    then for all of them that have the parameter.
    """
    chosen: dict[str, dict[str, Any]] = {name: {} for name in stages}
    for layer in layers:
        for written, values in layer.values.items():
            meant = [one for one in stages.values() if written in one.names]
            if not meant:
                known(written, stages, f"{layer.where}: stage")
            for parameter, value in values.items():
                takers = [one for one in meant if parameter in _kinds(one)]
                if not takers:
                    names = {name for one in meant for name in _kinds(one)}
                    known(parameter, names, f"{layer.where}: parameter of {meant[0].name}")
                for one in takers:
                    where = f"{layer.where}: {one.name}.{parameter}"
                    chosen[one.name][parameter] = coerce(value, _kinds(one)[parameter], where)
    params = {}
    for name, stage in stages.items():
        try:
            params[name] = stage.params(**chosen[name])
        except ValueError as error:  # a Params that checks itself in __post_init__
            raise UsageError(f"{name}: {error}") from None
    return params


def known(name: str, names: Iterable[str], what: str) -> None:
    """Raise UsageError when `name` is none of `names`, naming the nearest."""
    names = sorted(names)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
        raise UsageError(f"{what} {name!r} is not known; {hint}")


def assignment(text: str) -> tuple[str, str, str]:
    """Stage, parameter and value of a `--set stage.parameter=value`."""
    name, equals, value = text.partition("=")
    stage, dot, parameter = name.strip().partition(".")
    if not (equals and dot and stage and parameter):
        raise UsageError(f"--set {text}: write stage.parameter=value, for example sdf.count=100000")
    return stage, parameter, value.strip()


def read_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file; raises UsageError with line and column of a mistake."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None


def coerce(value: Any, kind: Any, where: str) -> Any:
    """A value of the field's type out of TOML or the command line's text; raises UsageError."""
    origin = typing.get_origin(kind)
    if origin is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            raise UsageError(f"{where}: {value!r} is not a list")
        inner, *more = typing.get_args(kind)
        values = tuple(coerce(one, inner, where) for one in parts if one != "")
        if more != [...] and len(values) != 1 + len(more):
            raise UsageError(f"{where}: {value!r} has {len(values)} values, not {1 + len(more)}")
        return values
    if origin is Literal:
        known(str(value), [str(one) for one in typing.get_args(kind)], f"{where}: value")
        return str(value)
    try:
        return _scalar(value, kind)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UsageError(f"{where}: {value!r} is not {_ARTICLES[kind]}") from None


_ARTICLES = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _scalar(value: Any, kind: Any) -> Any:
    if isinstance(value, str):
        value = _TRUTH[value.lower()] if kind is bool else kind(value)
    elif kind is float and type(value) is int:
        value = float(value)
    elif type(value) is not kind:
        raise TypeError(value)
    if kind is float and not math.isfinite(value):  # infinity and NaN have no canonical text
        raise ValueError(value)
    return value


def _kinds(stage: Stage) -> dict[str, Any]:
    return typing.get_type_hints(stage.params)
