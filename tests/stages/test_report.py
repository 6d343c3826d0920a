"""The report stage on a small made-up run in the formats of the stages it reads."""

import itertools
import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from t3d.datasets.cameras import write_cameras
from t3d.datasets.formats import read_json, write_json, write_transform
from t3d.datasets.meshes import write_ply
from t3d.geometry.mesh import Mesh, bounds
from t3d.geometry.normalize import normalize
from t3d.geometry.parts import plain
from t3d.geometry.protocols import chosen
from t3d.geometry.raycast import Renderer
from t3d.geometry.recipe import View
from t3d.models.decoder import DecoderConfig, build_decoder
from t3d.models.encoder import EncoderConfig, build_encoder, resnet_settings
from t3d.models.looks import Looks
from t3d.models.network import save
from t3d.report.figures import Panel, Series, chart
from t3d.report.pictures import around
from t3d.report.results import compare, write
from t3d.report.scoring import ANY, Score, read_scores
from t3d.report.sections import Section, write_sections
from t3d.stages.report import Params, report

NASTY = '<script>alert("x")</script>'
VIEWS = 3  # of each level
SIZE = 64  # of the rendered views, in pixels
FIX, RND = "easy/01", "easy/02"


def box(low, high):
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return Mesh(np.asarray(low) + corners * (np.asarray(high) - np.asarray(low)), np.array(faces))


def write_views(folder, mesh, transform, rng):
    unit = Mesh(transform.apply(mesh.vertices), mesh.faces)
    renderer = Renderer(plain(unit, (180, 120, 90)))
    levels, masks = {}, {}
    for level in ("easy", "hard"):
        turns = rng.uniform(0, 360, VIEWS)
        levels[level] = [
            View(around(turn, 25.0, SIZE), turn, 25.0, 1.0, (0.0, 0.0, 0.0), 1, False) for turn in turns
        ]
        (folder / level).mkdir(parents=True)
        images = [renderer.render(view.camera) for view in levels[level]]
        for index, image in enumerate(images):
            Image.fromarray(image.rgb).save(folder / level / f"{index:02}.png")
        masks[level] = np.stack([image.mask for image in images])
    np.savez(folder / "masks.npz", **masks)
    write_cameras(folder / "cameras.json", levels, transform, bounds(unit), diagonal=1.0)


def write_shape(root, truth, made, rng):
    """Folders views, mesh and reconstructions of a shape; without a reconstructed mesh, why there is none."""
    transform = normalize(truth.vertices)
    write_views(root / "views", truth, transform, rng)
    (root / "mesh").mkdir()
    write_ply(root / "mesh" / "mesh.ply", Mesh(transform.apply(truth.vertices), truth.faces))
    write_transform(root / "mesh" / "transform.json", transform)
    (root / "reconstructions" / "easy").mkdir(parents=True)
    status = {"status": "ok"} if made else {"status": "empty", "reason": "no zero crossing in [0.1, 0.9]"}
    chosen = {"fix": FIX, "rnd": RND, "views": {"easy": {"fix": [FIX], "rnd": [RND]}}}
    write_json(root / "reconstructions" / "choices.json", {**chosen, FIX: status, RND: status})
    for view in (FIX, RND) if made else ():
        write_ply(root / "reconstructions" / f"{view}.ply", made)


def write_metrics(folder, test, train):
    """Scores 0.001, 0.002, ... in the order of the shapes; the template alone scores a little over 0.004.

    Every picture finds the training shape t0, and t1 is nearest to all.
    """
    scores = []
    for part, shapes in (("test", test), ("train", train)):
        for rank, (shape, made) in enumerate(shapes.items()):
            outcome = ("ok", "") if made else ("failed", "no zero crossing in [0.1, 0.9]")
            for choice, view in (("fix", FIX), ("rnd", RND)):
                seen = {"variant": "s1", "part": part, "level": "easy", "choice": choice}
                scores.append(score(shape, view, outcome, 0.001 * (rank + 1), method="s1", **seen))
                found = {"method": "retrieval", "answer": "t0", **seen}
                scores.append(score(shape, view, ("ok", ""), 0.002, **found))
            blind = {"part": part, "level": ANY, "choice": ANY}
            alone = 0.0042 + 0.0003 * rank
            scores.append(score(shape, "", ("ok", ""), alone, method="template", variant="s1", **blind))
            nearest = {"method": "oracle-retrieval", "answer": "t1"}
            scores.append(score(shape, "", ("ok", ""), 0.0015, **nearest, **blind))
    write_scores(folder, scores)


def score(shape, view, outcome, chamfer, **labels):
    floors = {"chamfer-l2": 0.0000211 if labels["part"] == "test" else 0.00002}
    return Score("deepsdf", shape, view, *outcome, {"chamfer-l2": chamfer}, floors, **labels)


