"""Processes that stand still for long: of the run, of its children, of a cluster."""

import signal
import time

from processes import children, until


def test_a_run_that_was_stopped_for_long_goes_on(toy, naps, content, drive):
    """Longer than the scheduler waits for a sign of life from its workers, and than an item may take."""
    driver = drive(toy, DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="1s")
    driver.wait_for_work()
    stopped = [driver.process, *children(driver.process.pid)]
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    time.sleep(12)
    for process in stopped:
        process.send_signal(signal.SIGCONT)
    assert driver.finish(60) == (0, "")
    assert content(toy.work) == naps


def test_a_stopped_child_costs_its_own_item(toy, naps, content, drive):
    """The time limit holds though the pipe to the child is full."""
    driver = drive(toy)
    until(lambda: children(driver.process.pid))
    stopped = children(driver.process.pid)[0]
    stopped.suspend()
    status, said = driver.finish(60)
    assert (status, said.count("timeout: took longer than 8 s")) == (1, 1)
    assert toy.run(workers=2)["total", ""].there
    assert content(toy.work) == naps


def test_a_stopped_worker_is_replaced_by_another(toy, naps, content, drive, cluster):
    cluster.scheduler()
    stopped, _ = cluster.worker(), cluster.worker()
    driver = drive(toy, 2, cluster.address)
    driver.wait_for_work()
    time.sleep(0.5)
    stopped.send_signal(signal.SIGSTOP)
    assert driver.finish(90)[0] == 0
    assert content(toy.work) == naps
    stopped.send_signal(signal.SIGCONT)
    time.sleep(2)
    assert content(toy.work) == naps
