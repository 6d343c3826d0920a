"""Named, versioned ways to score a prediction. Figures of two protocols are never comparable.

A protocol is data: frame, draws, metrics and what would make it exact; `evaluation` works them all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from t3d.errors import UsageError
from t3d.geometry.clouds import Draw

FAILURES = "one point at the centre of the ground truth's box; IoU, F and normal consistency 0"
"""What a missing, empty or unreadable prediction counts as, in every protocol."""


@dataclass(frozen=True)
class Metric:
    """One figure of a protocol."""

    kind: str
    """What is computed; `evaluation` knows how."""
    power: int = 1
    """To what distances are raised before they are averaged."""
    half: bool = False
    """Whether the two directions are averaged instead of added."""
    at: float = 0.0
    """Threshold of precision, recall and F (strictly below), side of the cube of an IoU (0: the box around
    both shapes); lengths of the protocol's frame."""
    factor: float = 1.0
    """By what it is multiplied for printing."""
    shown: bool = True
    """Whether tables show it; files always have it."""

    @property
    def name(self) -> str:
        """Name of its column: `chamfer-l2`, `f@0.01`, `iou`."""
        if self.kind == "chamfer":
            return f"chamfer-l{self.power}"
        return f"{self.kind}@{self.at:.4g}" if self.kind in ("f", "precision", "recall") else self.kind

    @property
    def higher_is_better(self) -> bool:
        """Whether 1 is perfect and 0 a failure."""
        return self.kind in ("f", "precision", "recall", "normals", "iou")


@dataclass(frozen=True)
class Protocol:
    """Everything that has to be equal before two figures may share a column."""

    name: str
    version: int
    source: str
    """Where it is defined: project, file and line."""
    frame: str
    """In which distances are taken; a key of `frames.FRAMES`, fixed by the ground truth."""
    prediction: Draw
    truth: Draw
    metrics: tuple[Metric, ...]
    views: int = 0
    """Pictures per shape over which the source averages; 0: it does not say, all that are given count."""
    needs: Literal["", "points", "meshes"] = ""
    """The source's own ground truth, without which figures are approximate: clouds or re-meshed surfaces."""
    stand_in: Draw | None = None
    """How the ground truth is drawn from a plain mesh instead."""
    f_of_means: bool = False
    """Whether a set's F is that of its mean precision and recall, instead of the mean of F."""

    @property
    def label(self) -> str:
        """Name and version, for headers of tables; ends in `~` where it is approximate."""
        return self.name if self.name.endswith(f"-v{self.version}") else f"{self.name} v{self.version}"


def _f_scores(*thresholds: float) -> tuple[Metric, ...]:
    hidden = [Metric(kind, at=at, shown=False) for kind in ("precision", "recall") for at in thresholds]
    return (*(Metric("f", at=at) for at in thresholds), *hidden)


DEEPSDF = Protocol(
    name="deepsdf",
    version=1,
    source="DeepSDF deep_sdf/metrics/chamfer.py:9-39, src/SampleVisibleMeshSurface.cpp:134-255; EMD: Deep"
    " Implicit Templates deep_sdf/metrics/emd.py:12-38",
    frame="original",
    prediction=Draw("area", 30_000),
    truth=Draw("visible", 30_000),
    metrics=(Metric("chamfer", power=2, factor=1000.0), Metric("emd")),
)
"""DeepSDF's evaluation. There a missing mesh stops it, in code built on it, it is left out."""

DISN = Protocol(
    name="disn",
    version=1,
    source="DISN test/test_cd_emd.py:45-252, test/test_f_score.py:167-180,347,"
    " preprocessing/create_point_sdf_grid.py:169-198,331-335",
    frame="disn",
    prediction=Draw("vertices", 2048),
    truth=Draw("vertices", 2048),
    stand_in=Draw("area", 2048),
    metrics=(Metric("chamfer", power=2, factor=1000.0), *_f_scores(0.0125, 0.025, 0.05, 0.125, 0.25, 0.5)),
    views=24,
    needs="meshes",
    f_of_means=True,
)
"""DISN's evaluation. Its EMD (a soft matching) and IoU (of another voxeliser) are not restated."""

P2M = Protocol(
    name="p2m",
    version=1,
    source="Pixel2Mesh eval_testset.py:80-147, GenerateData/generate_data.py:62; squared thresholds",
    frame="p2m",
    prediction=Draw("all"),
    truth=Draw("area", 10_000),
    metrics=(Metric("chamfer", power=2, factor=1000.0), *_f_scores(0.01, 2e-4**0.5)),
    views=24,
    needs="points",
)
"""Pixel2Mesh's evaluation: vertices of the prediction against its own ground-truth points."""

ONET = Protocol(
    name="onet",
    version=1,
    source="Occupancy Networks im2mesh/eval.py:38-119, scripts/sample_mesh.py:88-101,183-190; x 10: issue 61",
    frame="edge",
    prediction=Draw("area", 100_000),
    truth=Draw("area", 100_000),
    metrics=(
        Metric("chamfer", half=True, factor=10.0),
        Metric("chamfer", power=2, half=True),
        Metric("normals"),
        Metric("iou", at=1.1),
    ),
    views=1,
    needs="meshes",
)
"""Occupancy Networks' evaluation; its ground truth are its own watertight meshes."""

WHAT3D = Protocol(
    name="what3d",
    version=1,
    source="what3d (Tatarchenko et al. 2019) eval.py:7-26, util.py:54-72; points a side are t3d's choice",
    frame="original",
    prediction=Draw("area", 10_000),
    truth=Draw("area", 10_000),
    metrics=_f_scores(1 / 200, 1 / 100, 1 / 50, 1 / 20, 1 / 10, 1 / 5),
    views=5,
    needs="points",
)
"""F-scores at shares of the reconstructed volume's side, which is 1 in ShapeNet's frame; headline 1/100."""

T3D_V1 = Protocol(
    name="t3d-v1",
    version=1,
    source="t3d docs/metrics.md",
    frame="edge",
    prediction=Draw("area", 100_000),
    truth=Draw("area", 100_000),
    metrics=(
        Metric("chamfer", half=True, factor=100.0),
        Metric("chamfer", power=2, factor=1000.0),
        *_f_scores(0.01),
        Metric("normals"),
        Metric("iou"),
        *(Metric(kind, shown=False) for kind in ("accuracy", "completeness", "hausdorff")),
        Metric("surface", half=True, shown=False),
    ),
)
"""The recommended protocol: scale does not matter, nothing foreign is needed, floors are low."""

PROTOCOLS = {protocol.name: protocol for protocol in (T3D_V1, DEEPSDF, DISN, P2M, ONET, WHAT3D)}
"""All protocols by name, the recommended one first."""


def find_protocol(name: str) -> Protocol:
    """The protocol of that name; UsageError where there is none."""
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def chosen(names: Iterable[str], skipped: Iterable[str] = ()) -> tuple[Protocol, ...]:
    """Protocols by name, without metrics of some kinds; UsageError for unknown names, and for none left."""
    left_out, found = frozenset(skipped), []
    for one in map(find_protocol, dict.fromkeys(names)):
        left = tuple(metric for metric in one.metrics if metric.kind not in left_out)
        found.append(replace(one, metrics=left))
    if not found or not all(one.metrics for one in found):
        raise UsageError("no protocol is named, or none of its metrics is left; name another")
    return tuple(found)
