"""Curves of trainings for a page: of each phase of a network, and of several networks in one figure."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t3d.report.figures import curves

LOSSES = {"rec": "reconstruction", "pointwise": "point-wise", "pointpair": "point-pair", "val": "validation"}
"""What the columns of curve files are called in legends; others keep their name."""

SHARES = {"retrieval": "shapes found again", "spread": "spread of embeddings"}
"""Columns that are shares of what could be, and their names; they get a figure of their own."""

NO_LOSS = frozenset(("epoch", "lr", "code_norm", "rank", *SHARES))
"""Columns of curve files that are no losses."""

PHASES = {"": "Network", "codes": "Codes", "pretrain": "Pre-training"}
"""What is trained, by what follows `curves-` in the name of its curves' file."""


def read_curves(path: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a `curves.csv` as (N,) arrays; what was not measured at a step is NaN."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        names, read = rows.fieldnames or (), list(rows)
    return {name: np.array([float(row[name] or "nan") for row in read]) for name in names}


def trainings(folder: Path, variant: str) -> list[dict[str, Any]]:
    """Title, seconds and figures of every phase of the training of a network, by its curve files."""
    return [
        _training(path, variant) for path in (*sorted(folder.glob("curves-*.csv")), folder / "curves.csv")
    ]


def _training(path: Path, variant: str) -> dict[str, Any]:
    """Figures of one `curves.csv`, or `curves-PHASE.csv` of what came before; none of a single line."""
    title = f"{PHASES[path.stem.partition('-')[2]]} {variant}"
    columns = read_curves(path)
    seconds, step = columns.pop("seconds", np.zeros(1)), columns["step"]
    losses = {LOSSES.get(name, name): values for name, values in columns.items() if name not in NO_LOSS}
    shares = {SHARES[name]: values for name, values in columns.items() if name in SHARES}
    figures = [curves(losses, title)] if len(losses) > 1 else []
    if shares and len(step) > 1:
        figures.append(curves({"step": step, **shares}, title, share=True))
    return {"title": title, "seconds": float(seconds.max(initial=0)), "figures": figures}


def overlaid(networks: Mapping[str, Path]) -> str:
    """Training loss of solution 2 by pre-training in one figure; nothing where there is but one."""
    read = {name: read_curves(folder / "curves.csv") for name, folder in networks.items() if name[:2] == "s2"}
    if len(read) < 2:
        return ""
    steps = np.unique(np.concatenate([columns["step"] for columns in read.values()]))
    lines = {name: np.full(len(steps), np.nan) for name in read}
    for name, columns in read.items():
        lines[name][np.searchsorted(steps, columns["step"])] = columns["loss"]
    return curves({"step": steps, **lines}, "Training loss of solution 2, by pre-training")
