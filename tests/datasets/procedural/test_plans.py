"""Every kind that is named is drawn, and the measures are those of real things."""

import pytest

from t3d.datasets.procedural import chair, plane, sofa
from t3d.datasets.procedural.dice import dice_for

COUNT = 600


def plans(module, name):
    return [module.Plan(dice_for(1, name, index)) for index in range(COUNT)]


def test_sofas_come_in_every_kind():
    drawn = plans(sofa, "sofa")
    assert {plan.seats for plan in drawn} == {1, 2, 3, 4}
    assert {plan.arm for plan in drawn} == set(sofa.ARMS)
    assert {plan.backrest for plan in drawn} == set(sofa.BACKS)
    assert {plan.legs for plan in drawn} == set(sofa.LEGS)
    assert {plan.chaise for plan in drawn} == {-1, 0, 1}
    assert {plan.corner for plan in drawn if plan.chaise} == {True, False}
    combinations = {(p.seats, p.arm, p.backrest, p.legs, p.chaise, p.corner) for p in drawn}
    assert len(combinations) > 0.7 * COUNT


def test_sofas_have_the_measures_of_furniture():
    for plan in plans(sofa, "sofa"):
        assert 0 < plan.floor < plan.base < plan.seat < plan.arm_top < plan.back
        assert 0.36 <= plan.seat <= 0.48
        assert 0.6 <= plan.back <= 1.0
        assert 0.5 <= plan.one <= 0.8
        assert not (plan.seats == 1 and plan.chaise)
        assert plan.chaise or not plan.corner


def test_chairs_come_in_every_kind():
    drawn = plans(chair, "chair")
    assert {plan.backrest for plan in drawn} == {*chair.BACKS, "none"}
    assert {plan.legs for plan in drawn} == set(chair.LEGS)
    assert {plan.seating for plan in drawn} == set(chair.SEATS)
    assert {plan.arms for plan in drawn} == set(chair.ARMS)
    assert {plan.stretchers for plan in drawn} == set(chair.STRETCHERS)
    assert len({(p.backrest, p.legs, p.seating, p.arms, p.stretchers) for p in drawn}) > 0.6 * COUNT


def test_chairs_and_stools_have_the_measures_of_furniture():
    drawn = plans(chair, "chair")
    assert 0.03 < sum(plan.tall for plan in drawn) / COUNT < 0.2
    for plan in drawn:
        assert (0.6 <= plan.seat <= 0.78) if plan.tall else (0.38 <= plan.seat <= 0.5)
        assert plan.thick < plan.seat / 4
        assert plan.tall or plan.backrest != "none"


def test_planes_come_in_every_kind():
    drawn = plans(plane, "plane")
    assert {plan.kind for plan in drawn} == {"airliner", "jet", "turboprop", "light", "glider", "fighter"}
    engines = "under2 under4 rear2 prop2 prop4 nose none tail1 tail2"
    assert {plan.engines for plan in drawn} == set(engines.split())
    assert {plan.tailplane for plan in drawn} == set("plain T cross twin fins V".split())
    for choice in ("gear", "biplane", "canard"):
        assert {getattr(plan, choice) for plan in drawn} == {True, False}


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("glider", 1.8, 2.5), ("fighter", 0.5, 0.85), ("airliner", 0.7, 1.2)]
)
def test_planes_have_the_proportions_of_their_kind(kind, low, high):
    drawn = [plan for plan in plans(plane, "plane") if plan.kind == kind]
    assert drawn
    for plan in drawn:
        assert low <= plan.span <= high
        assert plan.nose + plan.tail < 1
        assert plan.half_width(0.5) == pytest.approx(plan.radius, rel=0.35)
        assert plan.half_width(0.0) < 0.1 * plan.radius
