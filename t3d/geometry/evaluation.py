"""Predictions scored against ground truths as a protocol says."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from t3d.geometry import metrics
from t3d.geometry.clouds import Body, Cloud, Draw
from t3d.geometry.frames import into
from t3d.geometry.mesh import Array, Indices
from t3d.geometry.normalize import Transform
from t3d.geometry.protocols import Metric, Protocol

Values = dict[str, float | None]
"""By `Metric.name`."""

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
    protocol: Protocol, body: Body, rng: Generator, points: Body | None = None, remeshed: Body | None = None
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


def evaluate(protocol: Protocol, true: Truth, prediction: Body, rng: Generator) -> Values:
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


def failed(protocol: Protocol, true: Truth, rng: Generator) -> Values:
    """What a prediction that is not there counts as; see `protocols.FAILURES`."""
    centre = Cloud(true.centre[None]).moved(true.transform)
    values = _compare(protocol, true.cloud, centre, rng)
    return values | {metric.name: 0.0 for metric in protocol.metrics if metric.higher_is_better}


def floor(protocol: Protocol, true: Truth, rng: Generator) -> dict[str, float]:
    """What a perfect prediction scores on average: the truth's surface, drawn twice.

    Of points that were given, random halves stand for two draws (`metrics.sampling_floor`), Chamfer only.
    """
    if true.draw is not None:
        again = true.draw(true.body, rng).moved(true.transform)
        values = _compare(protocol, true.cloud, again, rng)
        return {name: value for name, value in values.items() if value is not None}
    points = true.cloud.points
    known = [one for one in protocol.metrics if one.kind == "chamfer" and len(points) > 1]
    return {one.name: metrics.sampling_floor(points, rng, one.power, one.half) for one in known}


def _compare(protocol: Protocol, true: Cloud, drawn: Cloud, rng: Generator) -> Values:
    there, target = metrics.nearest(drawn.tree, true.tree)
    back, origin = metrics.nearest(true.tree, drawn.tree)
    kinds: dict[str, Callable[[Metric], float | None]] = {
        "chamfer": lambda one: metrics.chamfer(there, back, one.power, one.half),
        "accuracy": lambda _: float(there.mean()),
        "completeness": lambda _: float(back.mean()),
        "precision": lambda one: float((there < one.at).mean()),
        "recall": lambda one: float((back < one.at).mean()),
        "f": lambda one: metrics.f_score(float((there < one.at).mean()), float((back < one.at).mean())),
        "normals": lambda _: _normals(drawn, true, target, origin),
        "hausdorff": lambda _: metrics.hausdorff(there, back),
        "emd": lambda _: metrics.earth_mover(_few(drawn, rng), _few(true, rng)),
        "surface": lambda one: metrics.chamfer(there, back, one.power, one.half),
    }
    return {one.name: kinds[one.kind](one) for one in protocol.metrics if one.kind != "iou"}


def _normals(one: Cloud, other: Cloud, target: Indices, origin: Indices) -> float | None:
    """Both ways: target is the nearest in the other cloud of each point, origin that in this one."""
    if one.normals is None or other.normals is None:
        return None
    there = metrics.normal_consistency(one.normals, other.normals[target])
    return 0.5 * (there + metrics.normal_consistency(other.normals, one.normals[origin]))


def _few(cloud: Cloud, rng: Generator) -> Array:
    size = len(cloud.points)
    return cloud.points[rng.choice(size, EMD_POINTS, replace=size < EMD_POINTS)]


def _iou(metric: Metric, true: Truth, prediction: Body, rng: Generator) -> float:
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
