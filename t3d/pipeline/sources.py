"""Source files and their digests, remembered by size and time so that nothing is read twice."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from t3d.pipeline.keys import text_digest

Memo = Callable[[Path, str, Callable[[Path], Any]], Any]
"""`memo(path, name, compute)`: `compute(path)`, remembered until the file at `path` changes."""


@dataclass(frozen=True)
class Source:
    """What a shape's stages read from the data set: the file to open and all the files it stands for."""

    path: Path
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Given:
    """An artifact that the data set brings along: it is taken over from `folder` instead of being made.

    folder: a folder, or one file. take: a function of a module (workers must find it) that writes into its
    second argument what it reads in the first, the folder; it raises DataError where something is wrong
    there, and returns facts. None, with a file: nothing is copied, stages are handed the file's own path.
    """

    folder: Path
    take: Callable[[Path, Path], Mapping[str, Any]] | None


class Catalogue(Protocol):
    """The shapes of one category; the engine asks for nothing else."""

    @property
    def name(self) -> str:
        """Name of the category: the store's first folder."""

    @property
    def title(self) -> str:
        """Where the shapes come from, in words for run records and reports."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Every shape id, sorted."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of the source roles that `source` answers."""

    def source(self, shape: str, role: str, memo: Memo) -> Source:
        """Files of one shape in one role."""

    def given(self, shape: str, makes: str) -> Given | None:
        """The artifact of one shape ("": of the whole set) that the data set brings itself; None where it
        has to be made. makes: kind of artifact, with "-VARIANT" behind it where it exists once per variant.
        """


@dataclass
class FileIndex:
    """What is known of files, by path, valid while size, times and inode stay the same.

    The time of change, which no program can set, is among them. A file changed within the last two seconds is
    never remembered: its time may not have moved yet.
    """

    path: Path
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)
    _dirty: bool = False

    def __post_init__(self) -> None:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            checksum, _, text = self.path.read_text().partition("\n")
            if checksum == text_digest(text):  # else torn, or changed behind our back: an empty memory
                self._known = json.loads(text)

    def memo(self, path: Path, name: str, compute: Callable[[Path], Any]) -> Any:
        """`compute(path)`, which must give plain JSON values, remembered under `name`."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        entry = self._known.get(str(path))
        if entry is None or entry["stamp"] != stamp:
            entry = {"stamp": stamp}
        if name not in entry:
            entry[name] = compute(path)
            if abs(time.time_ns() - status.st_mtime_ns) > 2e9:
                self._known[str(path)] = entry
                self._dirty = True
        return entry[name]

    def digest(self, path: Path) -> str:
        """SHA-256 of the file's content."""
        return str(self.memo(path, "sha256", file_digest))

    def save(self) -> None:
        """Write the memory aside and rename it; losing it costs time only, so a failure is no error."""
        if not self._dirty:
            return
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self._known)
            draft.write_text(f"{text_digest(text)}\n{text}")
            draft.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()


def files_below(folder: Path) -> list[Path]:
    """Every file in a folder at any depth, hidden ones aside, sorted; a file itself."""
    paths = [folder] if folder.is_file() else folder.rglob("[!.]*")
    return sorted(path for path in paths if not path.is_dir())


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
