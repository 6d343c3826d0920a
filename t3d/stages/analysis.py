"""What the networks learned: codes and embeddings, errors by direction and kind, sizes."""

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


@stage(per="set", version=4, command="analyze", files=("sections.json",))
def analysis(
    network: Annotated[Shapes, Variants()],
    pretrain: Annotated[Shapes, Variants("s2")],
    views: Annotated[Parts, Each("train", "test")],
    mesh: Annotated[Parts, Each("test")],
    reconstructions: Annotated[Mapping[str, Parts], Each("test", variants=True)],
    scores: Path,
    *,
    out: Path,
    params: Params,
    train_seed: int,
) -> Facts:
    """Draw codes and embeddings in the plane; measure retrieval, errors by direction and kind.

    Embeddings of views are those of networks, and of encoders before and after contrastive pre-training.
    Nothing can be compared with fewer than two unseen shapes.
    """
    import numpy as np

    from t3d.models.embeddings import features, pretrained
    from t3d.models.network import load
    from t3d.report import analysis as report
    from t3d.report.gallery import ShapeFolders
    from t3d.report.sections import write_sections

    models = {name: load(folder) for name, folder in network.items()}
    train = report.several(views["train"], params.shapes)
    test = report.several(views["test"], params.unseen)
    unseen, made = report.pictures(test, params.views), []
    if len(unseen) > 1:
        clouds = {name: np.stack([*map(model.encode, unseen)]) for name, model in models.items()}
        trained = {
            name: np.stack([model.codes[one] for one in train if one in model.codes])
            for name, model in models.items()
        }
        made += report.code_sections(out, models, trained, clouds, len(views["train"]))
        made.append(report.drift_section(out, clouds, report.azimuths(test, params.views)))
        if pretrain:
            encoders = pretrained(pretrain, train_seed).items()
            clouds = {who: np.stack([features(one, images) for images in unseen]) for who, one in encoders}
            made.append(report.cloud_section(out, "pre-training", clouds))
    shown = {name: ShapeFolders(views, mesh, found) for name, found in reconstructions.items()}
    made.append(report.error_section(out, scores / "metrics.csv", shown))
    return write_sections(out, made)
