"""The sdf stage: exact samples of what has an inside, a reason for what has none."""

import os
import typing
from pathlib import Path

import numpy as np
import pytest
import trimesh

from t3d.cli.project import PACKAGE
from t3d.datasets.formats import open_samples
from t3d.datasets.meshes import write_ply
from t3d.errors import DataError, UsageError
from t3d.geometry.mesh import Mesh
from t3d.geometry.sampling import PRESETS
from t3d.geometry.signs import SIGNS
from t3d.pipeline.settings import Layer, resolve
from t3d.pipeline.stage import field_docs, stages_of
from t3d.stages.mesh import Params as MeshParams
from t3d.stages.mesh import mesh
from t3d.stages.sdf import Params, Sampling, Sign, sdf

STAGES = stages_of(PACKAGE)

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))
HARD = sorted(
    path for path in (MESHES / "hard").rglob("*") if path.suffix.lower() not in ("", ".mtl", ".png")
)
REFUSED = {
    "empty.obj": "no faces",
    "empty.stl": "no faces",
    "points_ascii.ply": "no faces",
    "model.obj": "no face has an area",
    "bad_index.off": "outside the range",
    "notenoughindices.obj": "a sheet",
    "draco_couch.glb": "draco",
}


def run(made, folder, seed=0, threads=1, **params):
    out = folder / f"out-{seed}-{threads}"
    out.mkdir()
    (folder / "mesh").mkdir(exist_ok=True)
    write_ply(folder / "mesh" / "mesh.ply", Mesh(np.array(made.vertices, dtype=float), np.array(made.faces)))
    settings = Params(**{"count": 20_000, **params})
    facts = sdf(folder / "mesh", out=out, params=settings, rng=np.random.default_rng(seed), threads=threads)
    return facts, out / "samples.npz"


def test_a_sphere_has_its_distances_on_the_right_sides(tmp_path):
    facts, path = run(trimesh.creation.icosphere(5, radius=0.9), tmp_path)
    pos, neg = open_samples(path)
    assert len(pos) + len(neg) == facts["points"] == 20_000
    assert facts["inside"] == len(neg) / 20_000
    assert facts["agreement"] > 0.999
    assert (pos[:, 3] >= 0).all()
    assert (neg[:, 3] < 0).all()
    for rows in (pos, neg):
        assert np.allclose(np.linalg.norm(rows[:, :3], axis=1) - 0.9, rows[:, 3], atol=5e-4)


def test_any_stretch_of_a_file_is_a_sample_of_it(tmp_path):
    _, path = run(trimesh.creation.icosphere(3, radius=0.9), tmp_path)
    for rows in open_samples(path):
        means = [np.abs(part[:, 3]).mean() for part in np.array_split(rows, 4)]
        assert np.ptp(means) < 0.2 * np.mean(means)


def test_bytes_depend_on_the_seed_and_not_on_threads(tmp_path):
    made = trimesh.creation.torus(0.6, 0.25)
    one, two, other = (run(made, tmp_path, *given)[1].read_bytes() for given in ((0, 1), (0, 2), (1, 1)))
    assert one == two
    assert one != other


def test_a_sheet_encloses_nothing(tmp_path):
    with pytest.raises(DataError, match=r"no inside found .* a sheet"):
        run(trimesh.Trimesh([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0, 0.8, 0]], [[0, 1, 2]]), tmp_path)


def test_a_shape_without_an_outside_is_refused(tmp_path):
    with pytest.raises(DataError, match="no outside found"):
        run(trimesh.creation.box(extents=(9, 9, 9)), tmp_path, sampling="uniform")


def test_ambiguous_signs_are_refused_below_the_named_agreement(tmp_path):
    bowl = trimesh.creation.icosphere(4, radius=0.9)
    bowl.update_faces(bowl.triangles_center[:, 1] < 0.2)  # the half level closes it; rays get out
    facts, _ = run(bowl, tmp_path, least_agreement=0.0)
    assert 0.4 < facts["agreement"] < 0.95
    with pytest.raises(DataError, match="two tests agree on"):
        run(bowl, tmp_path, seed=1, least_agreement=facts["agreement"] + 0.1)


def test_a_sheet_with_a_thickness_is_a_slab(tmp_path):
    sheet = trimesh.Trimesh([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0, 0.8, 0]], [[0, 1, 2]])
    facts, path = run(sheet, tmp_path, thickness=0.04, least_agreement=0.0)
    _, neg = open_samples(path)
    over = (np.abs(neg[:, 2]) < 0.02) & (neg[:, 1] > -0.4) & (np.abs(neg[:, 0]) < 0.2) & (neg[:, 1] < 0.2)
    assert over.sum() > 500
    assert np.allclose(neg[over, 3], np.abs(neg[over, 2]) - 0.02, atol=1e-6)
    assert (np.abs(neg[:, 2]) < 0.02).all()
    assert facts["dropped"] == 0


