"""Pictures of docs/results.md: shapes of a run, what was seen of them, the truth, what each network made.

    python experiments/pictures.py RUN FILE.png [SHAPE...]

RUN as `experiments/tables.py` takes it. Shapes, of the scored ones, are named by how their ids begin; without
any, two of those trained on and six test shapes, from the first network's best to its worst.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tables import scored_run

from t3d.datasets.images import write_png
from t3d.report.gallery import ShapeFolders, ranked
from t3d.report.pictures import MADE, Picture, Tile, sheet, tile
from t3d.report.scoring import PARTS, read_scores
from t3d.report.tables import method_name

SIZE, SHOWN = 160, {"train": 2, "test": 6}
"""Pixels of a picture; shapes of each part."""

Made = Mapping[str, Mapping[str, str]]
"""Folders by node and shape."""


def main(run: Path, file: Path, names: Sequence[str]) -> None:
    """Draw the shapes, two to a line."""
    root, made = scored_run(run)
    networks = [node.partition("[")[2].rstrip("]") for node in made if node.startswith("reconstructions[")]
    scores = read_scores(root / made["scores"][""] / "metrics.csv")
    order = {part: [one.shape for one in ranked(scores, networks[0], part)] for part in SHOWN}
    spread = {part: np.linspace(0, len(order[part]) - 1, count).astype(int) for part, count in SHOWN.items()}
    shown = [(part, order[part][rank]) for part in SHOWN for rank in spread[part]]
    named = [(part, one) for part in SHOWN for name in names for one in order[part] if one.startswith(name)]
    cells = [cell(root, made, networks, part, shape) for part, shape in named or shown]
    cells += [np.full_like(cells[0], 255)] * (len(cells) % 2)
    pairs = zip(cells[::2], cells[1::2], strict=True)
    write_png(file, np.concatenate([np.concatenate(pair, axis=1) for pair in pairs]))


def cell(root: Path, made: Made, networks: Sequence[str], part: str, shape: str) -> Picture:
    """One shape: the input view, the truth, and what each network made of the view."""
    tiles = []
    for network in networks:
        nodes = ("views", "mesh", f"reconstructions[{network}]")
        folders = ShapeFolders(*({PARTS[part]: {shape: root / made[node][shape]}} for node in nodes))
        subject = folders.subject(part, shape)
        camera = subject.camera(SIZE)
        tiles.append(tile(method_name(network), subject.made(), camera, MADE))
    seen, truth = subject.image(), tile("truth", subject.truth(), camera)
    return sheet([Tile(f"{part}: {shape[:10]}", seen), truth, *tiles], SIZE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
