"""Items come out after all that they read, by priority, once each."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from t3d.pipeline.queue import Queue


@dataclass(frozen=True)
class Work:
    """What a queue asks of a task."""

    id: tuple[str, str]
    upstream: list = field(default_factory=list)
    weight: float = 0.0


@st.composite
def graphs(draw):
    ids = [("stage", str(number)) for number in range(draw(st.integers(0, 12)))]
    kept = [("kept", "0")]
    return [
        Work(id_, draw(st.lists(st.sampled_from(kept + ids[:number]), max_size=4)), draw(st.floats(0, 1)))
        for number, id_ in enumerate(ids)
    ]


@given(graphs(), st.integers(1, 5))
def test_everything_comes_out_once_after_all_that_it_reads(works, most):
    queue, flying, decided = Queue(works, lambda work: work.weight), [], {("kept", "0")}
    while queue:
        taken = list(queue.take(most - len(flying)))
        assert len(flying) + len(taken) <= most
        assert all(decided.issuperset(work.upstream) for work in taken)
        flying += taken
        one = flying.pop(0)
        assert one.id not in decided
        decided.add(one.id)
        queue.decided(one.id)
    assert decided == {work.id for work in works} | {("kept", "0")}


def test_the_highest_priority_comes_first_then_the_order_of_the_plan():
    works = [Work(("a", ""), weight=0), Work(("b", ""), weight=2), Work(("c", ""), weight=2)]
    works.append(Work(("d", ""), [("b", "")], weight=9))
    queue = Queue(works, lambda work: work.weight)
    assert [work.id[0] for work in queue.take(3)] == ["b", "c", "a"]
    assert not list(queue.take(1))
    queue.decided(("b", ""))
    assert [work.id[0] for work in queue.take(1)] == ["d"]
