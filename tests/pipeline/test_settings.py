"""Settings: layers, types, and errors that name the nearest."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.errors import UsageError
from t3d.pipeline.settings import Layer, assignment, coerce, known, read_toml, resolve
from t3d.pipeline.stage import stages_of


def test_later_layers_win():
    layers = [
        Layer("preset", {"lengths": {"factor": 2, "scales": [1, 2]}}),
        Layer("t3d.toml", {"lengths": {"factor": 3}}),
        Layer("--set", {"lengths": {"factor": "4"}}),
    ]
    params = resolve(stages_of("toy"), layers)
    assert (params["lengths"].factor, params["lengths"].scales) == (4, (1.0, 2.0))
    assert params["words"].separator == " "


def test_a_stage_may_be_named_by_its_command():
    assert resolve(stages_of("toy"), [Layer("--set", {"measure": {"factor": "4"}})])["lengths"].factor == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lenghts": {}}, "t3d.toml: stage 'lenghts' is not known; did you mean 'lengths'?"),
        (
            {"lengths": {"facter": 1}},
            "t3d.toml: parameter of lengths 'facter' is not known; did you mean 'factor'?",
        ),
        ({"lengths": {"factor": "many"}}, "t3d.toml: lengths.factor: 'many' is not a whole number"),
        ({"lengths": {"factor": 1.5}}, "t3d.toml: lengths.factor: 1.5 is not a whole number"),
        ({"lengths": {"factor": True}}, "t3d.toml: lengths.factor: True is not a whole number"),
        ({"lengths": {"scales": "1,x"}}, "t3d.toml: lengths.scales: 'x' is not a number"),
        ({"lengths": {"scales": "nan"}}, "t3d.toml: lengths.scales: 'nan' is not a number"),
        ({"lengths": {"scales": 3}}, "t3d.toml: lengths.scales: 3 is not a list"),
        ({"words": {"separator": 3}}, "t3d.toml: words.separator: 3 is not text"),
        ({"zzz": {}}, "t3d.toml: stage 'zzz' is not known; there are lengths, total, words"),
    ],
)
def test_wrong_settings_are_one_line_that_says_what_to_do(values, message):
    with pytest.raises(UsageError) as caught:
        resolve(stages_of("toy"), [Layer("t3d.toml", values)])
    assert str(caught.value) == message


@given(st.integers())
def test_whole_numbers_survive_text(value):
    assert coerce(str(value), int, "x") == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_text(value):
    assert coerce(str(value), float, "x") == value


def test_truths_choices_and_paths():
    assert [coerce(text, bool, "x") for text in ("true", "No", "1")] == [True, False, True]
    assert coerce("a", Literal["a", "b"], "x") == "a"
    assert coerce(["a", "b"], tuple[Path, ...], "x") == (Path("a"), Path("b"))
    assert coerce("", tuple[Path, ...], "x") == ()
    assert coerce("1,2", tuple[float, float], "x") == (1.0, 2.0)
    with pytest.raises(UsageError, match="x: '1,2,3' has 3 values, not 2"):
        coerce("1,2,3", tuple[float, float], "x")
    with pytest.raises(UsageError, match="x: 'maybe' is not true or false"):
        coerce("maybe", bool, "x")
    with pytest.raises(UsageError, match="x: value 'c' is not known"):
        coerce("c", Literal["a", "b"], "x")


def test_assignments():
    assert assignment("sdf.count = 5") == ("sdf", "count", "5")
    assert assignment("a.b=c=d") == ("a", "b", "c=d")
    for text in ("sdf.count", "count=5", "=", ".x=1", "a.=1"):
        with pytest.raises(UsageError, match=r"write stage\.parameter=value"):
            assignment(text)


def test_broken_and_absent_toml(tmp_path):
    path = tmp_path / "t3d.toml"
    with pytest.raises(UsageError, match=r"t3d.toml: No such file"):
        read_toml(path)
    path.write_text("a = ")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_toml(path)


def test_known_names_pass():
    known("a", ["a", "b"], "letter")


@dataclass(frozen=True, kw_only=True)
class Checked:
    n: int = 1

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("n: must not be negative")


def test_params_that_check_themselves(monkeypatch):
    stages = stages_of("toy")
    monkeypatch.setattr(sys.modules["toy.words"], "Params", Checked)
    with pytest.raises(UsageError, match="words: n: must not be negative"):
        resolve(stages, [Layer("--set", {"words": {"n": "-1"}})])
