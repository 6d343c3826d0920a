"""What the networks learned: codes and embeddings, invariance against the view, errors, sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t3d.pipeline import Each, Facts, Parts, Shapes, Variants, stage


@dataclass(frozen=True, kw_only=True)
class Params:
    """How much is looked at."""

    shapes: int = 60
    """Training shapes in the figures of codes, evenly over the sorted ids."""
    unseen: int = 24
    """Test shapes whose views are compared."""
    views: int = 16
    """Easy views of each."""


@stage(per="set", version=1, command="analyze", files=("sections.json",))
def analysis(
    network: Annotated[Shapes, Variants()],
    codes: Annotated[Shapes, Variants("s1")],
    pretrain: Annotated[Shapes, Variants("s2")],
    template: Annotated[Shapes, Variants()],
    views: Annotated[Parts, Each("train", "test")],
    mesh: Annotated[Parts, Each("test")],
    reconstructions: Annotated[Mapping[str, Parts], Each("test", variants=True)],
    scores: Path,
    *,
    out: Path,
    params: Params,
    train_seed: int,
) -> Facts:
    """Draw codes and embeddings in the plane; measure retrieval, invariance, errors by view and by kind."""
    from t3d.models.embeddings import shape_codes
    from t3d.models.network import load
    from t3d.report import analysis as report
    from t3d.report.gallery import ShapeFolders
    from t3d.report.summary import read_scores

    models = {name: load(folder) for name, folder in network.items()}
    train = report.several(views["train"], params.shapes)
    unseen = report.several(views["test"], params.unseen)
    known = {
        name: shape_codes(model, codes.get("" if name == "s1" else name), train, train, params.views)
        for name, model in models.items()
    }
    scored = [one for one in read_scores(scores / "metrics.csv") if one.part == "test"]
    folders = {name: ShapeFolders(views, mesh, reconstructions[name]) for name in models}
    made = [
        *report.code_sections(models, known, train, unseen, params.views),
        *report.contrast_sections(pretrain, unseen, params.views, train_seed),
        report.error_section(scored, views["test"], folders),
        report.growth_section(models, len(views["train"])),
    ]
    return report.write(out, made)
