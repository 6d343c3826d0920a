"""A trained experiment of the published code becomes phase 1, with equal outputs; what is bad says so."""

import json
import os
import pickle
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks._published import PublishedDecoder
from t3d.errors import DataError, T3dError, UsageError
from t3d.models.losses import pointpair_mean_weight
from t3d.models.network import load_codes
from t3d.models.published import read_pickle
from t3d.pipeline.settings import Layer, resolve
from t3d.pipeline.stage import stages_of
from t3d.tasks.experiment import import_experiment

IDS = [f"id{number}" for number in range(7)]
SIZES = {"code": 6, "hidden": 10, "steps": 8, "width": 12, "depth": 3}
STEP = {"Type": "Step", "Interval": 500, "Factor": 0.5}
SPECS = {
    "Description": "words",
    "DataSource": "../data",
    "TrainSplit": "examples/splits/sofas_train.json",
    "TestSplit": "examples/splits/sofas_test.json",
    "NetworkArch": "deep_implicit_template_decoder",
    "NetworkSpecs": {
        "warper_kargs": {"hidden_size": 10, "steps": 8},
        "decoder_kargs": {
            "dims": [12, 12, 12],
            "dropout": [0, 1, 2],
            "dropout_prob": 0.05,
            "norm_layers": [0, 1, 2],
            "xyz_in_all": False,
            "weight_norm": True,
        },
    },
    "CodeLength": 6,
    "NumEpochs": 2001,
    "SnapshotFrequency": 1000,
    "AdditionalSnapshots": [100, 500],
    "LearningRateSchedule": [STEP | {"Initial": rate} for rate in (5e-4, 1e-3, 2e-3)],
    "SamplesPerScene": 5000,
    "ScenesPerBatch": 3,
    "DataLoaderThreads": 8,
    "ClampingDistance": 0.1,
    "CodeRegularization": True,
    "CodeRegularizationLambda": 1e-4,
    "CodeBound": 1.0,
    "UsePointwiseLoss": True,
    "PointwiseLossWeight": 0.005,
    "UsePointpairLoss": True,
    "PointpairLossWeight": 2e-5,
    "UseCurriculum": True,
}
LAST = SIZES["depth"]


def published_state(decoder: PublishedDecoder) -> dict[str, torch.Tensor]:
    """Its tensors as the published code names them, data-parallel wrapper and all."""
    names = {
        f"warp.cell.{kind}": f"warper.lstm.{kind}"
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    for kind in ("weight", "bias"):
        names[f"warp.head.{kind}"] = f"warper.out_layer_coord_affine.{kind}"
        names[f"template.last.{kind}"] = f"sdf_decoder.lin{LAST}.{kind}"
    for layer in range(LAST):
        ours, theirs = f"template.hidden.{layer}", f"sdf_decoder.lin{layer}"
        names |= {f"{ours}.parametrizations.weight.original{n}": f"{theirs}.weight_{'gv'[n]}" for n in (0, 1)}
        names[f"{ours}.bias"] = f"{theirs}.bias"
    return {f"module.{names[name]}": value for name, value in decoder.state_dict().items()}


@pytest.fixture
def decoder() -> PublishedDecoder:
    torch.manual_seed(0)
    made = PublishedDecoder(**SIZES).eval()
    for name, one in made.named_parameters():
        spread = 0.02 if "last" in name else 0.3
        torch.nn.init.normal_(one, 2.0 if "original0" in name else 0.0, spread)
    return made


@pytest.fixture
def codes() -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(7, 6, generator=torch.Generator().manual_seed(1)), dim=1)


@pytest.fixture
def experiment(tmp_path, decoder, codes) -> Path:
    """`repository/examples/sofas_dit` with two snapshots, the list of shapes beside it."""
    folder = tmp_path / "repository" / "examples" / "sofas_dit"
    for name in ("ModelParameters", "LatentCodes"):
        (folder / name).mkdir(parents=True)
    (folder.parent / "splits").mkdir()
    (folder.parent / "splits" / "sofas_train.json").write_text(json.dumps({"ShapeNetV2": {"04256520": IDS}}))
    (folder / "specs.json").write_text(json.dumps(SPECS))
    state = published_state(decoder)
    for epoch, factor in ((500, 0.0), (2000, 1.0)):
        model = {"epoch": epoch, "model_state_dict": {k: v * factor for k, v in state.items()}}
        torch.save(model, folder / "ModelParameters" / f"{epoch}.pth")
        book = {"epoch": epoch, "latent_codes": {"weight": codes * factor}}
        torch.save(book, folder / "LatentCodes" / f"{epoch}.pth")
    return folder


def taken(tmp_path: Path) -> Path:
    return tmp_path / "out" / "04256520" / "given" / "codes"


