"""Saving, strict loading, and inference with arrays."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from t3d.errors import StoreError
from t3d.models import encoder, network
from t3d.models.decoder import Decoder, DecoderConfig, build_decoder
from t3d.models.encoder import (
    Encoder,
    EncoderConfig,
    build_backbone,
    build_encoder,
    resnet_settings,
    to_float,
    to_input,
)
from t3d.models.looks import Looks

CODES = dict(zip("cab", np.random.default_rng(7).normal(size=(3, 5)).astype(np.float32), strict=True))
LOOKS = Looks(np.zeros((2, 16), np.float32), np.zeros(0, np.float32), np.zeros(3))
CONFIG = DecoderConfig(code=5, hidden=16, steps=8, width=12, depth=3)


@pytest.fixture
def parts() -> tuple[Decoder, Encoder]:
    decoder = build_decoder(CONFIG, 0)
    with torch.no_grad():
        decoder.warp.head.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    settings = EncoderConfig(settings=resnet_settings((8, 16), (1, 1)), input_size=32)
    encoder = build_encoder(settings, 5, "none", 0)
    with torch.no_grad():  # running statistics that differ from the initial ones
        encoder(torch.rand(4, 3, 32, 32))
    return decoder, encoder


@pytest.fixture
def folder(tmp_path: Path, parts: tuple[Decoder, Encoder]) -> Path:
    network.save(tmp_path, "s1", *parts, CODES, LOOKS)
    return tmp_path


def _points(count: int = 300) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 3))


def test_a_loaded_network_gives_the_same_values(folder: Path, parts: tuple[Decoder, Encoder]) -> None:
    loaded, (decoder, encoder) = network.load(folder), parts
    points, code = _points(), np.random.default_rng(1).normal(size=5).astype(np.float32)
    at = torch.from_numpy(points.astype(np.float32))
    with torch.no_grad():
        expected = decoder.sdf(at, torch.from_numpy(code)).numpy()
        template = decoder.template.values(at).numpy()
        steps = [step[0].numpy() for step in decoder.warp.stages(at[None], torch.from_numpy(code)[None])]
    np.testing.assert_allclose(loaded.sdf(points, code), expected, atol=1e-6)
    np.testing.assert_allclose(loaded.template_sdf(points), template, atol=1e-6)
    np.testing.assert_allclose(loaded.warp(points, code), steps[-1], atol=1e-6)
    assert len(loaded.warp_steps(points, code)) == 4
    for ours, theirs in zip(loaded.warp_steps(points, code), steps, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert loaded.variant == "s1"
    assert loaded.codes.keys() == CODES.keys()
    assert all(np.array_equal(loaded.codes[shape], code) for shape, code in CODES.items())
    assert loaded.mean_code == pytest.approx(np.mean([*CODES.values()], axis=0))

    images = np.random.default_rng(2).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():
        codes = encoder.eval()(to_float(to_input(images, 32))).numpy()
    np.testing.assert_allclose(loaded.encode(images), codes, atol=1e-6)


def test_sdf_is_the_template_at_the_warped_point(folder: Path) -> None:
    loaded, code = network.load(folder), np.full(5, 0.3)
    moved = loaded.warp(_points(), code)
    assert np.abs(moved - _points()).max() > 0.01
    np.testing.assert_allclose(loaded.template_sdf(moved), loaded.sdf(_points(), code), atol=1e-6)


def test_arrays_have_their_types_and_shapes(folder: Path) -> None:
    loaded = network.load(folder)
    assert loaded.sdf(_points(7), np.zeros(5)).dtype == np.float32
    assert loaded.sdf(_points(7), np.zeros(5)).shape == (7,)
    assert loaded.sdf(np.empty((0, 3)), np.zeros(5)).shape == (0,)
    assert loaded.warp(_points(7), np.zeros(5)).shape == (7, 3)
    assert loaded.encode(np.zeros((1, 50, 50, 3), np.uint8)).shape == (1, 5)
    assert loaded.encode(np.zeros((0, 50, 50, 3), np.uint8)).shape == (0, 5)
    assert loaded.input_size == 32


def test_parts_of_a_batch_give_what_the_whole_gives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = network.load(folder)
    whole = loaded.sdf(_points(), np.zeros(5))
    images = np.random.default_rng(2).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    codes = loaded.encode(images)
    monkeypatch.setattr(encoder, "AT_ONCE", 2)
    np.testing.assert_allclose(loaded.encode(images), codes, atol=1e-6)
    monkeypatch.setattr(network, "GATES_AT_ONCE", 7 * 4 * 16)
    np.testing.assert_allclose(loaded.sdf(_points(), np.zeros(5)), whole, atol=1e-6)


def test_read_only_arrays_are_welcome(folder: Path) -> None:
    points = _points(5).astype(np.float32)
    points.setflags(write=False)
    network.load(folder).sdf(points, network.load(folder).mean_code)


def test_inference_leaves_no_graph(folder: Path) -> None:
    loaded = network.load(folder)
    assert not any(p.requires_grad for p in loaded.decoder.parameters())
    assert not loaded.encoder.training


@pytest.mark.parametrize("change", ["missing", "unknown", "misshapen"])
def test_tensors_that_do_not_fit_are_named(folder: Path, change: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = "decoder.warp.head.bias"
    if change == "missing":
        del tensors[name]
    elif change == "unknown":
        name = "decoder.warp.extra"
        tensors[name] = torch.zeros(1)
    else:
        tensors[name] = torch.zeros(7)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(StoreError, match=name):
        network.load(folder)


@pytest.mark.parametrize("name", ["codes", "looks.features"])
def test_a_network_without_what_it_was_trained_on_is_refused(folder: Path, name: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(StoreError, match=r"lacks codes or looks .* train again"):
        network.load(folder)


def test_codes_belong_to_named_shapes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"shapes": ["c", "a"]}))
    with pytest.raises(StoreError, match="lacks codes"):
        network.load(folder)


def test_torn_files_are_told(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100])
    with pytest.raises(StoreError, match=r"model\.safetensors"):
        network.load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(StoreError, match=r"config\.json"):
        network.load(folder)
    with pytest.raises(StoreError, match="nowhere"):
        network.load(folder / "nowhere")


@pytest.mark.parametrize("changed", [{"format": "other"}, {"format_version": 99}])
def test_other_formats_are_refused(folder: Path, changed: dict[str, object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(StoreError, match="version"):
        network.load(folder)


def test_codes_round_trip(tmp_path: Path, parts: tuple[Decoder, Encoder]) -> None:
    train = (("b", "a"), np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32))
    network.save_codes(tmp_path, parts[0], train, ((), np.empty((0, 5), np.float32)))
    decoder, codes, val = network.load_codes(tmp_path)
    assert codes.keys() == {"a", "b"}
    assert np.array_equal(codes["a"], train[1][1])
    assert val == {}
    assert all(torch.equal(v, decoder.state_dict()[k]) for k, v in parts[0].state_dict().items())


def test_same_network_same_bytes(tmp_path: Path, parts: tuple[Decoder, Encoder]) -> None:
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        network.save(tmp_path / name, "s1", *parts, CODES, LOOKS)
        contents.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir())])
    assert contents[0] == contents[1]


SMALL = EncoderConfig(settings=resnet_settings((8, 16), (1, 1)), input_size=32)


def test_a_pre_trained_encoder_comes_back_with_a_new_last_layer(tmp_path: Path) -> None:
    backbone = build_backbone(SMALL, "none", 3)
    backbone(torch.rand(4, 3, 32, 32))  # running statistics travel too
    network.save_encoder(tmp_path, backbone)
    encoder, done = network.load_encoder(tmp_path, 5, 0)
    assert done.missing == ("to_code.bias", "to_code.weight")
    assert set(done.matched) == set(backbone.state_dict())
    assert all(
        torch.equal(encoder.state_dict()[name], value) for name, value in backbone.state_dict().items()
    )
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(encoder.eval().features(images), backbone.eval()(images))
    again, _ = network.load_encoder(tmp_path, 5, 0)
    assert torch.equal(again.to_code.weight, encoder.to_code.weight)


def test_an_encoder_that_lacks_a_tensor_is_not_taken_over_in_silence(tmp_path: Path) -> None:
    """Else what is missing would start from random weights, and nobody would know (defect 22)."""
    network.save_encoder(tmp_path, build_backbone(SMALL, "none", 3))
    tensors = load_file(tmp_path / "encoder.safetensors")
    dropped = next(name for name in tensors if name.endswith("convolution.weight"))
    del tensors[dropped]
    save_file(tensors, tmp_path / "encoder.safetensors")
    with pytest.raises(StoreError, match=dropped.replace(".", r"\.")):
        network.load_encoder(tmp_path, 5, 0)


def test_no_model_names_a_device() -> None:
    """Everything trains on a CPU too (defect 34); which device it is, accelerate decides."""
    sources = [path.read_text() for path in Path(network.__file__).parent.glob("*.py")]
    assert len(sources) > 8
    assert not any(".cuda(" in text or 'device("cuda' in text for text in sources)


def test_looks_and_a_bundle_give_the_same_network_from_one_file(
    tmp_path: Path, parts: tuple[Decoder, Encoder]
) -> None:
    rng = np.random.default_rng(0)
    known = Looks(rng.random((4, 16), np.float32), np.zeros(0, np.float32), rng.random(3))
    network.save(tmp_path, "s1", *parts, CODES, known)
    network.write_bundle(tmp_path / "b.t3d", tmp_path)
    images = rng.integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    first, second = network.load(tmp_path), network.load(tmp_path / "b.t3d")
    for one in (first, second):
        assert all(np.array_equal(value, vars(known)[name]) for name, value in vars(one.looks).items())
    assert np.array_equal(first.encode(images), second.encode(images))
    assert np.array_equal(first.sdf(_points(), np.ones(5)), second.sdf(_points(), np.ones(5)))
    with torch.no_grad():
        expected = parts[1].eval().features(to_float(to_input(images, 32))).numpy()
    np.testing.assert_allclose(second.features(images), expected, atol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.t3d", "config.json", "model.safetensors"]


@pytest.mark.parametrize("content", [b"", b"no bundle", None])
def test_what_is_no_bundle_is_refused_in_one_line(
    tmp_path: Path, folder: Path, content: bytes | None
) -> None:
    path = tmp_path / "b.t3d"
    path.write_bytes((folder / "model.safetensors").read_bytes() if content is None else content)
    with pytest.raises(StoreError, match=r"b\.t3d") as found:
        network.load(path)
    assert "\n" not in str(found.value)
