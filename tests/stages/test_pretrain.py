"""The stage `pretrain`: an encoder, what it was measured to know, and the one that knows nothing."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from t3d.models.network import load_encoder
from t3d.stages.pretrain import Params, pretrain
from tests.stages.squares import CORNERS, train, write_squares

TINY = replace(
    Params(), widths=(8, 16), depths=(1, 1), input_size=16, levels=("easy",), iterations=20, batch=4,
    hidden=16, projection=8, validate_every=10,
)  # fmt: skip


Made = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The folder and the facts of an encoder by method, each trained once."""
    root = tmp_path_factory.mktemp("squares")
    sides = {"train": range(6, 29, 4), "val": (9, 15, 21)}
    views = {
        part: {f"s{side}": write_squares(root / f"s{side}", side, CORNERS) for side in of}
        for part, of in sides.items()
    }

    @cache
    def make(method: str) -> tuple[Path, dict[str, Any]]:
        facts = train(pretrain, (views,), root / method, TINY, variant=f"s2-{method}")
        return root / method / "out", facts

    return make


@pytest.mark.parametrize("method", ["simclr", "moco", "byol", "simsiam"])
def test_every_method_leaves_an_encoder_and_its_curves(made: Made, method: str) -> None:
    folder, facts = made(method)
    encoder, _ = load_encoder(folder, 5, 0)
    assert encoder.config.input_size == 16
    with (folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "10", "20"]
    assert rows[0]["loss"] == ""
    assert all(float(row[name]) >= 0 for row in rows for name in ("retrieval", "spread", "rank"))
    assert facts["validation"] == max(float(row["retrieval"]) for row in rows[1:])
    assert facts["validation_untrained"] == float(rows[0]["retrieval"])
    assert json.loads((folder / "config.json").read_text())["format"] == "t3d-encoder"


def test_none_is_the_encoder_that_the_others_start_from(made: Made) -> None:
    (none, facts), (simclr, other) = made("none"), made("simclr")
    assert (facts["iterations"], facts["loss"]) == (0, None)
    assert facts["validation"] == facts["validation_untrained"]
    assert other["validation_untrained"] == facts["validation"]
    files = [folder / "encoder.safetensors" for folder in (none, simclr)]
    assert files[0].read_bytes() != files[1].read_bytes()


def test_its_output_is_the_one_of_this_version(made: Made) -> None:
    """If this changes, raise the stage's version."""
    folder, facts = made("simclr")
    with (folder / "curves.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert (facts["iterations"], float(last["loss"])) == (20, pytest.approx(GOLDEN_LOSS, rel=2e-2))


GOLDEN_LOSS = 1.47787
