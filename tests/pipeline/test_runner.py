"""What a run makes, keeps, loses and survives: the same in this process, in children, and on a scheduler."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.errors import StoreError, UsageError
from t3d.pipeline.runner import Execution, Queue, run, side_by_side
from t3d.pipeline.store import read_manifest


def count(states: dict[str, str], state: str) -> int:
    return sum(one == state for one in states.values())


def test_first_run_makes_everything_and_second_nothing(toy):
    assert toy.states() == {
        "words/one": "made", "words/three": "made", "words/two": "made",
        "lengths/one": "made", "lengths/three": "made", "lengths/two": "made", "total": "made",
    }  # fmt: skip
    assert toy.total() == "11 of 3, lost []"
    assert set(toy.states().values()) == {"kept"}


def test_touching_a_source_runs_nothing(toy):
    toy.run()
    os.utime(toy.folder / "data" / "one.txt")
    assert set(toy.states().values()) == {"kept"}


def test_one_changed_source_remakes_that_shape_and_the_set(toy):
    toy.run()
    toy.write(one="a bbbb")
    states = toy.states()
    assert {name for name, state in states.items() if state == "made"} == {
        "words/one",
        "lengths/one",
        "total",
    }
    assert toy.total() == "13 of 3, lost []"


def test_change_that_gives_the_same_bytes_does_not_ripple(toy):
    toy.run({"words": {"salt": 0}})
    states = toy.states({"words": {"separator": " "}, "lengths": {"factor": 1}})
    assert set(states.values()) == {"kept"}
    toy.write(two="ccc")  # rewritten, same content
    assert set(toy.states().values()) == {"kept"}


def test_a_parameter_remakes_what_is_below_and_going_back_is_instant(toy):
    toy.run()
    states = toy.states({"lengths": {"factor": 3}})
    assert count(states, "kept") == 3
    assert count(states, "made") == 4
    assert toy.total() == "33 of 3, lost []"
    assert set(toy.states().values()) == {"kept"}


def test_seed_remakes_only_stages_that_draw(toy):
    toy.run({"words": {"salt": 2}})
    states = toy.states({"words": {"salt": 2}}, seed=1)
    assert set(states.values()) == {"made"}
    lengths_only = toy.plan({"words": {"salt": 2}}, seed=1, train_seed=5)
    assert not lengths_only.todo


def test_content_of_a_file_parameter_is_part_of_the_key(toy, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("x")
    toy.run({"lengths": {"lists": [str(path)]}})
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    path.rename(moved / "list.txt")
    assert set(toy.states({"lengths": {"lists": [str(moved / "list.txt")]}}).values()) == {"kept"}
    (moved / "list.txt").write_text("y")
    assert count(toy.states({"lengths": {"lists": [str(moved / "list.txt")]}}), "made") == 3


def test_missing_file_parameter_is_bad_usage(toy):
    with pytest.raises(UsageError, match=r"nowhere.txt: No such file"):
        toy.plan({"lengths": {"lists": ["nowhere.txt"]}})


def test_bad_shape_is_recorded_counted_and_left_out(toy):
    toy.write(two="bad")
    outcomes = toy.run()
    lost = outcomes["words", "two"]
    assert (lost.state, lost.failures[0].kind) == ("failed", "data")
    assert "a bad text; write another" in lost.failures[0].reason
    assert outcomes["lengths", "two"].state == "blocked"
    assert toy.total() == "8 of 2, lost ['two']"
    assert read_manifest(Path(outcomes["total", ""].path))["made_from"]["excluded"] == ["two"]


def test_a_failure_stands_until_asked_or_mended(toy):
    toy.write(two="bad")
    toy.run()
    assert not toy.plan().todo
    assert [task.id for task in toy.plan(retry_failed=True).todo] == [
        ("words", "two"),
        ("lengths", "two"),
        ("total", ""),
    ]
    toy.write(two="good")
    assert toy.run()["words", "two"].state == "made"
    assert toy.total() == "12 of 3, lost []"


def test_an_unexpected_exception_keeps_its_name_and_traceback(toy):
    toy.write(two="bug")
    failure = toy.run()["words", "two"].failures[0]
    assert failure.reason == "ZeroDivisionError: nobody expected this"
    assert "words.py" in failure.detail


@pytest.mark.parametrize("workers", [1, 2])
def test_children_make_the_same_bytes_as_this_process(toy, content, tmp_path, workers):
    values = {"words": {"salt": 3}}
    toy.run(values)
    here = content(toy.work)
    toy.work.rename(tmp_path / "here")
    outcomes = toy.run(values, workers=workers)
    assert {one.state for one in outcomes.values()} == {"made"}
    there = content(toy.work)
    assert {name: there[name] for name in here if "total" not in name} == {
        name: here[name] for name in here if "total" not in name
    }


def test_few_items_at_once_make_the_same(toy, content, tmp_path, monkeypatch):
    toy.run()
    here = content(toy.work)
    toy.work.rename(tmp_path / "here")
    monkeypatch.setattr("t3d.pipeline.runner.IN_FLIGHT", 2)
    assert {one.state for one in toy.run(workers=2).values()} == {"made"}
    assert content(toy.work) == here


def test_a_crash_and_a_hang_cost_their_own_shape(toy):
    toy.write(two="crash", four="hang", five="ok")
    started = time.monotonic()
    outcomes = toy.run(workers=2)
    assert time.monotonic() - started < 40
    assert outcomes["words", "two"].failures[0].kind == "killed"
    assert "SIGSEGV" in outcomes["words", "two"].failures[0].reason
    assert outcomes["words", "four"].failures[0].kind == "timeout"
    assert outcomes["lengths", "five"].state == "made"
    assert outcomes["total", ""].state == "blocked", "accidents may be mended by a further run"


def test_accidents_are_retried_and_may_be_left_out(toy):
    toy.write(two="crash")
    assert toy.run(workers=1)["total", ""].state == "blocked"
    assert ("words", "two") in {task.id for task in toy.plan().todo}
    assert toy.run(workers=1, allow_missing=True)["total", ""].state == "made"


def test_memory_limit_is_kept(toy):
    toy.write(two="slow")
    made = toy.plan()
    outcomes = run(made, Execution(1, memory=1 << 20), lambda news: None)
    assert outcomes["words", "two"].failures[0].kind == "killed"
    assert "GiB of memory" in outcomes["words", "two"].failures[0].reason


def test_live_figures_reach_the_watcher(toy):
    for workers in (0, 1):
        news = []
        run(toy.plan({"lengths": {"factor": 2 + workers}}), Execution(workers), news.append)
        figures = [one for one in news if isinstance(one, dict)]
        assert {"node": "total", "shape": "", "done": 1, "total": 2, "loss": 0.5} in figures


def test_scratch_is_gone_after_publishing(toy):
    toy.run()
    assert not list(toy.work.glob("texts/.scratch/*"))
    assert not list(toy.work.glob("texts/.drafts/*"))
    assert not list(toy.work.glob("texts/.locks/*"))


def test_read_only_store_is_an_error_before_anything_runs(toy, monkeypatch):
    monkeypatch.setattr(
        Path, "mkdir", lambda *args, **kwargs: (_ for _ in ()).throw(OSError(30, "Read-only file system"))
    )
    made = toy.plan()
    with pytest.raises(StoreError, match="Read-only file system; name another folder with --work"):
        run(made, Execution(0), lambda news: None)


def test_a_run_on_this_machine_listens_on_loopback_only(toy):
    addresses = set()

    def look(_: object) -> None:
        ours = psutil.Process().net_connections()
        addresses.update(one.laddr.ip for one in ours if one.status == psutil.CONN_LISTEN)

    run(toy.plan(), Execution(1), look)
    assert addresses == {"127.0.0.1"}


def test_no_scheduler_there_is_bad_usage(toy, monkeypatch):
    monkeypatch.setattr("t3d.pipeline.runner.CONNECT_SECONDS", 0.5)
    with pytest.raises(UsageError, match="is it running there"):
        run(toy.plan(), Execution(1, "tcp://127.0.0.1:1"), lambda news: None)


def test_killed_run_leaves_nothing_torn_and_the_next_goes_on(toy, content, tmp_path):
    toy.write(**{f"t{i}": "slow" for i in range(4)})
    toy.run()
    undisturbed = content(toy.work)
    toy.work.rename(tmp_path / "undisturbed")
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "pipeline_conftest.py")
    script = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from pathlib import Path\n"
        "from pipeline_conftest import Toy\n"
        "if __name__ == '__main__': Toy(Path(sys.argv[1])).run(workers=2)\n"
    )
    path = tmp_path / "client.py"
    path.write_text(script)
    for delay in (1.0, 2.0, 2.7):
        process = subprocess.Popen(
            [sys.executable, str(path), str(tmp_path), str(Path(__file__).parent)], start_new_session=True
        )
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for manifest in toy.work.glob("texts/[!.]*/*/*/"):
            assert read_manifest(manifest) is not None, "a folder without a manifest is visible"
    assert toy.run(workers=2)["total", ""].there
    assert content(toy.work) == undisturbed


def test_a_separate_scheduler_and_worker_make_the_same(toy, content, tmp_path):
    toy.run()
    here = content(toy.work)
    toy.work.rename(tmp_path / "here")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONWARNINGS": "ignore"}
    file = tmp_path / "scheduler.json"
    arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    scheduler = subprocess.Popen(
        [sys.executable, "-c", "from distributed.cli.dask_scheduler import main; main()", *arguments],
        env=environment,
    )
    worker = None
    try:
        deadline = time.monotonic() + 30
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        options = ["--scheduler-file", str(file), "--nworkers", "1", "--nthreads", "2", "--no-dashboard"]
        options += ["--resources", "train=1"]
        command = "from distributed.cli.dask_worker import main; main()"
        worker = subprocess.Popen([sys.executable, "-c", command, *options], env=environment)
        address = json.loads(file.read_text())["address"]
        outcomes = run(toy.plan(), Execution(1, address), lambda news: None)
        assert {one.state for one in outcomes.values()} == {"made"}
        assert content(toy.work) == here
    finally:
        for process in (worker, scheduler):
            if process:
                process.terminate()
                process.wait(20)


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


def test_trainings_that_wait_for_none_run_side_by_side_but_never_on_a_gpu(monkeypatch):
    def task(name, *upstream, resource="train"):
        return SimpleNamespace(id=name, upstream=upstream, stage=SimpleNamespace(resource=resource))

    samples = task("samples", resource=None)
    first = [samples, task("codes", "samples"), task("s1", "codes", "views")]
    both = SimpleNamespace(todo=[*first, task("pretrain"), task("s2", "pretrain", "samples")])
    monkeypatch.setattr("t3d.pipeline.runner.gpus", lambda: 0)
    assert side_by_side(both, 4) == 2
    assert side_by_side(both, 1) == 1
    assert side_by_side(SimpleNamespace(todo=first), 4) == 1, "its two trainings wait for each other"
    assert side_by_side(SimpleNamespace(todo=first[2:]), 4) == 1, "the first is made already"
    assert side_by_side(SimpleNamespace(todo=[samples]), 4) == 1
    monkeypatch.setattr("t3d.pipeline.runner.gpus", lambda: 8)
    assert side_by_side(both, 4) == 1
