"""``make sweep``: everything once, nothing twice, and only what depends on a changed log again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
]

RUNS = ("wd_0", "wd_0.01", "wd_0.1")


class Sweep:
    def __init__(self, folder):
        self.out = folder / "out"
        self.logs = []
        for i, name in enumerate(RUNS):
            path = folder / f"{name}.npz"
            labels = np.random.default_rng(i).integers(0, 3, (8, 40))
            np.savez(path, labels=labels, weight_decay=float(name[3:]), accuracy=np.ones(8))
            self.logs.append(path)
        venv = folder / "venv"  # stands for one that is installed already
        (venv / "bin").mkdir(parents=True)
        for name in ("bin/python", ".installed"):
            (venv / name).touch()
        self.nntf = venv / "bin" / "nntf"
        self.nntf.write_text(f'#!/bin/sh\nexec {sys.executable} -m nntf_cli "$@"\n')
        self.nntf.chmod(0o755)
        self.variables = [f"VENV={venv}", f"OUT={self.out}"]

    def make(self, *arguments, logs=None):
        given = " ".join(map(str, logs or self.logs))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            ["make", "-C", ROOT, "--no-print-directory", "sweep", f"LOGS={given}", *self.variables, *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
        )

    def times(self):
        return {
            str(path.relative_to(self.out)): path.stat().st_mtime_ns
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }


@pytest.fixture
def sweep(tmp_path):
    return Sweep(tmp_path)


def test_a_sweep_is_made_once_and_only_what_changed_again(sweep):
    done = sweep.make("-j2")
    assert done.returncode == 0, done.stderr
    first = sweep.times()
    assert set(first) == {
        "diff/wd_0.01_minus_wd_0.1.npz",
        "diff/wd_0_minus_wd_0.01.npz",
        *(f"fingerprint/{name}.npz" for name in RUNS),
        "panels.png",
        "rqa.csv",
    }
    table = pd.read_csv(sweep.out / "rqa.csv")
    assert table["run"].tolist() == list(RUNS)
    assert table["weight_decay"].tolist() == [0.0, 0.01, 0.1]
    with np.load(sweep.out / "diff/wd_0_minus_wd_0.01.npz") as content:
        a, b = (np.load(sweep.out / f"fingerprint/{name}.npz")["distances"] for name in RUNS[:2])
        np.testing.assert_array_equal(content["difference"], a - b)

    again = sweep.make()
    assert again.returncode == 0
    assert sweep.times() == first
    assert "nntf" not in again.stdout.replace("Nothing to be done", "")

    os.utime(sweep.logs[2])
    assert sweep.make("-j2").returncode == 0
    changed = {name for name, time in sweep.times().items() if time != first[name]}
    assert changed == {"diff/wd_0.01_minus_wd_0.1.npz", "fingerprint/wd_0.1.npz", "panels.png", "rqa.csv"}


def test_another_order_makes_the_table_again(sweep):
    assert sweep.make().returncode == 0
    assert sweep.make(logs=sweep.logs[::-1]).returncode == 0
    assert pd.read_csv(sweep.out / "rqa.csv")["run"].tolist() == list(RUNS[::-1])
    assert (sweep.out / "diff/wd_0.1_minus_wd_0.01.npz").exists()


def test_a_single_log_has_no_differences(sweep):
    done = sweep.make(logs=sweep.logs[:1])
    assert done.returncode == 0, done.stderr
    assert not list(sweep.out.glob("diff/*.npz"))


def test_two_logs_of_one_name_are_refused(sweep):
    done = sweep.make(logs=[sweep.logs[0], sweep.logs[0].with_suffix(".h5")])
    assert done.returncode != 0
    assert "two LOGS have the same name" in done.stderr


def test_a_bad_log_stops_the_sweep_and_leaves_no_half_result(sweep):
    sweep.logs[1].write_bytes(b"not a log")
    done = sweep.make("-k")
    assert done.returncode != 0
    assert f"{sweep.logs[1]}: is neither HDF5 nor NPZ" in done.stderr
    assert set(sweep.times()) == {"fingerprint/wd_0.npz", "fingerprint/wd_0.1.npz"}


def test_the_section_stands_on_its_own(sweep, tmp_path):
    """Copy the rules into another Makefile, as the README says one may."""
    text = (ROOT / "Makefile").read_text()
    section = text[text.index("NNTF ?= nntf") : text.index("# end of the section")]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "Makefile").write_text(section)
    given = " ".join(map(str, sweep.logs))
    done = subprocess.run(
        ["make", "-C", tmp_path / "own", "sweep", f"LOGS={given}", f"NNTF={sweep.nntf}", "OUT=results/first", "-j2"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "own/results/first/panels.png").exists()


def test_help_names_the_targets():
    done = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, timeout=60)
    for target in ("demo", "test", "check", "sweep", "samples", "help"):
        assert f"make {target} " in done.stdout
