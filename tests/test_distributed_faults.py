"""What happens to a cluster: workers that die, others that are not what they seem, an interrupt."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import types
from pathlib import Path

import h5py
import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra 'dask': make test-dask")

import dask
from distributed import Client

from bench.workloads import Workload, label_rows
from clusters import assert_same, local_cluster, n_tasks, nothing_left
from nntf_cli.distributed import Cluster, connection, tasks
from nntf_cli.distributed.cluster import Options
from nntf_cli.errors import ClusterError, LimitError
from nntf_cli.fingerprint import fingerprint
from nntf_cli.labellog import open_log
from nntf_cli.progress import listening
from running import NNTF, process, refused, run, succeeded
from test_distributed import contiguous

pytestmark = [
    pytest.mark.process,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SAMPLES = [f"sample_logs/{name}.h5" for name in ("lenet_wd_0", "lenet_wd_0.05", "scenario_b_k10", "boosting_digits")]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr(connection, "CONNECT", 0.5)
    done = run("fingerprint", SAMPLES[0], "-o", "-", "--scheduler", f"tcp://127.0.0.1:{free_port()}")
    refused(done, 3, "tcp://127.0.0.1:", "no scheduler answers within 0.5 seconds")


@pytest.mark.parametrize("address", ["nowhere://host:1", "", "tcp://127.0.0.1"])
def test_what_is_no_address(address):
    refused(run("fingerprint", SAMPLES[0], "-o", "-", "--scheduler", address), 2, "no address")


def test_scheduler_files_that_are_none(tmp_path):
    refused(run("rqa", SAMPLES[0], "--scheduler", tmp_path / "a.json"), 3, "a.json: cannot be read (No such file")
    (tmp_path / "b.json").write_text("[]")
    refused(run("rqa", SAMPLES[0], "--scheduler", tmp_path / "b.json"), 3, "b.json: is no scheduler file")


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run("fingerprint", SAMPLES[0], "-o", "-", "--scheduler", "tcp://127.0.0.1:1")
    refused(done, 2, "not installed", "pip install 'nntf-cli[dask]'")


def test_stdin_is_nothing_that_workers_can_open(local):
    refused(run("fingerprint", "-", "-o", "-", "--scheduler", local.scheduler_address), 2, "not stdin")


def test_workers_of_another_version(local, monkeypatch):
    monkeypatch.setattr(connection, "__version__", "99.0")
    done = run("fingerprint", SAMPLES[0], "-o", "-", "--scheduler", local.scheduler_address)
    refused(done, 3, "worker tcp://", "has nntf-cli ", ", not 99.0; install nntf-cli 99.0 there")


def test_workers_with_another_numpy(local, monkeypatch):
    monkeypatch.setattr(connection, "versions", lambda: tasks.versions() | {"numpy": "1.0"})
    monkeypatch.setattr(Cluster, "_ask_all", lambda self, _: {"tcp://w:1": tasks.versions()})
    done = run("rqa", SAMPLES[0], "-t", "csv", "--scheduler", local.scheduler_address)
    succeeded(done)
    assert f"note: {local.scheduler_address}: worker tcp://w:1 has numpy {np.__version__}, this process 1.0" in done.err


def test_workers_without_nntf(local, monkeypatch):
    """They know no module of ours; here one that only this process has stands for it."""
    module = types.ModuleType("nntf_cli_that_only_the_client_has")
    exec("def versions(): pass", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(connection, "versions", module.versions)
    done = run("fingerprint", SAMPLES[0], "-o", "-", "--scheduler", local.scheduler_address)
    refused(done, 3, "worker tcp://", "has no nntf-cli (", "No module named", "install nntf-cli")


def test_a_port_where_somebody_else_is_silent(monkeypatch):
    monkeypatch.setattr(connection, "CONNECT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = run("fingerprint", SAMPLES[0], "-o", "-", "--scheduler", f"127.0.0.1:{server.getsockname()[1]}")
    refused(done, 3, "no scheduler answers within 0.5 seconds")


def test_a_log_that_kills_every_worker_that_takes_it(tmp_path):
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local_cluster(tmp_path) as local,
        contextlib.closing(Cluster.to(local.scheduler_address)) as cluster,
    ):
        before = set(cluster.threads())
        with pytest.raises(LimitError, match="run.h5: every worker that took a part of it died, .*; give workers more"):
            cluster.result(cluster.submit(os._exit, 1), "dying", "run.h5")
        both_are_back(cluster, before)


def both_are_back(cluster, before):
    """Wait until the dead worker has a successor: a LocalCluster closed before that may hang."""
    deadline = time.monotonic() + 30
    while len(now := set(cluster.threads())) < 2 or now == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("when", ["counting", "comparing"])
def test_a_worker_is_killed(when, tmp_path, divided):
    """While tasks run, one of two processes gets SIGKILL: what it held is computed again."""
    divided(300)
    address = contiguous(tmp_path)
    with local_cluster(tmp_path / "workers") as local, Client(local.scheduler_address) as client:
        victim = next(iter(client.run(os.getpid).values()))
        killed = []

        def kill(title, share):
            if when in title and 0.2 < share < 0.9 and not killed:
                os.kill(victim, signal.SIGKILL)
                killed.append((title, share))

        cluster = Cluster.to(local.scheduler_address)
        before = set(cluster.threads())
        with contextlib.closing(cluster), listening(kill):
            ours = cluster.fingerprint(open_log(address), "train", Options())
            both_are_back(cluster, before)
        assert killed
        with pytest.raises(ProcessLookupError):
            os.kill(victim, 0)
    assert_same(ours, fingerprint(open_log(address), "train"))


def test_all_workers_are_gone(tmp_path, divided, monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE", 1.0)
    address = contiguous(tmp_path)
    with local_cluster(tmp_path / "workers") as local:
        cluster = Cluster.to(local.scheduler_address)
        local.scale(0)
        while cluster.threads():
            time.sleep(0.05)
        began = time.monotonic()
        with contextlib.closing(cluster):
            for _ in range(2):  # the second time it is known
                with pytest.raises(ClusterError, match="has had no worker for 1 seconds; start some"):
                    cluster.fingerprint(open_log(address), "train", Options())
    assert time.monotonic() - began < 10


@contextlib.contextmanager
def dask_processes(folder):
    """A scheduler and a worker, as one starts them by hand."""
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                                 "--port", "0", "--no-dashboard", "--scheduler-file", file], **quiet)]  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        started.append(subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", file,
                                         "--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory",
                                         folder / "worker"], **quiet))  # fmt: skip
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(1, timeout=30)
        yield file, started
    finally:
        for running in reversed(started):
            running.terminate()
        for running in reversed(started):
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


@pytest.fixture(scope="module")
def big_log(tmp_path_factory):
    """A log that keeps one worker busy for seconds."""
    path = tmp_path_factory.mktemp("big") / "big.h5"
    rows = [row.astype(np.uint16) for row in label_rows(Workload(6, 300_000, 1_000))]
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("labels", (180, 300_000), "u2", chunks=(1, 300_000), compression=1)
        for i in range(180):
            dataset[i] = rows[i % 6]
    return path


def test_an_interrupt_leaves_the_cluster_as_it_was_and_a_dead_scheduler_is_noticed(tmp_path, big_log):
    with dask_processes(tmp_path) as (file, started):
        arguments = [*NNTF, "fingerprint", big_log, "-o", tmp_path / "D.npy", "--scheduler", file]
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            running = subprocess.Popen(arguments, stderr=subprocess.PIPE)
            wait_until_busy(file)
            running.send_signal(number)
            _, said = running.communicate(timeout=30)
            assert (running.returncode, said) == (code, b"")
            nothing_left(address_in(file))
        running = subprocess.Popen(arguments, stderr=subprocess.PIPE)
        wait_until_busy(file)
        started[0].kill()
        _, said = running.communicate(timeout=60)
        assert running.returncode == 3
        assert said.decode().count("\n") == 1
        assert "the scheduler is gone; start it again" in said.decode()
    assert not (tmp_path / "D.npy").exists()


def address_in(file):
    return connection._address_in(str(file))


def wait_until_busy(file):
    deadline = time.monotonic() + 30
    while not n_tasks(address_in(file)):
        assert time.monotonic() < deadline, "no task was submitted"


def test_the_installed_command(local, tmp_path):
    done = process("fingerprint", SAMPLES[0], "-o", tmp_path / "D.npy", "--scheduler", local.scheduler_address)
    assert (done.code, done.err) == (0, "")
    np.testing.assert_array_equal(np.load(tmp_path / "D.npy"), fingerprint(open_log(SAMPLES[0])).distances)


def test_the_commands_in_the_readme(local, tmp_path):
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": local.scheduler_address}))
    (tmp_path / "sample_logs").symlink_to(ROOT / "sample_logs")
    (block,) = (text for text in re.findall(r"^```bash\n(.*?)^```$", README, re.M | re.S) if "dask worker" in text)
    script = f'nntf() {{ {sys.executable} -m nntf_cli "$@"; }}\n' + re.sub("(?m)^dask .*", "", block)
    done = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "spread").iterdir())) == len(list(ROOT.glob("sample_logs/lenet_*.h5")))
    assert done.stdout.count("lenet_wd_0,") == 2
