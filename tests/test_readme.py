"""What the README shows works, and prints what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.process


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    (folder / "sample_logs").symlink_to(ROOT / "sample_logs")
    return folder


def shell(script, folder):
    """Run a script with ``nntf`` on the path, as somebody would who types it."""
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    nntf = binaries / "nntf"
    nntf.write_text(f'#!/bin/sh\nexec {sys.executable} -m nntf_cli "$@"\n')
    nntf.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_run(folder):
    scripts = [block for block in blocks("sh") if "make " not in block]
    assert len(scripts) >= 6
    shell("\n".join(scripts), folder)
    for name in (
        "D.npy",
        "lenet.png",
        "sweep.png",
        "difference.npz",
        "table.tex",
        "bands.csv",
        "band.png",
        "splits.png",
    ):
        assert (folder / name).stat().st_size > 0, name


def test_the_commands_print_what_is_shown(folder):
    shown = [re.fullmatch(r"\$ (.*?)\n(.*)", block, re.DOTALL).groups() for block in blocks("console")]
    assert len(shown) >= 2
    for command, output in shown:
        assert shell(command, folder) == output, command


def test_the_python_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = {"predicted_labels": lambda: np.random.default_rng(0).integers(0, 10, 50), "y": np.arange(50) % 10}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    for log in ("recorded.h5", "run.npz", "run.h5", "native.h5"):
        assert "20, steps 0 to 19" in shell(f"nntf info {log}", folder)


def test_the_layout_is_the_one_the_writer_writes():
    from nntf_cli.labellog.native import FORMAT, FORMAT_VERSION

    assert f'format = "{FORMAT}", format-version = {FORMAT_VERSION}' in README


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target.strip()).exists(), target
