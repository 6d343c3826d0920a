"""The stage `network_s2`: from a pre-trained encoder, samples and views to a network like any other."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from t3d.datasets.start import SIZES
from t3d.errors import UsageError
from t3d.models.decoder import DecoderConfig, build_decoder
from t3d.models.encoder import EncoderConfig, build_backbone, resnet_settings
from t3d.models.network import load, save_codes, save_encoder
from t3d.stages.network_s2 import Params, network_s2
from tests.models.watchers import interrupt
from tests.stages.squares import train, write_squares

TINY = replace(
    Params(), code=4, hidden=16, steps=4, width=16, depth=2, dropout=0.0, clamp=0.3, ramp=10, iterations=60,
    scenes=8, points=64, lr_warp=3e-3, lr_template=3e-3, lr_encoder=3e-3, schedule="cosine",
    levels=("easy",), jitter=0.1, hue=0.0, validate_every=20,
)  # fmt: skip

Folders = Mapping[str, Mapping[str, Path]]


def _make(given: tuple[Path, Folders, Folders], root: Path, **changed: Any) -> dict[str, Any]:
    return train(network_s2, given, root, replace(TINY, **changed), variant="s2-byol")


def write_cube(folder: Path, side: int) -> Path:
    """`samples.npz` of a cube of `side` / 16 along each axis, and two views: a square of `side` of 32."""
    write_squares(folder, side, ((0, 0), (1, 0)))
    points = np.random.default_rng(side).uniform(-1, 1, (3000, 3))
    away = np.abs(points) - side / 32
    distance = np.linalg.norm(np.maximum(away, 0), axis=1) + np.minimum(away.max(1), 0)
    rows = np.column_stack([points, distance]).astype(np.float32)
    np.savez(folder / "samples.npz", pos=rows[distance >= 0], neg=rows[distance < 0])
    return folder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Folders, Folders]:
    """A `pretrain` folder, and cubes."""
    root = tmp_path_factory.mktemp("cubes")
    sides = {"train": range(8, 29, 2), "val": (11, 17, 23)}
    made = {part: {f"s{one}": write_cube(root / f"s{one}", one) for one in of} for part, of in sides.items()}
    (root / "pretrain").mkdir()
    config = EncoderConfig(settings=resnet_settings((8, 16), (1, 1)), input_size=16)
    save_encoder(root / "pretrain", build_backbone(config, "none", 5))
    (root / "pretrain" / "curves.csv").write_text("step,seconds\n0,0.0\n")
    return root / "pretrain", made, made


@pytest.fixture(scope="module")
def trained(
    given: tuple[Path, Folders, Folders], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """The folder of a network, and its facts."""
    root = tmp_path_factory.mktemp("trained")
    facts = _make(given, root, iterations=150, validate_every=50)
    return root / "out", facts


def test_it_makes_a_network_where_everybody_looks_for_one(
    given: tuple[Path, Folders, Folders], trained: tuple[Path, dict[str, Any]]
) -> None:
    """In the same format as solution 1's; an earlier project saved the encoder elsewhere (defect 36)."""
    folder, facts = trained
    network = load(folder)
    assert network.variant == "s2-byol"
    assert network.mean_code.shape == (4,)
    assert facts["tensors_new"] == ["to_code.bias", "to_code.weight"]
    assert facts["tensors_transferred"] > 10
    assert facts["shapes"] == 11
    images = [np.asarray(Image.open(given[2]["val"][name] / "easy/00.png")) for name in ("s11", "s23")]
    small, large = network.encode(np.stack(images))
    inside = [float(network.sdf(np.array([[0.5, 0.0, 0.0]]), code)[0]) for code in (small, large)]
    assert inside[0] > 0 > inside[1], "11/32 < 0.5 < 23/32"
    with (folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert min(float(row["val"]) for row in rows) == pytest.approx(facts["validation"])
    assert (folder / "curves-pretrain.csv").read_bytes() == (given[0] / "curves.csv").read_bytes()


def test_it_starts_from_the_pre_trained_weights(given: tuple[Path, Folders, Folders], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    _make(given, tmp_path, iterations=2, freeze=True, norms="fixed")
    before, after = load_file(given[0] / "encoder.safetensors"), load_file(tmp_path / "out/model.safetensors")
    assert all((after[f"encoder.{name}"] == value).all() for name, value in before.items())


def test_its_output_is_the_one_of_this_version(given: tuple[Path, Folders, Folders], tmp_path: Path) -> None:
    """If this changes, raise the stage's version."""
    facts = _make(given, tmp_path, iterations=20)
    assert facts["validation"] == pytest.approx(GOLDEN_VALIDATION, rel=1e-2)


def test_a_killed_stage_goes_on_and_gives_the_same(
    given: tuple[Path, Folders, Folders], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t3d.models.training.SAVE_SECONDS", 0.0)

    _make(given, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(network_s2, given, tmp_path / "killed", TINY, variant="s2-byol", progress=interrupt(40))
    _make(given, tmp_path / "killed")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "whole/out" / name).read_bytes() == (tmp_path / "killed/out" / name).read_bytes()


def test_without_validation_shapes_the_last_weights_count(
    given: tuple[Path, Folders, Folders], tmp_path: Path
) -> None:
    train = {"train": given[1]["train"]}
    facts = _make((given[0], train, train), tmp_path, iterations=20)
    assert facts["validation"] is None
    assert facts["kept_iteration"] == 20


GOLDEN_VALIDATION = 0.156075


def test_it_goes_on_from_a_trained_network(
    given: tuple[Path, Folders, Folders], trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, first = trained
    files = tuple(folder / name for name in ("model.safetensors", "config.json"))
    found = _make(given, tmp_path / "on", iterations=2, validate_every=1, start=files, lr_encoder=0.0)
    anew = _make(given, tmp_path / "anew", iterations=2, validate_every=1)
    assert found["tensors_new"] == []
    assert found["validation"] < 0.5 * (first["validation"] + anew["validation"])


def test_it_does_not_go_on_from_phase_1_alone(given: tuple[Path, Folders, Folders], tmp_path: Path) -> None:
    config = DecoderConfig(**{name: getattr(TINY, name) for name in SIZES})
    save_codes(tmp_path, build_decoder(config, 0), (("a",), np.zeros((1, config.code), np.float32)), ((), []))
    files = (tmp_path / "decoder.safetensors", tmp_path / "config.json", tmp_path / "codes.npz")
    with pytest.raises(UsageError, match="phase 1 alone, without an encoder"):
        _make(given, tmp_path / "s2", start=files)
