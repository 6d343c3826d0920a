"""The loss of solution 2 while it trains, by pre-training: a figure of docs/results.md.

    python experiments/losses.py FILE.svg RUN...

RUN as `experiments/tables.py` takes it; several are one experiment with other seeds, whose mean is drawn.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tables import scored_run

from t3d.report.figures import Panel, Series, chart
from t3d.report.page import read_curves
from t3d.report.tables import method_name

COLUMNS = {"rec": "training shapes", "val": "validation shapes"}
"""Of a training's curves: error of clamped distances at samples."""


def main(file: Path, runs: Sequence[Path]) -> None:
    """Draw a panel for each column, a line for each network, named in the first."""
    trained: dict[str, list[dict[str, np.ndarray]]] = {}
    for root, made in map(scored_run, runs):
        for node, folder in made.items():
            if node.startswith("network_s2["):
                curves = read_curves(root / folder[""] / "curves.csv")
                trained.setdefault(node[len("network_s2[") : -1], []).append(curves)
    panels = []
    for column, title in COLUMNS.items():
        lines = [
            Series(
                "" if panels else method_name(name),
                of[0]["step"],
                np.mean([one[column] for one in of], axis=0),
            )
            for name, of in trained.items()
        ]
        panels.append(Panel(title, "optimisation step", "|distance error|, mean", lines, "y"))
    file.write_text(chart("Training of solution 2, by pre-training", panels), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(run) for run in sys.argv[2:]])
