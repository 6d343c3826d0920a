"""An experiment's folder of Deep Implicit Templates as t3d's phase 1: decoder, codes, and settings."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t3d.datasets.catalogue import GIVEN
from t3d.datasets.categories import canonical
from t3d.datasets.formats import read_json
from t3d.errors import DataError, UsageError
from t3d.models.losses import pointpair_mean_weight
from t3d.models.network import save_codes
from t3d.models.plans import DecoderConfig
from t3d.models.published import read_codes, read_decoder, read_pickle
from t3d.pipeline.store import folder_name
from t3d.tasks.layouts import new_folder

ARCHITECTURE = "deep_implicit_template_decoder"

Specs = dict[str, Any]
Book = tuple[str, dict[str, NDArray[np.float32]]]
"""Name of a class and codes (C,) by shape."""

_SAME = {"CodeLength": "code", "CodeBound": "code_bound", "CodeInitStdDev": "code_start"}
_SAME |= {"SamplesPerScene": "points", "ScenesPerBatch": "scenes", "ClampingDistance": "clamp"}
"""What means the same in specs.json and in the stage `codes`."""

_ELSEWHERE = """Description DataSource TrainSplit TestSplit NetworkArch NetworkSpecs NumEpochs
UseCurriculum LearningRateSchedule SnapshotFrequency AdditionalSnapshots DataLoaderThreads LogFrequency
UsePointwiseLoss PointwiseLossWeight UsePointpairLoss PointpairLossWeight CodeRegularization
CodeRegularizationLambda""".split()
"""What is read apart, and what has no bearing on the result."""


def import_experiment(src: Path, dest: Path, checkpoint: str | None, splits: Path | None) -> list[str]:
    """Make `dest/<class>/given/codes`, which `--data` takes over, and `dest/t3d.toml`; what there is to say.

    checkpoint: name of the `.pth` files; the latest if None. splits: list of the training shapes, where the
    one that specs.json names is not beside the experiment. Raises DataError for files that are broken or do
    not fit each other, UsageError for what is not there.
    """
    try:
        specs = read_json(src / "specs.json")
        config, path = _config(specs), _checkpoint(src, checkpoint)
        name, book = _code_book(src, path.name, specs["TrainSplit"], splits)
        settings, lost = _settings(specs, config, len(book))
    except (OSError, LookupError, TypeError, AttributeError, ValueError) as error:
        words = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise DataError(f"{src / 'specs.json'}: cannot be used: {words}") from error
    wrong = [shape for shape, code in book.items() if code.shape != (config.code,)]
    if wrong or not book:
        raise DataError(f"{src}: {len(wrong)} of {len(book)} codes have not CodeLength {config.code} numbers")
    decoder, codes = read_decoder(path, config), np.stack(list(book.values()))
    with new_folder(dest) as draft:
        folder = draft / folder_name(name) / GIVEN / "codes"
        folder.mkdir(parents=True)
        save_codes(folder, decoder, (list(book), codes), ((), np.empty((0, config.code), np.float32)))
        (folder / "curves.csv").write_text("step,seconds,loss\n")
        text = [f"category = {json.dumps(canonical(name))}", *(f"# {one}" for one in lost), "[codes]"]
        text += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        (draft / "t3d.toml").write_text("\n".join([*text, ""]))
    longest = np.linalg.norm(codes, axis=1).max()
    return [f"{name}: decoder, {len(codes)} codes of {config.code} numbers, the longest {longest:.3f}", *lost]


def _config(specs: Specs) -> DecoderConfig:
    """Sizes; ValueError for a network that t3d's decoder is not."""
    if specs["NetworkArch"] != ARCHITECTURE:
        raise ValueError(f"NetworkArch {specs['NetworkArch']!r} is not {ARCHITECTURE!r}")
    warper, template = (specs["NetworkSpecs"][name] for name in ("warper_kargs", "decoder_kargs"))
    dims, normed = template["dims"], template["weight_norm"] and template["norm_layers"]
    more = template.get("xyz_in_all") or template.get("use_tanh")
    if more or {*dims} != {dims[0]} or normed != [*range(len(dims))]:
        raise ValueError("decoder_kargs: t3d's template has equal dims, weight_norm on all, no more inputs")
    dropout = template["dropout_prob"] if template.get("dropout") else 0.0
    sizes = {"hidden": warper["hidden_size"], "steps": warper["steps"], "width": dims[0], "depth": len(dims)}
    return DecoderConfig(code=specs["CodeLength"], **sizes, dropout=dropout)


