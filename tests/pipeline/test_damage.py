"""Files changed behind the store's back: found by `damage`, and made anew once removed."""

import os
import random

import pytest

from t3d.pipeline.store import damage


def artifacts(toy):
    return sorted(toy.work.glob("texts/[!.]*/*/*/"))


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_anywhere_is_found_and_the_next_run_makes_it_anew(seed, toy, content):
    toy.run()
    before, draw = content(toy.work), random.Random(seed)
    folder = draw.choice(artifacts(toy))
    path = draw.choice(sorted(folder.iterdir()))
    data = bytearray(path.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)
    assert [one for one in artifacts(toy) if damage(one)] == [folder]
    toy.project().store.remove(folder)
    toy.run()
    assert content(toy.work) == before
    assert not any(map(damage, artifacts(toy)))


@pytest.mark.parametrize("length", [0, 1, 40])
def test_a_truncated_manifest_is_no_artifact(length, toy, content):
    toy.run()
    before = content(toy.work)
    path = artifacts(toy)[0] / "manifest.json"
    path.write_bytes(path.read_bytes()[:length])
    assert damage(path.parent) == ["no manifest"]
    toy.run()
    assert content(toy.work) == before


def test_a_manifest_of_other_json_is_no_artifact(toy):
    toy.run()
    for text in ("[]", "7", '{"files": {}}'):
        (artifacts(toy)[0] / "manifest.json").write_text(text)
        assert toy.plan().todo[0].id == ("lengths", "one")


def test_a_memory_of_files_with_a_flipped_bit_is_forgotten(toy):
    toy.write(one="a bb")
    for path in (toy.folder / "data").iterdir():
        os.utime(path, (1e9, 1e9))
    toy.run()
    path = toy.work / "texts" / ".files.json"
    data = bytearray(path.read_bytes())
    where = data.index(b'"sha256": "') + 11
    data[where] ^= 1
    path.write_bytes(data)
    assert not toy.plan().todo
