import json
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from PIL import Image

from t3d.cli.inspect import inspect as command
from t3d.errors import UsageError
from t3d.tasks.inspect import inspect, meshes

MESHES = Path(os.environ.get("T3D_TEST_MESHES", Path(__file__).parents[3] / "shared" / "meshes"))
HARD = MESHES / "hard"

CORNERS = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
QUADS = [(1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4)]


def cube(path: Path, *, faces=QUADS, head: str = "", mapped: bool = False) -> Path:
    """Write a unit cube with outward faces as OBJ."""
    vertices = [f"v {x} {y} {z}" for x, y, z in CORNERS]
    coordinates = [f"vt {x} {y}" for x, y, _ in CORNERS] if mapped else []
    corner = "{0}/{0}" if mapped else "{0}"
    polygons = ["f " + " ".join(corner.format(index) for index in face) for face in faces]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *vertices, *coordinates, *polygons, ""]))
    return path


def run(*arguments: object):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_closed_cube_is_good(tmp_path):
    found = inspect(cube(tmp_path / "cube.obj"))
    assert found["verdict"] == "good"
    assert (found["faces"], found["components"], found["texture"]) == (12, 1, "grey")
    assert found["watertight"]
    assert found["consistent_winding"]
    assert found["volume"] == pytest.approx(1)
    assert found["sign_reason"].startswith("closed")


def test_every_fault_is_told(tmp_path):
    inverted = [face[::-1] for face in QUADS]
    faults = {
        "usable: 4 open edges": QUADS[1:],
        "usable: 12 faces turned": inverted,
        "usable: 2 faces turned; winding not consistent": [inverted[0], *QUADS[1:]],
        "usable: 2 doubled faces dropped": [*QUADS, QUADS[0]],
        "usable: 1 faces without area dropped": [*QUADS, (1, 2, 2)],
    }
    for verdict, faces in faults.items():
        assert inspect(cube(tmp_path / "cube.obj", faces=faces))["verdict"] == verdict


def test_parts_within_others_are_told(tmp_path):
    boxes = [trimesh.creation.box(bounds=[(x, 0, 0), (x + 2, 1, 1)]) for x in (0, 1)]
    trimesh.util.concatenate(boxes).export(tmp_path / "boxes.ply")
    found = inspect(tmp_path / "boxes.ply")
    assert found["hidden_area"] == pytest.approx(2 / 20, abs=0.02)  # two ends; the sides that touch stay
    assert "within other parts" in found["verdict"]


def test_the_texture_is_known_and_its_loss_is_a_fault(tmp_path):
    path = cube(tmp_path / "cube.obj", head="mtllib cube.mtl\nusemtl wood", mapped=True)
    lost = inspect(path)
    assert lost["texture"] == "grey"
    assert (
        lost["verdict"] == "usable: material library cube.mtl is not in the shape's folder: drawn untextured"
    )
    (tmp_path / "cube.mtl").write_text("newmtl wood\nKd 1 0 0\nmap_Kd wood.png\n")
    broken = inspect(path)
    assert broken["texture"] == "colored"
    assert "texture wood.png" in broken["verdict"]
    Image.fromarray(np.full((4, 4, 3), 90, np.uint8)).save(tmp_path / "wood.png")
    assert (inspect(path)["texture"], inspect(path)["verdict"]) == ("textured", "good")


def test_what_no_reader_foresaw_is_refused_and_not_raised(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("t3d.tasks.inspect.prepare", fail)
    assert inspect(cube(tmp_path / "cube.obj")) == {"verdict": "refused: MemoryError"}


def test_ids_are_those_of_the_data_set(tmp_path):
    one = cube(tmp_path / "04256520" / "a" / "models" / "model_normalized.obj")
    (tmp_path / "04256520" / "b").mkdir()
    assert meshes(one) == {"model_normalized.obj": one}
    found = meshes(tmp_path / "04256520")
    assert list(found) == ["a", "b"]
    assert inspect(found["a"])["verdict"] == "good"
    assert inspect(found["b"])["verdict"].startswith("refused: no model file in")
    assert meshes(tmp_path) == {"04256520-a-models-model_normalized": one}


def test_no_such_path_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        meshes(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no mesh in it"):
        meshes(tmp_path)
    assert isinstance(run(tmp_path / "nowhere").exception, UsageError)


def test_the_command_prints_aligned_lines_and_its_status_is_the_verdict(tmp_path):
    good = cube(tmp_path / "good.obj")
    usable = cube(tmp_path / "a-usable-one.obj", faces=QUADS[1:])
    fine = run(good, usable)
    assert fine.exit_code == 0
    lines = fine.stdout.splitlines()
    assert [line.index(word) for line, word in zip(lines, ("good  ", "usable "), strict=True)] == [18, 18]
    assert lines[0].index("faces") == lines[1].index("faces")
    assert "watertight" in lines[0]
    assert "4 open edges; sign: winding number above 1/2 (" in lines[1]
    (tmp_path / "bad.off").write_text("OFF\n")
    refused = run(tmp_path)
    assert refused.exit_code == 1
    assert "bad           refused  " in refused.stdout


def test_json_is_an_object_per_mesh(tmp_path):
    cube(tmp_path / "one.obj")
    (tmp_path / "two.stl").write_bytes(b"")
    found = [json.loads(line) for line in run("--json", tmp_path).stdout.splitlines()]
    assert [row["shape"] for row in found] == ["one", "two"]
    assert Path(found[0]["path"]) == tmp_path / "one.obj"
    assert {"faces", "components", "watertight", "consistent_winding", "degenerate_dropped"} <= found[
        0
    ].keys()
    assert {"flipped_faces", "texture", "sign_method", "sign_reason", "verdict"} <= found[0].keys()
    assert found[1]["verdict"].startswith("refused: ")


@pytest.mark.skipif(not HARD.is_dir(), reason="no folder of odd files; name it in T3D_TEST_MESHES")
def test_odd_files_get_a_verdict_each():
    found = run("--json", HARD)
    rows = {row["shape"]: row for row in map(json.loads, found.stdout.splitlines())}
    assert found.exit_code == 1
    assert list(rows) == list(meshes(HARD))
    refused = {shape.partition("-")[0] for shape, row in rows.items() if row["verdict"].startswith("refused")}
    assert refused == {"empty", "missing_sidecar", "syntax", "unsupported"}
    assert rows["textured_obj-cow"]["texture"] == "textured"
    assert rows["inverted-kaolin_model"]["flipped_faces"] == rows["inverted-kaolin_model"]["faces"]
    assert "draco" in rows["unsupported-draco_couch"]["verdict"]
