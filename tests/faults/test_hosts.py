"""A scheduler and hosts with addresses of their own: late, early, and cut off in the middle."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from distributed import Client
from processes import check_store, until

NETWORK = "10.213.77"
HOSTS = ("t3d-test-1", "t3d-test-2")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def tear_down() -> None:
    for host in HOSTS:
        subprocess.run(["ip", "netns", "delete", host], capture_output=True, check=False)
    subprocess.run(["ip", "link", "delete", "t3dbridge"], capture_output=True, check=False)


@pytest.fixture
def network() -> Iterator[None]:
    """Two hosts on a bridge: network namespaces with addresses .2 and .3; this one has .1."""
    tear_down()
    try:
        ip("link", "add", "t3dbridge", "type", "bridge")
        ip("addr", "add", f"{NETWORK}.1/24", "dev", "t3dbridge")
        ip("link", "set", "t3dbridge", "up")
        for number, host in enumerate(HOSTS, 2):
            ip("netns", "add", host)
            ip("link", "add", f"t3dh{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", f"t3dh{number}", "master", "t3dbridge", "up")
            ip("-n", host, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        tear_down()
        pytest.skip(f"no right to make network namespaces here ({error})")
    yield
    tear_down()


def on(number: int) -> tuple[str, ...]:
    return ("ip", "netns", "exec", HOSTS[number - 2])


def host_of_workers(cluster, number: int, *more: str):
    return cluster.worker("--host", f"{NETWORK}.{number}", *more, prefix=on(number))


def test_a_host_that_is_cut_off_changes_nothing(toy, naps, content, drive, cluster, network):
    """The store is shared by both, as it would be; what the lost host holds is made, or found, elsewhere."""
    cluster.scheduler(f"{NETWORK}.1")
    host_of_workers(cluster, 2)
    host_of_workers(cluster, 3)
    driver = drive(toy, 2, cluster.address)
    driver.wait_for_work()
    until(lambda: len(list(toy.work.glob("texts/words/*/*/manifest.json"))) >= 3)
    ip("link", "set", "t3dh2", "down")
    status, said = driver.finish(120)
    assert status == 0, said
    check_store(toy.work)
    assert content(toy.work) == naps


def test_hosts_join_late_and_leave_early(toy, naps, content, drive, cluster):
    """On loopback addresses of their own. The first leaves when the second has come."""
    cluster.scheduler()
    driver = drive(toy, 2, cluster.address)
    time.sleep(2)
    assert not driver.ended, "it waits for a worker"
    first = cluster.worker("--host", "127.0.0.2")
    driver.wait_for_work()
    cluster.worker("--host", "127.0.0.3")
    time.sleep(1)
    first.send_signal(signal.SIGTERM)
    status, said = driver.finish(120)
    assert status == 0, said
    assert "no worker there yet; waiting for one" in said
    assert content(toy.work) == naps


@pytest.mark.parametrize("resource", ["train", "GPU"])
def test_training_goes_where_it_may(resource, toy, drive, cluster):
    """The set's stage is made by the worker with the resource, though another is idle."""
    cluster.scheduler()
    for _ in range(3):
        cluster.worker(resources="", T3D_TEST_PLACE="plain")
    cluster.worker(resources=f"{resource}=1", T3D_TEST_PLACE="strong")
    with Client(cluster.address) as client:
        client.wait_for_workers(4, timeout=60)
    assert drive(toy, 2, cluster.address).finish(120)[0] == 0
    (manifest,) = toy.work.glob("texts/total/_all/*/manifest.json")
    assert json.loads(manifest.read_text())["facts"]["place"] == "strong"


def test_training_waits_for_a_worker_that_may(toy, naps, drive, cluster):
    """It comes when all else is made; what is waited for is said, with the command that starts it."""
    cluster.scheduler()
    cluster.worker(resources="")
    driver = drive(toy, 2, cluster.address)
    until(lambda: len(list(toy.work.glob("texts/lengths/*/*/manifest.json"))) == 11)
    time.sleep(2)
    assert not driver.ended, driver.finish()
    cluster.worker(T3D_TEST_PLACE="late")
    status, said = driver.finish(120)
    assert status == 0, said
    assert f"training waits for one: dask worker {cluster.address} --nthreads 1 --resources train=1" in said
    (manifest,) = toy.work.glob("texts/total/_all/*/manifest.json")
    assert json.loads(manifest.read_text())["facts"]["place"] == "late"
