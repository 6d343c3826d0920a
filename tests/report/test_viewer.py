import base64

import numpy as np

from t3d.geometry.mesh import Mesh
from t3d.report.viewer import FACES, script, solid

TETRAHEDRON = Mesh(
    np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [-0.25, -0.25, -0.25]]),
    np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]]),
)


def arrays(made):
    kinds = {"points": "<i2", "colors": np.uint8, "faces": "<u2"}
    return {
        name: np.frombuffer(base64.b64decode(made[name]), kind).reshape(-1, 3) for name, kind in kinds.items()
    }


def test_a_mesh_comes_back_within_its_quantization():
    colors = np.array([[0, 10, 20], [30, 40, 50], [60, 70, 80], [90, 100, 255]], np.uint8)
    for array in (TETRAHEDRON.vertices, TETRAHEDRON.faces, colors):
        array.flags.writeable = False
    found = arrays(solid(TETRAHEDRON, colors))
    order = np.lexsort(found["colors"].T[::-1])
    assert np.abs(found["points"][order] / 32767 - TETRAHEDRON.vertices).max() <= 0.5 / 32767
    assert (found["colors"][order] == colors).all()
    there = {frozenset(map(tuple, found["points"][face])) for face in found["faces"]}
    assert len(there) == 4


def test_a_fine_mesh_is_thinned_and_keeps_its_shape():
    steps = np.linspace(-0.5, 0.5, 120)
    x, y = np.meshgrid(steps, steps)
    ids = np.arange(x.size).reshape(x.shape)
    quads = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], -1).reshape(-1, 4)
    mesh = Mesh(
        np.stack([x, y, 0.1 * np.sin(6 * x)], -1).reshape(-1, 3),
        np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]),
    )
    found = arrays(solid(mesh, (104, 155, 214)))
    assert len(mesh.faces) > FACES >= len(found["faces"])
    points = found["points"] / 32767
    assert np.abs(points[:, 2] - 0.1 * np.sin(6 * points[:, 0])).max() < 1e-3
    assert (found["colors"] == [104, 155, 214]).all()


def test_the_policy_names_the_script_and_no_other():
    text, source = script()
    assert "</script" not in text
    assert source.startswith("'sha256-")
