"""Small dask clusters for tests, and what is to be true of their results; not to be imported without dask."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time

import numpy as np
import pytest
from distributed import Client, LocalCluster

from nntf_cli.distributed import Cluster, plan
from nntf_cli.files import hdf5


@contextlib.contextmanager
def local_cluster(folder):
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", local_directory=str(folder)
    ) as local:
        yield local


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    before = children()
    with local_cluster(folder) as local:
        yield local
    assert {pid: what for pid, what in children().items() if pid not in before} == {}
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in left if path.suffix != ".lock"] == []  # those two dask leaves in every such folder


def children():
    """Return the processes that this one started and that still run, but for Python's own resource tracker."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    ).stdout
    found = (line.split(None, 2) for line in listed.splitlines())
    return {
        pid: what for pid, state, what in found if state[0] != "Z" and not re.search(r"^ps |resource_tracker", what)
    }


@pytest.fixture
def cluster(local):
    cluster = Cluster.to(local.scheduler_address)
    yield cluster
    cluster.close()


@pytest.fixture
def divided(monkeypatch):
    """Divide even small logs, into blocks of about a kilobyte, or of what is given."""

    def divide(n_bytes=1000):
        monkeypatch.setattr(plan, "WHOLE_BYTES", 0)
        monkeypatch.setattr(plan, "BLOCK_BYTES", (n_bytes, n_bytes))
        monkeypatch.setattr(hdf5, "PANEL_BYTES", n_bytes)  # where blocks may end; workers read as they always do

    divide()
    return divide


def n_tasks(address):
    with Client(address, set_as_default=False) as client:
        return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))


def nothing_left(address):
    """Wait until the scheduler has forgotten all tasks."""
    deadline = time.monotonic() + 10
    while n_tasks(address):
        assert time.monotonic() < deadline, "tasks are left on the cluster"
        time.sleep(0.05)


def assert_same(ours, theirs):
    assert ours.distances.dtype == theirs.distances.dtype
    assert ours.distances.tobytes() == theirs.distances.tobytes()
    assert (ours.metric, ours.normalize, ours.origin) == (theirs.metric, theirs.normalize, theirs.origin)
    for a, b in ((ours.axes.rows, theirs.axes.rows), (ours.axes.columns, theirs.axes.columns)):
        assert (a.run, a.source, a.split, a.n_samples, a.n_classes) == (
            b.run,
            b.source,
            b.split,
            b.n_samples,
            b.n_classes,
        )
        for name in ("from_step", "to_step", "moved"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert ours.axes.is_cross == theirs.axes.is_cross
