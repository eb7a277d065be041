"""Ctrl-C and SIGTERM at any moment: the right exit code, soon, and nothing left behind."""

import os
import pty
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from nntf_cli.cli import signals
from running import NNTF

pytestmark = pytest.mark.process

#: A process whose parent does not ignore Ctrl-C, whatever started this one, and that says when it listens: what comes
#: before, the start of Python, is not ours.
_CODE = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from nntf_cli.cli import signals
from nntf_cli.cli.main import main
arm = signals.arm
signals.arm = lambda: (arm(), os.write({ready}, b"x"))
main()
"""

#: Seconds beyond those that unwinding may take: for a busy machine to get round to it.
_SLACK = 4.0

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Logs that keep every command busy for longer than it is given."""
    folder = tmp_path_factory.mktemp("logs")
    paths = []
    for i in range(8):
        paths.append(folder / f"{i}.h5")
        with h5py.File(paths[-1], "w") as file:
            shape = (2500, 20_000) if i == 0 else (1200, 10_000)
            file["labels"] = np.random.default_rng(i).integers(0, 30, shape, dtype="u1")
            file.attrs["num_classes"] = 30
    return [str(path) for path in paths]


COMMANDS = {
    "fingerprint": ["fingerprint", "{0}", "-o", "D.npy"],
    "hamming": ["fingerprint", "{0}", "--metric", "hamming", "-o", "D.npz"],
    "many": ["fingerprint", "{all}", "-o", "./", "--jobs", "2"],
    "in turn": ["fingerprint", "{all}", "-o", "./", "--jobs", "1"],
    "rqa": ["rqa", "{all}", "--convention", "standard", "-o", "table.csv"],
    "render": ["render", "{all}", "-o", "figure.png"],
    "noise": ["fingerprint", "{1}", "--noise-floor", "-o", "F.npz"],
    "classes": ["classes", "{0}", "-q", "--figure", "classes.png", "-o", "classes.csv"],
    "anomalies": ["anomalies", "{0}", "--auto", "-q", "--figure", "marks.png", "-o", "anomalies.csv"],
    "samples": ["samples", "{0}", "-q", "--figure", "pixels.png", "-o", "samples.csv"],
    "loops": ["explain", "{1}", "--loops", "-o", "loops.csv"],
}


def arguments_of(command, logs):
    for argument in COMMANDS[command]:
        yield from logs[1:] if argument == "{all}" else [argument.format(*logs)]


def interrupted(arguments, number, after, folder, **env):
    """Send a signal some seconds after the start; return exit code, stderr, and how long it took to end."""
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", _CODE.format(ready=writing), *arguments],
        cwd=folder, env=os.environ | env, pass_fds=[writing], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading, "rb") as ready:
        assert ready.read(1) == b"x"
    time.sleep(after)
    child.send_signal(number)
    began = time.monotonic()
    _, err = child.communicate(timeout=60)
    return child.returncode, err.decode(), time.monotonic() - began


def assert_whole(folder):
    """No temporaries, and every result can be read."""
    for path in folder.iterdir():
        assert not path.name.startswith("."), path
        if path.suffix == ".npy":
            assert np.load(path).shape in ((1199, 1199), (2499, 2499))  # whole, of whichever log


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_at_any_moment(command, engine, logs, tmp_path):
    rng = random.Random(f"{command} {engine}")
    moments = [rng.uniform(0, 0.15), rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.9)]  # imports, and work
    for k, after in enumerate(moments):
        folder = tmp_path / str(k)
        folder.mkdir()
        number = rng.choice(list(CODES))
        code, err, seconds = interrupted(arguments_of(command, logs), number, after, folder, NNTF_ENGINE=engine)
        if code == 0:  # quicker than the signal
            assert after > 0.3
        else:
            assert (code, err) == (CODES[number], ""), (after, number)
        assert seconds < signals.PATIENCE + _SLACK
        assert_whole(folder)