def test_parts_within_others_are_not_sampled(tmp_path):
    ball, core = trimesh.creation.icosphere(4, radius=0.9), trimesh.creation.icosphere(4, radius=0.5)
    facts, path = run(trimesh.util.concatenate([ball, core]), tmp_path)
    _, neg = open_samples(path)
    assert facts["hidden"] == pytest.approx(0.25 / (0.25 + 0.81), rel=1e-3)
    assert np.allclose(0.9 - np.linalg.norm(neg[:, :3], axis=1), -neg[:, 3], atol=2e-3)
    assert (np.linalg.norm(neg[:, :3], axis=1) < 0.55).mean() < 0.05


def test_the_count_is_kept_when_ambiguous_points_are_dropped(tmp_path):
    made = trimesh.creation.torus(0.6, 0.25)
    made.faces[::97] = made.faces[::97][:, ::-1]
    facts, path = run(made, tmp_path)
    assert 0 < facts["dropped"] < 400
    assert sum(map(len, open_samples(path))) == facts["points"] == 20_000


@pytest.mark.parametrize("sampling", typing.get_args(Sampling))
@pytest.mark.parametrize("sign", ["auto", "winding", "parity", "visibility"])
def test_every_choice_samples_a_ball(tmp_path, sampling, sign):
    _, path = run(
        trimesh.creation.icosphere(4, radius=0.9), tmp_path, sampling=sampling, sign=sign, count=2_000
    )
    for rows in open_samples(path):
        assert np.allclose(np.linalg.norm(rows[:, :3], axis=1) - 0.9, rows[:, 3], atol=3e-3)


def test_choices_are_those_of_the_tables_and_a_wrong_one_is_refused_by_name():
    assert list(typing.get_args(Sampling)) == list(PRESETS)
    assert list(typing.get_args(Sign)) == list(SIGNS)
    stages = {"sdf": STAGES["sdf"]}
    with pytest.raises(UsageError, match=r"^--set: sdf.sign: value 'normals' is not known; .*'?auto"):
        resolve(stages, [Layer("--set", {"sdf": {"sign": "normals"}})])
    with pytest.raises(UsageError, match=r"value 'deepsdf_paper' is not known; did you mean 'deepsdf-paper'"):
        resolve(stages, [Layer("--set", {"sdf": {"sampling": "deepsdf_paper"}})])


def test_defaults_are_those_of_deepsdf_and_every_setting_is_explained():
    defaults = Params()
    assert (defaults.count, defaults.sampling, defaults.sign, defaults.thickness) == (
        500_000,
        "deepsdf",
        "auto",
        0,
    )
    assert set(field_docs(Params)) == set(Params.__dataclass_fields__)


@pytest.mark.skipif(not HARD, reason="no folder of odd files; name it in T3D_TEST_MESHES")
@pytest.mark.parametrize("source", HARD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_odd_files_are_sampled_or_refused_with_a_reason(tmp_path, source):
    def both():
        mesh(source, out=tmp_path, params=MeshParams(), rng=np.random.default_rng(0), threads=1)
        return sdf(
            tmp_path, out=tmp_path, params=Params(count=5_000), rng=np.random.default_rng(1), threads=1
        )

    if source.name in REFUSED:
        with pytest.raises(DataError, match=REFUSED[source.name]):
            both()
    else:
        assert both()["agreement"] > 0.55


@pytest.mark.skipif(not MESHES.is_dir(), reason="no folder of real meshes; name it in T3D_TEST_MESHES")
def test_real_meshes_have_an_inside_that_two_tests_agree_on(tmp_path):
    agreed = []
    for number, source in enumerate(sorted(MESHES.glob("0*/*/models/*.obj"))[::30]):
        made, out = tmp_path / f"mesh{number}", tmp_path / f"sdf{number}"
        made.mkdir()
        out.mkdir()
        mesh(source, out=made, params=MeshParams(), rng=np.random.default_rng(0), threads=1)
        params = Params(count=20_000)
        agreed.append(sdf(made, out=out, params=params, rng=np.random.default_rng(1), threads=1)["agreement"])
    assert np.median(agreed) > 0.98
    assert min(agreed) > 0.7
