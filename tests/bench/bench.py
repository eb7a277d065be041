"""Ours against a named baseline, in alternation, on this machine: medians, ratios, peak memory.

    make bench                 everything; twenty minutes, and 5 GB in build/bench
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
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import baselines
from races import GROUPS, PYTHON, Race


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
