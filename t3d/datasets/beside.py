"""Files that a mesh file names, read only from its own folder, and mesh files made fit for trimesh."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from t3d.datasets import images
from t3d.datasets.sidecars import MAP_OPTIONS, obj_names

_LIBRARY = "t3d materials"
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tga", ".tif", ".tiff", ".webp")


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
        self._root = os.path.normpath(mesh.parent.parent if shapenet else mesh.parent) + os.sep
        self._folders = [mesh.parent]

    def warn(self, message: str) -> None:
        """Note something that could not be read."""
        self.warnings.append(message)

    def get(self, name: str) -> bytes:
        """Content of a named file; OSError or ValueError, after a warning, where there is none to read."""
        if name == _LIBRARY:
            return self.library()
        path = self._find(MAP_OPTIONS.sub("", name.strip()))
        data = path.read_bytes()
        if path.suffix.lower() in _PICTURES:
            try:
                images.check(data)
            except ValueError as error:
                self.warn(f"texture {path.name} cannot be read: drawn untextured ({error})")
                raise
        return data

    __getitem__ = get

    def library(self) -> bytes:
        """All material libraries that an OBJ names, one after another, made fit for trimesh.

        Comments after numbers go, and a colour's single number becomes three: either would lose materials.
        """
        if self._mesh.suffix.lower() != ".obj":
            return b""
        names = obj_names(self._mesh)
        found = [path for name in names if (path := self._existing(name))]
        if names and not found:
            self.warn(f"material library {names[0]} {self._why(names[0])}: drawn untextured")
        self._folders = list(dict.fromkeys([*(path.parent for path in found), self._mesh.parent]))
        content = b"\n".join(path.read_bytes() for path in dict.fromkeys(found))
        content = re.sub(rb"(?m)^([ \t]*(?:K\w|Tr|d|N\w)\b[^#\r\n]*)#.*$", rb"\1", content)
        return re.sub(rb"(?m)^([ \t]*K\w[ \t]+)(\S+)[ \t\r]*$", rb"\1\2 \2 \2", content)

    def _find(self, name: str) -> Path:
        path = self._existing(name) or self._existing(unquote(name))
        if path is None:
            self.warn(f"texture {name} {self._why(name)}: drawn untextured")
            raise FileNotFoundError(name)
        return path

    def _existing(self, name: str) -> Path | None:
        slashed = name.replace("\\", "/")
        if "://" in slashed:
            return None
        for candidate in (slashed, slashed.rpartition("/")[2]):
            for folder in self._folders:
                path = os.path.normpath(os.path.join(folder, candidate))
                if path.startswith(self._root) and os.path.isfile(path):
                    return Path(path)
        return None

    def _why(self, name: str) -> str:
        slashed = name.replace("\\", "/")
        path = os.path.normpath(os.path.join(self._mesh.parent, slashed))
        outside = "://" in slashed or re.match(r"[A-Za-z]:/", slashed) or not path.startswith(self._root)
        return "is outside the shape's folder" if outside else "is missing"


def complete_obj(content: bytes, library: bytes) -> bytes:
    """An OBJ file with what trimesh (5.2) needs said: one material library, used, and absolute indices.

    Where no face names a material and the library has a single one, that one is meant.
    """
    text = re.sub(rb"\\\r?\n", b" ", content).replace(b"\r", b"\n")
    text = re.sub(rb"(?m)^[ \t]*(\w+)[ \t]+", rb"\1 ", text)
    text = re.sub(rb"(?m)^mtllib .*$", b"", text)
    names = re.findall(rb"(?m)^[ \t]*newmtl[ \t]+(.*?)[ \t\r]*$", library)
    if len(names) == 1 and not re.search(rb"(?m)^usemtl ", text):
        text = re.sub(rb"(?m)^f ", lambda match: b"usemtl " + names[0] + b"\nf ", text, count=1)
    if re.search(rb"(?m)^f .*[ /]-", text):
        text = _absolute(text)
    return (f"mtllib {_LIBRARY}\n".encode() if library else b"") + text


def _absolute(text: bytes) -> bytes:
    """Every relative index of an OBJ's faces (counted back from where it stands) made absolute."""
    counts = {b"v": 0, b"vt": 0, b"vn": 0}
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        key = line.partition(b" ")[0]
        if key in counts:
            counts[key] += 1
        elif key == b"f":
            totals = list(counts.values())
            corners = [_absolute_corner(token, totals) for token in line.split()[1:]]
            lines[number] = b"f " + b" ".join(corners)
    return b"\n".join(lines)


def _absolute_corner(token: bytes, totals: list[int]) -> bytes:
    indices = zip(token.split(b"/"), totals, strict=False)
    return b"/".join(
        b"%d" % (total + 1 + int(index)) if index.startswith(b"-") else index for index, total in indices
    )