#: Work that does not end by itself, in the places where an interrupt could get lost.
STUCK = {
    "a kernel in the main thread": """
        import ctypes
        work = lambda: ctypes.CDLL(None).sleep(60)  # without the GIL, and Python gets no chance to handle signals
        work()
        while True: work()
    """,
    "kernels in threads": """
        from nntf_cli.threads import for_each
        import ctypes
        for_each(lambda k: [ctypes.CDLL(None).sleep(20) for _ in range(3)], range(8), 2)
    """,
    "runs side by side": """
        from nntf_cli.cli.jobs import run_each
        run_each(range(100), lambda item: time.sleep(30))
    """,
    "something that swallows": """
        for _ in range(600):
            try:
                time.sleep(0.1)
            except BaseException:
                pass
    """,
    "a finalizer": """
        class Slow:
            def __del__(self):
                for _ in range(600): time.sleep(0.1)
        slow = Slow()
        del slow
    """,
    "writing in threads": """
        from nntf_cli.cli.jobs import run_each
        from nntf_cli.cli.outputs import deliver
        os.fsync = lambda descriptor: time.sleep(60)
        run_each(range(4), lambda item: deliver({f"{item}.bin": lambda stream: stream.write(b"x")}))
    """,
}


@pytest.mark.parametrize("work", STUCK)
@pytest.mark.parametrize("number", CODES)
def test_what_does_not_end_by_itself(work, number, tmp_path):
    lines = "\n".join(line[4:] for line in STUCK[work].splitlines())
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from nntf_cli.cli import boundary, signals\n"
        "import nntf_cli.cli.outputs\n"
        "signals.PATIENCE = 0.3\n"
        "os.environ['NNTF_THREADS'] = '2'\n"
        "def command(arguments):\n"
        "    os.write(1, b'x')\n"
        f"{lines}\n"
        "signals.arm()\n"
        "boundary.end(boundary.run(command, None))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with child:
        assert child.stdout.read(1) == b"x"
        time.sleep(0.4)
        if "writing" in work:
            assert len(list(tmp_path.iterdir())) == 2
        child.send_signal(number)
        began = time.monotonic()
        assert child.wait(30) == CODES[number]
        assert time.monotonic() - began < signals.PATIENCE + _SLACK
        assert child.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []


def test_the_second_one_does_not_wait(tmp_path):
    """Whoever presses Ctrl-C twice wants it to end now."""
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from nntf_cli.cli import boundary, signals\n"
        "signals.PATIENCE = 60\n"
        "def command(arguments):\n"
        "    try:\n"
        "        os.write(1, b'x')\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        os.write(1, b'y')\n"
        "        time.sleep(60)\n"
        "signals.arm()\n"
        "boundary.end(boundary.run(command, None))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with child:
        for expected in (b"x", b"y"):
            assert child.stdout.read(1) == expected
            child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
        assert child.stderr.read() == b""


def test_a_job_in_the_background_does_not_hear_of_ctrl_c(logs, tmp_path):
    """A shell has its background jobs ignore it."""
    child = subprocess.Popen(
        [*NNTF, "fingerprint", logs[1], "-o", tmp_path / "D.npy"],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    for _ in range(10):
        time.sleep(0.05)
        child.send_signal(signal.SIGINT)
    assert child.wait(60) == 0
    assert_whole(tmp_path)


def test_the_progress_line_is_wiped(logs, tmp_path):
    controlling, terminal = pty.openpty()
    code = _CODE.format(ready=1).replace(
        "main()\n", "import nntf_cli.cli.progress as p\np._SILENT_SECONDS = 0.0\nmain()\n"
    )
    command = [sys.executable, "-c", code, *arguments_of("many", logs)]
    child = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=terminal, env=os.environ | {"TERM": "xterm"}
    )
    os.close(terminal)
    shown = b""
    while b" of 7 logs" not in shown:
        shown += os.read(controlling, 4096)
    child.send_signal(signal.SIGINT)
    while True:
        try:
            shown += os.read(controlling, 4096)
        except OSError:  # how Linux says that nobody is left at the other end
            break
    os.close(controlling)
    assert child.wait(60) == 130
    assert shown.endswith(b"\r\x1b[K")
    assert_whole(tmp_path)
