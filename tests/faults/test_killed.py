"""Whatever is killed, whenever: no reader sees a torn artifact, and the next run makes what an undisturbed
run makes.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from processes import check_clean, check_store, children, until

SPAN = 1.5
"""Seconds within which the blow falls; an undisturbed run takes about as long."""


@pytest.mark.parametrize("seed", range(40))
def test_a_run_killed_at_random_is_finished_by_the_next(seed, toy, naps, content, drive, record_property):
    draw = random.Random(seed)
    victim = ("child", "client", "group")[seed % 3]
    record_property("fault", f"kill -9 of a {victim}")
    driver = drive(toy)
    driver.wait_for_work()
    time.sleep(draw.uniform(0, SPAN))
    below = children(driver.process.pid)
    if victim == "child" and below:
        draw.choice(below).kill()
    elif victim == "client":
        driver.process.kill()
    elif not driver.ended:
        os.killpg(driver.process.pid, signal.SIGKILL)
    if victim == "child":
        driver.finish()
    else:
        driver.process.wait()
    check_store(toy.work)
    assert toy.run(workers=2)["total", ""].there
    assert content(toy.work) == naps
    until(lambda: not any(child.is_running() for child in below), 5)  # orphans notice within a second
    assert not toy.plan().todo
    toy.project().store.sweep()
    check_clean(toy.work)


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_worker_or_scheduler_costs_time_only(
    seed, toy, naps, content, drive, cluster, record_property
):
    draw = random.Random(seed)
    processes = {"scheduler": cluster.scheduler(), "worker": cluster.worker(), "other": cluster.worker()}
    driver = drive(toy, 2, cluster.address)
    driver.wait_for_work()
    time.sleep(draw.uniform(0, SPAN))
    victim = ("worker", "scheduler")[seed % 2]
    record_property("fault", f"kill -9 of a {victim}")
    processes[victim].kill()
    status, said = driver.finish()
    if victim == "worker":
        assert status == 0, said
    else:
        assert status == 0 or (status == 2 and "gone in the middle of the run" in said)
    check_store(toy.work)
    assert toy.run(workers=2)["total", ""].there
    assert content(toy.work) == naps


def test_an_item_that_kills_every_worker_is_one_failure(toy, naps, content, drive, cluster):
    """Dask gives it up after four; the run ends, and says so."""
    toy.write(two="parricide")
    cluster.scheduler()
    for _ in range(5):
        cluster.worker()
    status, said = drive(toy, 2, cluster.address).finish()
    assert status == 1
    assert "infra: KilledWorker" in said
    toy.write(two="ccc")
    assert toy.run(workers=2)["total", ""].there
    assert content(toy.work) == naps


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_clean_leaves_whole_artifacts_and_what_the_next_run_sweeps(seed, toy, content):
    toy.write(**{f"t{index}": f"text {index}" for index in range(150)})
    toy.run()
    undisturbed = content(toy.work)
    code = (
        "import sys; from pathlib import Path; from t3d.pipeline.store import Store\n"
        "root = Path(sys.argv[1]); print('begun', flush=True)\n"
        "for folder in sorted(root.glob('[!.]*/*/*/')): Store(root).remove(folder)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(toy.work / "texts")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    time.sleep(random.Random(seed).uniform(0, 0.1))
    process.kill()
    process.communicate()
    assert 0 < len(list(toy.work.glob("texts/[!.]*/*/*/"))) < 307, "killed in the middle"
    check_store(toy.work)
    toy.run()
    assert content(toy.work) == undisturbed
    check_clean(toy.work)