def test_outputs_are_those_of_the_published_network(experiment, decoder, codes, tmp_path):
    said = import_experiment(experiment, tmp_path / "out", None, None)
    assert said == ["04256520: decoder, 7 codes of 6 numbers, the longest 1.000"]
    ours, train, val = load_codes(taken(tmp_path))
    assert (list(train), val) == (IDS, {})
    assert np.array_equal(np.stack(list(train.values())), codes)
    points = torch.rand(7, 50, 3, generator=torch.Generator().manual_seed(2)) * 2 - 1
    with torch.no_grad():
        (values,), stages = decoder(points, codes)
        assert (ours.values(points, codes) - values).abs().max() < 1e-5
        for mine, theirs in zip(ours.warp.stages(points, codes), stages, strict=True):
            assert (mine - theirs).abs().max() < 1e-5
    assert values.std() > 0.1, "a network that says something"


def test_settings_are_those_of_specs_json_in_iterations(experiment, tmp_path):
    import_experiment(experiment, tmp_path / "out", None, None)
    content = tomllib.loads((tmp_path / "out" / "t3d.toml").read_text())
    assert content.pop("category") == "sofa"
    params = resolve(stages_of("t3d.stages"), [Layer("t3d.toml", content)])["codes"]
    assert (params.code, params.hidden, params.steps, params.width, params.depth) == tuple(SIZES.values())
    assert (params.lr_warp, params.lr_template, params.lr_codes) == (5e-4, 1e-3, 2e-3)
    assert (params.scenes, params.points, params.clamp, params.code_bound) == (3, 5000, 0.1, 1.0)
    assert (params.iterations, params.ramp, params.decay_every) == (2 * 2001, 2 * 100, 2 * 500)
    assert (params.pointwise, params.code_weight, params.dropout) == (0.005, 1e-4, 0.05)
    assert params.pointpair == pytest.approx(2e-5 * 7 * 5000 / 64)
    assert params.pointpair == pointpair_mean_weight(2e-5, 5000)


def test_what_has_no_counterpart_is_said_and_written(experiment, tmp_path):
    rates = [STEP | {"Initial": 1e-3, "Factor": factor} for factor in (0.5, 0.5, 0.1)]
    change = {"GradientClipNorm": 5, "UseCurriculum": False, "LearningRateSchedule": rates, "CodeBound": None}
    change["UsePointpairLoss"] = False
    (experiment / "specs.json").write_text(json.dumps(SPECS | change))
    _, *lost = import_experiment(experiment, tmp_path / "out", None, None)
    assert [line.removeprefix("not carried over: ").split()[0] for line in lost] == [
        "CodeBound", "GradientClipNorm", "no", "a",
    ]  # fmt: skip
    text = (tmp_path / "out" / "t3d.toml").read_text()
    assert all(f"# {line}\n" in text for line in lost)
    values = tomllib.loads(text)["codes"]
    assert values["pointpair"] == 0
    assert not {"decay_every", "code_bound"} & values.keys()


def test_the_latest_snapshot_is_taken_unless_one_is_named(experiment, tmp_path, codes):
    import_experiment(experiment, tmp_path / "out", "500", None)
    assert not load_codes(taken(tmp_path))[1]["id0"].any()
    for name in ("ModelParameters", "LatentCodes"):
        (experiment / name / "500.pth").rename(experiment / name / "latest.pth")
    import_experiment(experiment, tmp_path / "again", None, None)
    assert not load_codes(tmp_path / "again" / "04256520" / "given" / "codes")[1]["id0"].any()


def test_older_code_books_and_lists_elsewhere(experiment, tmp_path, codes):
    torch.save({"latent_codes": codes[:, None]}, experiment / "LatentCodes" / "2000.pth")
    elsewhere = (experiment.parent / "splits" / "sofas_train.json").rename(tmp_path / "list.json")
    with pytest.raises(UsageError, match=r"sofas_train\.json is not beside it; name it with --splits"):
        import_experiment(experiment, tmp_path / "out", None, None)
    import_experiment(experiment, tmp_path / "out", None, elsewhere)
    assert np.array_equal(load_codes(taken(tmp_path))[1]["id6"], codes[6])


@pytest.mark.parametrize("protocol", [4, 5])
def test_the_authors_code_book_names_its_shapes(experiment, tmp_path, codes, protocol):
    book = {f"b{number}": code.numpy() for number, code in enumerate(codes[:3])}
    (experiment / "pretrained_embedding").mkdir()
    path = experiment / "pretrained_embedding" / "02691156_embedding.pkl"
    path.write_bytes(pickle.dumps(book, protocol=protocol))
    (said,) = import_experiment(experiment, tmp_path / "out", None, None)
    assert said.startswith("02691156: decoder, 3 codes")
    _, train, _ = load_codes(tmp_path / "out" / "02691156" / "given" / "codes")
    assert all(np.array_equal(train[name], code) for name, code in book.items())


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


class Bare:
    """Asks for a function that is in NumPy, but makes no array."""

    def __reduce__(self):
        return np.fromfile, ("/etc/hostname",)


