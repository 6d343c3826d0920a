"""From one score per shape to the figures of a table: counts, mean, median, intervals, comparisons."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from t3d.geometry.metrics import median_interval
from t3d.report.sections import write_table

OK, FAILED, NO_TRUTH = "ok", "failed", "no ground truth"
"""Status of a score: of a prediction; the penalty for one that is missing; none, nothing to compare with."""

ANY = "any"
"""View choice of methods that do not look at the image."""


@dataclass(frozen=True)
class Score:
    """One row of `metrics.csv`."""

    method: str
    """A variant's name, or a baseline ("template", "mean-code")."""
    variant: str
    """Whose network."""
    part: str
    """Part of the split: "test" or "train"."""
    level: str
    """View set of the input image: "easy" or "hard"."""
    choice: str
    """How the view was chosen: "fix", "rnd", or `ANY`."""
    view: str
    """The view, such as "easy/30"; empty where no image is used."""
    shape: str
    status: str
    reason: str
    """Why there is no prediction, or no ground truth."""
    chamfer: float | None
    """Raw, with the penalty where the status is failed; None without ground truth."""

    @property
    def group(self) -> tuple[str, str, str, str, str]:
        """What scores of one table row have in common."""
        return self.method, self.variant, self.part, self.level, self.choice


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Write `metrics.csv`, a row per score."""
    write_table(path, map(dataclasses.asdict, scores))


def grouped(scores: Iterable[Score]) -> dict[tuple[str, ...], list[Score]]:
    """Scores by `Score.group`, groups in the order of their first score."""
    groups: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        groups.setdefault(score.group, []).append(score)
    return groups


def summaries(scores: Iterable[Score], seed: int, resamples: int) -> list[dict[str, Any]]:
    """One row per group: counts, mean, median and its 95 % interval, raw.

    expected = evaluated + failed + no_ground_truth. Failures are in mean and median, with their penalty.
    """
    names = ("method", "variant", "part", "level", "choice")
    return [
        dict(zip(names, group, strict=True)) | _summary(members, seed, resamples)
        for group, members in grouped(scores).items()
    ]


def statistics(values: Sequence[float], seed: int, resamples: int) -> dict[str, Any]:
    """Mean, median and its 95 % interval; None where there are too few values, or no resamples."""
    return {
        "mean": float(np.mean(values)) if len(values) else None,
        "median": float(np.median(values)) if len(values) else None,
        "interval_median": median_interval(values, np.random.default_rng(seed), resamples)
        if resamples
        else None,
    }


def _summary(scores: Sequence[Score], seed: int, resamples: int) -> dict[str, Any]:
    known = [score.chamfer for score in scores if score.chamfer is not None]
    count = {status: sum(score.status == status for score in scores) for status in (OK, FAILED, NO_TRUTH)}
    return {
        "expected": len(scores),
        "evaluated": count[OK],
        "failed": count[FAILED],
        "no_ground_truth": count[NO_TRUTH],
        **statistics(known, seed, resamples),
    }


def comparisons(scores: Sequence[Score], seed: int, resamples: int) -> list[dict[str, Any]]:
    """Every network against the baselines of the same network, shape by shape.

    median_difference: median over shapes of the network's score minus the baseline's, raw, below zero
    where the network is better; interval: 95 %, over resampled shapes; better_share: share of shapes.
    """
    groups = grouped(scores)
    found = []
    for (method, variant, part, level, choice), mine in groups.items():
        for against in ("template", "mean-code"):
            theirs = groups.get((against, variant, part, level, ANY), [])
            if method == variant and theirs:
                labels = {
                    "method": method,
                    "against": against,
                    "part": part,
                    "level": level,
                    "choice": choice,
                }
                found.append(labels | _comparison(mine, theirs, seed, resamples))
    return found


def _comparison(mine: Sequence[Score], theirs: Sequence[Score], seed: int, resamples: int) -> dict[str, Any]:
    other = {score.shape: score.chamfer for score in theirs}
    pairs = [(score.chamfer, other.get(score.shape)) for score in mine]
    differences = np.array([a - b for a, b in pairs if a is not None and b is not None])
    return {
        "shapes": len(differences),
        "median_difference": float(np.median(differences)) if len(differences) else None,
        "interval": median_interval(differences, np.random.default_rng(seed), resamples),
        "better_share": float(np.mean(differences < 0)) if len(differences) else None,
    }
