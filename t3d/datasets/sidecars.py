"""Names of the files that a mesh file leans on: materials, textures, glTF buffers.

Only names are read here, in binary and without parsing the mesh, so that it is quick and never fails on a
broken file. Whether the named files exist is asked anew each time; the names are remembered per file version.
"""

import json
import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from t3d.pipeline.sources import Memo

MOST_NAMES = 1000
"""Names read from one file; more means that the file is something else."""

_LINE = rb"[ \t]+([^\r\n]{1,1024})"
_MTLLIB = re.compile(rb"(?:^|[\r\n])[ \t]*mtllib" + _LINE)
_MAP = re.compile(rb"(?i)(?:^|[\r\n])[ \t]*(?:map_\w+|bump|disp|decal|refl|norm)" + _LINE)
_URI = re.compile(rb'"uri"\s*:\s*("(?:[^"\\]|\\.){1,1024}")')
_PLY_TEXTURE = re.compile(rb"(?:^|[\r\n])comment[ \t]+TextureFile" + _LINE)
MAP_OPTIONS = re.compile(r"^(?:-\w+\s+(?:(?:on|off|[rgbmlz]|[-+]?[\d.]+(?:e[-+]?\d+)?)\s+)*)+", re.IGNORECASE)
"""What may stand before a texture's name in an MTL."""

_SURFACE = tuple(".png .jpg .jpeg .webp .ktx2 .basis .dds .bmp .gif .tga .tif .tiff".split())


@dataclass(frozen=True)
class Sidecars:
    """Existing files beside a mesh: those that hold geometry, and those that hold only its looks."""

    geometry: tuple[Path, ...] = ()
    appearance: tuple[Path, ...] = ()


def sidecars(mesh: Path, within: Path, memo: Memo) -> Sidecars:
    """Files that `mesh` names and that exist inside the folder `within`; URLs and absolute paths never do."""
    suffix = mesh.suffix.lower()
    if suffix in (".gltf", ".glb"):
        found = _existing(memo(mesh, "uris", gltf_names), mesh, within)
        looks = tuple(path for path in found if path.suffix.lower() in _SURFACE)
        return Sidecars(tuple(path for path in found if path not in looks), looks)
    if suffix == ".ply":
        return Sidecars((), _existing(memo(mesh, "texture", ply_names), mesh, within))
    if suffix != ".obj":
        return Sidecars()
    libraries = _existing(memo(mesh, "mtllib", obj_names), mesh, within)
    textures = [_existing(memo(mtl, "maps", mtl_names), mtl, within) for mtl in libraries]
    return Sidecars((), tuple(dict.fromkeys((*libraries, *(path for found in textures for path in found)))))


def obj_names(path: Path) -> list[str]:
    """Material libraries that an OBJ names; a line may name one file with spaces, or several."""
    lines = [_text(line) for line in _matches(_MTLLIB, path)]
    return [name for line in lines for name in dict.fromkeys((line, *line.split()))]


def mtl_names(path: Path) -> list[str]:
    """Textures that an MTL names, without the options before them (`-s 1 1 1 wood.png`)."""
    return [MAP_OPTIONS.sub("", _text(line)) for line in _matches(_MAP, path)]


def gltf_names(path: Path) -> list[str]:
    """Files that a glTF (.gltf or .glb) names; data embedded in it is not a file."""
    names = []
    for quoted in _matches(_URI, path):
        try:
            names.append(unquote(str(json.loads(quoted))))
        except ValueError:  # a stray match in binary data
            continue
    return [name for name in names if not name.startswith("data:")]


def ply_names(path: Path) -> list[str]:
    """Textures that a PLY names in its header."""
    with path.open("rb") as file:
        header = file.read(1 << 16).partition(b"end_header")[0]
    return [_text(match.group(1)) for match in _PLY_TEXTURE.finditer(header)]


def _matches(pattern: re.Pattern[bytes], path: Path) -> Iterator[bytes]:
    """First group of each match in a file, through a memory map: files of any size cost no memory."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield from (match.group(1) for match in islice(pattern.finditer(content), MOST_NAMES))


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError:
        return line.decode("latin-1").strip()


def _existing(names: list[str], beside: Path, within: Path) -> tuple[Path, ...]:
    """Files named relative to `beside` that exist and do not climb out of `within`.

    A file of the same base name right beside counts too: loaders fall back to it, so it may be what is read.
    """
    root = os.path.normpath(within) + os.sep
    found = {}
    for name in names:
        slashed = name.replace("\\", "/")
        for candidate in (slashed, slashed.rpartition("/")[2]):
            path = os.path.normpath(os.path.join(beside.parent, candidate))
            if path.startswith(root) and "://" not in name and os.path.isfile(path):
                found[Path(path)] = True
    return tuple(found)
