"""More shapes to test the networks of a procedural set on: tighter intervals, nothing trained again.

    python experiments/held_out.py STORE DEST COUNT

STORE is the category's folder in the store of the run (`work/sofa`). DEST gets a procedural set of COUNT
shapes, of which the first are those of the run, and split lists with its training and validation shapes; all
others are test shapes. Then, with the run's own store, preset and solution, only what is new is made:

    t3d evaluate --category sofa --data DEST --splits DEST/splits
"""

import sys
from pathlib import Path

from t3d.datasets.categories import synset
from t3d.datasets.formats import read_json, write_json
from t3d.tasks.synth import synthesize


def main(store: Path, dest: Path, count: int) -> None:
    """Make the shapes and the lists."""
    folder = max((store / "split" / "_all").glob("*/split.json"), key=lambda path: path.stat().st_mtime)
    split, category = read_json(folder), store.resolve().name
    made = synthesize(dest, [category], count)[category]
    known = {*split["train"], *split["val"]}
    new = sorted(path.name for path in made.iterdir() if path.is_dir() and path.name not in known)
    (dest / "splits").mkdir(exist_ok=True)
    for part, shapes in {"train": split["train"], "val": split["val"], "test": new}.items():
        write_json(dest / "splits" / f"{category}_{part}.json", {"procedural": {synset(category): shapes}})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
