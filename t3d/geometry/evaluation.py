"""Predictions scored against ground truths as a protocol says."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from t3d.geometry import metrics
from t3d.geometry.clouds import Body, Cloud, Draw
from t3d.geometry.frames import into
from t3d.geometry.mesh import Array, Indices
from t3d.geometry.normalize import Transform
from t3d.geometry.protocols import Metric, Protocol

IOU_POINTS = 100_000
"""Points of a volumetric IoU (Occupancy Networks `scripts/sample_mesh.py:183-190`)."""

EMD_POINTS = 500
"""Points a side of an earth mover's distance (Deep Implicit Templates `deep_sdf/metrics/emd.py:12`)."""


@dataclass(frozen=True, eq=False)
class Truth:
    """A ground truth ready to be compared with several predictions; build it with `truth`."""

    body: Body
    """Its surface, in its own frame."""
    transform: Transform
    """From that frame into the protocol's."""
    cloud: Cloud
    """Its points, in the protocol's frame."""
    centre: Array
    """(3,): middle of its box, in its own frame."""
    draw: Draw | None
    """How the points were drawn from the body; None where they were given."""


def truth(
    protocol: Protocol,
    body: Body,
    rng: np.random.Generator,
    points: Body | None = None,
    remeshed: Body | None = None,
) -> Truth:
    """Prepare a ground truth, a mesh or a cloud, which fixes the frame.

    points, remeshed: the protocol's own cloud and surface, in the frame of `body`; they take its place in
    protocols that ask for them (`deepsdf` may have points too). DataError where all points are in one while
    the frame needs a size.
    """
    transform, source = into(protocol.frame, body), body
    draw: Draw | None = protocol.stand_in or protocol.truth
    if remeshed and protocol.needs == "meshes":
        source, draw = remeshed, protocol.truth
    if points is None or not (protocol.needs == "points" or protocol.truth.how == "visible"):
        points = source
    if points is not source or isinstance(source.shape, Cloud):
        draw = None
    cloud = draw(source, rng) if draw else Draw("all")(points, rng)
    return Truth(source, transform, cloud.moved(transform), body.box.mean(axis=0), draw)


def evaluate(
    protocol: Protocol, true: Truth, prediction: Body, rng: np.random.Generator
) -> dict[str, float | None]:
    """All metrics of a prediction in the ground truth's own frame, raw, by `Metric.name`.

    None: it cannot be known of this pair (the IoU of a cloud, normals of points without any).
    """
    drawn = protocol.prediction(prediction, rng).moved(true.transform)
    values = _compare(protocol, true.cloud, drawn, rng)
    meshes = not any(isinstance(body.shape, Cloud) for body in (true.body, prediction))
    for metric in protocol.metrics:
        if metric.kind == "iou":
            values[metric.name] = _iou(metric, true, prediction, rng) if meshes else None
        if metric.kind == "surface":
            values[metric.name] = _to_surfaces(metric, true, prediction, drawn) if meshes else None
    return values


def failed(protocol: Protocol, true: Truth, rng: np.random.Generator) -> dict[str, float | None]:
    """What a prediction that is not there counts as; see `protocols.FAILURES`."""
    centre = Cloud(true.centre[None]).moved(true.transform)
    values = _compare(protocol, true.cloud, centre, rng)
    return values | {metric.name: 0.0 for metric in protocol.metrics if metric.higher_is_better}


def floor(protocol: Protocol, true: Truth, rng: np.random.Generator) -> dict[str, float]:
    """What a perfect prediction scores on average: the truth's surface, drawn twice.

    Of points that were given, random halves stand for two draws (`metrics.sampling_floor`), Chamfer only.
    """
    if true.draw is not None:
        again = true.draw(true.body, rng).moved(true.transform)
        known = _compare(protocol, true.cloud, again, rng)
        return {name: value for name, value in known.items() if value is not None}
    return {
        metric.name: metrics.sampling_floor(true.cloud.points, rng, metric.power)
        * (0.5 if metric.half else 1.0)
        for metric in protocol.metrics
        if metric.kind == "chamfer" and len(true.cloud.points) > 1
    }


@dataclass(frozen=True, eq=False)
class _Between:
    """Two clouds of one frame, and from each point of one the nearest of the other."""

    true: Cloud
    drawn: Cloud
    there: Array
    target: Indices
    back: Array
    origin: Indices
    rng: np.random.Generator


def _normals(_: Metric, between: _Between) -> float | None:
    ours, theirs = between.drawn.normals, between.true.normals
    if ours is None or theirs is None:
        return None
    there = metrics.normal_consistency(ours, theirs[between.target])
    return 0.5 * (there + metrics.normal_consistency(theirs, ours[between.origin]))


def _emd(_: Metric, between: _Between) -> float:
    few = []
    for cloud in (between.drawn.points, between.true.points):
        size = len(cloud)
        few.append(cloud[between.rng.choice(size, EMD_POINTS, replace=size < EMD_POINTS)])
    return metrics.earth_mover(*few)


def _f(metric: Metric, between: _Between) -> float:
    precision, recall = (float((far < metric.at).mean()) for far in (between.there, between.back))
    return metrics.f_score(precision, recall)


KINDS: dict[str, Callable[[Metric, _Between], float | None]] = {
    "chamfer": lambda metric, two: metrics.chamfer(two.there, two.back, metric.power, metric.half),
    "accuracy": lambda metric, two: float((two.there**metric.power).mean()),
    "completeness": lambda metric, two: float((two.back**metric.power).mean()),
    "precision": lambda metric, two: float((two.there < metric.at).mean()),
    "recall": lambda metric, two: float((two.back < metric.at).mean()),
    "f": _f,
    "normals": _normals,
    "hausdorff": lambda _, two: metrics.hausdorff(two.there, two.back),
    "emd": _emd,
    "surface": lambda metric, two: metrics.chamfer(two.there, two.back, metric.power, metric.half),
}
"""Metrics by kind, but for `iou`; `evaluate` takes the distances of `surface` to triangles."""


def _compare(
    protocol: Protocol, true: Cloud, drawn: Cloud, rng: np.random.Generator
) -> dict[str, float | None]:
    there, target = metrics.nearest(drawn.tree, true.tree)
    back, origin = metrics.nearest(true.tree, drawn.tree)
    between = _Between(true, drawn, there, target, back, origin, rng)
    kinds = [metric for metric in protocol.metrics if metric.kind in KINDS]
    return {metric.name: KINDS[metric.kind](metric, between) for metric in kinds}


def _iou(metric: Metric, true: Truth, prediction: Body, rng: np.random.Generator) -> float:
    """In the cube around the ground truth's centre, or in the box around both shapes."""
    if metric.at:
        half = 0.5 * metric.at / true.transform.scale
        low, high = true.centre - half, true.centre + half
    else:
        boxes = np.stack([true.body.box, prediction.box])
        low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    points = rng.uniform(low, high, size=(IOU_POINTS, 3))
    return metrics.intersection_over_union(true.body.inside(points), prediction.inside(points))


def _to_surfaces(metric: Metric, true: Truth, prediction: Body, drawn: Cloud) -> float:
    there = true.body.distance(true.transform.invert(drawn.points))
    back = prediction.distance(true.transform.invert(true.cloud.points))
    return metrics.chamfer(there, back, metric.power, metric.half) * true.transform.scale**metric.power
