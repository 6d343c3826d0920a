"""Which shapes train, validate and test: DeepSDF's split files, or a seeded draw that is stable."""

import hashlib
import itertools
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from t3d.datasets.categories import same, synset
from t3d.errors import UsageError

log = logging.getLogger(__name__)

ABSENT = "named by the split, not in the data set"
UNNAMED = "in the data set, not named by the split"
BEYOND = "beyond the first {} of its part (--limit)"

FAULTY = "named by {}, a list of faulty shapes"

_PART = re.compile(r"(?i)(?:^|[_\-. ])(train|test|val|valid|validation|error|excluded)(?=$|[_\-. ])")
_PARTS = {"tra": "train", "val": "val", "tes": "test", "err": "excluded", "exc": "excluded"}


@dataclass(frozen=True)
class Split:
    """Shape ids by part, each sorted and in one place only; why others are left out; where it comes from."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    source: str
    excluded: Mapping[str, str] = field(default_factory=dict)


def is_chosen(reason: str) -> bool:
    """Whether a shape was excluded because the user asked for it; else it is lost and has to be counted."""
    return reason == UNNAMED or reason.startswith(BEYOND.partition("{")[0])


def discover(data: Path, category: str) -> tuple[Path, ...]:
    """Split files in `data/splits` that list shapes of the category; none: empty.

    Raises UsageError for a file that is not JSON.
    """
    files = sorted((data / "splits").glob("*.json"))
    return tuple(path for path in files if _PART.search(path.stem) and category_ids(path, category))


def category_ids(path: Path, category: str) -> list[str]:
    """Ids that a split file lists for the category, as written there: `{dataset: {class: [id, ...]}}`.

    Raises UsageError where the file cannot be read or does not have that form.
    """
    try:
        datasets = json.loads(path.read_text(encoding="utf-8")).values()
        lists = [(name, ids) for dataset in datasets for name, ids in dataset.items()]
        if not all(isinstance(ids, list) and all(isinstance(one, str) for one in ids) for _, ids in lists):
            raise TypeError
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a readable JSON file ({error})") from None
    except (AttributeError, TypeError):
        form = '{"ShapeNetV2": {"04256520": ["id", ...]}}'
        raise UsageError(f"{path}: not a split file; expected {form}") from None
    return [one for name, ids in lists if same(name, category) for one in ids]


def listed_split(
    files: Sequence[Path], category: str, ids: Iterable[str], seed: int, val_share: float
) -> Split:
    """The split that files name: `..._train.json`, `..._test.json` and, if there is one, `..._val.json`.

    Without one for validation that part is drawn from the training shapes. Repeated ids count once. Shapes of
    an `..._error.json` are left out of all parts (protocol of the method's authors, `examples/error`). Raises
    UsageError where a part is missing or has no shape in the data set, or parts overlap.
    """
    source = ", ".join(path.name for path in files)
    listed: dict[str, dict[str, str]] = {"train": {}, "val": {}, "test": {}, "excluded": {}}
    for path in files:
        found = category_ids(path, category)
        if again := len(found) - len(set(found)):
            log.warning("%s: %d ids are listed more than once; each is taken once", path, again)
        listed[_part(path)] |= dict.fromkeys(found, FAULTY.format(path.name))
    faulty = listed.pop("excluded")
    named = {part: [shape for shape in of if shape not in faulty] for part, of in listed.items()}
    there = set(ids).difference(faulty)
    for part in ("train", "test"):
        if not named[part]:
            what = f"no {part} ids of {category} ({synset(category)}); add a file named ..._{part}.json"
            raise UsageError(f"split {source}: {what}")
        if there.isdisjoint(named[part]):
            count = len(named[part])
            raise UsageError(f"split: none of the {count} {part} ids of {category} is in the data set")
    for one, other in itertools.combinations(named, 2):
        if shared := sorted(set(named[one]).intersection(named[other])):
            raise UsageError(f"split: {len(shared)} ids are both in {one} and {other} (first: {shared[0]})")
    if absent := [shape for part in named.values() for shape in part if shape not in there]:
        what = "%d of the shapes that the split names are not in the data set (first: %s)"
        log.warning(what, len(absent), absent[0])
    unnamed = dict.fromkeys(there.difference(*named.values()), UNNAMED)
    train, val, test = (sorted(there.intersection(shapes)) for shapes in named.values())
    if not named["val"]:
        val, train = _carved(drawn(train, seed), val_share, 10)
    excluded = dict.fromkeys(absent, ABSENT) | unnamed | faulty
    return Split(tuple(sorted(train)), tuple(sorted(val)), tuple(test), source, excluded)


def seeded_split(ids: Iterable[str], seed: int, test_share: float, val_share: float) -> Split:
    """A draw by rank of a hash of (seed, id): an added shape moves few others.

    test_share: of all shapes, at least one of two. val_share: of the rest, see `listed_split`.
    """
    test, rest = _carved(drawn(ids, seed), test_share, 2)
    val, train = _carved(rest, val_share, 10)
    source = f"seeded: {test_share:.0%} test, {val_share:.0%} of the rest for validation"
    return Split(tuple(sorted(train)), tuple(sorted(val)), tuple(sorted(test)), source)


def drawn(ids: Iterable[str], seed: int) -> list[str]:
    """The ids in a random order in which any two stand the same way round whatever other ids there are.

    >>> drawn("abc", seed=1), drawn("abcd", seed=1)
    (['a', 'b', 'c'], ['d', 'a', 'b', 'c'])
    """
    return sorted(set(ids), key=lambda shape: (hashlib.sha256(f"{seed}:{shape}".encode()).digest(), shape))


def evenly(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly over them.

    >>> evenly("abcdefg", 3)
    ['b', 'd', 'f']
    """
    kept = min(count, len(items))
    return [items[(2 * index + 1) * len(items) // (2 * kept)] for index in range(kept)]


def limited(split: Split, limit: int) -> Split:
    """The split with the first `limit` ids of each part only; 0: all of them."""
    if limit == 0:
        return split
    parts = (split.train, split.val, split.test)
    beyond = dict.fromkeys((shape for part in parts for shape in part[limit:]), BEYOND.format(limit))
    train, val, test = (part[:limit] for part in parts)
    return Split(train, val, test, split.source, {**split.excluded, **beyond})


def _part(path: Path) -> str:
    """Part of the split that a file is named after."""
    names = {word.lower()[:3] for word in _PART.findall(path.stem)}
    if len(names) != 1:
        forms = "..._train.json, ..._val, ..._test or ..._error.json"
        raise UsageError(f"{path}: cannot tell its part; name it {forms}")
    return _PARTS[names.pop()]


def _carved(order: list[str], share: float, least: int) -> tuple[list[str], list[str]]:
    """The first `share` of the ids, at least one of `least` and never all; and the others."""
    some = int(share > 0 and len(order) >= least)
    count = max(min(max(round(share * len(order)), some), len(order) - 1), 0)
    return order[:count], order[count:]
