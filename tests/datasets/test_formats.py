"""Small files come back as they were written, and torn ones are refused."""

import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from t3d.datasets.formats import (
    open_samples,
    read_json,
    read_normalization,
    read_transform,
    write_json,
    write_npz,
    write_samples,
    write_transform,
)
from t3d.errors import DataError
from t3d.geometry.normalize import Transform

rows = arrays(np.float32, st.tuples(st.integers(0, 40), st.just(4)), elements=st.floats(-2, 2, width=32))


@settings(deadline=None)
@given(pos=rows, neg=rows)
def test_samples_come_back_bit_by_bit(tmp_path_factory, pos, neg):
    path = tmp_path_factory.mktemp("samples") / "samples.npz"
    write_samples(path, pos, neg)
    mapped = open_samples(path)
    with np.load(path) as loaded:
        for name, written, found in zip(("pos", "neg"), (pos, neg), mapped, strict=True):
            assert found.tobytes() == written.tobytes() == loaded[name].tobytes()
            assert found.shape == written.shape
            assert found.flags.aligned


def test_samples_are_mapped_and_not_read(tmp_path):
    path, many = tmp_path / "samples.npz", np.ones((500_000, 4), dtype=np.float32)
    write_samples(path, many, many)
    tracemalloc.start()
    pos, neg = open_samples(path)
    assert pos[123_456, 3] == neg[-1, 0] == 1
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()
    with pytest.raises(ValueError, match="read-only"):
        pos[0] = 0


def test_an_npz_of_numpy_is_mapped_too(tmp_path):
    pos = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.savez(tmp_path / "deepsdf.npz", pos=pos, neg=-pos)
    assert np.array_equal(open_samples(tmp_path / "deepsdf.npz")[1], -pos)


@pytest.mark.parametrize(
    "damage", ["compressed", "torn", "no npz", "without neg", "wrong columns", "by columns", "missing"]
)
def test_other_files_are_refused_in_one_line(tmp_path, damage):
    path, pos = tmp_path / "samples.npz", np.ones((300, 4), dtype=np.float32)
    if damage == "compressed":
        np.savez_compressed(path, pos=pos, neg=pos)
    elif damage == "torn":
        write_samples(path, pos, pos)
        path.write_bytes(path.read_bytes()[:5_000])
    elif damage == "no npz":
        path.write_text("hello")
    elif damage == "without neg":
        np.savez(path, pos=pos)
    elif damage == "by columns":
        np.savez(path, pos=np.asfortranarray(pos), neg=np.asfortranarray(pos))
    elif damage == "wrong columns":
        np.savez(path, pos=pos[:, :3], neg=pos[:, :3])
    with pytest.raises(DataError, match="no sample file") as caught:
        open_samples(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_same_arrays_same_bytes_without_dates(tmp_path):
    for name in ("one.npz", "two.npz"):
        write_npz(tmp_path / name, {"offset": np.arange(3.0), "scale": np.array(2.0)})
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.npz") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None
    with np.load(tmp_path / "one.npz") as loaded:
        assert float(loaded["scale"]) == 2.0


def test_json_is_sorted_and_takes_numpy_values(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"b": np.float64(0.1), "a": np.arange(2), "ä": [np.int64(3), np.True_, None]})
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["a", "b", "ä"]
    assert read_json(path) == {"a": [0, 1], "b": 0.1, "ä": [3, True, None]}


@pytest.mark.parametrize("value", [float("nan"), np.array([np.inf])])
def test_json_has_no_nan(tmp_path, value):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "facts.json", {"x": value})


def test_json_refuses_what_it_cannot_hold(tmp_path):
    with pytest.raises(TypeError, match="set has no JSON form"):
        write_json(tmp_path / "facts.json", {1, 2})


@given(offset=arrays(np.float64, 3, elements=st.floats(-1e9, 1e9)), scale=st.floats(1e-9, 1e9))
def test_transforms_come_back_bit_by_bit(tmp_path_factory, offset, scale):
    path = tmp_path_factory.mktemp("transform") / "transform.json"
    written = Transform(offset, scale)
    write_transform(path, written)
    found = read_transform(path)
    assert found.offset.tobytes() == offset.tobytes()
    assert (found.scale, found.mode) == (scale, "unit-sphere")
    assert np.array_equal(read_json(path)["matrix"], written.matrix())


@given(offset=arrays(np.float64, 3, elements=st.floats(-1e9, 1e9)), scale=st.floats(1e-9, 1e9))
def test_a_normalization_is_read_bit_by_bit(tmp_path_factory, offset, scale):
    path = tmp_path_factory.mktemp("normalization") / "normalization.npz"
    write_npz(path, {"offset": offset, "scale": np.array(scale)})
    found = read_normalization(path)
    assert found.offset.tobytes() == offset.tobytes()
    assert found.scale == scale


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"offset": np.zeros(3)}, "no NPZ file with offset and scale"),
        ({"offset": np.zeros(2), "scale": 1.0}, r"offset \(2,\) and scale \(\) are not"),
        ({"offset": np.full(3, np.nan), "scale": 1.0}, "are not a vector and a number"),
        ({"offset": np.zeros(3), "scale": 0.0}, "scale 0.0 is not positive"),
        ({"offset": np.array(["a", "b", "c"]), "scale": 1.0}, "not all numbers"),
    ],
)
def test_a_normalization_that_is_none_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "n.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_normalization(tmp_path / "n.npz")