def write_scores(folder, scores):
    """Both files, all networks with the same interval."""
    metrics = compare(scores, chosen(["deepsdf"], ["emd"]), 0, 200)
    for row in metrics["protocols"][0]["rows"]:
        row["metrics"]["chamfer-l2"]["interval_median"] = [0.0011, 0.0034]
    write(folder, "metrics", metrics, scores, [])


def write_training(root):
    (root / "network").mkdir()
    for name in ("curves-codes", "curves"):
        lines = ["step,seconds,loss,val"] + [
            f"{step},{step / 10},{1 / step},{2 / step if step % 20 == 0 else ''}" for step in range(1, 200, 3)
        ]
        (root / "network" / f"{name}.csv").write_text("\n".join(lines) + "\n")
    decoder = build_decoder(DecoderConfig(code=4, hidden=8, steps=4, width=8, depth=2), 0)
    encoder = build_encoder(
        EncoderConfig(settings=resnet_settings((8, 8), (1, 1)), input_size=32), 4, "none", 0
    )
    looks = Looks(np.zeros((2, 8), np.float32), np.zeros(0, np.float32), np.zeros(3))
    save(root / "network", "s1", decoder, encoder, {"a": np.zeros(4, np.float32)}, looks)


def write_found(folder, title):
    """A section with a picture and a chart, as `correspondence` and `analysis` leave them."""
    folder.mkdir()
    Image.new("RGB", (8, 8), "red").save(folder / "sheet.png")
    dots = Series("", np.arange(3.0), np.arange(3.0), True)
    (folder / "dots.svg").write_text(chart(title, [Panel("", "x", "y", [dots])]), encoding="utf-8")
    rows = [{"who": NASTY, "share": 0.12345, "pairs": 6, "none": None}]
    write_sections(folder, [Section(title, {"sheet.png": "seen", "dots.svg": "drawn"}, rows)])
    return folder


def write_run(root, test, train):
    """All that the stage reads, for shapes given as id -> (truth, made or None)."""
    rng = np.random.default_rng(7)
    names = ("views", "mesh", "reconstructions")
    folders = {name: {"train": {}, "test": {}, "train_scored": {}} for name in names}
    for part, shapes in (("test", test), ("train_scored", train)):
        for number, (shape, (truth, made)) in enumerate(shapes.items()):
            place = root / f"{part}{number}"
            write_shape(place, truth, made, rng)
            for name in folders:
                folders[name][part][shape] = place / name
                if name == "mesh" and part == "train_scored":
                    folders[name]["train"][shape] = place / name
    write_metrics(root / "scores", {k: v[1] for k, v in test.items()}, {k: v[1] for k, v in train.items()})
    write_training(root)
    (root / "template").mkdir()
    for name in ("template", "mean"):
        write_ply(root / "template" / f"{name}.ply", box([-0.7, -0.3, -0.4], [0.7, 0.3, 0.4]))
    (root / "split").mkdir()
    split = {
        "train": list(train),
        "val": [],
        "test": list(test),
        "train_scored": list(train),
        "source": "seeded",
    }
    write_json(root / "split" / "split.json", {**split, "excluded": {"broken": "left out by hand"}})
    return {
        "views": folders["views"],
        "mesh": folders["mesh"],
        "reconstructions": {"s1": folders["reconstructions"]},
        "photos": {"s1": {"photos": {}}},
        "template": {"s1": root / "template"},
        "correspondence": {"s1": write_found(root / "correspondence", f"Parts {NASTY}")},
        "analysis": write_found(root / "analysis", "Codes in the plane"),
        "network": {"s1": root / "network"},
        "scores": root / "scores",
        "split": root / "split",
    }


RECIPE = {
    "category": "sofa",
    "data": "procedural sofas, seed 0",
    "procedural": True,
    "command": "t3d run --category sofa",
    "stages": {"views": {"size": 224}, "codes": {"steps": 2000, "rate": 0.0005}},
}


