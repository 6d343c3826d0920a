"""Digests: canonical JSON of what made a thing, hashed. Equal digests mean equal bytes."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any


def canonical(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, shortest floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def text_digest(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: Any) -> str:
    """SHA-256 of the canonical text of a value, in hexadecimal."""
    return text_digest(canonical(value))


def seed_of(seed: int, stage: str, shape: str) -> int:
    """128-bit seed of one shape in one stage: no dependence on order, workers or machines."""
    return int(digest([seed, stage, shape])[:32], 16)


def plain(params: Any, file_digest: Callable[[Path], str] | None = None) -> dict[str, Any]:
    """Fields of a `Params` as plain values; paths become content digests where `file_digest` is given."""

    def value_of(value: Any) -> Any:
        if isinstance(value, Path):
            return {value.name: file_digest(value)} if file_digest else str(value)
        return [value_of(one) for one in value] if isinstance(value, tuple) else value

    return {field.name: value_of(getattr(params, field.name)) for field in dataclasses.fields(params)}


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """What changed from one pre-image to the other, a line each; digests are only said to differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            path = f"{where}.{name}" if where else name
            if name not in old:
                yield f"{path} added"
            elif name not in new:
                yield f"{path} removed"
            else:
                yield from differences(old[name], new[name], path)
    elif old != new:
        is_digest = re.fullmatch("[0-9a-f]{64}", str(old))
        yield f"{where} changed" if is_digest else f"{where}: {old} -> {new}"