def _checkpoint(src: Path, name: str | None) -> Path:
    """The named file in `ModelParameters`, else `latest.pth`, else that of the last epoch."""
    there = {path.stem: path for path in (src / "ModelParameters").glob("*.pth")}
    last = max(there, key=lambda stem: (stem == "latest", len(stem), stem), default="latest")
    if (name or last) not in there:
        raise UsageError(f"{src}: no ModelParameters/{name or last}.pth, but {', '.join(there) or 'none'}")
    return there[name or last]


def _code_book(src: Path, checkpoint: str, listed: str, splits: Path | None) -> Book:
    """Name of the class and codes by shape: the authors' pickle where there is one, else codes and list."""
    for path in sorted(src.glob("**/*_embedding.pkl")):
        return path.name.removesuffix("_embedding.pkl"), read_pickle(path)
    codes = read_codes(src / "LatentCodes" / checkpoint)
    beside = [place / listed.lstrip("/") for place in (src, *src.absolute().parents)]
    found = splits or next((place for place in beside if place.is_file()), None)
    if found is None:
        raise UsageError(f"{src}: whose are the codes? {listed} is not beside it; name it with --splits")
    classes = [pair for of_class in read_json(found).values() for pair in of_class.items()]
    if len(classes) != 1 or len(classes[0][1]) != len(codes):
        raise UsageError(f"{found}: not the list of one class with {len(codes)} shapes, as there are codes")
    return classes[0][0], dict(zip(classes[0][1], codes, strict=True))


def _settings(specs: Specs, config: DecoderConfig, shapes: int) -> tuple[Specs, list[str]]:
    """Values of the stage `codes`, epochs counted in iterations, and what has no counterpart."""
    values = asdict(config) | {_SAME[name]: specs[name] for name in _SAME.keys() & specs.keys()}
    values["pointwise"] = specs["PointwiseLossWeight"] if specs.get("UsePointwiseLoss") else 0.0
    pairs = specs["PointpairLossWeight"] if specs.get("UsePointpairLoss") else 0.0
    values["pointpair"] = pointpair_mean_weight(pairs, values["points"])
    norm = specs.get("CodeRegularizationLambda", 1e-4)  # on unless told, as the published code has it
    values["code_weight"] = norm if specs.get("CodeRegularization", True) else 0.0
    epoch, rates = max(1, shapes // values["scenes"]), specs["LearningRateSchedule"]
    values |= {"iterations": specs["NumEpochs"] * epoch, "ramp": 100 * epoch}
    values["lr_warp"], values["lr_template"], values["lr_codes"] = (one["Initial"] for one in rates)
    known = {*_SAME, *_ELSEWHERE}
    lost = [f"{name} = {value!r}" for name, value in specs.items() if value is None or name not in known]
    lost += [] if specs.get("UseCurriculum") else ["no UseCurriculum; t3d always trains with it"]
    halving = {one.get("Interval") if one.get("Factor") == 0.5 else None for one in rates}
    if len(halving) == 1 and None not in halving:
        values["decay_every"] = halving.pop() * epoch
    else:
        lost.append("a LearningRateSchedule that does not halve all rates alike")
    kept = {name: value for name, value in values.items() if value is not None}
    return kept, [f"not carried over: {one}" for one in lost]
