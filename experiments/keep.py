"""Keep of a run's scores what the tables of docs/results.md are made of.

    python experiments/keep.py RUN FILE.csv

RUN as `experiments/tables.py` takes it, which reads the file in its place.
"""

import csv
import sys
from pathlib import Path

from tables import METRICS, rows_of

NAMED = "protocol part level choice method variant shape status reason".split()


def main(run: Path, file: Path) -> None:
    """Write the columns that tables read, figures to six digits."""
    rows = rows_of(run)
    figures = [name for name in rows[0] if name.split(" (")[0] in METRICS.values()]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*NAMED, *figures])
        for row in rows:
            numbers = (f"{float(row[name]):.6g}" if row[name] else "" for name in figures)
            writer.writerow([*(row[name] for name in NAMED), *numbers])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
