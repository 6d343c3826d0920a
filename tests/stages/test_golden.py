"""What each per-shape stage makes of one procedural sofa, in numbers; another version, other numbers.

A failing test means that the stage's output changed. If its meaning changed, raise the stage's `version`
and write the new numbers here (`python tests/stages/test_golden.py` prints them). Networks: tests/models.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from t3d.cli.project import PACKAGE
from t3d.datasets.formats import open_samples, read_json
from t3d.datasets.meshes import read_ply, read_points
from t3d.pipeline.stage import stages_of

GOLDEN = {
    "mesh": (1, [3608.0, 2.00443, 0.42889, 0.20609, 0.23219]),
    "views": (2, [57.02472, 50.95923, 241.69132, 235.51294]),
    "sdf": (2, [10193.0, 9807.0, 0.07734, -0.02561, 0.47418, 0.25231, 0.27785]),
    "surface": (1, [2000.0, 0.22538, 0.09893, 0.11347, 0.42481, 0.40615, 0.35449]),
}

STAGES = stages_of(PACKAGE)


def numbers(folder: Path) -> dict[str, tuple[int, list[float]]]:
    """Version and summary of each stage's output for one sofa, made below `folder`."""
    from t3d.tasks.synth import synthesize

    synthesize(folder / "data", ["sofa"], 1)
    (model,) = folder.glob("data/*/*/models/model_normalized.obj")
    mesh = _make("mesh", folder, model)
    views = _make("views", folder, mesh, model, views=4, size=64)
    sdf = _make("sdf", folder, mesh, count=20_000)
    surface = _make("surface", folder, mesh, count=2_000)
    return {
        "mesh": (STAGES["mesh"].version, _of_mesh(mesh)),
        "views": (STAGES["views"].version, _of_views(views)),
        "sdf": (STAGES["sdf"].version, _of_samples(sdf)),
        "surface": (STAGES["surface"].version, _of_points(surface)),
    }


def _make(name: str, folder: Path, *inputs: Path, **changes: object) -> Path:
    stage = STAGES[name]
    out = folder / name
    out.mkdir()
    handed = {"out": out, "params": stage.params(**changes), "rng": np.random.default_rng(0), "threads": 1}
    stage.function(*inputs, **{key: value for key, value in handed.items() if key in stage.handed})
    return out


def _of_mesh(folder: Path) -> list[float]:
    mesh, transform = read_ply(folder / "mesh.ply"), read_json(folder / "transform.json")
    return [len(mesh.faces), transform["scale"], *np.abs(mesh.vertices).mean(axis=0)]


def _of_views(folder: Path) -> list[float]:
    from PIL import Image

    masks = np.load(folder / "masks.npz")
    pictures = [np.asarray(Image.open(folder / level / "01.png")).mean() for level in ("easy", "hard")]
    return [masks["easy"].mean(), masks["hard"].mean(), *pictures]


def _of_samples(folder: Path) -> list[float]:
    pos, neg = open_samples(folder / "samples.npz")
    return [len(pos), len(neg), pos[:, 3].mean(), neg[:, 3].mean(), *np.abs(pos[:, :3]).mean(axis=0)]


def _of_points(folder: Path) -> list[float]:
    points, normals = read_points(folder / "surface.ply")
    return [len(points), *np.abs(points).mean(axis=0), *np.abs(normals).mean(axis=0)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return numbers(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("name", GOLDEN)
def test_output_is_the_same_unless_the_version_is_raised(made, name):
    version, expected = GOLDEN[name]
    assert made[name][0] == version, f"{name} has a new version: write its new numbers here"
    message = f"{name} makes something else: raise its version if the meaning changed"
    assert made[name][1] == pytest.approx(expected, rel=1e-3, abs=1e-4), message


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name, (version, values) in numbers(Path(folder)).items():
            sys.stdout.write(f"    {name!r}: ({version}, {[round(float(one), 5) for one in values]}),\n")
