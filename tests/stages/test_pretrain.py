"""The stage `pretrain`: an encoder, what it was measured to know, and the one that knows nothing."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from t3d.models.network import load_encoder
from t3d.stages.pretrain import Params, pretrain

TINY = replace(
    Params(), widths=(8, 16), depths=(1, 1), input_size=16, levels=("easy",), iterations=20, batch=4,
    hidden=16, projection=8, validate_every=10,
)  # fmt: skip

Views = Mapping[str, Mapping[str, Path]]


def write_squares(folder: Path, side: int) -> Path:
    """Four dark squares of `side` pixels out of 32, at different places."""
    (folder / "easy").mkdir(parents=True)
    masks = np.zeros((4, 32, 32), np.uint8)
    for number in range(4):
        left, top = (number % 2) * (32 - side), (number // 2) * (32 - side)
        masks[number, top : top + side, left : left + side] = 255
        rgb = np.repeat(255 - masks[number] // 2, 3).reshape(32, 32, 3)
        Image.fromarray(rgb).save(folder / "easy" / f"{number:02d}.png")
    np.savez_compressed(folder / "masks.npz", easy=masks)
    return folder


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Views:
    root = tmp_path_factory.mktemp("squares")
    sides = {"train": range(6, 29, 4), "val": (9, 15, 21)}
    return {
        part: {f"s{side}": write_squares(root / f"s{side}", side) for side in of}
        for part, of in sides.items()
    }


def _make(views: Views, root: Path, variant: str, **changed: Any) -> dict[str, Any]:
    out, scratch = root / "out", root / "scratch"
    for folder in (out, scratch):
        folder.mkdir(parents=True)
    facts = pretrain(
        views, out=out, params=replace(TINY, **changed), variant=variant, train_seed=0, scratch=scratch,
        progress=lambda *_, **__: None, threads=1,
    )  # fmt: skip
    assert facts is not None
    return dict(facts)


@pytest.mark.parametrize("method", ["simclr", "moco", "byol", "simsiam"])
def test_every_method_leaves_an_encoder_and_its_curves(views: Views, tmp_path: Path, method: str) -> None:
    facts = _make(views, tmp_path, f"s2-{method}")
    encoder, _ = load_encoder(tmp_path / "out", 5, 0)
    assert encoder.config.input_size == 16
    with (tmp_path / "out" / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "10", "20"]
    assert rows[0]["loss"] == ""
    assert all(float(row[name]) >= 0 for row in rows for name in ("retrieval", "spread", "rank"))
    assert facts["validation"] == max(float(row["retrieval"]) for row in rows[1:])
    assert facts["validation_untrained"] == float(rows[0]["retrieval"])
    assert json.loads((tmp_path / "out" / "config.json").read_text())["format"] == "t3d-encoder"


def test_none_is_the_encoder_that_the_others_start_from(views: Views, tmp_path: Path) -> None:
    facts = _make(views, tmp_path / "none", "s2-none")
    assert (facts["iterations"], facts["loss"]) == (0, None)
    assert facts["validation"] == facts["validation_untrained"]
    other = _make(views, tmp_path / "simclr", "s2-simclr")
    assert other["validation_untrained"] == facts["validation"]
    files = [tmp_path / name / "out" / "encoder.safetensors" for name in ("none", "simclr")]
    assert files[0].read_bytes() != files[1].read_bytes()


def test_its_output_is_the_one_of_this_version(views: Views, tmp_path: Path) -> None:
    """If this changes, raise the stage's version."""
    facts = _make(views, tmp_path, "s2-simclr")
    with (tmp_path / "out" / "curves.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert (facts["iterations"], float(last["loss"])) == (20, pytest.approx(GOLDEN_LOSS, rel=2e-2))


GOLDEN_LOSS = 1.47787
