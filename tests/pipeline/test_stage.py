"""A stage is read off its signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from t3d.errors import T3dError
from t3d.pipeline import Each, Parts, Shapes, Variants, stage
from t3d.pipeline.stage import Need, field_docs, stages_of


@dataclass(frozen=True, kw_only=True)
class Params:
    """Of this module's stages."""

    count: int = 3
    """How many,
    over two lines."""
    name: str = "x"


def test_needs_and_what_is_handed_are_read_off_the_signature():
    @stage(per="set", version=4, command="make-it")
    def thing(
        one: Path,
        all_of: Annotated[Parts, Each("train", "val")],
        each_variant: Annotated[Shapes, Variants()],
        both: Annotated[Mapping[str, Parts], Each("test", variants=True)],
        *,
        out: Path,
        params: Params,
    ) -> None:
        """Make it.

        At length.
        """

    declared = thing.__stage__
    assert declared.needs == (
        Need("one"),
        Need("all_of", ("train", "val")),
        Need("each_variant", None, True),
        Need("both", ("test",), True),
    )
    assert declared.handed == ("out", "params")
    assert (declared.params, declared.makes, declared.summary) == (Params, "thing", "Make it.")


def test_asking_for_what_the_runner_does_not_have_is_an_error():
    with pytest.raises(T3dError, match="the runner hands no 'device'"):

        @stage(per="set", version=1)
        def thing(*, device: str) -> None:
            """Make it."""


def test_field_docs_are_the_strings_under_the_fields():
    assert field_docs(Params) == {"count": "How many, over two lines."}


@dataclass(frozen=True, kw_only=True)
class More(Params):
    """Of another stage."""

    count: int = 4
    name: str = "y"
    """Whose."""


def test_a_field_keeps_the_string_of_the_class_that_it_comes_from():
    assert field_docs(More) == {"count": "How many, over two lines.", "name": "Whose."}


def test_stages_of_a_package_are_found_by_file_name():
    assert sorted(stages_of("toy")) == ["lengths", "total", "words"]


def test_a_module_without_its_stage_is_named(tmp_path, monkeypatch):
    (tmp_path / "halfdone").mkdir()
    (tmp_path / "halfdone" / "__init__.py").write_text("")
    (tmp_path / "halfdone" / "thing.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(T3dError, match=r"halfdone.thing: no @stage function named 'thing'"):
        stages_of("halfdone")
