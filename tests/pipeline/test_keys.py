"""Digests: equal for equal values, stable between machines and versions."""

from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from t3d.pipeline.keys import canonical, differences, digest, plain, seed_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES))
def test_order_of_keys_does_not_matter(value):
    assert digest(value) == digest(dict(reversed(value.items())))


@given(VALUES, VALUES)
def test_different_texts_have_different_digests(one, other):
    assert (canonical(one) == canonical(other)) == (digest(one) == digest(other))


def test_digests_and_seeds_are_the_same_for_ever():
    assert canonical({"b": [1, 2.5, "é"], "a": None}) == '{"a":null,"b":[1,2.5,"é"]}'
    assert (
        digest({"b": [1, 2.5, "é"], "a": None})
        == "21fddaeebc6c84f1b55624c41336b0e521adecf3e414f2eaa12789afd6167428"
    )
    assert seed_of(0, "sdf", "a") == 14939957504238169806698967080745453731


def test_seeds_differ_by_seed_stage_and_shape():
    seeds = {
        seed_of(seed, stage, shape) for seed in (0, 1) for stage in ("sdf", "views") for shape in ("a", "b")
    }
    assert len(seeds) == 8


@given(VALUES, VALUES)
def test_differences_are_empty_exactly_for_equal_values(one, other):
    assert (not list(differences(one, other))) == (one == other)


def test_differences_say_what_changed():
    old = {"params": {"n": 1, "gone": 2}, "inputs": {"mesh": "a" * 64}}
    new = {"params": {"n": 2, "new": 3}, "inputs": {"mesh": "b" * 64}}
    assert list(differences(old, new)) == [
        "inputs.mesh changed", "params.gone removed", "params.n: 1 -> 2", "params.new added",
    ]  # fmt: skip


def test_paths_are_keyed_by_content():
    @dataclass(frozen=True)
    class Params:
        files: tuple[Path, ...] = (Path("x/list.json"),)
        scale: float = 0.5

    assert plain(Params(), lambda path: f"digest of {path.name}") == {
        "files": [{"list.json": "digest of list.json"}],
        "scale": 0.5,
    }
    assert plain(Params()) == {"files": ["x/list.json"], "scale": 0.5}