def test_malicious_files_run_nothing(experiment, tmp_path):
    trace = tmp_path / "trace"
    for content in (Evil(trace), {"a": Evil(trace)}, {"a": Bare()}):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(DataError, match="which makes no array"):
            read_pickle(tmp_path / "x.pkl")
    for content in ({"model_state_dict": Evil(trace)}, Evil(trace)):
        torch.save(content, experiment / "ModelParameters" / "2000.pth")
        with pytest.raises(DataError, match=r"2000\.pth: no checkpoint with"):
            import_experiment(experiment, tmp_path / "out", None, None)
    assert not trace.exists()
    assert not (tmp_path / "out").exists()
    pickle.loads(pickle.dumps(Evil(trace)))
    assert trace.exists(), "it would have run"


def _specs(experiment: Path, **changes: object) -> None:
    (experiment / "specs.json").write_text(json.dumps(SPECS | changes))


def _template(experiment: Path, **changes: object) -> None:
    kargs = SPECS["NetworkSpecs"] | {"decoder_kargs": SPECS["NetworkSpecs"]["decoder_kargs"] | changes}
    _specs(experiment, NetworkSpecs=kargs)


def _model(experiment: Path, change) -> None:
    path = experiment / "ModelParameters" / "2000.pth"
    held = torch.load(path, weights_only=True)
    change(held["model_state_dict"])
    torch.save(held, path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _book(experiment: Path, held: object) -> None:
    torch.save({"latent_codes": held}, experiment / "LatentCodes" / "2000.pth")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda e: _cut(e / "ModelParameters" / "2000.pth"), "pth: no checkpoint with 'model_state_dict'"),
        (lambda e: _cut(e / "LatentCodes" / "2000.pth"), "2000.pth: no checkpoint with 'latent_codes'"),
        (lambda e: (e / "LatentCodes" / "2000.pth").unlink(), "No such file"),
        (lambda e: _cut(e / "specs.json"), "specs.json: cannot be used"),
        (lambda e: (e / "specs.json").unlink(), "specs.json: cannot be used"),
        (lambda e: _specs(e, NetworkArch="deep_sdf_decoder"), "NetworkArch 'deep_sdf_decoder' is not"),
        (lambda e: _specs(e, CodeLength=8), "7 of 7 codes have not CodeLength 8 numbers"),
        (lambda e: _specs(e, CodeLength="six"), "specs.json: cannot be used"),
        (lambda e: _specs(e, LearningRateSchedule=[]), "specs.json: cannot be used"),
        (lambda e: (e / "specs.json").write_text("{}"), "'NetworkArch' is missing"),
        (lambda e: _template(e, dims=[12, 12, 14]), "t3d's template has equal dims"),
        (lambda e: _template(e, dims=[]), "specs.json"),
        (lambda e: _template(e, xyz_in_all=True), "no more inputs"),
        (lambda e: _template(e, weight_norm=False), "weight_norm on all"),
        (lambda e: _template(e, dims=[14] * 3), "sdf_decoder.lin0.bias is (12,), wanted (14,)"),
        (lambda e: _model(e, lambda s: s.pop("module.warper.lstm.bias_hh")), "bias_hh is not there, wanted"),
        (lambda e: _model(e, lambda s: s.update(more=torch.zeros(2))), "more is (2,), wanted not there"),
        (lambda e: _book(e, {"resnet.conv1.weight": torch.zeros(3)}), "an image encoder's weights, perhaps"),
        (lambda e: _book(e, {"weight": torch.full((7, 6), torch.nan)}), "no finite codes"),
        (lambda e: _book(e, {"weight": torch.zeros(5, 6)}), "not the list of one class with 5 shapes"),
        (lambda e: (e / "a_embedding.pkl").write_bytes(b"\x80\x04x"), "a_embedding.pkl: no codes by shape"),
        (lambda e: (e / "a_embedding.pkl").write_bytes(pickle.dumps([1])), "no codes by shape"),
        (lambda e: (e / "a_embedding.pkl").write_bytes(pickle.dumps({})), "0 of 0 codes"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_one_line(experiment, tmp_path, spoil, message):
    spoil(experiment)
    with pytest.raises(T3dError) as told:
        import_experiment(experiment, tmp_path / "out", None, None)
    assert message in str(told.value)
    assert "\n" not in str(told.value)
    assert [path.name for path in tmp_path.iterdir()] == ["repository"]


def test_a_checkpoint_that_is_not_there_names_those_that_are(experiment, tmp_path):
    with pytest.raises(UsageError, match=r"no ModelParameters/7\.pth, but \d+, \d+"):
        import_experiment(experiment, tmp_path / "out", "7", None)
    (experiment / "ModelParameters").rename(experiment / "Other")
    with pytest.raises(UsageError, match=r"no ModelParameters/latest\.pth, but none"):
        import_experiment(experiment, tmp_path / "out", None, None)
