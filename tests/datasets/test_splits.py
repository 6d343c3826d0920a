import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.datasets.splits import (
    ABSENT,
    UNNAMED,
    discover,
    drawn,
    is_chosen,
    limited,
    listed_split,
    seeded_split,
)
from t3d.errors import UsageError

SOFA = "04256520"
IDS = st.sets(st.text(min_size=1, max_size=6), min_size=2, max_size=60)


def write(folder, name, ids, number=SOFA):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps({"ShapeNetV2": {number: list(ids)}}))
    return path


def named(count, start=0):
    return [f"s{i:03d}" for i in range(start, start + count)]


@pytest.fixture
def pair(tmp_path):
    """Files for 20 training and 5 test shapes."""
    train = write(tmp_path, "sv2_sofas_train.json", named(20))
    return train, write(tmp_path, "sv2_sofas_test.json", named(5, 20))


@given(
    ids=IDS, seed=st.integers(0, 9), test=st.floats(0, 0.99), val=st.floats(0, 0.99), limit=st.integers(0, 9)
)
def test_every_id_is_in_one_place_only(ids, seed, test, val, limit):
    split = limited(seeded_split(ids, seed, test, val), limit)
    places = [*split.train, *split.val, *split.test, *split.excluded]
    assert sorted(places) == sorted(ids)
    assert split.train
    for part in (split.train, split.val, split.test):
        assert list(part) == sorted(part)
        assert limit == 0 or len(part) <= limit


@given(ids=IDS, seed=st.integers(0, 3), added=st.text(min_size=7, max_size=8))
def test_an_added_shape_moves_at_most_one_other_across_each_border(ids, seed, added):
    before, after = (seeded_split(some, seed, 0.2, 0.1) for some in (ids, ids | {added}))
    moved = [shape for shape in ids if _place(before, shape) != _place(after, shape)]
    assert len(moved) <= 2


def _place(split, shape):
    return next(part for part in ("train", "val", "test") if shape in getattr(split, part))


@given(ids=IDS, more=IDS, seed=st.integers(0, 9))
def test_the_order_of_two_ids_never_depends_on_others(ids, more, seed):
    everybody = drawn(ids | more, seed)
    assert [shape for shape in everybody if shape in ids] == drawn(ids, seed)


def test_seeds_differ_and_repeat():
    ids = named(100)
    assert seeded_split(ids, 0, 0.2, 0.1) == seeded_split(reversed(ids), 0, 0.2, 0.1)
    assert seeded_split(ids, 0, 0.2, 0.1).test != seeded_split(ids, 1, 0.2, 0.1).test


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (5, (4, 0, 1)), (12, (9, 1, 2)), (80, (58, 6, 16))]
)
def test_sizes_of_a_seeded_split(count, sizes):
    split = seeded_split(named(count), 0, 0.2, 0.1)
    assert (len(split.train), len(split.val), len(split.test)) == sizes


def test_no_share_no_part():
    split = seeded_split(named(40), 0, 0.0, 0.0)
    assert (len(split.train), split.val, split.test) == (40, (), ())


def test_files_are_followed_to_the_letter_and_val_is_carved_from_train(pair):
    split = listed_split(pair, "sofa", named(25), 0, 0.1)
    assert split.test == tuple(named(5, 20))
    assert len(split.val) == 2
    assert sorted(split.train + split.val) == named(20)
    assert split.excluded == {}
    assert split.source == "sv2_sofas_train.json, sv2_sofas_test.json"


def test_a_validation_file_is_taken_as_it_is(pair, tmp_path):
    val = write(tmp_path, "sv2_sofas_val.json", named(3, 30))
    split = listed_split([*pair, val], "couch", named(33), 0, 0.5)
    assert split.val == tuple(named(3, 30))
    assert split.train == tuple(named(20))
    assert split.excluded == dict.fromkeys(named(5, 25), UNNAMED)


def test_ids_listed_twice_count_once_and_are_told(tmp_path, caplog):
    files = [
        write(tmp_path, "cars_train.json", named(9) * 2),
        write(tmp_path, "cars_test.json", named(2, 20)),
    ]
    split = listed_split(files, SOFA, named(25), 0, 0)
    assert split.train == tuple(named(9))
    assert "cars_train.json: 9 ids are listed more than once" in caplog.text


def test_absent_ids_are_excluded_with_the_reason(pair, caplog):
    split = listed_split(pair, "sofa", named(22), 0, 0.1)
    assert split.test == ("s020", "s021")
    assert split.excluded == dict.fromkeys(named(3, 22), ABSENT)
    assert "3 of the shapes" in caplog.text


