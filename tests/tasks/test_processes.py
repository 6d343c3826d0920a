import os
import time

import pytest

from t3d.errors import DataError
from t3d.pipeline.isolate import THREAD_VARIABLES
from t3d.tasks.processes import each


def square(number):
    if number == 3:
        os._exit(9)
    return number**2


def slow_first(number):
    time.sleep(0.3 * (number == 0))
    return number, os.getpid(), [os.environ.get(name) for name in THREAD_VARIABLES]


def test_a_crash_costs_its_own_item_only():
    found = list(each(square, [1, 2, 3, 4, 5], 2))
    assert [one for one in found if isinstance(one, int)] == [1, 4, 16, 25]
    assert isinstance(found[2], DataError)


def sleepy(number):
    time.sleep(60 * (number == 2))
    return number


def test_what_takes_too_long_costs_its_own_item_only():
    started = time.monotonic()
    found = list(each(sleepy, [1, 2, 3], 1, [None, 0.5, 30.0]))
    assert time.monotonic() - started < 50, "it was not waited for"
    assert (found[0], found[2]) == (1, 3)
    assert str(found[1]) == "it took longer than 0.5 s (--timeout)"


def test_results_come_in_order_from_children_of_one_thread_each():
    found = list(each(slow_first, range(6), 2))
    assert [number for number, _, _ in found] == list(range(6))
    assert len({process for _, process, _ in found} - {os.getpid()}) == 2
    assert all(threads == ["1"] * len(THREAD_VARIABLES) for _, _, threads in found)


def test_without_workers_everything_happens_here():
    assert next(each(slow_first, [1], 0))[1] == os.getpid()
    with pytest.raises(TypeError):
        list(each(square, ["no number"], 0))
