"""Write docs/gallery.md and its pictures: templates and correspondences of procedural sofas, chairs, planes.

python tools/gallery.py [WORK]
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from t3d.pipeline.runs import latest_run
from t3d.report.sections import SECTIONS, Section

DOCS = Path(__file__).resolve().parents[1] / "docs"
LONGER = (
    "--limit 60 --set views.views=10 --set sdf.count=50000 --set codes.iterations=15000 "
    "--set codes.pointwise=0.005 --set codes.pointpair=0.0109375 "
    "--set network_s1.iterations=300 --set correspondence.sheet=23"
)
SETTINGS = {"sofa": "--set correspondence.sheet=23", "chair": LONGER, "plane": LONGER}
"""By category: the preset `tiny`, or, as thin parts need it, a longer training whose warp is held back as
published, with fewer samples."""

HEAD = """# Gallery

The first goal of the method in pictures: a category's template, and how its shapes relate to it. Shapes are
procedural (`t3d synth`), networks are those of solution 1. `make gallery` makes this page, of what `make all`
left in `work` where it can; its stages took {minutes} minutes, one after the other. `t3d template` makes the
same pictures of any category. Colours are places on the template; equal colours correspond.
"""

TABLE = """
| nearest point | label agreement | cycle error | pairs |
| :-- | --: | --: | --: |
"""


def main() -> None:
    """Make what is missing, then the page."""
    work = Path(sys.argv[1] if len(sys.argv) > 1 else "work")
    (DOCS / "gallery").mkdir(exist_ok=True)
    parts, seconds = [], 0.0
    for category, settings in SETTINGS.items():
        command = [sys.executable, "-m", "t3d.cli.main", "template", "--category", category]
        subprocess.run([*command, "--work", str(work), "--solution", "1", *settings.split()], check=True)
        artifacts = latest_run(work / category)["artifacts"]
        folders = [work / category / path for node in artifacts.values() for path in node.values()]
        seconds += sum(json.loads((folder / "manifest.json").read_text())["seconds"] for folder in folders)
        found = work / category / artifacts["correspondence[s1]"][""]
        about = f"{len(artifacts['labels'])} training shapes, settings `{' '.join(settings.split())}`.\n"
        parts.append(f"\n## {category.capitalize()}s\n\n{about}" + "".join(_sections(found, category)))
    head = HEAD.format(minutes=round(seconds / 60))
    (DOCS / "gallery.md").write_text(head + "".join(parts), encoding="utf-8")


def _sections(folder: Path, category: str) -> list[str]:
    """The sections of a `correspondence` folder in Markdown, their pictures written as WebP."""
    texts = []
    for section in (Section(**values) for values in json.loads((folder / SECTIONS).read_text())):
        for name, caption in section.figures.items():
            picture = f"gallery/{category}-{Path(name).stem}.webp"
            with Image.open(folder / name) as image:
                image.save(DOCS / picture, quality=82, method=6)
            texts.append(f"\n**{section.title}.** {caption}\n\n![{category}: {section.title}]({picture})\n")
    with (folder / "transfer.csv").open(newline="") as file:
        rows = [
            f"| {row['nearest point']} | {float(row['label agreement']):.3f} "
            f"| {float(row['cycle error']):.3f} | {row['pairs, cycle error']} |\n"
            for row in csv.DictReader(file)
        ]
    return [*texts, TABLE, *rows]


if __name__ == "__main__":
    main()
