"""Which shapes a folder holds: ShapeNet v1, ShapeNet v2, or any folder of mesh files.

Listing reads folder names only; a shape's files are looked up when it is asked for, so that a folder without
a model becomes a recorded failure of that shape instead of vanishing.
"""

import contextlib
import difflib
import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from t3d.datasets.beside import sidecars
from t3d.datasets.categories import canonical, is_known, plural, same, synset
from t3d.datasets.given import MODELS, TAKEN, take_model
from t3d.datasets.virtual import original
from t3d.errors import DataError, UsageError
from t3d.pipeline.sources import Given, Memo, Source

log = logging.getLogger(__name__)

MESH_SUFFIXES = frozenset(
    ".obj .ply .stl .off .glb .gltf .3mf .dae .fbx .blend .3ds .x3d .wrl .usd .usda .usdc .usdz .step .stp"
    " .iges .igs .abc .lwo .ctm .msh .vtk .vtp".split()
)
"""Suffixes of mesh files, lower case. Formats that cannot be read are shapes too: they end as failures."""

RECORD = "procedural.json"
"""File in a class folder that `t3d synth` made: its settings."""

_MODELS = ("models/model_normalized.obj", "model.obj")
"""Model files of ShapeNet v2 and v1, relative to the shape's folder."""

GIVEN = "given"
"""Folder in a shape's own in which the data set brings artifacts along, one folder for each."""

_NO_SHAPES = frozenset({"splits", "__MACOSX", GIVEN})
_RESERVED = frozenset({"_all"})


@dataclass(frozen=True)
class MeshFolder:
    """The shapes of one category in a folder; satisfies `t3d.pipeline.sources.Catalogue`."""

    name: str
    title: str
    entries: Mapping[str, Path]
    """Each shape's mesh file, or its folder, in which the model is sought."""
    procedural: bool = False
    photos: Mapping[str, Path] = field(default_factory=dict)
    """Photographs by id; they are no shapes, and have the one role "photo"."""
    roles: tuple[str, ...] = ("geometry", "appearance", "photo")
    folder: Path = Path()

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Every shape id, sorted."""
        return tuple(sorted(self.entries))

    def source(self, shape: str, role: str, memo: Memo) -> Source:
        """Files of one shape, a virtual one's being its original's.

        The mesh and what holds geometry, plus materials and textures for "appearance".

        Raises DataError where the shape's folder holds no model file, or no single one.
        """
        if role == "photo":
            return Source(self.photos[shape], (self.photos[shape],))
        entry = self.entries[original(shape) or shape]
        mesh = find_model(entry) if entry.is_dir() else entry
        if not mesh.is_file():
            raise DataError(f"{mesh}: the mesh file is gone; put it back, or remove the shape")
        within = self.folder if mesh == entry else entry
        return Source(mesh, (mesh, *sidecars(mesh, within, memo, looks=role == "appearance")))

    def given(self, shape: str, makes: str) -> Given | None:
        """The artifact in the `given/<makes>` of the shape, or of the class folder; None where there is none.

        Raises UsageError where any shape brings what cannot be given.
        """
        if not shape and makes.partition("-")[0] in MODELS:
            there = self.folder / GIVEN / makes
            return Given(there, take_model) if there.is_dir() else None
        if makes not in self._brought.get(shape, ()):
            return None
        return Given(self.entries[shape] / GIVEN / makes, TAKEN[makes])

    @cached_property
    def _brought(self) -> Mapping[str, Sequence[str]]:
        """Names in `given`, by shape, of those shapes that have the folder."""
        folders = {shape: entry / GIVEN for shape, entry in self.entries.items()}
        brought = {shape: _shape_like(folder) for shape, folder in folders.items() if folder.is_dir()}
        for shape, names in brought.items():
            if unknown := sorted(set(names) - TAKEN.keys()):
                where, known = folders[shape] / unknown[0], ", ".join(TAKEN)
                raise UsageError(f"{where}: cannot be given, only {known}; remove it")
        return brought


def find_catalogue(data: Path | str, category: str) -> MeshFolder:
    """The shapes of `category` under `data`: a class folder in it, or `data` itself.

    Raises UsageError where there is no such folder, category or mesh.
    """
    if not str(data):
        raise UsageError("the data set's folder is an empty string; name a folder, or leave it out")
    name, data = canonical(category), Path(data)
    if not data.is_dir():
        what = "is a file, not a folder" if data.exists() else "no such folder"
        raise UsageError(f"{data}: {what}; name the folder that holds the meshes")
    folder = _class_folder(data, category)
    entries = _shape_folders(folder) or _named(folder, sorted(_walk(folder)), _RESERVED)
    if not entries:
        raise UsageError(f"{folder}: no mesh in it; expected ShapeNet's shape folders, or .obj, .glb, ...")
    if taken := [shape for shape in entries if original(shape)]:
        raise UsageError(f"{folder}: {taken[0]!r} is named like a virtual shape (...~NUMBER); rename it")
    title = str(folder)
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # what `t3d synth` left, if it did
        title = f"procedural {plural(name)}, seed {json.loads((folder / RECORD).read_text())['seed']}"
    return MeshFolder(name, title, entries, procedural=title != str(folder), folder=folder)


def find_model(folder: Path) -> Path:
    """The model file of a shape folder: ShapeNet's names first, else the only mesh file there.

    Raises DataError where there is none, or a choice.
    """
    for name in _MODELS:
        if (folder / name).is_file():
            return folder / name
    places = [place for place in (folder / "models", folder) if place.is_dir()]
    found = [place / name for place in places for name in _mesh_names(place)]
    if not found:
        raise DataError(f"no model file in {folder}; expected models/model_normalized.obj or model.obj")
    chosen = [path for path in found if path.stem in ("model_normalized", "model")] or found
    if len(chosen) > 1:
        names = ", ".join(path.name for path in found[:4])
        raise DataError(f"several model files in {folder} ({names}); keep one, or call it model.obj")
    return chosen[0]


def _class_folder(data: Path, category: str) -> Path:
    """The folder in `data` that is named after the category in any spelling, or `data` itself."""
    folders, itself = _shape_like(data), data.resolve().name
    matches = [name for name in folders if same(name, category)]
    matches.sort(key=lambda name: (name != category, name != synset(category), name))
    if matches[1:]:
        log.warning("%s: %s all mean %s; taking %s", data, ", ".join(matches), category, matches[0])
    if matches:
        return data / matches[0]
    if same(itself, category):
        return data
    near, known = difflib.get_close_matches(category, folders, 1), any(map(is_known, folders))
    if is_known(itself) and not known:
        raise UsageError(f"{data}: holds {plural(canonical(itself))}; say --category {canonical(itself)}")
    if (near or known) and not _mesh_names(data):
        there = ", ".join(canonical(name) for name in folders if _any_mesh(data / name))
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"{data}: no category {category!r} in it; there is {there or 'none'}{hint}")
    return data


def _shape_like(folder: Path) -> list[str]:
    """Names of the folders in a folder that may hold shapes."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name not in _NO_SHAPES and entry.is_dir()]
    return sorted(name for name in names if not name.startswith("."))


