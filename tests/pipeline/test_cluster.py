"""Clusters out of a table: what is passed on, and what is said where it cannot be."""

import importlib.util
import sys
import types

import pytest

from t3d.errors import UsageError
from t3d.pipeline.cluster import KINDS, start
from t3d.pipeline.runner import _resource

TABLE = {"kind": "slurm", "jobs": 3, "queue": "cpu", "cores": 16, "memory": "64GB", "walltime": "04:00:00"}


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
    ],
)
def test_a_table_that_is_wrong_is_one_line(table, message, jobqueue):
    with pytest.raises(UsageError, match=message) as caught:
        start(table)
    assert "\n" not in str(caught.value)


def test_without_jobqueue_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(UsageError, match=r"needs dask-jobqueue: pip install 't3d\[cluster\]'"):
        start(TABLE)


def test_job_scripts_ask_for_what_the_table_says(monkeypatch):
    if not importlib.util.find_spec("dask_jobqueue"):
        pytest.skip("dask-jobqueue is not installed: an extra, for clusters")
    from dask_jobqueue import SLURMCluster

    monkeypatch.setattr(SLURMCluster, "scale", lambda self, jobs: None)
    cluster = start(TABLE)
    try:
        script = cluster.job_script()
    finally:
        cluster.close()
    for line in (
        "#SBATCH -p cpu",
        "#SBATCH --cpus-per-task=16",
        "#SBATCH -t 04:00:00",
        "--resources train=1",
    ):
        assert line in script


def test_a_training_asks_for_a_gpu_where_there_is_one():
    class Client:
        def __init__(self, *resources):
            self.workers = {str(index): {"resources": one} for index, one in enumerate(resources)}

        def scheduler_info(self, n_workers):
            return {"workers": self.workers}

    assert _resource(Client({}, {"train": 1}, {"GPU": 1})) == "GPU"
    assert _resource(Client({}, {"train": 1})) == "train"
    assert _resource(Client({}, {})) is None
