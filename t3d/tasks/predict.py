"""`t3d predict`, and the few functions for notebooks: photographs to meshes with a trained network."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from t3d.datasets.photographs import isolate, read_photograph
from t3d.datasets.start import network_folder
from t3d.errors import DataError

if TYPE_CHECKING:
    from t3d.models.network import Network
    from t3d.models.prediction import Prediction


def run(source: Path | str, variant: str = "") -> "Network":
    """Open a trained network: a category's folder in a store, or a bundle of `t3d export --model`.

    variant: which of the run's networks ("s1", "s2-simclr", ...); empty: the first.

    >>> run("work/sofa").variant
    's1'
    """
    from t3d.models.network import load

    path = Path(source)
    return load(path if path.is_file() else network_folder(path, variant))


def predict(pictures: Any, network: "Network", mask: Any = None, resolution: int = 128) -> "Prediction":
    """The mesh of an object, in the unit frame, from a picture of it or a list of several.

    pictures: files, or arrays (H, W, 4) uint8. mask: a file, or an array (H, W) uint8; without one see
    `datasets.photographs.isolate`.

    >>> made = predict("sofa.png", run("work/sofa"), resolution=32)
    >>> made.mesh.vertices.shape[1], made.facts["isolated"]
    (3, ['plain background'])
    """
    from t3d.models.prediction import predict as of_photographs

    several = pictures if isinstance(pictures, list | tuple) else [pictures]
    read = ((isolate if isinstance(one, np.ndarray) else read_photograph)(one, mask) for one in several)
    return of_photographs(network, list(read), resolution)


def score(made: Any, truth: Any, protocol: str = "t3d-v1", seed: int = 0) -> dict[str, float | None]:
    """Metrics of a mesh, prediction or file against its ground truth in the same frame, raw.

    protocol: one of docs/metrics.md.

    >>> from t3d import extract
    >>> ball = extract(lambda points: np.linalg.norm(points, axis=1) - 0.5, 32)
    >>> round(score(ball, ball)["f@0.01"], 2)
    1.0
    """
    from t3d.geometry import evaluation
    from t3d.geometry.clouds import Body
    from t3d.geometry.protocols import find_protocol

    named, rng = find_protocol(protocol), np.random.default_rng(seed)
    ours, theirs = Body(_shape(made)), Body(_shape(truth))
    return evaluation.evaluate(named, evaluation.truth(named, theirs, rng), ours, rng)


def _shape(thing: Any) -> Any:
    from t3d.tasks.matching import load_shape

    found = load_shape(Path(thing)) if isinstance(thing, str | Path) else getattr(thing, "mesh", thing)
    if found is None:
        raise DataError("the prediction has no surface; its facts say why")
    return found


def show(thing: Any) -> Any:
    """A picture, as a PIL image, of a prediction with its input, or of a mesh (file) of the unit frame.

    >>> show(predict("sofa.png", run("work/sofa"), resolution=32)).size
    (1024, 288)
    """
    from PIL import Image

    from t3d.report import pictures

    tiles = pictures.preview(thing) if hasattr(thing, "photographs") else pictures.sides(_shape(thing))
    return Image.fromarray(pictures.sheet(tiles, pictures.PREVIEW))


Groups = Mapping[Path, Sequence[tuple[Path, Path | None]]]
"""Photographs of one object each, with their masks if any, by what the names of its files begin with."""


def predict_each(
    network: "Network", groups: Groups, resolution: int, suffix: str
) -> Iterator[dict[str, Any]]:
    """A record per object, its files written; of a broken photograph, why there are none."""
    from t3d.models.prediction import predict as of_photographs
    from t3d.report.pictures import write_prediction

    for stem, pairs in groups.items():
        record: dict[str, Any] = {"name": stem.name, "photographs": [str(path) for path, _ in pairs]}
        try:
            made = of_photographs(network, [read_photograph(*pair) for pair in pairs], resolution)
            yield record | write_prediction(made, stem, suffix)
        except DataError as error:
            yield record | {"status": "failed", "reason": str(error), "warnings": []}
