"""The stage `network_s1` end to end: views of squares whose codes tell their size."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from t3d.models.decoder import DecoderConfig, build_decoder
from t3d.models.network import load, save_codes
from t3d.stages.network_s1 import Params, network_s1
from tests.stages.squares import CORNERS, train, write_squares

TINY = replace(
    Params(),
    widths=(8, 16),
    depths=(1, 1),
    input_size=16,
    iterations=60,
    batch=16,
    lr=3e-3,
    jitter=0.1,
    hue=0.0,
    validate_every=10,
)


Views = Mapping[str, Mapping[str, Path]]


def _make(made: tuple[Path, Views], root: Path, **changed: Any) -> dict[str, Any]:
    return train(network_s1, made, root, replace(TINY, **changed))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Views]:
    """A `codes` folder and views: shapes of 6 to 28 pixels with codes (side / 28, 0)."""
    root = tmp_path_factory.mktemp("squares")
    sides = {"train": range(6, 29, 2), "val": (9, 15, 21)}
    views = {
        part: {f"s{side}": write_squares(root / f"s{side}", side, CORNERS) for side in of}
        for part, of in sides.items()
    }
    decoder = build_decoder(DecoderConfig(code=2, hidden=8, steps=4, width=8, depth=1), 0)
    named = [
        (tuple(views[part]), np.array([(side / 28, 0) for side in of], np.float32))
        for part, of in sides.items()
    ]
    (root / "codes").mkdir()
    save_codes(root / "codes", decoder, *named)
    (root / "codes" / "curves.csv").write_text("step,seconds,loss\n1,0.1,2.0\n")
    return root / "codes", views


@pytest.fixture(scope="module")
def trained(
    made: tuple[Path, Views], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """The folder of a network, and its facts."""
    root = tmp_path_factory.mktemp("trained")
    facts = _make(made, root, iterations=200)
    return root / "out", facts


def test_it_makes_a_network_that_beats_the_mean_code(
    made: tuple[Path, Views], trained: tuple[Path, dict[str, Any]]
) -> None:
    folder, facts = trained
    network = load(folder)
    assert network.variant == "s1"
    assert network.codes["s12"].tolist() == pytest.approx([12 / 28, 0])
    assert (len(network.looks.features), len(network.looks.held_out)) == (48, 12)
    assert network.mean_code.tolist() == pytest.approx([np.mean(range(6, 29, 2)) / 28, 0])
    assert facts["validation"] < 0.5 * facts["validation_of_mean_code"]
    assert facts["views"] == 48
    images = np.stack(
        [np.asarray(Image.open(made[1]["val"]["s15"] / "easy" / f"0{i}.png")) for i in range(4)]
    )
    assert network.encode(images)[:, 0] == pytest.approx(15 / 28, abs=0.15)
    config = json.loads((folder / "config.json").read_text())
    assert config["encoder"]["input_size"] == 16
    with (folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert min(float(row["val"]) for row in rows) == pytest.approx(facts["validation"])
    assert (folder / "curves-codes.csv").read_bytes() == (made[0] / "curves.csv").read_bytes()


def test_its_output_is_the_one_of_this_version(made: tuple[Path, Views], tmp_path: Path) -> None:
    """If this changes, raise the stage's version."""
    facts = _make(made, tmp_path, iterations=20)
    assert facts["validation"] == pytest.approx(GOLDEN_VALIDATION, rel=1e-2)


def test_without_validation_shapes_the_last_weights_count(made: tuple[Path, Views], tmp_path: Path) -> None:
    facts = _make((made[0], {"train": made[1]["train"]}), tmp_path, iterations=20)
    assert facts["validation"] is None
    assert facts["kept_iteration"] == 20


GOLDEN_VALIDATION = 0.128021


def test_it_goes_on_from_a_trained_encoder(
    made: tuple[Path, Views], trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, first = trained
    files = tuple(folder / name for name in ("model.safetensors", "config.json"))
    found = _make(made, tmp_path / "on", iterations=1, lr=0.0, start=files, validate_every=1)
    anew = _make(made, tmp_path / "anew", iterations=1, lr=0.0, validate_every=1)
    assert found["validation"] < 0.5 * (first["validation"] + anew["validation"])


def test_it_learns_from_virtual_shapes_too(made: tuple[Path, Views], tmp_path: Path) -> None:
    codes, views = made
    train = dict(views["train"])
    virtual = {name: train.pop(name) for name in ("s10", "s12")}
    facts = _make((codes, {**views, "train": train, "virtual": virtual}), tmp_path, iterations=1)
    assert facts["views"] == 48
