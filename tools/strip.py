"""Write the README's picture: test shapes of the latest run, view to reconstruction to truth to template.

python tools/strip.py [WORK/CATEGORY]
"""

import io
import json
import sys
from pathlib import Path

from PIL import Image

from t3d.models.network import load
from t3d.pipeline.runs import latest_run
from t3d.report.gallery import ranked
from t3d.report.strip import Subject, strip, strip_png
from t3d.report.summary import read_scores

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
        rows.append(Image.open(io.BytesIO(strip_png(strip(subject, network, 256), 256))))
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), "white")
    for place, row in enumerate(rows):
        sheet.paste(row, (0, place * row.height))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
