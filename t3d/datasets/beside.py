"""Files that a mesh file names: materials, textures, glTF buffers; none outside the shape's folder.

For keys only names are read, in binary and without parsing the mesh, so that it is quick and never fails on a
broken file. Whether named files exist is asked anew each time; the names are remembered per file version.
"""

import json
import mmap
import os
import re
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from t3d.datasets import images
from t3d.datasets.obj import LIBRARY
from t3d.pipeline.sources import Memo

MOST_NAMES = 1000
"""Names read from one file; more means that the file is something else."""

_LINE = rb"[ \t]+([^\r\n]{1,1024})"
_NAMES = {
    "obj": re.compile(rb"(?:^|[\r\n])[ \t]*mtllib" + _LINE),
    "mtl": re.compile(rb"(?i)(?:^|[\r\n])[ \t]*(?:map_\w+|bump|disp|decal|refl|norm)" + _LINE),
    "gltf": re.compile(rb'"uri"\s*:\s*"((?:[^"\\]|\\.){1,1024})"'),
    "ply": re.compile(rb"(?:^|[\r\n])comment[ \t]+TextureFile" + _LINE),
}
_OPTIONS = re.compile(r"^(?:-\w+\s+(?:(?:on|off|[rgbmlz]|[-+]?[\d.]+(?:e[-+]?\d+)?)\s+)*)+", re.IGNORECASE)
_PICTURES = tuple(".png .jpg .jpeg .webp .ktx2 .basis .dds .bmp .gif .tga .tif .tiff".split())


def sidecars(mesh: Path, within: Path, memo: Memo, looks: bool = True) -> tuple[Path, ...]:
    """Files that `mesh` names and that exist inside the folder `within`; URLs and absolute paths never do.

    A file of the same base name right beside counts too: loaders fall back to it, so it may be what is read.
    looks: those as well that hold only its looks, not its geometry; they come last.
    """

    def found(path: Path, kind: str) -> dict[Path, None]:
        named = memo(path, kind, partial(names, kind))
        return dict.fromkeys(file for name in named for file in _existing(name, [path.parent], within))

    kind = mesh.suffix.lower()[1:].replace("glb", "gltf")
    if kind not in _NAMES or (kind != "gltf" and not looks):
        return ()
    files = list(found(mesh, kind))
    if kind == "gltf":
        pictures = [path for path in files if path.suffix.lower() in _PICTURES]
        return tuple(path for path in files if path not in pictures) + tuple(pictures if looks else ())
    textures = [path for library in files if kind == "obj" for path in found(library, "mtl")]
    return tuple(dict.fromkeys([*files, *textures]))


def names(kind: str, path: Path) -> list[str]:
    """Files that a mesh or material file names; kind: "obj", "mtl", "gltf" (also of a .glb) or "ply".

    A line of an OBJ may name one library with spaces, or several. An MTL's options (`-s 1 1 1 wood.png`) and
    data embedded in a glTF are no names. Read through a memory map: files of any size cost no memory.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            lines = [_text(match[1]) for match in islice(_NAMES[kind].finditer(content), MOST_NAMES)]
    if kind == "obj":
        return [name for line in lines for name in dict.fromkeys((line, *line.split()))]
    if kind == "gltf":
        return [unquote(_unescaped(line)) for line in lines if not line.startswith("data:")]
    return [_OPTIONS.sub("", line) for line in lines]


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError:
        return line.decode("latin-1").strip()


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:  # a stray match in binary data
        return text


def _existing(name: str, folders: Sequence[Path], within: Path) -> list[Path]:
    """Files of this name, or else of its last part, in the folders, which do not climb out of `within`."""
    slashed, root = name.replace("\\", "/"), os.path.normpath(within) + os.sep
    forms = () if "://" in slashed else (slashed, slashed.rpartition("/")[2])
    paths = [os.path.normpath(os.path.join(folder, form)) for form in forms for folder in folders]
    return [Path(path) for path in paths if path.startswith(root) and os.path.isfile(path)]


class Beside:
    """Reads the files that one mesh file names; what trimesh calls a resolver.

    Names that climb out of the shape's folder, absolute ones and URLs are not followed, but a file of the
    same base name beside the mesh is taken. ShapeNet v2 keeps pictures in `../images`: a model in a folder
    called `models` may use all of that folder's parent. `warnings` gathers what was not read and why.
    """

    def __init__(self, mesh: Path) -> None:
        self.warnings: list[str] = []
        self._mesh = mesh
        shapenet = mesh.parent.name == "models" and mesh.stem == "model_normalized"
        self._root = mesh.parent.parent if shapenet else mesh.parent
        self._folders = [mesh.parent]

    def get(self, name: str) -> bytes:
        """Content of a named file; OSError or ValueError, after a warning, where there is none to read."""
        if name == LIBRARY:
            return self.library()
        name = _OPTIONS.sub("", name.strip())
        if not (found := self._find(name) or self._find(unquote(name))):
            self.warnings.append(f"texture {name} is not in the shape's folder: drawn untextured")
            raise FileNotFoundError(name)
        data = found[0].read_bytes()
        if found[0].suffix.lower() in _PICTURES:
            try:
                images.opened(data)
            except ValueError as error:
                self.warnings.append(f"texture {found[0].name} cannot be read: drawn untextured ({error})")
                raise
        return data

    __getitem__ = get

    def library(self) -> bytes:
        """All material libraries that an OBJ names, one after another, made fit for trimesh.

        Comments after numbers go, and a colour's single number becomes three: either would lose materials.
        """
        named = names("obj", self._mesh)
        found = list(dict.fromkeys(path for name in named for path in self._find(name)[:1]))
        if named and not found:
            what = f"material library {named[0]} is not in the shape's folder"
            self.warnings.append(f"{what}: drawn untextured")
        self._folders = list(dict.fromkeys([*(path.parent for path in found), self._mesh.parent]))
        content = b"\n".join(path.read_bytes() for path in found)
        content = re.sub(rb"(?m)^([ \t]*(?:K\w|Tr|d|N\w)\b[^#\r\n]*)#.*$", rb"\1", content)
        return re.sub(rb"(?m)^([ \t]*K\w[ \t]+)(\S+)[ \t\r]*$", rb"\1\2 \2 \2", content)

    def _find(self, name: str) -> list[Path]:
        return _existing(name, self._folders, self._root)
