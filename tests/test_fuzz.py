"""Parsers of what others write: whatever the text, a value or one line of error, never anything else.

`make fuzz` goes further, guided by coverage (tests/fuzz).
"""

import atexit
import contextlib
import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t3d.cli.project import PACKAGE
from t3d.datasets.cameras import read_cameras
from t3d.datasets.splits import category_ids
from t3d.errors import T3dError, UsageError
from t3d.pipeline.settings import Layer, assignment, coerce, read_toml, resolve
from t3d.pipeline.sources import FileIndex
from t3d.pipeline.stage import stages_of
from t3d.pipeline.store import MANIFEST, damage, read_manifest
from tests.fuzz.entrances import ENTRANCES
from tests.fuzz.seeds import seeds

FOLDER = tempfile.TemporaryDirectory(prefix="t3d-fuzz-")
atexit.register(FOLDER.cleanup)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
STAGES = stages_of(PACKAGE)
NAMES = st.sampled_from([*STAGES, "train"]) | st.text(max_size=6)
FIELDS = st.sampled_from(
    sorted({name for one in STAGES.values() for name in one.params.__dataclass_fields__})
)


def written(content: str | bytes) -> Path:
    folder = Path(tempfile.mkdtemp(dir=FOLDER.name))
    path = folder / "file.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return path


def answer(call, *args):
    """The result, or None for an error that is one line."""
    with contextlib.suppress(T3dError):
        return call(*args)


@given(st.text(max_size=40))
def test_assignments(text):
    found = answer(assignment, text)
    assert found is None or all(found[:2])


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_toml(content):
    found = answer(read_toml, written(content))
    assert found is None or isinstance(found, dict)


@settings(max_examples=200)
@given(NAMES, FIELDS | st.text(max_size=6), PLAIN)
def test_values_of_settings(stage, field, value):
    """Refused in a line, or a `Params` that keys can be made of."""
    from t3d.pipeline.keys import digest, plain

    found = answer(resolve, STAGES, [Layer("t3d.toml", {stage: {field: value}})])
    for params in (found or {}).values():
        assert digest(plain(params))


@given(PLAIN, st.sampled_from([int, float, bool, str, Path, tuple[int, ...], tuple[float, float]]))
def test_coercion(value, kind):
    answer(coerce, value, kind, "t3d.toml: x")


@given(
    PLAIN
    | st.fixed_dictionaries({"ShapeNetV2": st.dictionaries(st.sampled_from(["04256520", "sofa"]), PLAIN)})
)
def test_splits(content):
    found = answer(category_ids, written(json.dumps(content)), "sofa")
    assert found is None or all(isinstance(one, str) for one in found)


@given(st.binary(max_size=60))
def test_splits_that_are_no_json(content):
    answer(category_ids, written(content), "sofa")


@given(st.binary(max_size=40) | PLAIN.map(json.dumps))
def test_manifests(content):
    path = written(content)
    path = path.rename(path.with_name(MANIFEST))
    found = read_manifest(path.parent)
    assert found is None or {"files", "digest"} <= found.keys()


@given(st.dictionaries(st.sampled_from(["files", "digest", "seal", "key"]), PLAIN).map(json.dumps))
def test_damaged_manifests_are_damage(content):
    path = written(content)
    folder = path.rename(path.with_name(MANIFEST)).parent
    assert damage(folder) or not read_manifest(folder)["files"]


@given(st.binary(max_size=60) | PLAIN.map(json.dumps))
def test_memories_of_files(content):
    path = written(content)
    assert len(FileIndex(path).digest(path)) == 64


NUMBERS = st.dictionaries(
    st.sampled_from(["fl_x", "camera_angle_x", "w", "h", "cx", "k1"]), st.integers() | st.floats() | PLAIN
)
FRAME = {"transform_matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]]}


@given(PLAIN, NUMBERS, st.lists(PLAIN | NUMBERS.map(lambda more: {**FRAME, **more}), max_size=2))
@example(None, {"camera_angle_x": 0}, [FRAME])
@example(None, {"fl_x": 10**400}, [FRAME])
def test_cameras(alone, values, frames):
    answer(read_cameras, written(json.dumps(alone)))
    answer(read_cameras, written(json.dumps({**values, "frames": frames})))


def test_a_setting_of_another_type_names_the_place():
    with pytest.raises(UsageError, match=r"t3d.toml: sdf.count: 'x' is not a whole number"):
        resolve(STAGES, [Layer("t3d.toml", {"sdf": {"count": "x"}})])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ENTRANCES)
def test_entrances_take_their_seeds_whole_and_broken(name):
    """Bytes changed, cut out and doubled at random."""
    dice = random.Random(name)
    for seed in seeds()[name]:
        ENTRANCES[name](seed)
        for _ in range(10):
            first, second = sorted(dice.randrange(len(seed) + 1) for _ in range(2))
            middle = dice.choice([b"", seed[first:second] * 2, dice.randbytes(3)])
            ENTRANCES[name](seed[:first] + middle + seed[second if len(middle) != 3 else first + 3 :])
