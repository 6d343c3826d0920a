"""How often a network says that a photograph is unlike its training pictures: of its category, and of others.

    python experiments/strangers.py NETWORK [VARIANT]

NETWORK is a bundle, or a category's folder in a store. Eight procedural shapes of each category are rendered
before a plain wall, a graded one, and a busy one whose mask is given (`tests/tasks/photo_like.py`).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from t3d.datasets.photographs import Photograph, read_photograph
from t3d.models.prediction import USUAL, predict
from t3d.tasks.predict import run
from t3d.tasks.synth import synthesize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.tasks.photo_like import WALLS, parts_of, photograph, save

COUNT, SEED, CELLS = 8, 7, 16


def photographs(category: str, folder: Path) -> list[Photograph]:
    """Each shape before each wall."""
    synthesize(folder, [category], COUNT, seed=SEED)
    found = []
    for number, model in enumerate(sorted(folder.glob("*/*/models/model_normalized.obj"))):
        for wall in WALLS:
            picture, mask = photograph(parts_of(model), wall, np.random.default_rng([number, len(found)]))
            save(picture, folder / "photograph.jpg")
            Image.fromarray(mask).save(folder / "mask.png")
            given = folder / "mask.png" if wall == "busy" else None
            found.append(read_photograph(folder / "photograph.jpg", given))
    return found


def main() -> None:
    """Print how many of each category are warned of."""
    network = run(*sys.argv[1:])
    for category in ("sofa", "chair", "plane"):
        with tempfile.TemporaryDirectory() as folder:
            shown = photographs(category, Path(folder))
        unlike = [predict(network, [one], CELLS).facts["unlike"] for one in shown]
        warned = sum(share >= USUAL for share in unlike)
        sys.stdout.write(f"{category}: {warned} of {len(unlike)}, median share {np.median(unlike):.2f}\n")


if __name__ == "__main__":
    main()
