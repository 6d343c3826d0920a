"""The stage `codes` end to end on three spheres."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t3d.datasets.formats import write_samples
from t3d.models.network import load_codes
from t3d.stages.codes import Params, codes
from tests.models.watchers import interrupt
from tests.stages.squares import train

TINY = replace(
    Params(),
    code=4,
    hidden=16,
    steps=4,
    width=32,
    depth=2,
    iterations=150,
    scenes=2,
    points=64,
    lr_warp=5e-3,
    lr_template=5e-3,
    lr_codes=5e-3,
    schedule="cosine",
    ramp=20,
    log_every=25,
    fit_iterations=30,
    fit_points=128,
)

Data = Mapping[str, Mapping[str, Path]]


def _make(data: Data, root: Path, progress: Any = lambda *_, **__: None, **changed: Any) -> dict[str, Any]:
    return train(codes, (data,), root, replace(TINY, **changed), progress=progress)


def _sphere(folder: Path, radius: float) -> Path:
    folder.mkdir(parents=True)
    points = np.random.default_rng(0).uniform(-1, 1, (3000, 3))
    rows = np.column_stack([points, np.linalg.norm(points, axis=1) - radius]).astype(np.float32)
    write_samples(folder / "samples.npz", rows[rows[:, 3] >= 0], rows[rows[:, 3] < 0])
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    root = tmp_path_factory.mktemp("spheres")
    radii = {"train": {"a": 0.4, "b": 0.6, "c": 0.7}, "val": {"v": 0.5}}
    return {
        part: {name: _sphere(root / name, r) for name, r in named.items()} for part, named in radii.items()
    }


def test_it_makes_what_it_promises(data: Data, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    facts = _make(data, tmp_path, progress=lambda done, total, **figures: calls.append((done, total)))
    decoder, train, val = load_codes(tmp_path / "out")
    assert set(train) == {"a", "b", "c"}
    assert set(val) == {"v"}
    assert all(code.shape == (4,) and np.linalg.norm(code) <= 1 + 1e-6 for code in train.values())
    assert calls[-1] == (150, 150)
    assert facts["shapes"] == 3
    assert facts["iterations"] == 150
    assert facts["parameters"] == sum(p.numel() for p in decoder.parameters())
    assert facts["seconds_per_step"] > 0
    assert facts["batch_split"] == 1
    assert 0.5 < facts["beyond_clamp"] < 1
    assert 1e-4 < facts["memory_gb"] < 1e-2
    assert facts["validation"] < 0.06
    with (tmp_path / "out" / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(25, 151, 25))
    assert float(rows[-1]["rec"]) < float(rows[0]["rec"])


def test_its_output_is_the_one_of_this_version(data: Data, tmp_path: Path) -> None:
    """If this changes, raise the stage's version."""
    facts = _make(data, tmp_path, iterations=50)
    assert facts["reconstruction"] == pytest.approx(GOLDEN_RECONSTRUCTION, rel=1e-3)
    _, train, _ = load_codes(tmp_path / "out")
    assert float(np.abs(train["a"]).sum()) == pytest.approx(GOLDEN_CODE, rel=1e-3)


def test_a_killed_stage_goes_on_and_gives_the_same(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t3d.models.training.SAVE_SECONDS", 0.0)

    _make(data, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _make(data, tmp_path / "killed", progress=interrupt(100))
    _make(data, tmp_path / "killed")
    names = ("decoder.safetensors", "config.json", "codes.npz")
    for one, other in (
        ((tmp_path / run / "out" / name).read_bytes() for run in ("whole", "killed")) for name in names
    ):
        assert one == other


def test_no_validation_shapes(data: Data, tmp_path: Path) -> None:
    facts = _make({"train": data["train"], "val": {}}, tmp_path, iterations=10)
    assert facts["validation"] is None
    assert load_codes(tmp_path / "out")[2] == {}


GOLDEN_RECONSTRUCTION = 0.0228842
GOLDEN_CODE = 1.27139


def test_virtual_shapes_get_codes_too(data: Data, tmp_path: Path) -> None:
    parts = {**data, "virtual": {"a~1": data["val"]["v"]}}
    facts = _make(parts, tmp_path, iterations=4)
    assert set(load_codes(tmp_path / "out")[1]) == {"a", "b", "c", "a~1"}
    assert facts["shapes"] == 4


def test_it_goes_on_from_a_trained_decoder(data: Data, tmp_path: Path) -> None:
    first = _make(data, tmp_path / "first")
    files = tuple(
        tmp_path / "first/out" / name for name in ("decoder.safetensors", "config.json", "codes.npz")
    )
    rows = []
    for name, start in (("anew", ()), ("on", files)):
        _make(data, tmp_path / name, iterations=25, start=start)
        with (tmp_path / name / "out" / "curves.csv").open() as file:
            rows.append(float(next(csv.DictReader(file))["rec"]))
    assert rows[1] < 0.8 * rows[0]
    assert first["reconstruction"] < rows[1]
    with pytest.raises(ValueError, match="has code=4; set these too"):
        replace(TINY, code=5, start=files)
