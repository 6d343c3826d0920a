"""Names of virtual shapes, and what training reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.datasets.catalogue import find_catalogue
from t3d.datasets.virtual import learned, original, virtual_ids
from t3d.errors import UsageError


@given(st.lists(st.text(min_size=1), unique=True, max_size=5), st.integers(0, 4))
def test_ids_are_distinct_and_lead_back(shapes, count):
    made = virtual_ids(shapes, count)
    assert len(set(made)) == len(made) == count * len(shapes)
    assert [original(one) for one in made] == [shape for shape in shapes for _ in range(count)]


@pytest.mark.parametrize("shape", ["chair", "chair~", "~1", "chair~1b", "chair 1", "chair~1.obj", ""])
def test_other_ids_are_of_no_virtual_shape(shape):
    assert original(shape) == ""


def test_training_reads_the_training_part_and_the_virtual_one_only():
    parts = {"train": {"a": 1}, "virtual": {"a~1": 2}, "val": {"v": 3}, "test": {"t": 4}}
    assert learned(parts) == {"train": {"a": 1, "a~1": 2}, "val": {"v": 3}}
    assert learned({"train": {"a": 1}}) == {"train": {"a": 1}, "val": {}}


def test_a_virtual_shape_stands_for_the_files_of_its_original(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    catalogue = find_catalogue(tmp_path, "thing")

    def memo(path, name, compute):
        return compute(path)

    assert catalogue.source("two~3", "geometry", memo) == catalogue.source("two", "geometry", memo)
    assert catalogue.ids == ("one", "two")
    (tmp_path / "two~3.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(UsageError, match=r"'two~3' is named like a virtual shape .* rename it"):
        find_catalogue(tmp_path, "thing")
