"""Artifacts that the data set brings along: taken over instead of made, and for the rest like any other."""

import json
import os
from pathlib import Path

import pytest

from t3d.pipeline.plan import reason
from t3d.pipeline.sources import Given, file_digest
from t3d.pipeline.store import damage


def give(toy, shape: str, text: str) -> Path:
    folder = toy.folder / "data" / "given" / shape / "words"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.txt").write_text(text)
    return folder


@pytest.mark.parametrize("workers", [0, 1])
def test_a_given_artifact_is_taken_and_read_like_a_made_one(toy, workers):
    give(toy, "four", "SIX\nSEVEN7")  # there is no four.txt: nothing else of it can be made
    outcomes = toy.run(workers=workers)
    assert toy.total() == f"{1 + 2 + 3 + 4 + 1 + 3 + 6} of 4, lost []"
    folder = Path(outcomes["words", "four"].path)
    assert folder.name.startswith("given-")
    assert (folder / "words.txt").read_text() == "six\nseven7"
    assert json.loads((folder / "manifest.json").read_text())["facts"] == {"words": 2}
    assert damage(folder) == []
    assert {one.state for one in toy.run().values()} == {"kept"}


def test_what_is_given_is_taken_though_it_could_be_made(toy):
    give(toy, "one", "xyz")
    (toy.folder / "data" / "one.txt").write_text("bad")
    assert toy.states()["words/one"] == "made"
    assert toy.total().endswith("lost []")


def test_neither_parameters_nor_seed_have_a_part_in_it(toy):
    give(toy, "one", "xyz")
    toy.run()
    states = toy.states({"words": {"separator": "c"}}, seed=7)
    assert (states["words/one"], states["lengths/one"]) == ("kept", "kept")
    assert states["words/two"] == "made"


def test_an_edited_file_is_taken_anew_and_why_names_it(toy):
    folder = give(toy, "one", "xyz")
    toy.run()
    os.utime(folder / "words.txt", (1, 1))
    assert toy.states()["words/one"] == "kept"
    (folder / "words.txt").write_text("xy")
    (task,) = [one for one in toy.plan().todo if one.id == ("words", "one")]
    assert reason(toy.plan(), task) == "inputs.given.words.txt changed"
    assert toy.states()["lengths/one"] == "made"


def test_a_bad_one_is_a_recorded_failure_of_its_shape(toy):
    folder = give(toy, "one", "bad")
    outcomes = toy.run()
    (failure,) = outcomes["words", "one"].failures
    assert (failure.kind, failure.reason) == ("data", "words.txt: bad words; write others")
    assert toy.total().endswith("of 2, lost ['one']")
    assert toy.states()["words/one"] == "failed"
    (folder / "words.txt").write_text("good")
    assert toy.states()["words/one"] == "made"


def test_hidden_files_are_no_part_of_it(toy):
    folder = give(toy, "one", "xyz")
    toy.run()
    (folder / ".DS_Store").write_text("x")
    assert toy.states()["words/one"] == "kept"


def test_a_file_is_read_where_it_stands(toy, monkeypatch):
    """Nothing is copied, and what is made of it follows its content."""
    path = toy.folder / "whole"
    path.write_text("abc")
    there = {("one", "words"), ("two", "words")}
    catalogue = type(toy.project().catalogue)
    monkeypatch.setattr(
        catalogue, "given", lambda self, *asked: Given(path, None) if asked in there else None
    )
    (kept,) = [one for one in toy.plan().decided.values() if (one.node, one.shape) == ("words", "one")]
    assert (kept.state, kept.path, kept.digest, kept.place) == ("kept", str(path), file_digest(path), None)
    outcomes = toy.run()
    assert outcomes["words", "one"] == kept
    assert outcomes["words", "three"].state == "made"
    (failure,) = outcomes["lengths", "one"].failures
    assert failure.reason.startswith("NotADirectoryError"), "the toy's stage wants a folder"
    path.write_text("changed")
    again = {one.node: one for one in toy.plan().decided.values() if one.shape == "one"}
    assert again["words"].digest != kept.digest
    assert "lengths" not in again, "its recorded failure was of other content"


def test_a_set_artifact_can_be_given_and_one_per_variant_is_asked_for_by_its_name(toy, monkeypatch):
    asked = set()
    catalogue = type(toy.project().catalogue)
    monkeypatch.setattr(catalogue, "given", lambda self, shape, makes: asked.add((shape, makes)))
    toy.plan()
    assert ("", "total") in asked
    assert ("one", "words") in asked
