"""Ours against a named baseline, in alternation, on this machine: medians, ratios, peak memory.

    make bench                 everything; a quarter of an hour, and 2 GB in build/bench
    make bench BENCH=W1        what runs on one workload

Ratios mean something on any machine, seconds only on this one. Peers that are not installed are skipped with a line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import baselines
import workloads

PYTHON = sys.executable
ROUNDS = 5


@dataclass
class Race:
    """Two ways to the same result."""

    workload: str
    what: str
    ours: Callable[[], object] | list[str]  #: something to call, or a command line
    baseline: Callable[[], object] | list[str]
    against: str
    share: float = 1.0  #: of the work that the baseline does; its time is divided by this
    rounds: int = ROUNDS


@dataclass
class Outcome:
    """Median seconds and, of processes, peak memory."""

    seconds: float
    megabytes: float | None


#: Starts processes in place of this one, whose own arrays would count as theirs: Linux hands peak memory on.
_STARTER = """
import json, os, subprocess, sys, time
for line in sys.stdin:
    began = time.perf_counter()
    child = subprocess.Popen(json.loads(line), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    print(json.dumps([time.perf_counter() - began, usage.ru_maxrss / 1024, status]), flush=True)
"""


@cache
def _starter() -> subprocess.Popen[str]:
    return subprocess.Popen([PYTHON, "-c", _STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def once(work: Callable[[], object] | list[str]) -> tuple[float, float | None]:
    """Run and return (seconds, peak memory in MB of a process)."""
    if callable(work):
        began = time.perf_counter()
        work()
        return time.perf_counter() - began, None
    starter = _starter()
    print(json.dumps(work), file=starter.stdin, flush=True)
    seconds, megabytes, status = json.loads(starter.stdout.readline())
    if status:
        raise SystemExit(f"{' '.join(work)} failed")
    return seconds, megabytes


def run(race: Race) -> tuple[Outcome, Outcome]:
    """Alternate between both, after a first run of each that does not count."""
    sides = [race.ours, race.baseline]
    if race.rounds > 1:
        for side in sides:
            once(side)
    results = [[once(side) for side in sides] for _ in range(race.rounds)]
    ours, baseline = (
        Outcome(statistics.median(s for s, _ in side), max((m for _, m in side if m is not None), default=None))
        for side in zip(*results, strict=True)
    )
    baseline.seconds /= race.share
    return ours, baseline


def nntf(*arguments: object) -> list[str]:
    """Return the command line of ours."""
    return [PYTHON, "-m", "nntf_cli", *map(str, arguments)]


def start_up(folder: Path) -> Iterator[Race]:
    """What a user waits for before anything happens."""
    yield Race("-", "nntf --help", nntf("--help"), [PYTHON, "-c", "import click"], "import click")


def w1(folder: Path) -> Iterator[Race]:
    """The paper's size."""
    log, out = workloads.make("W1", folder), folder / "W1.npy"
    reading = f"import click, numpy, h5py; h5py.File({str(log)!r})['labels'][:]"
    yield Race(
        "W1", "fingerprint, process", nntf("fingerprint", log, "-o", out), [PYTHON, "-c", reading], "imports + read"
    )
    labels = workloads.read(log)
    few = labels[:4]
    yield Race(
        "W1", "labels to D and 20 bands", lambda: baselines.ours_in_process(log), lambda: baselines.naive_loops(few),
        "plain loops (3 of 49 transitions)", share=baselines.naive_share(len(few), len(labels)), rounds=3,
    )  # fmt: skip
    many = [log] * 20
    yield Race(
        "W1", "20 logs in one call", nntf("fingerprint", *copies(log, folder, len(many)), "-o", f"{folder}/many/"),
        ["sh", "-c", " && ".join(" ".join(nntf("fingerprint", log, "-o", out)) for log in many)], "20 calls", rounds=3,
    )  # fmt: skip
    drawn = folder / "W1.png"
    yield Race(
        "W1", "render, process", nntf("render", out, "-o", drawn),
        [PYTHON, "-c", "import matplotlib.figure, matplotlib.backends.backend_agg"], "import matplotlib.figure",
    )  # fmt: skip


def copies(log: Path, folder: Path, n: int) -> list[Path]:
    """Return n logs of different names."""
    paths = [folder / f"W1_{i}.h5" for i in range(n)]
    for path in paths:
        if not path.exists():
            os.link(log, path)
    return paths


def w2(folder: Path) -> Iterator[Race]:
    """Many snapshots."""
    log, out = workloads.make("W2", folder), folder / "W2.npy"
    labels = workloads.read(log)
    held = baselines.log_in_memory(labels, workloads.WORKLOADS["W2"].n_classes)
    yield Race(
        "W2",
        "count moves",
        lambda: baselines.ours_count_in_memory(held),
        lambda: baselines.bincount(labels),
        "numpy.bincount",
    )
    flows = baselines.ours_count(log)
    if baselines.scipy_is_there():
        yield Race(
            "W2",
            "D",
            lambda: baselines.ours_distances(flows),
            lambda: baselines.pdist(flows),
            "scipy pdist(braycurtis)",
        )
    matrix = baselines.ours_distances(flows)
    if baselines.pyunicorn_is_there():
        yield Race(
            "W2",
            "20 bands of RQA",
            lambda: baselines.ours_rqa(matrix),
            lambda: baselines.pyunicorn(matrix),
            "pyunicorn",
        )
    yield Race(
        "W2", "log to D and table, process", ["sh", "-c", f"{' '.join(nntf('fingerprint', log, '-o', out))} && "
        f"{' '.join(nntf('rqa', out, '-o', folder / 'W2.csv'))}"],
        [PYTHON, str(Path(baselines.__file__)), str(log)], "vectorized numpy", rounds=3,
    )  # fmt: skip


def w3(folder: Path) -> Iterator[Race]:
    """ImageNet."""
    log, packed = workloads.make("W3", folder), workloads.make("W3gz", folder)
    reading = "import h5py; h5py.File({!r})['labels'][:]"
    yield Race(
        "W3", "fingerprint, process", nntf("fingerprint", log, "-o", folder / "W3.npy"),
        [PYTHON, "-c", reading.format(str(log))], "h5py ds[:] alone", rounds=3,
    )  # fmt: skip
    yield Race(
        "W3", "the same, gzip", nntf("fingerprint", packed, "-o", folder / "W3gz.npy"),
        [PYTHON, "-c", reading.format(str(packed))], "h5py ds[:] alone", rounds=3,
    )  # fmt: skip
    yield from sparse_race("W3", log)


def w5(folder: Path) -> Iterator[Race]:
    """A vocabulary."""
    log = workloads.make("W5", folder)
    reading = f"import h5py; h5py.File({str(log)!r})['labels'][:]"
    yield Race(
        "W5", "fingerprint, process", nntf("fingerprint", log, "-o", folder / "W5.npy"),
        [PYTHON, "-c", reading], "h5py ds[:] alone", rounds=3,
    )  # fmt: skip
    yield from sparse_race("W5", log)


def sparse_race(name: str, log: Path) -> Iterator[Race]:
    """Compare D with scipy's sparse minimum over all pairs, of which the baseline does a few rows."""
    if baselines.scipy_is_there():
        flows = baselines.ours_count(log)
        n, rows = flows.n_transitions, 4
        yield Race(
            name, "D", lambda: baselines.ours_distances(flows), lambda: baselines.sparse_minimum(flows, rows),
            f"scipy.sparse minimum ({rows} of {n} rows)", share=rows * n / (n * (n + 1) / 2), rounds=3,
        )  # fmt: skip


GROUPS = {"start": start_up, "W1": w1, "W2": w2, "W3": w3, "W5": w5}


def main() -> None:
    """Print one line per race."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    arguments = parser.parse_args()
    _starter()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for peer, is_there in (("scipy", baselines.scipy_is_there), ("pyunicorn", baselines.pyunicorn_is_there)):
        if not is_there():
            print(f"{peer} is not installed: its races are skipped")
    print(f"numpy {np.__version__}, {os.cpu_count()} processors, {time.strftime('%Y-%m-%d')}")
    print(f"{'':5}{'what':30}{'ours':>10}{'MB':>7}  {'baseline':38}{'seconds':>10}{'MB':>7}  ratio")
    for name, group in GROUPS.items():
        if arguments.only in ("", name):
            for race in group(arguments.folder):
                report(race, *run(race))


def report(race: Race, ours: Outcome, baseline: Outcome) -> None:
    """Print a line; the ratio says how many times faster ours is, or how much of the baseline's time it takes."""
    faster = baseline.seconds / ours.seconds
    ratio = f"{faster:.3g}x faster" if faster >= 1 else f"takes {1 / faster:.2f}x"
    memory = [f"{m:.0f}" if m else "" for m in (ours.megabytes, baseline.megabytes)]
    print(
        f"{race.workload:5}{race.what:30}{ours.seconds:10.4f}{memory[0]:>7}  "
        f"{race.against:38}{baseline.seconds:10.4f}{memory[1]:>7}  {ratio}",
        flush=True,
    )


if __name__ == "__main__":
    main()
