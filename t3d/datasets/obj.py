"""OBJ files made fit for trimesh (5.2), which ignores relative indices and takes one material library."""

import re
from collections.abc import Iterable
from pathlib import Path

LIBRARY = "t3d materials"
"""Name of the one library that `with_materials` leaves in a file."""


def geometry_only(content: bytes) -> bytes:
    """An OBJ file reduced to its vertices and faces, with positive indices to vertices only.

    What is left of it reads the same with and without textures, MTL files, normals, objects or groups,
    in any encoding. ValueError for an index that is zero or no number: trimesh would take the first vertex,
    or stop there.
    """
    text = re.sub(rb"\\\r?\n|#[^\r\n]*|[ \t]+", b" ", content).replace(b"\r", b"\n")
    text = _absolute(re.sub(rb"(?m)^ ", b"", text))
    lines = [line.strip() for line in re.findall(rb"(?m)^[vf] .*$", text)]
    vertices = [line for line in lines if line.startswith(b"v")]
    faces = re.sub(rb"/\S*", b"", b"\n".join(line for line in lines if line.startswith(b"f")))
    if wrong := re.search(rb" (?!\+?0*[1-9][0-9]*(?:\s|$))(\S+)", faces):
        raise ValueError(f"face index {wrong[1].decode('ascii', 'replace')!r}; export the mesh again")
    return b"\n".join([*vertices, faces, b""])


def with_materials(content: bytes, library: bytes) -> bytes:
    """An OBJ file whose only material library is `LIBRARY`, of the content `library`.

    Where no face names a material and the library has a single one, that one is meant.
    """
    text = re.sub(rb"\\\r?\n", b" ", content).replace(b"\r", b"\n")
    text = re.sub(rb"(?m)^[ \t]*(\w+)[ \t]+", rb"\1 ", text)
    text = re.sub(rb"(?m)^mtllib .*$", b"", text)
    names = re.findall(rb"(?m)^[ \t]*newmtl[ \t]+(.*?)[ \t\r]*$", library)
    if len(names) == 1 and not re.search(rb"(?m)^usemtl ", text):
        text = re.sub(rb"(?m)^f ", lambda match: b"usemtl " + names[0] + b"\nf ", text, count=1)
    return (f"mtllib {LIBRARY}\n".encode() if library else b"") + _absolute(text)


def _absolute(text: bytes) -> bytes:
    """Every relative index of the faces (counted back from where it stands) made absolute."""
    if not re.search(rb"(?m)^f .*[ /]-", text):
        return text
    seen = {b"v": 0, b"vt": 0, b"vn": 0}
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        key = line.partition(b" ")[0]
        if key in seen:
            seen[key] += 1
        elif key == b"f":
            lines[number] = b" ".join(_corner(token, seen.values()) for token in line.split())
    return b"\n".join(lines)


def _corner(token: bytes, seen: Iterable[int]) -> bytes:
    pairs = zip(token.split(b"/"), seen, strict=False)
    return b"/".join(b"%d" % (last + 1 + int(one)) if one.startswith(b"-") else one for one, last in pairs)


def face_groups(path: Path) -> list[str]:
    """The group (`g`) that each triangle of an OBJ file is in, in the order of `load_geometry`'s faces.

    Empty for other formats, without groups, and for polygons of more corners, whose triangles have no order
    of their own.
    """
    if path.suffix.lower() != ".obj":
        return []
    group, groups = "", []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, rest = line.strip().partition(" ")
        if key == "g":
            group = rest.strip()
        elif key == "f":
            groups.append(group)
            if len(rest.split()) != 3:
                return []
    return groups if len(set(groups)) > 1 else []
