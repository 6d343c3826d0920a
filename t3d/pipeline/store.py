"""The store: one folder per artifact, there whole or not at all.

    <root>/<stage>/<shape or _all>/<label>-<key>/manifest.json and the files
    <root>/<stage>/<shape or _all>/<label>-<key>.failed.json     why it could not be made

A folder is filled under `.drafts`, checked, given its manifest last, and renamed into place.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

from t3d.errors import StoreError
from t3d.pipeline.keys import digest, text_digest
from t3d.pipeline.sources import file_digest

WHOLE_SET = "_all"
MANIFEST = "manifest.json"
Kind = Literal["data", "timeout", "killed", "infra"]


@dataclass(frozen=True)
class Failure:
    """Why one artifact is not there. Kind `data` stands until its key changes; the others are retried."""

    shape: str
    stage: str
    kind: Kind
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.stage}: {self.kind} failure: {self.reason}"

    def record(self) -> dict[str, str]:
        """What stages and reports see of it."""
        return {"shape": self.shape, "stage": self.stage, "kind": self.kind, "reason": self.reason}


@dataclass(frozen=True)
class Place:
    """Where one artifact belongs: kind of artifact, shape (or the whole set), label and key."""

    makes: str
    shape: str
    label: str
    key: str

    @property
    def folder(self) -> Path:
        """The artifact's folder below the store's root."""
        return Path(self.makes, folder_name(self.shape), f"{self.label}-{self.key[:16]}")


def folder_name(shape: str) -> str:
    """A shape id as one folder name: letters of any script, spaces and dots stay; the rest is quoted."""
    if shape == "":
        return WHOLE_SET
    name = "".join(one if one.isalnum() or one in " -_.()+~" else quote(one, safe="") for one in shape)
    if name.startswith((".", "_")):
        name = f"%{ord(name[0]):X}{name[1:]}"
    if len(name.encode()) > 200:
        name = f"{name[:40]}~{digest(shape)[:16]}"
    return name


def shape_of(folder: str) -> str:
    """The shape id behind a folder name (a very long one stays shortened)."""
    return "" if folder == WHOLE_SET else unquote(folder)


@dataclass(frozen=True)
class Store:
    """The artifacts of one category below `root`."""

    root: Path

    def path(self, place: Place) -> Path:
        """Folder of an artifact, there or not."""
        return self.root / place.folder

    def failure(self, place: Place) -> Failure | None:
        """The record of a failed attempt at this artifact."""
        try:
            return Failure(**json.loads(_failed(self.path(place)).read_text()))
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def record_failure(self, place: Place, failure: Failure) -> None:
        """Write the failure beside the place where the artifact would be."""
        self.write(_failed(self.path(place)), json.dumps(asdict(failure), indent=1))

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """An empty folder on the store's file system; what is left of it at the end is removed."""
        folder = self.root / ".drafts" / uuid.uuid4().hex
        with _held(folder.with_suffix(".lock")):
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def write(self, path: Path, text: str) -> None:
        """Write a text file of the store, there whole or not at all."""
        with self.draft() as folder:
            (folder / path.name).write_text(text)
            path.parent.mkdir(parents=True, exist_ok=True)
            (folder / path.name).replace(path)

    def publish(self, draft: Path, place: Place, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Give a finished draft its manifest and its place; where another was quicker, keep that one."""
        files = describe_files(draft)
        content = digest({name: one["sha256"] for name, one in files.items()})
        whole = {**manifest, "files": files, "digest": content}
        (draft / MANIFEST).write_text(json.dumps({**whole, "seal": _seal(whole)}, indent=1, sort_keys=True))
        target = self.path(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            # there already: another run made it, or a folder without a manifest lies there
            there = read_manifest(target)
            if there is not None:
                return there
            self._discard(target)
            draft.rename(target)
        _failed(target).unlink(missing_ok=True)
        return whole

    def remove(self, folder: Path) -> None:
        """Take an artifact away: out of sight first, then deleted, so that no reader sees half of it."""
        if folder.exists():
            self._discard(folder)
        _failed(folder).unlink(missing_ok=True)

    def _discard(self, folder: Path) -> None:
        with self.draft() as grave:
            folder.rename(grave / "removed")

    def lock(self, place: Place) -> contextlib.AbstractContextManager[None]:
        """Hold the artifact's name while making it; the kernel frees it when the process dies."""
        return _held(self.root / ".locks" / f"{place.makes}-{place.key[:32]}")

    def scratch(self, place: Place) -> Path:
        """Folder for checkpoints that a killed attempt leaves to the next, there or not."""
        return self.root / ".scratch" / f"{place.makes}-{place.key[:32]}"

    def sweep(self) -> None:
        """Remove what dead processes of any host left behind: their drafts, and locks that nobody holds."""
        for path in [*(self.root / ".drafts").glob("*"), *(self.root / ".locks").glob("*")]:
            lock = path.with_suffix(".lock") if path.is_dir() else path
            with contextlib.suppress(OSError), _held(lock, wait=False):
                shutil.rmtree(path, ignore_errors=True)

    def artifacts(self) -> list[Path]:
        """Every folder of an artifact, those without a manifest too."""
        return sorted(self.root.glob("[!.]*/*/*/"))

    def check_writable(self) -> None:
        """Raise StoreError when nothing can be written here."""
        try:
            with self.draft() as folder:
                (folder / "probe").write_bytes(b"t3d")
        except OSError as error:
            raise StoreError(f"{self.root}: {error.strerror}; name another folder with --work") from None


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest in an artifact's folder; None when the folder is not an artifact."""
    try:
        found = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    match found:
        case {"files": dict(), "digest": str()}:
            return found
    return None


def bytes_of_artifact(folder: Path) -> int:
    """How large an artifact's files are, by its manifest."""
    manifest = read_manifest(folder) or {"files": {}}
    return sum(one["bytes"] for one in manifest["files"].values())


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file below a folder, the manifest aside, by relative name."""
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def _seal(manifest: Mapping[str, Any]) -> str:
    """Digest of all that a manifest says, as it is read back."""
    return text_digest(json.dumps(json.loads(json.dumps(manifest)), sort_keys=True))


def _failed(folder: Path) -> Path:
    """The record that says why there is no artifact in a folder."""
    return folder.with_name(f"{folder.name}.failed.json")


def damage(folder: Path) -> list[str]:
    """What differs between an artifact's files and its manifest: missing, changed or foreign files.

    The manifest itself is held against its seal.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return ["no manifest"]
    there, said = describe_files(folder), manifest["files"]
    whole = manifest.pop("seal", None) in (None, _seal(manifest))  # an older manifest has none
    return (
        ([] if whole else [f"{MANIFEST} has changed"])
        + [f"{name} is missing" for name in sorted(said.keys() - there.keys())]
        + [f"{name} does not belong" for name in sorted(there.keys() - said.keys())]
        + [f"{name} has changed" for name in sorted(said.keys() & there.keys()) if said[name] != there[name]]
    )


@contextlib.contextmanager
def _held(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold a lock file, gone afterwards; the kernel frees it when the process dies, on whichever host.

    Raises BlockingIOError where another holds it, unless told to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if not _same_file(path, file.fileno()):
                continue  # its last holder took the file away while we waited
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
