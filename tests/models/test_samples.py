"""Batches out of sample files: what is in them, that they can be made again, and how fast."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t3d.datasets.formats import write_samples
from t3d.errors import DataError
from t3d.models import samples as module
from t3d.models.samples import Samples


def _write(folder: Path, outside: int, inside: int, mark: float) -> Path:
    """Rows that tell their shape (y = mark) and their place in the file (z)."""
    folder.mkdir(parents=True)
    count = outside + inside
    sign = np.where(np.arange(count) < outside, 1.0, -1.0)
    rows = np.column_stack([np.zeros(count), np.full(count, mark), np.arange(count), 0.05 * sign])
    write_samples(folder / "samples.npz", *np.split(rows.astype(np.float32), [outside]))
    return folder


@pytest.fixture
def many(tmp_path: Path) -> Samples:
    return Samples({f"shape{i}": _write(tmp_path / str(i), 40 + i, 60, float(i)) for i in range(7)})


def test_rows_are_of_the_right_shape_half_outside_half_inside(many: Samples) -> None:
    batch = many.batch(0, scenes=3, points=10, seed=0)
    assert batch.points.shape == (3, 10, 3)
    assert batch.distances.shape == (3, 10)
    assert batch.points.dtype == batch.distances.dtype == torch.float32
    assert torch.equal(batch.points[:, :, 1], batch.shapes[:, None].expand(3, 10).float())
    assert bool((batch.distances[:, :5] > 0).all())
    assert bool((batch.distances[:, 5:] < 0).all())


def test_odd_counts_take_the_extra_one_outside(many: Samples) -> None:
    assert int((many.batch(0, 1, 5, seed=0).distances > 0).sum()) == 3


def test_every_row_can_come(many: Samples) -> None:
    drawn = many.of(np.array([3]), 4000, np.random.default_rng(0)).points[0, :, 2]
    assert set(drawn.int().tolist()) == set(range(43 + 60))


@given(scenes=st.integers(1, 9), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_a_pass_takes_each_shape_at_most_once_in_a_new_order(scenes: int, seed: int) -> None:
    samples = Samples({str(i): Path("unused") for i in range(7)})
    scenes = min(scenes, 7)
    per_pass = 7 // scenes
    passes = [
        np.concatenate([samples._turn(turn * per_pass + step, scenes, seed) for step in range(per_pass)])
        for turn in range(30)
    ]
    assert all(len(set(order.tolist())) == per_pass * scenes for order in passes)
    assert len({tuple(order.tolist()) for order in passes}) > 1
    assert set(np.concatenate(passes).tolist()) == set(range(7))


def test_a_batch_depends_on_seed_and_step_alone(many: Samples, tmp_path: Path) -> None:
    for step in range(5):
        many.batch(step, 3, 10, seed=0)
    again = Samples({f"shape{i}": tmp_path / str(i) for i in reversed(range(7))})
    for ours, theirs in zip(many.batch(3, 3, 10, seed=0), again.batch(3, 3, 10, seed=0), strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(many.batch(3, 3, 10, seed=1).points, again.batch(3, 3, 10, seed=0).points)


def test_processes_share_a_batch(many: Samples) -> None:
    batch = many.batch(0, 6, 4, seed=0)
    shares = [batch.share(index, 2).shapes.tolist() for index in range(2)]
    assert sorted(shares[0] + shares[1]) == sorted(batch.shapes.tolist())
    assert len(shares[0]) == len(shares[1]) == 3


def test_one_sided_shapes_give_what_they_have(tmp_path: Path) -> None:
    samples = Samples({"out": _write(tmp_path / "out", 5, 0, 0.0), "in": _write(tmp_path / "in", 0, 5, 1.0)})
    distances = samples.of(np.array([0, 1]), 8, np.random.default_rng(0)).distances
    assert bool((distances[0] < 0).all())
    assert bool((distances[1] > 0).all())


def test_no_samples_at_all_is_an_error_that_names_the_shape(tmp_path: Path) -> None:
    samples = Samples({"hollow": _write(tmp_path / "hollow", 0, 0, 0.0)})
    with pytest.raises(DataError, match="hollow"):
        samples.batch(0, 1, 4, seed=0)


def test_more_shapes_than_open_files(many: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_FILES", 2)
    few = Samples({f"shape{i}": tmp_path / str(i) for i in range(7)})
    assert torch.equal(few.batch(0, 7, 6, seed=0).points, many.batch(0, 7, 6, seed=0).points)


def test_gathering_is_much_faster_than_reading_whole_files(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(250_000, 4)).astype(np.float32)
    folder = tmp_path / "big"
    folder.mkdir()
    write_samples(folder / "samples.npz", rows, -rows)
    samples = Samples({"big": folder})

    def whole() -> None:
        with np.load(folder / "samples.npz") as arrays:
            [arrays[name][:2500] for name in ("pos", "neg")]

    def fastest(work: object, repeats: int) -> float:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            work()  # type: ignore[operator]
            times.append(time.perf_counter() - start)
        return min(times)

    gather = fastest(lambda: samples.batch(0, 1, 5000, seed=0), 20)
    assert fastest(whole, 10) > 5 * gather  # 20 x and more on an idle machine; this one may be busy


def test_samples_beyond_the_clamp_and_of_one_sign_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Training takes as many of either sign, whatever the files have."""
    rows = np.zeros((3000, 4), np.float32)
    rows[:, 3] = np.linspace(1e-3, 1.0, 3000)
    whole = Samples({"ball": (rows, -rows[:300])})  # 60 % and none of them beyond 0.4
    assert whole.beyond(0.4) == pytest.approx(0.3, abs=0.02)
    assert not caplog.text
    assert whole.beyond(0.01) > 0.9
    assert "beyond the clamp, 0.01" in caplog.text
    hollow = Samples({"full": (rows, -rows), "hollow": (rows, rows[:0]), "solid": (rows[:0], -rows)})
    assert hollow.beyond(2.0) == Samples({}).beyond(0.1) == 0.0
    assert "2 shapes have samples of one sign only" in caplog.text
    assert "hollow, solid" in caplog.text
