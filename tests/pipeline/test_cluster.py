"""Clusters out of a table: what is passed on, what the queue is told, what is said where it cannot be."""

import logging
import re
import sys
import types
from pathlib import Path

import pytest

from t3d.errors import UsageError
from t3d.pipeline.cluster import KINDS, start
from t3d.pipeline.runner import _resource

TABLE = {"kind": "slurm", "jobs": 3, "queue": "cpu", "cores": 16, "memory": "64GB", "walltime": "04:00:00"}
HOSTS = {"kind": "ssh", "hosts": ["one", "two", "two"], "connect_options": {"username": "me"}}
GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def jobqueue(monkeypatch):
    """A stand-in for dask-jobqueue that remembers what it was asked."""
    asked = {}

    class Cluster:
        def __init__(self, *, cores, memory, **options):
            asked.update(options, cores=cores, memory=memory)

        def scale(self, jobs):
            asked["jobs"] = jobs

    module = types.ModuleType("dask_jobqueue")
    for name in KINDS.values():
        setattr(module, name, Cluster)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", module)
    return asked


@pytest.mark.parametrize("kind", KINDS)
def test_options_are_passed_on_and_workers_may_train(kind, jobqueue):
    start({**TABLE, "kind": kind})
    assert jobqueue == {
        "jobs": 3, "queue": "cpu", "cores": 16, "memory": "64GB", "walltime": "04:00:00",
        "worker_extra_args": ["--resources", "train=1"],
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
    }  # fmt: skip


def test_workers_with_a_gpu_are_said_to_have_one(jobqueue):
    start({**TABLE, "worker_extra_args": ["--resources", "GPU=1"]})
    assert jobqueue["worker_extra_args"] == ["--resources", "GPU=1"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "slrum"}, "kind 'slrum' is not known; did you mean 'slurm'"),
        ({}, "kind '' is not known"),
        ({"kind": "pbs", "cores": 4}, "kind 'pbs': .*memory"),
        ({"kind": "ssh", "hosts": []}, "kind 'ssh': .*hosts"),
    ],
)
def test_a_table_that_is_wrong_is_one_line(table, message, jobqueue):
    with pytest.raises(UsageError, match=message) as caught:
        start(table)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "needs"), [("slurm", "dask_jobqueue"), ("ssh", "asyncssh")])
def test_what_is_not_installed_is_named(kind, needs, monkeypatch):
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(UsageError, match=needs.replace("_", "-")) as caught:
        start(TABLE if kind == "slurm" else HOSTS)
    assert "\n" not in str(caught.value)
    if kind == "slurm":
        assert "pip install dask-jobqueue" in str(caught.value)


@pytest.mark.parametrize("kind", ["slurm", "pbs"])
def test_job_scripts_are_as_ever(kind, monkeypatch):
    """A job asks for what the table says, and its worker may train; python and ADDRESS stand for ours."""
    jobqueue = pytest.importorskip("dask_jobqueue")
    monkeypatch.setattr(getattr(jobqueue, KINDS[kind]), "scale", lambda self, jobs: None)
    cluster = start({**TABLE, "kind": kind, "processes": 1, "job_extra_directives": ["-A account"]})
    try:
        script = cluster.job_script()
    finally:
        cluster.close()
    script = re.sub(r"tcp://\S+", "ADDRESS", script.replace(sys.executable, "python"))
    assert script == (GOLDEN / f"{kind}.sh").read_text()


def test_hosts_by_ssh_get_a_scheduler_and_workers_that_may_train(monkeypatch):
    """The first host runs the scheduler; nothing is connected to here."""
    from distributed.deploy import ssh

    monkeypatch.setattr(ssh, "SpecCluster", lambda workers, scheduler, name: (workers, scheduler))
    workers, scheduler = start({**HOSTS, "worker_options": {"nthreads": 8}})
    assert scheduler["options"]["address"] == "one"
    assert scheduler["options"]["kwargs"] == {"dashboard_address": "127.0.0.1:0"}
    assert [worker["options"]["address"] for worker in workers.values()] == ["two", "two"]
    for worker in workers.values():
        assert worker["options"]["kwargs"] == {"nthreads": 8, "resources": {"train": 1}}
        assert worker["options"]["connect_options"] == {"username": "me"}


def test_a_training_asks_for_a_gpu_where_there_is_one_and_else_for_the_right(caplog):
    class Client:
        scheduler = types.SimpleNamespace(address="tcp://here:1")

        def __init__(self, *resources):
            self.workers = {str(index): {"resources": one} for index, one in enumerate(resources)}

        def scheduler_info(self, n_workers):
            return {"workers": self.workers}

    caplog.set_level(logging.WARNING)
    assert _resource(Client({}, {"train": 1}, {"GPU": 1}), True) == "GPU"
    assert _resource(Client({}, {"train": 1}), True) == "train"
    assert _resource(Client({}, {}), False) == "train"
    assert not caplog.messages
    assert _resource(Client({}, {}), True) == "train"
    (line,) = caplog.messages
    assert "training waits for one: dask worker tcp://here:1" in line
