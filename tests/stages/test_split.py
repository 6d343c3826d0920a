import json

import numpy as np
import pytest

from t3d.errors import UsageError
from t3d.stages.split import Params, split

IDS = tuple(f"shape {i}" for i in range(50))


def made(out, seed=0, ids=IDS, **settings):
    out.mkdir(exist_ok=True)
    facts = split(out=out, params=Params(**settings), rng=np.random.default_rng(seed), ids=ids)
    return json.loads((out / "split.json").read_text()), facts


def test_a_seeded_split_and_what_is_told_of_it(tmp_path):
    record, facts = made(tmp_path)
    assert set(record) == {"train", "val", "test", "train_scored", "excluded", "source"}
    assert {part: len(record[part]) for part in ("train", "val", "test")} == {
        "train": 36,
        "val": 4,
        "test": 10,
    }
    assert sorted(record["train"] + record["val"] + record["test"]) == sorted(IDS)
    assert facts["test"] == 10
    assert facts["source"] == record["source"] == "seeded: 20% test, 10% of the rest for validation"


def test_the_same_bytes_again_others_with_another_seed(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        made(tmp_path / name, seed)
    a, b, c = ((tmp_path / name / "split.json").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (8, 8), (99, 36)])
def test_scored_training_shapes_are_training_shapes(tmp_path, asked, given):
    record, _ = made(tmp_path, train_scored=asked)
    assert len(set(record["train_scored"])) == given
    assert set(record["train_scored"]) <= set(record["train"])


def test_scored_training_shapes_are_not_simply_the_first(tmp_path):
    record, _ = made(tmp_path)
    assert record["train_scored"] != record["train"][:8]


def test_a_limit_holds_for_each_part_and_for_what_is_scored(tmp_path):
    everything, _ = made(tmp_path)
    record, facts = made(tmp_path, limit=3)
    for part in ("train", "val", "test"):
        assert record[part] == everything[part][:3]
    assert set(record["train_scored"]) == set(record["train"])
    assert facts["excluded"] == {"beyond the first 3 of its part (--limit)": 41}


def test_files_are_read_for_the_category(tmp_path):
    files = []
    for part, ids in (("train", IDS[:20]), ("test", [*IDS[20:24], "elsewhere"])):
        files.append(tmp_path / f"x_{part}.json")
        files[-1].write_text(json.dumps({"ShapeNetV2": {"03001627": list(ids), "04256520": ["sofa"]}}))
    record, facts = made(tmp_path / "out", files=tuple(files), category="chairs", val_share=0.0)
    assert record["train"] == sorted(IDS[:20])
    assert record["test"] == sorted(IDS[20:24])
    assert record["excluded"]["elsewhere"] == "named by the split, not in the data set"
    assert facts["excluded"] == {
        "named by the split, not in the data set": 1,
        "in the data set, not named by the split": 26,
    }


@pytest.mark.parametrize(
    "settings", [{"test_share": 1.0}, {"val_share": -0.1}, {"limit": -1}, {"train_scored": -1}]
)
def test_settings_out_of_range(tmp_path, settings):
    with pytest.raises(UsageError, match="split: "):
        made(tmp_path, **settings)


def test_virtual_shapes_are_a_part_of_their_own_made_of_training_shapes(tmp_path):
    record, facts = made(tmp_path / "with", virtual=2)
    plain, _ = made(tmp_path / "without")
    assert record.pop("virtual") == [f"{shape}~{k}" for shape in plain["train"] for k in (1, 2)]
    assert record == plain
    assert facts["virtual"] == 72
    with pytest.raises(UsageError, match="must not be negative"):
        made(tmp_path / "negative", virtual=-1)