def shapes(names, rng):
    return {
        name: (box([0, 0, 0], rng.uniform(1, 3, 3)), box([0, 0, 0], rng.uniform(1, 3, 3))) for name in names
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rng = np.random.default_rng(3)
    test = shapes(["a", "b", NASTY, "d"], rng)
    test["empty"] = (test["a"][0], None)
    return write_run(tmp_path_factory.mktemp("run"), test, shapes(["t0", "t1"], rng))


def make(run, out, **changes):
    out.mkdir()
    failures = [{"shape": f"lost {NASTY}", "stage": "mesh", "kind": "data", "reason": f"no faces {NASTY}"}]
    given = {"failures": failures, "recipe": RECIPE, "params": Params(shapes=4, picture=64)} | changes
    report(**run, out=out, **given)
    return (out / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return make(run, tmp_path_factory.mktemp("made") / "report")


class Page(HTMLParser):
    """Tags, attributes and texts of a page; fails on unbalanced tags."""

    VOID = frozenset("meta img source link br hr input".split())

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def test_page_is_one_small_offline_file(page):
    read = Page(page)
    assert len(page.encode()) < 25e6
    for attributes in read.all("img"):
        assert attributes["src"].startswith("data:image/webp;base64,")
    links = [
        value
        for _, a in read.tags
        for name, value in a.items()
        if name in ("href", "src", "srcset", "xlink:href")
    ]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "url(http" not in page
    policy = next(a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy  # the browser itself refuses any request and any script


def test_page_is_accessible(page):
    read = Page(page)
    assert read.all("html") == [{"lang": "en"}]
    assert all(attributes["alt"] for attributes in read.all("img"))
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in read.all("th"))
    assert len(read.all("caption")) == len(read.all("table"))
    levels = [int(tag[1]) for tag, _ in read.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert all(
        "aria-label" in attributes for attributes in read.all("svg", "div") if attributes.get("role") == "img"
    )


def test_ids_are_unique_and_links_lead_somewhere(page):
    read = Page(page)
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in read.all("a")} | {
        a[name] for _, a in read.tags for name in a if name == "aria-labelledby"
    }
    assert len(targets) > 8
    assert targets <= set(ids)


def test_texts_from_outside_cannot_act(page):
    assert page.count("<script") == 1, "the page's own, named by the policy"
    assert NASTY in Page(page).text
    assert any(NASTY in attributes["alt"] for attributes in Page(page).all("img"))


def test_page_says_what_was_reconstructed_how_well_and_from_what(page):
    text = Page(page).text
    assert "Procedural shapes, no data set was given." in text
    assert "below 3.00 × 10 −3 (95 % interval 1.10 to 3.40)" in text
    assert "deepsdf v1, test shapes" in text
    assert "Failures: counted as one point at the centre" in text
    assert "Tables are of one protocol each and cannot be compared" in text
    assert "t3d, s1, fixed view deepsdf, failures dropped" in text
    assert "Sol 1 (rnd)" in text
    assert "Pixel2Mesh" in text
    assert "A perfect mesh would score about 0.0211" in text
    assert "t3d run --category sofa" in text
    assert "procedural sofas, seed 0" in text
    assert "rate 0.0005" in text


def test_page_shows_failures_with_their_reasons(page):
    text = Page(page).text
    assert "2 shapes lost on the way" in text
    assert f"mesh data no faces {NASTY}" in text
    assert "broken split excluded left out by hand" in text
    assert "failed: no zero crossing in [0.1, 0.9]" in text
    assert "1 of 5 failed" in text


def test_gallery_goes_from_best_to_worst(page):
    text = Page(page).text
    assert text.index("best a") < text.index("median <script>") < text.index("worst empty")
    alts = [attributes["alt"] for attributes in Page(page).all("img")]
    for tile in ("input view", "reconstruction", "ground truth", "template colours"):
        assert alts.count(f"{tile} of test shape a") == 1
    assert "reconstruction of test shape empty" not in alts


def test_sections_of_template_and_analysis_are_there_with_figures_and_tables(page):
    text = Page(page).text
    assert text.index(f"Parts {NASTY} seen") < text.index("Codes in the plane seen")
    assert text.count(f"Who Share Pairs None {NASTY} 0.123 6 –") == text.count(" drawn Parts ") * 2 == 2
    assert 'aria-label="Codes in the plane"><svg' in page


def test_page_shows_what_retrieval_answers(page):
    text = Page(page).text
    for tile in ("input view", "retrieved: t0", "ground truth", "oracle: t1"):
        alt = f"{tile} of test shape a, side by side"
        assert alt in [one["alt"] for one in Page(page).all("img")]
    assert "nearest training shape by image" in text
    assert "nearest training shape, oracle" in text


def test_same_run_same_bytes(run, page, tmp_path):
    assert make(run, tmp_path / "again") == page


def test_no_banner_on_real_data(run, tmp_path):
    recipe = {**RECIPE, "procedural": False, "data": "/data/ShapeNet"}
    text = Page(make(run, tmp_path / "real", recipe=recipe)).text
    assert "Procedural shapes" not in text
    assert "/data/ShapeNet" in text


def test_without_test_scores_the_page_says_so(run, tmp_path):
    bare = tmp_path / "scores"
    lost = [
        replace(one, status="no ground truth", values={}, floors={})
        for one in read_scores(run["scores"] / "metrics.csv")
    ]
    write_scores(bare, lost)
    (bare / "metrics.csv").write_text((bare / "metrics.csv").read_text().splitlines()[0] + "\n")
    nothing = {"test": {}, "train_scored": {}}
    lost = {**run, "scores": bare, "views": nothing, "reconstructions": {"s1": nothing}}
    text = Page(make(lost, tmp_path / "page")).text
    assert "No test shape could be scored." in text
    assert text.count("Nothing was reconstructed here.") == 2


@pytest.fixture(scope="module")
def both(run, tmp_path_factory):
    """The page of the run with a second network beside the first, which was pre-trained."""
    root = tmp_path_factory.mktemp("both")
    (root / "network").mkdir()
    for name in ("model.safetensors", "config.json", "curves.csv"):
        shutil.copyfile(run["network"]["s1"] / name, root / "network" / name)
    write_json(
        root / "network" / "config.json",
        {**read_json(root / "network" / "config.json"), "variant": "s2-simclr"},
    )
    lines = [
        "step,seconds,retrieval,spread,rank,loss",
        "0,0,0.1,0.2,9,",
        "50,8,0.6,0.7,5,1.5",
        "99,16,0.8,0.7,5,1",
    ]
    (root / "network" / "curves-pretrain.csv").write_text("\n".join(lines) + "\n")
    scores = read_scores(run["scores"] / "metrics.csv")
    scores += [
        replace(one, variant="s2-simclr", method=one.method.replace("s1", "s2-simclr"))
        for one in scores
        if one.variant
    ]
    write_scores(root / "scores", scores)
    named = ("reconstructions", "template", "correspondence")
    inputs = {name: {**run[name], "s2-simclr": run[name]["s1"]} for name in named}
    network = {**run["network"], "s2-simclr": root / "network"}
    return make({**run, **inputs, "network": network, "scores": root / "scores"}, root / "page")


def test_two_solutions_stand_side_by_side(both):
    read = Page(both)
    text = read.text
    for name in (" Sol 1", " Sol 2, simclr"):
        assert text.count(f"{name} fixed view") == 2, "a row for test and one for training shapes"
    assert all(f"{name}: shapes from the best to the worst" in text for name in ("Sol 1", "Sol 2, simclr"))
    for name in ("template alone (Sol 1)", "template alone (Sol 2, simclr)"):
        assert name in text
    alts = [attributes["alt"] for attributes in read.all("img")]
    assert alts.count("reconstruction of test shape a") == 2


def test_each_network_shows_all_its_training(both, page):
    texts = [text for text in Page(both).texts if text.strip()]
    for title in ("Codes s1", "Network s1", "Pre-training s2-simclr", "Network s2-simclr"):
        assert title in texts
    assert texts.count("shapes found again") == 1
    assert "Pre-training s2-simclr: what was learned over optimisation steps" in both
    assert Page(page).text.count("trained for") == 2


def test_warnings_of_stages_are_listed(run, tmp_path):
    views = tmp_path / "views"
    views.mkdir()
    (views / "manifest.json").write_text(json.dumps({"facts": {"warnings": ["drawn in grey: no MTL"]}}))
    text = Page(make({**run, "views": {"test": {"w": views}, "train_scored": {}}}, tmp_path / "page")).text
    assert "1 warning" in text
    assert "w : drawn in grey: no MTL" in text


def test_stage_declares_its_file_and_what_it_reads():
    declared = report.__stage__
    assert (declared.per, declared.command, declared.files) == ("set", "report", ("report.html",))
    assert {need.name for need in declared.needs if need.variants} == {
        "reconstructions",
        "photos",
        "template",
        "correspondence",
        "network",
    }
    assert {need.name: need.parts for need in declared.needs if need.parts and not need.variants} == {
        "views": ("test", "train_scored"),
        "mesh": ("train", "test", "train_scored"),
    }


def test_photographs_have_a_column_of_their_own(page, run, tmp_path):
    (tmp_path / "photo").mkdir()
    Image.new("RGB", (64, 16), "teal").save(tmp_path / "photo" / "photo.preview.png")
    write_json(tmp_path / "photo" / "manifest.json", {"facts": {"warnings": ["2 objects in it"]}})
    lost = [{"shape": "torn.jpg", "stage": "photos", "kind": "data", "reason": "cut short"}]
    photos = {"s1": {"photos": {f"{NASTY}.jpg": tmp_path / "photo"}}}
    text = make({**run, "photos": photos}, tmp_path / "report", failures=lost)
    read = Page(text)
    assert any(attributes["alt"].startswith(f"Photograph {NASTY}.jpg") for attributes in read.all("img"))
    assert "Real world" in read.text
    assert "torn.jpg : cut short" in read.text
    assert read.text.count("2 objects in it") == 2
    assert NASTY not in text
    assert "Real world" not in page


def test_networks_stand_side_by_side(page, both):
    alts = [one["alt"] for one in Page(both).all("img")]
    for tile in ("input view", "ground truth", "Sol 1", "Sol 2, simclr"):
        assert f"{tile} of test shape a, side by side" in alts
    assert "Sol 2" not in page
    assert "by pre-training" not in both
