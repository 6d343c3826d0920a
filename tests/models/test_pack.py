"""A pack gives back what went in, opens without reading it all, and tells when it is not whole."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from t3d.datasets.cameras import read_cameras
from t3d.datasets.formats import open_samples, write_npz, write_samples
from t3d.errors import DataError
from t3d.geometry.cameras import look_at
from t3d.models.encoder import to_input
from t3d.models.pack import MAGIC, TRAILER, Extent, Pack, open_pack, pack_of, write_pack
from t3d.models.samples import Samples
from t3d.models.views import load_views, read_views

LEVELS = ("easy", "hard")
SIDE = 8


def _sampled(folder: Path, pos: int, neg: int, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    rows = np.random.default_rng(seed).normal(size=(pos + neg, 4)).astype(np.float32)
    rows[:, 3] = np.abs(rows[:, 3]) * np.where(np.arange(pos + neg) < pos, 1, -1)
    write_samples(folder / "samples.npz", rows[:pos], rows[pos:])
    return folder


def _viewed(folder: Path, count: int, seed: int = 0) -> Path:
    rng, frames, masks = np.random.default_rng(seed), [], {}
    for level in LEVELS:
        (folder / level).mkdir(parents=True)
        masks[level] = rng.integers(0, 256, (count, SIDE, SIDE)).astype(np.uint8)
        for number in range(count):
            picture = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
            Image.fromarray(picture).save(folder / level / f"{number:02d}.png")
            matrix = look_at(2.0 * rng.normal(size=3), (0.0, 0.0, 0.0)).tolist()
            path = f"{level}/{number:02d}.png"
            frames.append({"file_path": path, "difficulty": level, "transform_matrix": matrix})
    write_npz(folder / "masks.npz", masks)
    shared = {"fl_x": 8.75, "cx": 4.0, "cy": 4.0, "w": SIDE, "h": SIDE}
    (folder / "cameras.json").write_text(json.dumps({**shared, "frames": frames}))
    return folder


Data = tuple[dict[str, Path], dict[str, Path]]
SPLIT = {"val": ["v"], "train": ["c", "b", "a", "lost"], "test": ["t"]}
ALL = Extent(samples=1000, views=9, size=SIDE, levels=LEVELS)


def _write(path: Path, sdf: dict, views: dict, extent: Extent = ALL, split: dict | None = None) -> Path:
    write_pack(path, "sofa", split or SPLIT, sdf, views, extent)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Training shapes a, b, c, of which c has no views; v to validate; t to test, with views alone."""
    root = tmp_path_factory.mktemp("set")
    sizes = {"a": (300, 100), "b": (50, 450), "c": (20, 0), "v": (60, 60)}
    folders = {name: _sampled(root / "sdf" / name, *sizes[name], seed=ord(name)) for name in sizes}
    pictures = {name: _viewed(root / "views" / name, 3, ord(name)) for name in "abvt"}
    return folders, pictures


@pytest.fixture(scope="module")
def packed(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("pack") / "set.t3dpack", *data)


def _of(folders: dict[str, Path], part: str) -> dict[str, Path]:
    return {shape: folders[shape] for shape in SPLIT[part] if shape in folders}


def test_samples_come_back_bit_by_bit(data: Data, packed: Path) -> None:
    pack = open_pack(packed)
    assert pack.split == {"test": ["t"], "train": ["a", "b", "c", "lost"], "val": ["v"]}
    assert pack.category == "sofa"
    pairs = pack.samples([shape for ids in pack.split.values() for shape in ids])
    assert pairs.keys() == data[0].keys()
    for shape, folder in data[0].items():
        for ours, theirs in zip(pairs[shape], open_samples(folder / "samples.npz"), strict=True):
            assert ours.dtype == np.float32
            assert np.array_equal(ours, theirs)
    assert [pack.has(shape, "sdf") for shape in ("a", "t", "lost")] == [True, False, False]
    assert [pack.has(shape, "views") for shape in ("a", "t", "c")] == [True, True, False]


