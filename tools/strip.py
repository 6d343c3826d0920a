"""Write the README's picture: test shapes of the latest run, view to reconstruction to truth to template.

python tools/strip.py [WORK/CATEGORY]
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from t3d.models.network import load
from t3d.pipeline.runs import latest_run
from t3d.report.gallery import Subject, ranked, strip
from t3d.report.pictures import sheet
from t3d.report.scoring import read_scores

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "strip.png"
RANKS = (0.1, 0.5)
"""Which test shapes: the share of all that scored better. The median is honest, a good one is nice."""


def main() -> None:
    """Draw the chosen shapes below each other."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "work/sofa")
    artifacts = {
        node: {shape: root / path for shape, path in folders.items()}
        for node, folders in latest_run(root, "report")["artifacts"].items()
    }
    network = load(artifacts["network_s1[s1]"][""])
    order = ranked(read_scores(artifacts["scores"][""] / "metrics.csv"), "s1", "test")
    rows = []
    for rank in RANKS:
        score = order[int(rank * len(order))]
        made = artifacts["reconstructions[s1]"][score.shape]
        view = json.loads((made / "choices.json").read_text())["fix"]
        subject = Subject(artifacts["views"][score.shape], artifacts["mesh"][score.shape], made, view)
        rows.append(sheet(strip(subject, network, 256), 256))
    Image.fromarray(np.concatenate(rows)).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
