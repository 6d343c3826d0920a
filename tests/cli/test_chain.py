"""The whole chain on a few small shapes: made, kept, changed here and there, killed, spread over workers."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from tests.browser import needs_chromium, visit

SMALL = {
    "views.views": 3, "views.size": 48, "sdf.count": 4000, "surface.count": 500,
    "codes.code": 8, "codes.hidden": 16, "codes.width": 16, "codes.depth": 2, "codes.iterations": 30,
    "codes.scenes": 4, "codes.points": 200, "codes.fit_iterations": 5, "codes.fit_points": 100,
    "network_s1.widths": "4,8,8,8", "network_s1.depths": "1,1,1,1", "network_s1.input_size": 32,
    "network_s1.iterations": 5, "network_s1.batch": 8, "pretrain.widths": "4,8,8,8",
    "pretrain.depths": "1,1,1,1", "pretrain.input_size": 32, "pretrain.iterations": 3, "network_s2.code": 8,
    "network_s2.hidden": 16, "network_s2.width": 16, "network_s2.depth": 2, "network_s2.iterations": 5,
    "network_s2.scenes": 4, "network_s2.points": 200, "reconstructions.resolution": 24,
    "oracle_code.iterations": 3, "oracle_code.points": 100, "oracle_code.resolution": 24,
    "scores.protocols": "deepsdf", "scores.resamples": 100, "retrieval.views": 2,
    "template.resolution": 24, "template.mean_resolution": 24, "report.shapes": 2,
    "report.picture": 64, "correspondence.picture": 32, "correspondence.between": 16,
    "correspondence.sheet": 2, "correspondence.compared": 3, "correspondence.shown": 1, "labels.count": 200,
    "split.train_scored": 2,
}  # fmt: skip
"""Settings with which everything is made in seconds."""


def t3d(folder: Path, *words: str, **changes: object) -> dict:
    """Run a command that makes things in `folder`; what its last line says."""
    command = _command(folder, *words, **changes)
    found = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=_environment()
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


def _command(folder: Path, *words: str, **changes: object) -> list[str]:
    settings = {**SMALL, **{name.replace("__", "."): value for name, value in changes.items()}}
    sets = [f"--set={name}={value}" for name, value in settings.items()]
    start = [sys.executable, "-c", "from t3d.cli.main import main; main()"]
    return [*start, *words, "--data", "data", "--json", *sets]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("T3D_")}


def content(work: Path) -> dict[str, bytes]:
    """Bytes of all per-shape artifacts that do not depend on training, manifests aside."""
    stages = ("mesh", "views", "sdf", "surface")
    files = [path for stage in stages for path in work.glob(f"sofa/{stage}/*/*/**/*") if path.is_file()]
    return {str(path.relative_to(work)): path.read_bytes() for path in files if path.name != "manifest.json"}


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Path:
    """A folder in which the whole chain has run once, in this process."""
    folder = tmp_path_factory.mktemp("chain")
    synth = "from t3d.tasks.synth import synthesize; synthesize('data', ['sofa'], 10)"
    subprocess.run([sys.executable, "-c", synth], cwd=folder, check=True)
    for path in folder.rglob("*"):  # files touched two seconds ago are read again; these shall not be
        os.utime(path, (time.time() - 60,) * 2)
    made = t3d(folder, "run", "--workers", "0")
    assert made["failures"] == []
    return folder


def model(folder: Path, shape: str) -> Path:
    return next(folder.glob(f"data/*/{shape}/models/model_normalized.obj"))


def split(folder: Path) -> dict:
    return json.loads(next(folder.glob("work/sofa/split/_all/*/split.json")).read_text())


def made_by(folder: Path, *words: str, **changes: object) -> set[str]:
    """Stages of which something would be made, as `--dry-run` says it."""
    command = [word for word in _command(folder, *words, "--dry-run", **changes) if word != "--json"]
    found = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, env=_environment()
    )
    lines = [line for line in found.stdout.splitlines() if "to make" in line]
    return {line.partition(":")[0].partition("[")[0] for line in lines if ", 0 to make" not in line}


EVERYTHING = {
    "codes", "network_s1", "network_s2", "reconstructions", "template", "retrieval", "oracle_code", "scores",
    "correspondence", "analysis", "report",
}  # fmt: skip
"""What is below the distances."""


def test_a_second_run_makes_nothing_and_touching_changes_nothing(chain):
    os.utime(model(chain, split(chain)["test"][0]))
    again = t3d(chain, "run", "--workers", "0")
    assert (again["made"], again["failed"]) == (0, 0)


def test_both_solutions_are_scored_side_by_side(chain):
    (folder,) = chain.glob("work/sofa/scores/_all/*")
    methods = {line.split(",")[0] for line in (folder / "metrics.csv").read_text().splitlines()[1:]}
    baselines = {"template", "mean-code", "retrieval", "oracle-retrieval", "oracle-code"}
    assert methods == {"s1", "s2-simclr", *baselines}


def test_template_and_analysis_leave_figures_that_are_not_empty(chain):
    count = {"correspondence/_all/s1-*": 4, "correspondence/_all/s2-simclr-*": 4, "analysis/_all/*": 7}
    for pattern, figures in count.items():
        (folder,) = chain.glob(f"work/sofa/{pattern}")
        named = [
            name for one in json.loads((folder / "sections.json").read_text()) for name in one["figures"]
        ]
        assert len(named) == figures
        assert all((folder / name).stat().st_size > 200 for name in named)


def test_the_results_page_is_made_of_such_a_run(chain, tmp_path):
    """What `experiments/` keeps of its scores gives the same tables; its pictures show scored shapes."""
    run, kept, drawn, losses = chain / "work/sofa", *(tmp_path / name for name in ("a.csv", "b.png", "c.svg"))
    _experiment("keep.py", run, kept)
    tables, again = _experiment("tables.py", run), _experiment("tables.py", kept)
    assert _NUMBER.sub("#", tables) == _NUMBER.sub("#", again)
    of_run, of_kept = ([float(one) for one in _NUMBER.findall(text)] for text in (tables, again))
    assert of_kept == pytest.approx(of_run, rel=0.01), "kept to six digits, printed to three"
    assert all(
        f"| {name} |" in tables for name in ("Sol 1", "Sol 2, simclr", "nearest training shape, oracle")
    )
    _experiment("pictures.py", run, drawn, *split(chain)["test"][:1], split(chain)["train_scored"][0])
    with Image.open(drawn) as picture:
        assert picture.width == 8 * 160, "two shapes of four pictures each"
    _experiment("losses.py", losses, run)
    assert "Sol 2, simclr" in losses.read_text()


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _experiment(script: str, *words: object) -> str:
    path = Path(__file__).resolve().parents[2] / "experiments" / script
    command = [sys.executable, str(path), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_another_pre_training_keeps_all_the_rest(chain):
    """And the one without any is an encoder like the others, not yet trained."""
    more = ("run", "--contrastive", "simclr,none")
    assert made_by(chain, *more) == {
        "pretrain", "network_s2", "reconstructions", "template", "retrieval", "oracle_code", "scores",
        "correspondence", "analysis", "report",
    }  # fmt: skip
    assert t3d(chain, "pretrain", "--solution", "2", "--contrastive", "none", "--workers", "0")["made"] == 1
    curves = [path.read_text() for path in sorted(chain.glob("work/sofa/pretrain/_all/*/curves.csv"))]
    assert sorted(len(text.splitlines()) for text in curves) == [2, 3], "one was measured and not trained"


def test_an_edited_test_mesh_is_scored_anew_without_training(chain):
    path = model(chain, split(chain)["test"][0])
    before = path.read_text()
    try:
        path.write_text(before + "v 9 9 9\n")
        stages = made_by(chain, "run")
        assert "mesh" in stages
        assert not stages & {"codes", "network_s1", "pretrain", "network_s2", "template"}
        shape = split(chain)["test"][0]
        command = [*_command(chain, "why", "mesh", "--shape", shape)[:7], "--data", "data"]
        found = subprocess.run(
            command, cwd=chain, capture_output=True, text=True, check=True, env=_environment()
        )
        assert "inputs.geometry.model_normalized.obj changed" in found.stdout
    finally:
        path.write_text(before)


def test_an_edited_texture_remakes_views_and_no_distances(chain):
    textures = [
        path for shape in split(chain)["train"] for path in chain.glob(f"data/*/{shape}/images/*.png")
    ]
    before = textures[0].read_bytes()
    try:
        textures[0].write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert "views" in made_by(chain, "run")
        assert not made_by(chain, "run") & {"mesh", "sdf", "surface", "codes"}
    finally:
        textures[0].write_bytes(before)


def test_a_parameter_of_the_distances_remakes_what_is_below_and_going_back_is_instant(chain):
    assert made_by(chain, "run", sdf__count=4002) == {"sdf", *EVERYTHING}
    t3d(chain, "sample-sdf", "--workers", "0", sdf__count=4002)
    assert made_by(chain, "sample-sdf", sdf__count=4002) == set()
    assert made_by(chain, "run") == set()


def test_one_unreadable_mesh_is_lost_with_its_reason_and_the_others_go_on(chain):
    path = model(chain, split(chain)["train"][0])
    before = path.read_text()
    try:
        path.write_text("v 0 0 0\n")
        found = t3d(chain, "sample-sdf", "--workers", "0", "--max-failures", "1")
        assert [one["shape"] for one in found["failures"]] == [split(chain)["train"][0]]
        assert found["failures"][0]["kind"] == "data"
    finally:
        path.write_text(before)


def test_names_with_spaces_and_letters_of_any_script_are_shapes(chain, tmp_path):
    shutil.copytree(chain / "data", tmp_path / "data")
    (folder,) = tmp_path.glob("data/*/sofa-0000")
    folder.rename(folder.with_name("un canapé 沙发"))
    assert t3d(tmp_path, "surface", "--workers", "0", "--limit", "2")["failed"] == 0
    assert list(tmp_path.glob("work/sofa/mesh/un canapé 沙发/*/mesh.ply"))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_make_the_same_bytes(chain, tmp_path, workers):
    shutil.copytree(chain / "data", tmp_path / "data")
    for command in ("render", "sample-sdf", "surface"):
        t3d(tmp_path, command, "--workers", str(workers))
    here, there = content(chain / "work"), content(tmp_path / "work")
    shared = here.keys() & there.keys()
    assert len(shared) > 10 * len(split(chain)["train"])
    assert {name for name in shared if here[name] != there[name]} == set()


def test_ctrl_c_keeps_what_is_finished_and_ends_with_130(chain, tmp_path):
    shutil.copytree(chain / "data", tmp_path / "data")
    process = subprocess.Popen(  # in the background the signal may be ignored, and so by children
        ["env", "--default-signal=INT", *_command(tmp_path, "render", "--workers", "1", views__views=20)],
        cwd=tmp_path,
        env=_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("work/sofa/views/*/*/manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert said.splitlines()[-1].startswith("interrupted; what was finished is kept")
    assert not list(tmp_path.glob("work/sofa/.drafts/*"))
    again = t3d(tmp_path, "render", "--workers", "1", views__views=20)
    assert (again["failed"], again["kept"] > 1) == (0, True)


@pytest.mark.slow
def test_killed_three_times_the_chain_ends_with_the_same_bytes(chain, tmp_path):
    shutil.copytree(chain / "data", tmp_path / "data")
    draw = random.Random(0)
    for _ in range(3):
        process = subprocess.Popen(
            _command(tmp_path, "run", "--workers", "2"),
            cwd=tmp_path,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(draw.uniform(2, 12))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for artifact in tmp_path.glob("work/sofa/[!.]*/*/*/"):
            assert (artifact / "manifest.json").exists(), "a half-made artifact is visible"
    t3d(tmp_path, "run", "--workers", "2")
    assert content(tmp_path / "work") == content(chain / "work")


PIXELS = """[...document.querySelectorAll("[data-turnable] canvas")].map((canvas) => canvas.toDataURL())"""
"""Pictures of all meshes that can be turned."""

BROKEN = """[
    ...[...document.querySelectorAll('a[href^="#"]')].filter((a) => !document.querySelector(a.hash)),
    ...[...document.querySelectorAll("[aria-labelledby]")].filter(
        (one) => !document.getElementById(one.getAttribute("aria-labelledby"))),
    ...[...document.images].filter((one) => !one.alt || !(one.complete && one.naturalWidth)),
].map((one) => one.outerHTML.slice(0, 200))"""
"""Links, labels and pictures that lead nowhere."""

TURN = """(() => {
    const canvas = document.querySelector("[data-turnable] canvas");
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
})()"""


@needs_chromium
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_the_report_works_in_a_browser_without_network(chain, width, dark):
    (report,) = chain.glob("work/sofa/report/_all/*/report.html")
    scripts = (PIXELS, TURN, PIXELS, "document.documentElement.scrollWidth", BROKEN)
    found = visit(report, *scripts, width=width, dark=dark)
    before, _, after, broad, broken = found.values
    assert found.errors == []
    assert found.requests == [report.resolve().as_uri()]
    assert broken == []
    assert broad <= width
    assert len(before) >= 3
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 3, "one strip turns at once"


@needs_chromium
def test_one_page_across_categories(chain, tmp_path):
    shutil.copytree(chain / "work" / "sofa", tmp_path / "work" / "sofa")
    shutil.copytree(chain / "work" / "sofa", tmp_path / "work" / "a <b>")
    (tmp_path / "work" / "empty" / "runs").mkdir(parents=True)
    command = [sys.executable, "-c", "from t3d.cli.main import main; main()", "overview"]
    subprocess.run(command, cwd=tmp_path, check=True, env=_environment())
    page = tmp_path / "work" / "index.html"
    links = "[...document.links].map((a) => a.href)"
    found = visit(page, BROKEN, links, "document.body.innerText", width=390)
    broken, led, text = found.values
    assert (found.errors, broken) == ([], [])
    assert all(Path(unquote(urlsplit(link).path)).is_file() for link in led)
    assert len(led) == 2 * 2, "a title and a picture each"
    assert "A <b>" in text
    assert "Sol 2, simclr (fix)" in text