def test_batches_are_those_of_the_folders(data: Data, packed: Path) -> None:
    folders = _of(data[0], "train")
    ours, theirs = Samples(dict.fromkeys(folders, packed)), Samples(folders)
    for a, b in zip(ours.batch(3, 2, 16, seed=5), theirs.batch(3, 2, 16, seed=5), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("levels", [LEVELS, ("easy",), ("hard",), ("hard", "easy")])
def test_views_are_those_of_the_folders(
    data: Data, packed: Path, tmp_path: Path, levels: tuple[str, ...]
) -> None:
    folders = _of(data[1], "train")
    ours = load_views(dict.fromkeys(folders, packed), levels, SIDE, tmp_path / "ours")
    theirs = load_views(folders, levels, SIDE, tmp_path / "theirs")
    assert ours.ids == theirs.ids == ("a", "b")
    assert len(ours) == 2 * 3 * len(levels)
    for name in ("images", "masks", "shapes"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name
    rows = torch.tensor([0, len(ours) - 1])
    assert torch.equal(ours.images[rows], theirs.images[rows])


def test_a_pack_is_told_from_folders(data: Data, packed: Path) -> None:
    assert pack_of(data[0]) is None
    assert pack_of({}) is None
    assert pack_of({"a": packed, "b": data[0]["b"]}) is None
    assert pack_of(open_pack(packed).samples(["a"])) is None
    found = pack_of({"a": packed, "b": packed})
    assert found is not None
    assert found.path == packed


def test_views_are_made_small_as_the_encoder_sees_them(data: Data, tmp_path: Path) -> None:
    small = _write(tmp_path / "small", *data, Extent(10, 9, 4, ("hard",)))
    whole, _ = read_views(data[1]["t"], "hard", [0, 1, 2])
    assert torch.equal(open_pack(small).views(["t"], ["hard"]).images, to_input(whole, 4))
    with pytest.raises(DataError, match="has no easy views, only hard"):
        open_pack(small).views(["t"], ["easy"])
    with pytest.raises(DataError, match="4 pixels a side, the network takes 8; export it again"):
        load_views({"t": small}, ("hard",), 8, tmp_path / "kept")


def test_fewer_views_are_evenly_spread_and_keep_their_cameras(data: Data, tmp_path: Path) -> None:
    pack = open_pack(_write(tmp_path / "few", *data, Extent(10, 2, SIDE, LEVELS)))
    whole, _ = read_views(data[1]["v"], "easy", [0, 1])
    hard, _ = read_views(data[1]["v"], "hard", [0, 1])
    images = pack.views(["v"], LEVELS).images
    assert torch.equal(images, to_input(np.concatenate([whole, hard]), SIDE))
    wanted = read_cameras(data[1]["v"] / "cameras.json")["hard"][:2]
    assert [c.c2w.tolist() for c in pack.cameras("v")["hard"]] == [c.c2w.tolist() for c in wanted]


def test_cameras_come_back_for_images_of_the_packs_size(data: Data, packed: Path, tmp_path: Path) -> None:
    wanted = read_cameras(data[1]["v"] / "cameras.json")
    found = open_pack(packed).cameras("v")
    assert found.keys() == wanted.keys()
    for level in LEVELS:
        for ours, theirs in zip(found[level], wanted[level], strict=True):
            assert np.array_equal(ours.c2w, theirs.c2w)
            assert (ours.fl, ours.cx, ours.width) == (theirs.fl, theirs.cx, theirs.width)
    _write(tmp_path / "small", *data, Extent(10, 9, 4, LEVELS))
    small = open_pack(tmp_path / "small").cameras("v")["easy"][0]
    assert (small.fl, small.cx, small.cy, small.width) == (4.375, 2.0, 2.0, 4)
    assert open_pack(packed).cameras("c") == {}


@given(pos=st.integers(0, 60), neg=st.integers(0, 60), most=st.integers(2, 50))
@settings(max_examples=30, deadline=None)
def test_the_budget_is_kept_and_spread_evenly(pos: int, neg: int, most: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = _sampled(Path(name) / "x", pos, neg)
        _write(Path(name) / "p", {"x": folder}, {}, Extent(most, 0, SIDE, LEVELS), {"train": ["x"]})
        (kept, inside) = open_pack(Path(name) / "p").samples(["x"]).get("x", ((), ()))
        original = open_samples(folder / "samples.npz")
    total = pos + neg
    assert len(kept) + len(inside) <= max(most, 2)
    assert len(kept) + len(inside) >= min(total, most - 1)
    for ours, theirs, count in zip((kept, inside), original, (pos, neg), strict=True):
        assert (len(ours) > 0) == (count > 0)
        assert abs(len(ours) - count * min(1.0, most / max(total, 1))) <= 1
        places = [int(np.flatnonzero((theirs == row).all(1))[0]) for row in ours]
        gaps = np.diff([*places, count]) if places else np.zeros(1)
        assert gaps.max() - gaps.min() <= 1


def test_opening_reads_the_index_alone(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of zeros instead of samples and pictures: nothing notices until it is used."""
    content = packed.read_bytes()
    length = TRAILER.unpack(content[-TRAILER.size :])[0] + TRAILER.size
    hollow = tmp_path / "hollow"
    hollow.write_bytes(MAGIC + bytes(len(content) - len(MAGIC) - length) + content[-length:])
    pack = open_pack(hollow)
    assert not pack.samples("a")["a"][0].any()
    with pytest.raises(DataError, match="damaged") as told:
        pack.check()
    assert str(hollow) in str(told.value)
    open_pack(packed).check()


def _one_line(path: Path) -> str:
    with pytest.raises(DataError, match="no pack") as told:
        open_pack(path)
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("kept", [0, 5, 8, 40, 0.3, 0.99])
def test_a_torn_pack_is_told_in_one_line(packed: Path, tmp_path: Path, kept: float) -> None:
    content = packed.read_bytes()
    torn = tmp_path / "torn"
    torn.write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    assert str(torn) in _one_line(torn)


def test_a_damaged_index_and_other_files_are_told_in_one_line(packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[-TRAILER.size - 5] ^= 1
    (tmp_path / "damaged").write_bytes(content)
    (tmp_path / "text").write_text("not a pack" * 20)
    for name in ("damaged", "text", "absent"):
        assert name in _one_line(tmp_path / name)


def test_nothing_stands_there_before_all_of_it_does(data: Data, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        _write(tmp_path / "set", {"a": tmp_path / "nowhere"}, {})
    assert list(tmp_path.iterdir()) == []


def test_views_without_their_cameras_are_refused(data: Data, tmp_path: Path) -> None:
    folder = _viewed(tmp_path / "x", 2)
    content = json.loads((folder / "cameras.json").read_text())
    content["frames"].pop()
    (folder / "cameras.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="differ in number"):
        _write(tmp_path / "set", {}, {"a": folder})


def test_the_same_set_gives_the_same_bytes(data: Data, packed: Path, tmp_path: Path) -> None:
    assert _write(tmp_path / "again", *data).read_bytes() == packed.read_bytes()
    assert isinstance(open_pack(packed), Pack)
