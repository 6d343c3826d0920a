"""Small files of every kind, for the fuzzer to start from."""

import io
import json
import tempfile
from pathlib import Path

import numpy as np

from t3d.datasets.formats import write_npz, write_samples
from t3d.datasets.meshes import write_ply, write_points
from t3d.geometry.mesh import Mesh
from tests.fuzz.entrances import BETWEEN, picture

CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
SOLID = Mesh(CORNERS, FACES)
OBJ = b"""mtllib model.mtl
o a
v 0 0 0
v 1 0 0 1 0 0
v 0 1 0
v 0 0 1
vt 0 0
vt 1 1
vn 0 0 1
g seat
usemtl wood
f 1/1/1 3/2/1 2/1/1
f -4//1 \\
 -3//1 -1//1
g legs
f 2 3 4 1
"""
MTL = (
    b"newmtl wood\nKd 0.5 0.2 1\nd 0.9\nTr 0.1\nmap_Kd -s 1 1 1 wood.png\nnewmtl bare\nKd 1\nillum 2 # why\n"
)
MATRIX = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]]


def seeds() -> dict[str, list[bytes]]:
    """Files by entrance."""
    return {
        "obj": [OBJ, OBJ + BETWEEN + MTL, b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"],
        **{suffix: exported(suffix) for suffix in ("off", "stl", "glb", "gltf")},
        "ply": [*exported("ply"), written(write_ply, SOLID)],
        "image": pictures(),
        "camera": [
            json.dumps({"fl_x": 8, "w": 8, "h": 8, "frames": [{"transform_matrix": MATRIX}]}).encode(),
            json.dumps(
                {"camera_angle_x": 1.0, "frames": [{"transform_matrix": MATRIX, "difficulty": "hard"}]}
            ).encode(),
            b"10, 20, 0, 0.5, 35, 32, 1.75, 0.1, 0, 0\n",
        ],
        "split": [
            json.dumps({"ShapeNetV2": {"04256520": ["s0", "s1"]}}).encode()
            + BETWEEN
            + json.dumps({"ShapeNetV2": {"sofa": ["s3"]}}).encode()
        ],
        "manifest": [
            json.dumps({"files": {"a": {"bytes": 1, "sha256": "0"}}, "digest": "0", "seal": "0"}).encode(),
            json.dumps({"shape": "s", "stage": "sdf", "kind": "data", "reason": "r", "detail": ""}).encode(),
            b"0" * 64 + b"\n" + json.dumps({"a": {"stamp": [1, 2], "digest": "0"}}).encode(),
        ],
        "arrays": [
            written(write_samples, np.eye(4), -np.eye(4)),
            written(write_npz, {"offset": np.zeros(3), "scale": np.array(2.0)}),
            deflated(),
        ],
        "points": [written(write_points, CORNERS, CORNERS), *exported("ply")],
    }


def written(write, *arguments) -> bytes:
    """What a function that writes into a path would write."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "a", *arguments)
        return (Path(folder) / "a").read_bytes()


def deflated() -> bytes:
    """A compressed NPZ."""
    content = io.BytesIO()
    np.savez_compressed(content, pos=np.eye(4, dtype=np.float32), neg=-np.eye(4, dtype=np.float32))
    return content.getvalue()


def exported(suffix: str) -> list[bytes]:
    """A tetrahedron as trimesh writes it: plain, coloured, textured, placed twice, as text."""
    import trimesh
    from PIL import Image

    plain = trimesh.Trimesh(CORNERS, FACES, process=False)
    colored = trimesh.Trimesh(CORNERS, FACES, vertex_colors=np.full((4, 4), 99, np.uint8), process=False)
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.open(io.BytesIO(picture())), name="wood"
    )
    visual = trimesh.visual.TextureVisuals(uv=CORNERS[:, :2], material=material)
    textured = trimesh.Trimesh(CORNERS, FACES, visual=visual, process=False)
    found = [plain.export(file_type=suffix), colored.export(file_type=suffix)]
    if suffix == "glb":
        scene = trimesh.Scene([plain, textured])
        scene.add_geometry(plain, transform=np.diag([-1.0, 1, 1, 1]))
        found.append(scene.export(file_type="glb"))
    if suffix == "gltf":
        found = [embedded(textured), embedded(plain)]
    if suffix == "stl":
        found.append(plain.export(file_type="stl_ascii"))
    if suffix == "ply":
        found.append(plain.export(file_type="ply", encoding="ascii"))
    return [one.encode() if isinstance(one, str) else bytes(one) for one in found]


def embedded(mesh) -> bytes:
    """A glTF with its buffers in it."""
    import trimesh

    files = trimesh.Scene(mesh).export(file_type="gltf", embed_buffers=True)
    return files["model.gltf"]


def pictures() -> list[bytes]:
    """The same few pixels in every format that t3d may be handed, and in several modes."""
    from PIL import Image

    found = []
    modes = {
        "RGB": "png jpeg bmp gif tga tiff webp ppm",
        "RGBA": "png webp tiff ico",
        "L": "png jpeg",
        "P": "png gif",
    }
    modes |= {"I;16": "png tiff", "CMYK": "jpeg tiff", "1": "png tiff", "LA": "png"}
    for mode, formats in modes.items():
        for name in formats.split():
            content = io.BytesIO()
            drawn = Image.new("RGBA", (12, 12), (255, 255, 255, 0))
            drawn.paste((90, 20, 20, 255), (3, 2, 9, 10))
            drawn.convert("L").convert(mode).save(content, name) if mode == "I;16" else drawn.convert(
                mode
            ).save(content, name)
            found.append(content.getvalue())
    return found
