"""Trees of other projects: written exactly as they are described, read without leaving them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from t3d.datasets.cameras import read_cameras, write_cameras
from t3d.datasets.catalogue import find_catalogue
from t3d.datasets.formats import write_npz, write_samples
from t3d.datasets.given import TAKEN
from t3d.datasets.images import write_png
from t3d.datasets.meshes import write_points
from t3d.datasets.splits import discover, listed_split
from t3d.errors import UsageError
from t3d.geometry.cameras import centred, look_at
from t3d.geometry.normalize import Transform
from t3d.geometry.recipe import View
from t3d.tasks.layouts import Artifacts, export_tree, import_tree

SHAPES = ("a", "b", "c", "d")
PARTS = {"train": ["a", "b"], "val": ["c"], "test": ["d"], "train_scored": ["a"]}


def transform_of(shape: str) -> Transform:
    draws = np.random.default_rng([*shape.encode(), 7])
    return Transform(draws.normal(0, 0.1, 3), float(draws.uniform(1, 2)))


def make(folder: Path, kind: str, shape: str) -> Path:
    """An artifact of a stage with random content."""
    out, draws = folder / kind / shape, np.random.default_rng([*shape.encode()])
    out.mkdir(parents=True)
    transform = transform_of(shape)
    if kind == "sdf":
        rows = draws.uniform(-1, 1, (90, 4)).astype(np.float32)
        rows[:, 3] = np.abs(rows[:, 3])
        write_samples(out / "samples.npz", rows[:60], rows[60:] * [1, 1, 1, -1])
    elif kind == "surface":
        write_points(out / "surface.ply", draws.normal(size=(20, 3)), draws.normal(size=(20, 3)))
        write_npz(out / "normalization.npz", {"offset": transform.offset, "scale": np.array(transform.scale)})
    else:
        _make_views(out, transform, draws)
    return out


def _make_views(out: Path, transform: Transform, draws: np.random.Generator) -> None:
    """Pictures put on white by their masks, from cameras that aim beside the origin."""
    levels, masks = {"easy": [], "hard": []}, {}
    for level, views in levels.items():
        (out / level).mkdir()
        masks[level] = draws.integers(0, 256, (3, 16, 16), dtype=np.uint8)
        for number, mask in enumerate(masks[level].astype(int)[..., None]):
            color = draws.integers(0, 256, (16, 16, 3))
            rgb = (2 * (color * mask + 255 * (255 - mask)) + 255) // 510
            write_png(out / level / f"{number:02d}.png", rgb.astype(np.uint8))
            c2w = look_at(draws.uniform(1, 2, 3), draws.uniform(-0.3, 0.3, 3))
            views.append(View(centred(c2w, 17.5, 16), 1.0, 2.0, 3.0, (0.0, 0.0, 0.0), 1, False))
    np.savez_compressed(out / "masks.npz", **masks)
    write_cameras(out / "cameras.json", levels, transform, np.array([[-1.0] * 3, [1.0] * 3]), 1.5)


@pytest.fixture
def made(tmp_path):
    """A store with samples for training, surfaces of two shapes, views of all."""
    shapes = {"sdf": "abc", "surface": "ad", "views": SHAPES}
    store = tmp_path / "store"
    return {kind: {shape: make(store, kind, shape) for shape in of} for kind, of in shapes.items()}


def export(made, dest, layout="seed", force=False, parts=PARTS):
    kinds = ("sdf", "surface", "views")[: 2 + (layout == "seed")]
    folders = {kind: made[kind] for kind in kinds}
    return export_tree(Artifacts("ShapeNetV2", "sofa", folders, parts), dest, force)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def lists(dest: Path) -> dict[str, list[str]]:
    found = {path.stem: json.loads(path.read_text()) for path in dest.glob("examples/*/*.json")}
    assert all(list(one) == ["ShapeNetV2"] for one in found.values())
    return {name: one["ShapeNetV2"]["04256520"] for name, one in found.items()}


def test_the_tree_of_deepsdf_to_the_letter(made, tmp_path):
    said = export(made, tmp_path / "out", "deepsdf")
    within = "ShapeNetV2/04256520"
    assert files(tmp_path / "out") == {
        *(f"SdfSamples/{within}/{shape}.npz" for shape in "abc"),
        *(f"SurfaceSamples/{within}/{shape}.ply" for shape in "ad"),
        *(f"NormalizationParameters/{within}/{shape}.npz" for shape in "ad"),
        *(f"examples/splits/sofas_{part}.json" for part in ("train", "val", "test")),
        "examples/error/sofas_error.json",
    }
    assert lists(tmp_path / "out") == {
        "sofas_train": ["a", "b"],
        "sofas_val": ["c"],
        "sofas_test": ["d"],
        "sofas_error": [],
    }
    assert said == [
        "sdf: train 2 of 2, val 1 of 1, test 0 of 1; `t3d sample-sdf` makes what is missing",
        "surface: train 1 of 2, val 0 of 1, test 1 of 1; `t3d surface` makes what is missing",
    ]


def deepsdf_items(data: Path, split: Path, count: int, seed: int):
    """What DeepSDF's loader gives by its documents: NumPy and JSON, nothing of t3d."""
    draws = np.random.default_rng(seed)
    for dataset, classes in json.loads(split.read_text()).items():
        for name, ids in classes.items():
            for shape in ids:
                with np.load(data / "SdfSamples" / dataset / name / f"{shape}.npz") as archive:
                    halves = [archive["pos"], archive["neg"]]
                halves = [rows[~np.isnan(rows[:, 3])] for rows in halves]
                taken = [rows[(draws.random(count // 2) * len(rows)).astype(int)] for rows in halves]
                yield shape, np.concatenate(taken)


def test_a_loader_written_from_deepsdf_s_documents_reads_it(made, tmp_path):
    export(made, tmp_path / "out", "deepsdf")
    items = dict(deepsdf_items(tmp_path / "out", tmp_path / "out/examples/splits/sofas_train.json", 100, 0))
    assert list(items) == ["a", "b"]
    for shape, rows in items.items():
        assert (rows.shape, rows.dtype) == ((100, 4), np.float32)
        assert (rows[:50, 3] >= 0).all()
        assert (rows[50:, 3] < 0).all()
        with np.load(tmp_path / f"out/SdfSamples/ShapeNetV2/04256520/{shape}.npz") as archive:
            assert (
                (rows[:, None] == np.concatenate([archive["pos"], archive["neg"]]))
                .all(axis=2)
                .any(axis=1)
                .all()
            )


def test_surfaces_and_transforms_are_read_as_deepsdf_s_evaluation_does(made, tmp_path):
    import trimesh

    export(made, tmp_path / "out", "deepsdf")
    cloud = trimesh.load(tmp_path / "out/SurfaceSamples/ShapeNetV2/04256520/d.ply")
    assert cloud.vertices.shape == (20, 3)
    params = np.load(tmp_path / "out/NormalizationParameters/ShapeNetV2/04256520/d.npz")
    points = cloud.vertices[:4]
    unit = transform_of("d").apply(points)
    assert unit / params["scale"] - params["offset"] == pytest.approx(points)


def test_the_authors_tree_has_pictures_metadata_and_samples_twice(made, tmp_path):
    export(made, tmp_path / "out")
    found = files(tmp_path / "out")
    level = {f"{kind}/0{number}.png" for kind in ("image", "image_rgb") for number in range(3)}
    level |= {"image/rendering_metadata.txt"}
    for shape in SHAPES:
        for name in ("easy", "hard"):
            assert {f"04256520/{shape}/{name}/{file}" for file in level} <= found
        assert f"NormalizationParameters/ShapeNetV2/04256520/{shape}.npz" in found
    assert {f"SdfSamples/ShapeNetV2/04256520/{shape}/{shape}.npz" for shape in "abc"} <= found
    assert {f"SdfSamples/ShapeNetV2/04256520/{shape}.npz" for shape in "abc"} <= found
    line = (tmp_path / "out/04256520/a/hard/image/rendering_metadata.txt").read_text().splitlines()[1]
    values = json.loads(line.strip(" ,"))
    assert len(values) == 10
    assert (values[2], values[4:7]) == (0, [35, 32, 1.75])


def test_what_is_missing_is_in_no_list_but_that_of_faulty_shapes(made, tmp_path):
    del made["sdf"]["b"], made["views"]["d"]
    export(made, tmp_path / "out")
    assert lists(tmp_path / "out") == {
        "sofas_train": ["a"],
        "sofas_val": ["c"],
        "sofas_test": ["d"],  # no shape for testing has views: none can ask for them
        "sofas_error": ["b"],
    }


def taken_over(data: Path, out: Path) -> dict[str, dict[str, Path]]:
    """Every given artifact of a data folder, taken over as a run does it."""
    catalogue, found = find_catalogue(data, "sofa"), {kind: {} for kind in TAKEN}
    for shape in catalogue.ids:
        for kind in TAKEN:
            if given := catalogue.given(shape, kind):
                found[kind][shape] = out / kind / shape
                found[kind][shape].mkdir(parents=True)
                given.take(given.folder, found[kind][shape])
    return found


def test_there_and_back_every_array_is_the_same_bit_by_bit(made, tmp_path):
    export(made, tmp_path / "out")
    counts = import_tree("seed", tmp_path / "out", tmp_path / "data")
    assert counts == {("04256520", "sdf"): 3, ("04256520", "surface"): 2, ("04256520", "views"): 4}
    again = taken_over(tmp_path / "data", tmp_path / "again")
    assert {kind: set(of) for kind, of in again.items()} == {kind: set(of) for kind, of in made.items()}
    for kind, of in made.items():
        for shape, folder in of.items():
            for path in folder.rglob("*.*"):
                there = again[kind][shape] / path.relative_to(folder)
                if path.name == "cameras.json":
                    assert_same_cameras(path, there)
                elif path.name == "masks.npz":
                    one, two = np.load(path), np.load(there)
                    assert all(np.array_equal(one[level], two[level]) for level in ("easy", "hard"))
                else:
                    assert path.read_bytes() == there.read_bytes(), path
    export(again, tmp_path / "out2")
    assert files(tmp_path / "out2") == files(tmp_path / "out")


def assert_same_cameras(one: Path, two: Path) -> None:
    for level, cameras in read_cameras(one).items():
        for camera, other in zip(cameras, read_cameras(two)[level], strict=True):
            assert other.c2w == pytest.approx(camera.c2w, abs=1e-12)
            assert (other.fl, other.cx, other.width) == pytest.approx((camera.fl, camera.cx, camera.width))


def test_the_split_comes_along_and_is_found(made, tmp_path):
    del made["views"]["b"]
    export(made, tmp_path / "out")
    import_tree("seed", tmp_path / "out", tmp_path / "data")
    catalogue = find_catalogue(tmp_path / "data", "sofa")
    split = listed_split(discover(tmp_path / "data", "sofa"), "sofa", catalogue.ids, 0, 0.1)
    assert (split.train, split.val, split.test) == (("a",), ("c",), ("d",))
    assert split.excluded == {"b": "named by sofas_error.json, a list of faulty shapes"}


def test_an_edited_export_leaves_the_store_alone(made, tmp_path):
    export(made, tmp_path / "out", "deepsdf")
    before = (made["sdf"]["a"] / "samples.npz").read_bytes()
    with (tmp_path / "out/SdfSamples/ShapeNetV2/04256520/a.npz").open("r+b") as file:
        file.write(b"edited")
    assert (made["sdf"]["a"] / "samples.npz").read_bytes() == before


def test_other_content_is_kept_unless_forced(made, tmp_path):
    export(made, tmp_path / "out", "deepsdf")
    export(made, tmp_path / "out", "deepsdf")
    path = tmp_path / "out/SurfaceSamples/ShapeNetV2/04256520/d.ply"
    path.write_text("mine")
    with pytest.raises(UsageError, match=r"d\.ply: there already with other content.*--force"):
        export(made, tmp_path / "out", "deepsdf")
    assert path.read_text() == "mine"
    export(made, tmp_path / "out", "deepsdf", force=True)
    assert path.read_bytes() == (made["surface"]["d"] / "surface.ply").read_bytes()
    assert not [name for name in files(tmp_path / "out") if name.endswith(".draft")]


def test_nothing_made_names_the_commands(tmp_path):
    message = "run `t3d sample-sdf`, `t3d surface`, `t3d render`$"
    with pytest.raises(UsageError, match=message):
        export({kind: {} for kind in ("sdf", "surface", "views")}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_cameras_that_the_ten_numbers_cannot_say_are_refused(made, tmp_path):
    path = made["views"]["a"] / "cameras.json"
    values = json.loads(path.read_text())
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    frame = values["frames"][1]
    frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ turn).tolist()
    path.write_text(json.dumps(values))
    with pytest.raises(UsageError, match="its cameras roll or look away"):
        export(made, tmp_path / "out")


def tree(src: Path, *names: str) -> Path:
    for name in names:
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_bytes(b"x")
    return src


def test_samples_may_stand_in_a_folder_of_their_own(tmp_path):
    src = tree(tmp_path / "src", "SdfSamples/D/c/x/x.npz", "SdfSamples/D/c/y.npz", "SdfSamples/D/c/y/z.npz")
    assert import_tree("deepsdf", src, tmp_path / "data") == {("c", "sdf"): 2}
    assert files(tmp_path / "data") == {f"c/{shape}/given/sdf/samples.npz" for shape in "xy"}


def test_transforms_alone_are_no_shape(tmp_path):
    src = tree(tmp_path / "src", "NormalizationParameters/D/c/x.npz")
    with pytest.raises(UsageError, match="nothing of the layout deepsdf in it"):
        import_tree("deepsdf", src, tmp_path / "data")
    tree(src, "SurfaceSamples/D/c/y.ply", "NormalizationParameters/D/c/y.npz")
    import_tree("seed", src, tmp_path / "data")
    assert files(tmp_path / "data") == {
        f"c/y/given/surface/{name}" for name in ("surface.ply", "normalization.npz")
    }


def test_an_unknown_tree_says_what_was_looked_for(tmp_path):
    with pytest.raises(
        UsageError, match=r"looked for SdfSamples/<dataset>/<class>/<id>\.npz or Surface"
    ) as caught:
        import_tree("deepsdf", tree(tmp_path / "src", "chairs/x.npz"), tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    src = tree(tmp_path / "src", "SdfSamples/D/c/x.npz")
    with pytest.raises(UsageError, match="not empty"):
        import_tree("deepsdf", src, tree(tmp_path / "data", "mine.txt"))
    (tmp_path / "empty").mkdir()
    assert import_tree("deepsdf", src, tmp_path / "empty")


def test_one_shape_in_two_data_sets_is_an_error(tmp_path):
    src = tree(tmp_path / "src", "SdfSamples/D/c/x.npz", "SdfSamples/E/c/x.npz")
    with pytest.raises(UsageError, match="one shape in two data sets"):
        import_tree("deepsdf", src, tmp_path / "data")


@pytest.mark.parametrize("level", ["", "/D", "/D/c", "/D/c/x.npz"])
def test_links_out_of_the_tree_are_refused(tmp_path, level):
    tree(tmp_path / "secret", "D/c/x.npz")
    src = tree(tmp_path / "src", "SdfSamples/D/c/y.npz") if level == "/D/c/x.npz" else tmp_path / "src"
    link = src / f"SdfSamples{level}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / f"secret{level}")
    with pytest.raises(UsageError, match="a link that leads out of"):
        import_tree("deepsdf", src, tmp_path / "data")
    assert sorted(os.listdir(tmp_path)) == ["secret", "src"]


def test_links_within_the_tree_are_followed(tmp_path):
    src = tree(tmp_path / "src", "SdfSamples/D/c/x.npz")
    (src / "SdfSamples/D/c/y.npz").symlink_to("x.npz")
    assert import_tree("deepsdf", src, tmp_path / "data") == {("c", "sdf"): 2}
    assert not any(path.is_symlink() for path in (tmp_path / "data").rglob("*"))


def test_ids_in_lists_make_no_path(tmp_path):
    src = tree(tmp_path / "src", "SdfSamples/D/c/x.npz", "examples/splits/c_train.json", "secret.npz")
    ids = ["x", "x", "../../../secret", "/etc/passwd"]
    (src / "examples/splits/c_train.json").write_text(json.dumps({"D": {"c": ids}}))
    import_tree("deepsdf", src, tmp_path / "data")
    assert files(tmp_path / "data") == {"c/x/given/sdf/samples.npz", "splits/c_train.json"}


def test_lists_of_faulty_shapes_get_a_name_that_says_so(tmp_path):
    src = tree(tmp_path / "src", "SdfSamples/D/04256520/x.npz")
    (src / "examples/error").mkdir(parents=True)
    for name in ("sofa_error", "more", "chairs"):
        number = "03001627" if name == "chairs" else "04256520"
        (src / f"examples/error/{name}.json").write_text(json.dumps({"D": {number: ["x"]}}))
    import_tree("deepsdf", src, tmp_path / "data")
    assert set(os.listdir(tmp_path / "data/splits")) == {"sofa_error.json", "more_error.json"}


def test_a_principal_point_off_the_middle_is_refused(made, tmp_path):
    path = made["views"]["a"] / "cameras.json"
    path.write_text(path.read_text().replace('"cx": 8.0', '"cx": 7.0'))
    with pytest.raises(UsageError, match="for which this layout has no numbers"):
        export(made, tmp_path / "out")
