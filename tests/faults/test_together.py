"""Two runs on one store at once."""

import time

from processes import check_clean


def made(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("made ")]


def test_two_runs_share_the_work(toy, naps, content, drive):
    """Nothing is made twice, both end well, and they do not wait for each other item by item."""
    toy.write(**{f"more{index}": f"nap 0.5{index}" for index in range(10)})
    runs = [drive(toy, 2, T3D_TEST_TELL="1") for _ in range(2)]
    told = [run.finish() for run in runs]
    assert [status for status, _ in told] == [0, 0]
    lines = [line for _, said in told for line in made(said)]
    assert len(lines) == len(set(lines)) == 2 * 21 + 1
    assert all(len(made(said)) > 10 for _, said in told), "both had their share"
    check_clean(toy.work)


def test_a_bad_shape_is_tried_once(toy, drive):
    toy.write(two="bad", **{f"nap{index}": f"nap 0.3{index}" for index in range(4)})
    started = time.monotonic()
    told = [run.finish() for run in [drive(toy, 1, T3D_TEST_TELL="1") for _ in range(2)]]
    assert time.monotonic() - started < 100
    assert [status for status, _ in told] == [0, 0]
    assert all("a bad text" in said for _, said in told), "both say it"
