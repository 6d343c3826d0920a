"""The baseline that looks at the image and makes nothing: the training shape that looks most alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from t3d.pipeline import Each, Facts, Parts, stage
from t3d.stages import Array

if TYPE_CHECKING:
    from t3d.models.network import Network


@dataclass(frozen=True, kw_only=True)
class Params:
    """What is searched."""

    views: int = 10
    """Views of each training shape and level that are searched, spread evenly from the first; 0: all."""


@stage(per="set", version=1, files=("retrieval.json",), timeout=None)
def retrieval(
    views: Annotated[Parts, Each("train", "test", "train_scored")],
    reconstructions: Annotated[Parts, Each("test", "train_scored")],
    network: Path,
    *,
    out: Path,
    params: Params,
) -> Facts:
    """Find, for every view that is reconstructed from, the training shape with the most similar picture.

    Similar is the cosine of what the network's image encoder sees, averaged over the picture, before the
    layer to the code; pictures of training shapes are of the query's level. No training shape finds itself.
    `retrieval.json`: by shape and view (`easy/30`), `shape` and `cosine` (Tatarchenko et al. 2019, section
    4: retrieval as a baseline).
    """
    from t3d.datasets.formats import read_json, write_json
    from t3d.models.network import load

    model, found = load(network), dict[str, Any]()
    chosen = {
        (part, shape): read_json(folder / "choices.json")["views"]
        for part, shapes in reconstructions.items()
        for shape, folder in shapes.items()
    }
    for level in sorted({level for levels in chosen.values() for level in levels}):
        names, seen = _searched(model, views.get("train", {}), level, params.views)
        for (part, shape), levels in chosen.items():
            asked = sorted({view for some in levels.get(level, {}).values() for view in some})
            others = names != shape
            if asked and others.any():
                mine = _features(model, [views[part][shape] / f"{view}.png" for view in asked])
                alike = mine @ seen[others].T
                nearest = zip(names[others][alike.argmax(1)].tolist(), alike.max(1).tolist(), strict=True)
                answers = ({"shape": name, "cosine": cosine} for name, cosine in nearest)
                found.setdefault(shape, {}).update(zip(asked, answers, strict=True))
    write_json(out / "retrieval.json", found)
    return {"shapes": len(found), "searched": len(views.get("train", {}))}


def _searched(model: "Network", shapes: Mapping[str, Path], level: str, count: int) -> tuple[Array, Array]:
    """Ids (K,) and features (K, F) of the pictures that are searched."""
    import numpy as np

    names, features = [], [np.empty((0, 0), np.float32)]
    for shape, folder in sorted(shapes.items()):
        files = sorted((folder / level).glob("*.png"))
        if picks := files[:: max(len(files) // count, 1) if count else 1]:
            features.append(_features(model, picks))
            names += [shape] * len(picks)
    return np.array(names), np.concatenate(features[1:] or features)


def _features(model: "Network", files: Sequence[Path]) -> Array:
    """Features (B, F) of pictures, of length 1."""
    import numpy as np

    from t3d.datasets.images import read_rgb

    features = model.features(np.stack([read_rgb(file) for file in files]))
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
