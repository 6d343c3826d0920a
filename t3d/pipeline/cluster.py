"""Clusters that a run starts for itself, out of the table `[cluster]` of the settings' TOML.

    [cluster]
    kind = "slurm"                  # or pbs, sge, lsf, oar, htcondor, moab: a class of dask-jobqueue; or ssh
    jobs = 8                        # how many jobs of the queue; not for ssh
    queue = "cpu"                   # this and all else are options of that class, passed on as they are
    cores = 16
    memory = "64GB"
    walltime = "04:00:00"

The scheduler runs beside the command and is reached over the network. The store must be the same path
everywhere.
"""

from collections.abc import Mapping
from typing import Any

from t3d.errors import UsageError
from t3d.pipeline.settings import known

KINDS = {kind: f"{kind.upper()}Cluster" for kind in ("slurm", "pbs", "sge", "lsf", "oar")}
KINDS |= {"htcondor": "HTCondorCluster", "moab": "MoabCluster"}
"""Class of dask-jobqueue by kind."""


def start(table: Mapping[str, Any]) -> Any:
    """A Dask cluster as the table asks; every worker of it can train, one training at a time.

    Raises UsageError for an unknown kind, without dask-jobqueue, and for options that the class refuses.
    """
    options = dict(table)
    kind, jobs = str(options.pop("kind", "")), options.pop("jobs", 1)
    known(kind, [*KINDS, "ssh"], "[cluster] kind")
    options.setdefault("scheduler_options", {}).setdefault("dashboard_address", "127.0.0.1:0")
    try:
        if kind == "ssh":
            from distributed import SSHCluster

            options.setdefault("worker_options", {}).setdefault("resources", {"train": 1})
            return SSHCluster(**options)
        import dask_jobqueue

        options.setdefault("worker_extra_args", ["--resources", "train=1"])
        cluster = getattr(dask_jobqueue, KINDS[kind])(**options)
    except ImportError:
        needs = "needs dask-jobqueue: pip install dask-jobqueue"
        raise UsageError(f"[cluster] kind {kind!r} {needs}") from None
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"[cluster] kind {kind!r}: {' '.join(str(error).split())}") from None
    cluster.scale(jobs=jobs)
    return cluster
