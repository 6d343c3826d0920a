"""Which shapes train, validate and test."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from t3d.errors import UsageError
from t3d.pipeline import Facts, stage
from t3d.stages import Rng


@dataclass(frozen=True, kw_only=True)
class Params:
    """Split files, or the shares of a seeded draw."""

    files: tuple[Path, ...] = ()
    """Split files in DeepSDF's form, named ..._train.json, ..._test.json, ..._val.json; none: seeded draw."""

    category: str = "sofa"
    """Whose ids are read from the files, in any spelling."""

    test_share: float = 0.2
    """Share of the shapes for testing, without files (DeepSDF's lists: 0.2)."""

    val_share: float = 0.1
    """Share of the training shapes for validation, unless a file names them; at least one of ten."""

    limit: int = 0
    """First so many sorted ids of each part; 0: all."""

    train_scored: int = 8
    """Training shapes that are reconstructed and scored beside the test shapes, drawn at random."""

    virtual: int = 0
    """Virtual shapes per training shape: stretched and mirrored (`mesh.stretch`), for training only."""


@stage(per="set", version=1, files=("split.json",))
def split(*, out: Path, params: Params, rng: Rng, ids: tuple[str, ...]) -> Facts:
    """Write `split.json`: train, val, test, scored training shapes, virtual ones, the excluded with reasons.

    Raises UsageError for shares outside 0 .. 1, negative counts, and files that do not fit the data set.
    """
    from dataclasses import asdict

    from t3d.datasets.formats import write_json
    from t3d.datasets.splits import drawn, limited, listed_split, seeded_split
    from t3d.datasets.virtual import PART, virtual_ids

    if not (0 <= params.test_share < 1 and 0 <= params.val_share < 1):
        raise UsageError("split: test_share and val_share must be at least 0 and below 1")
    if min(params.limit, params.train_scored, params.virtual) < 0:
        raise UsageError("split: limit, train_scored and virtual must not be negative")
    seed = int(rng.integers(2**32))
    if params.files:
        made = listed_split(params.files, params.category, ids, seed, params.val_share)
    else:
        made = seeded_split(ids, seed, params.test_share, params.val_share)
    made = limited(made, params.limit)
    scored = sorted(drawn(made.train, seed + 1)[: params.train_scored])
    virtual = {PART: virtual_ids(made.train, params.virtual)} if params.virtual else {}
    write_json(out / "split.json", {**asdict(made), "train_scored": scored, **virtual})
    counts = {part: len(getattr(made, part)) for part in ("train", "val", "test")}
    counts |= {part: len(ids) for part, ids in virtual.items()}
    return {**counts, "excluded": dict(Counter(made.excluded.values())), "source": made.source}