def _shape_folders(folder: Path) -> dict[str, Path]:
    """Entries of a ShapeNet class folder, also of shapes without a model; empty if it is none.

    It is one if most folders in it that hold a mesh hold one by ShapeNet's name, or given artifacts.
    """
    names = _shape_like(folder)
    usual = {name for name in names if any(os.path.exists(folder / name / one) for one in (*_MODELS, GIVEN))}
    if len(usual) <= sum(_any_mesh(folder / name) for name in names if name not in usual):
        return {}
    entries = {name: folder / name for name in names}
    return entries | _named(folder, _mesh_names(folder), _RESERVED | entries.keys())


def _named(folder: Path, files: Sequence[str], taken: frozenset[str]) -> dict[str, Path]:
    """An id for every file: its relative path without suffix, or a longer form if that is not free."""
    forms = (lambda file: _id(os.path.splitext(file)[0]), _id, lambda file: f"{_id(file)}-{_short(file)}")
    entries: dict[str, Path] = {}
    left = list(files)
    for form in forms:
        counts = Counter(map(form, left))
        taken |= entries.keys()
        free = [file for file in left if counts[form(file)] == 1 and form(file) not in taken]
        entries |= {form(file): folder / file for file in free}
        left = [file for file in left if file not in set(free)]
    return entries


def _id(file: str) -> str:
    return file.replace(os.sep, "-")


def _short(file: str) -> str:
    return hashlib.sha256(os.fsencode(file)).hexdigest()[:8]


def _mesh_names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_mesh(entry.name) and entry.is_file())


def _is_mesh(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in MESH_SUFFIXES


def _walk(folder: Path) -> Iterator[str]:
    """Mesh files under a folder, as relative paths; links are followed, each folder is read once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (os.path.relpath(os.path.join(place, name), folder) for name in files if _is_mesh(name))


def _any_mesh(folder: Path) -> bool:
    return next(_walk(folder), None) is not None