@given(there=st.sets(st.sampled_from(named(30)), min_size=1), val=st.floats(0, 0.9), limit=st.integers(0, 5))
def test_every_id_named_or_there_is_in_one_place_only(tmp_path_factory, there, val, limit):
    folder = tmp_path_factory.mktemp("split")
    files = [write(folder, "a_train.json", named(20)), write(folder, "a_test.json", named(5, 20))]
    there |= {"s000", "s020"}
    split = limited(listed_split(files, "sofa", there, 0, val), limit)
    places = [*split.train, *split.val, *split.test, *split.excluded]
    assert sorted(places) == sorted(there | set(named(25)))
    assert set(split.train + split.val) <= set(named(20))


@pytest.mark.parametrize("name", ["sofa_error.json", "excluded.json"])
def test_faulty_shapes_are_in_no_part_and_counted_with_the_reason(pair, tmp_path, name):
    faulty = write(tmp_path, name, ["s003", "s021", "s021", "elsewhere"])
    split = listed_split([*pair, faulty], "sofa", named(25), 0, 0.1)
    assert {"s003", "s021"}.isdisjoint({*split.train, *split.val, *split.test})
    assert len(split.train) + len(split.val) + len(split.test) == 23
    reasons = {shape: split.excluded[shape] for shape in ("s003", "s021", "elsewhere")}
    assert set(reasons.values()) == {f"named by {name}, a list of faulty shapes"}
    assert not any(map(is_chosen, reasons.values()))


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_part_that_is_wholly_absent_is_an_error(pair, missing):
    there = named(5, 20) if missing == "train" else named(20)
    with pytest.raises(UsageError, match=f"none of the .* {missing} ids of sofa is in the data set"):
        listed_split(pair, "sofa", there, 0, 0.1)


def test_a_missing_part_is_an_error(pair):
    with pytest.raises(UsageError, match=r"sv2_sofas_train.json: no test ids of sofa \(04256520\)"):
        listed_split(pair[:1], "sofa", named(25), 0, 0.1)


def test_a_shape_in_two_parts_is_an_error(pair, tmp_path):
    both = write(tmp_path, "more_test.json", ["s003"])
    with pytest.raises(UsageError, match=r"1 ids are both in train and test \(first: s003\)"):
        listed_split([*pair, both], "sofa", named(25), 0, 0.1)


@pytest.mark.parametrize("name", ["sofas.json", "train_test.json", "retrain.json"])
def test_a_file_must_say_its_part(pair, tmp_path, name):
    with pytest.raises(UsageError, match="cannot tell its part"):
        listed_split([*pair, write(tmp_path, name, ["x"])], "sofa", named(25), 0, 0.1)


@pytest.mark.parametrize("name", ["train.json", "sofa-Train.json", "sv2_train_small.json", "my.train.json"])
def test_names_of_training_files(pair, tmp_path, name):
    split = listed_split([write(tmp_path, name, named(20)), pair[1]], "sofa", named(25), 0, 0.1)
    assert len(split.train) == 18


@pytest.mark.parametrize("content", ["{", "[]", '{"a": []}', '{"a": {"b": "c"}}', '{"a": {"b": [1]}}'])
def test_files_of_another_form_are_an_error(pair, tmp_path, content):
    path = tmp_path / "x_train.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"x_train.json: not a (split|readable JSON) file"):
        listed_split([path, *pair], "sofa", named(25), 0, 0.1)


def test_files_beside_the_data_are_found_by_what_they_list(tmp_path):
    folder = tmp_path / "splits"
    sofas = [write(folder, f"sofas_{part}.json", [part]) for part in ("test", "train")]
    write(folder, "chairs_train.json", ["x"], "03001627")
    write(folder, "all.json", ["x"])
    assert discover(tmp_path, "couch") == tuple(sofas)
    assert discover(tmp_path, "lamp") == ()
    assert discover(tmp_path / "splits", "sofa") == ()


def test_real_split_files():
    default = Path(__file__).parents[2].parent / "shared" / "meshes"
    folder = Path(os.environ.get("T3D_TEST_MESHES", default))
    if not folder.is_dir():
        pytest.skip("no folder of real meshes: set T3D_TEST_MESHES")
    ids = [path.name for path in (folder / SOFA).iterdir()]
    files = discover(folder, "sofa")
    split = listed_split(files, "sofa", ids, 0, 0.1)
    assert [path.name for path in files] == ["sv2_sofas_test.json", "sv2_sofas_train.json"]
    assert (len(split.test), len(split.train) + len(split.val)) == (9, 25)
    assert split.excluded == {}
