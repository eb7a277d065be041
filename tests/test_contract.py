"""What the shell sees: pipes, signals, terminals and streams of real processes."""

import io
import os
import pty
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from badinputs import LABELS, hdf5
from nntf_cli.files.atomic import _MACHINE
from running import NNTF, error_of, process, refused, run, succeeded

pytestmark = pytest.mark.process

OLD = b"the result of last week"


@pytest.fixture
def log(tmp_path):
    return hdf5(tmp_path)


@pytest.fixture(scope="module")
def long_log(tmp_path_factory):
    """A log whose matrix takes a while and does not fit into the buffer of a pipe."""
    path = tmp_path_factory.mktemp("long") / "long.h5"
    with h5py.File(path, "w") as file:
        file["labels"] = np.random.default_rng(1).integers(0, 9, (500, 50)).astype("u1")
    return path


def shell(command, *, folder, **env):
    """Run a line of shell in which ``nntf`` is the installed command."""
    defined = f'nntf() {{ "{sys.executable}" -m nntf_cli "$@"; }}; set -o pipefail; {command}'
    return subprocess.run(["bash", "-c", defined], cwd=folder, env=os.environ | env, capture_output=True, timeout=60)


# ---- the installed command -----------------------------------------------------------------------------------


def test_the_script_is_the_module(log):
    script = os.path.join(os.path.dirname(sys.executable), "nntf")
    if not os.path.exists(script):
        pytest.skip("nntf is not installed beside this Python")
    done = subprocess.run([script, "info", log], capture_output=True, check=True)
    assert done.stdout == run("info", log).out
    missing = subprocess.run([script, "info", "nowhere.h5"], capture_output=True, text=True)
    assert missing.returncode == 3
    assert missing.stderr == "nntf: error: nowhere.h5: cannot be read (no such file); check the path\n"


def _truncated(folder):
    path = hdf5(folder)
    path.write_bytes(path.read_bytes()[:3000])
    return path


BAD = {
    "fingerprint": (lambda folder: folder / "nowhere.h5", 3, "no such file"),
    "info": (lambda folder: folder, 3, "is a directory"),
    "rqa": (lambda folder: "/dev/zero", 3, "is a pipe or device"),
    "render": (_truncated, 3, "is damaged or truncated"),
    "fingerprint --every 2 -q": (lambda folder: hdf5(folder, labels=-LABELS), 3, "is negative"),
    "fingerprint -o /dev/full -t npy": (hdf5, 4, "No space left on device"),
    "rqa --bands 0.3": (hdf5, 2, "1 / width must be a whole number"),
}


@pytest.mark.parametrize("command", BAD)
def test_errors_of_a_process(command, tmp_path):
    make, code, fragment = BAD[command]
    refused(process(*command.split(), make(tmp_path)), code, fragment)


def test_debug_adds_the_traceback(log):
    done = process("fingerprint", "nowhere.h5", env={"NNTF_DEBUG": "1"})
    assert done.code == 3
    assert "Traceback (most recent call last)" in done.err
    assert done.err.splitlines()[-1].startswith("nntf: error: nowhere.h5: ")
    assert "Traceback" not in process("fingerprint", "nowhere.h5", env={"NNTF_DEBUG": ""}).err


# ---- pipes ---------------------------------------------------------------------------------------------------


def test_matrices_through_pipes(log):
    folder = log.parent
    succeeded(run("fingerprint", log, "-o", folder / "D.npy"))
    succeeded(run("rqa", folder / "D.npy", "-o", folder / "D.csv"))
    piped = shell("nntf fingerprint run.h5 | nntf rqa - -q", folder=folder)
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout == (folder / "D.csv").read_bytes().replace(b"\nD,", b"\nstdin,")
    drawn = shell("nntf fingerprint run.h5 | nntf render - -o D.png && nntf render D.npy -o E.png", folder=folder)
    assert drawn.returncode == 0, drawn.stderr
    assert (folder / "D.png").read_bytes().startswith(b"\x89PNG")
    differs = shell("nntf fingerprint run.h5 | nntf diff --exit-code D.npy -", folder=folder)
    assert differs.returncode == 0
    assert not np.load(io.BytesIO(differs.stdout)).any()


def test_names_and_scalars_go_through_a_pipe(log):
    """What a bare matrix leaves out, npz and HDF5 carry along."""
    named = run("rqa", log, "-q").out
    assert b"\nrun,train," in named
    assert named.splitlines()[1].split(b",")[6] == b"0.9"  # accuracy at the last snapshot
    piped = shell("nntf fingerprint run.h5 -t npz | nntf rqa - -q", folder=log.parent)
    assert piped.stdout == named, piped.stderr
    assert run("rqa", "-q", "-", stdin=run("fingerprint", log, "-t", "h5").out).out == named


def test_logs_through_pipes(log):
    for command in ("fingerprint", "info --json", "rqa -q"):
        given, piped = run(*command.split(), log), run(*command.split(), "-", stdin=log.read_bytes())
        assert (piped.code, len(piped.err)) == (0, len(given.err))
        assert piped.out.replace(b"stdin", b"run").replace(b'"-"', f'"{log}"'.encode()) == given.out


@pytest.mark.parametrize("command", ["fingerprint -", "info -", "rqa -", "render -", "rqa", "diff - -q D.npy"])
def test_empty_pipe(command, log):
    text = refused(run(*command.split()), 3, "is empty", "nothing came through the pipe")
    assert text.startswith("-: ")


def test_a_failure_upstream_is_seen_downstream(log):
    done = shell("nntf fingerprint nowhere.h5 | nntf rqa -", folder=log.parent)
    assert done.returncode == 3
    assert done.stderr.decode().count("nntf: error: ") == 2


@pytest.mark.parametrize("command", ["fingerprint", "fingerprint -t csv", "fingerprint -t npz"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_head_ends_it_quietly(command, unbuffered, long_log):
    line = f"nntf {command} -q long.h5 | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = shell(line, folder=long_log.parent, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (141, b"")


def test_nobody_reads_stdout(log):
    for command in ("info", "fingerprint", "--help"):
        reading, writing = os.pipe()
        os.close(reading)
        done = process(command, *([] if command == "--help" else [log]), stdout=writing)
        os.close(writing)
        assert (done.code, done.err) == (141, "")


@pytest.mark.parametrize("command", ["info", "fingerprint"])
def test_closed_stdout(command, log):
    done = shell(f"nntf {command} -q run.h5 >&-", folder=log.parent)
    assert done.returncode == 4
    text = done.stderr.decode()
    assert text.startswith("nntf: error: stdout: cannot be written (")
    assert text.count("\n") == 1
    assert list(log.parent.iterdir()) == [log]


def test_closed_stdout_does_not_matter_to_a_file(log):
    done = shell("nntf fingerprint run.h5 -o D.npy >&- 2>&- <&-", folder=log.parent)
    assert done.returncode == 0
    assert np.load(log.parent / "D.npy").shape == (5, 5)


@pytest.mark.parametrize(
    ("command", "code"),
    [("samples run.h5 -t csv -o S.csv", 0), ("classes nowhere.h5", 3), ("check nowhere.h5", 3), ("--nonsense", 2)],
)
@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_what_stderr_cannot_take_changes_nothing(command, code, stderr, log):
    for debugging in ("", "1"):  # then Python ends as it always does, and flushes what it can
        done = shell(f"nntf {command} {stderr}", folder=log.parent, NNTF_DEBUG=debugging)
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")
    assert (log.parent / "S.csv").exists() == (code == 0)


def test_nothing_is_opened_in_the_place_of_a_closed_stream(log):
    """What a library prints would end up in it."""
    code = (
        "import os, nntf_cli.cli.main as main\n"
        "main._occupy_standard_descriptors()\n"
        "place = os.open('run.h5', os.O_RDONLY)\n"
        "os._exit(place)\n"
    )
    assert shell(f'"$PYTHON" -c "{code}" <&- >&- 2>&-', folder=log.parent, PYTHON=sys.executable).returncode == 3


# ---- terminals -----------------------------------------------------------------------------------------------


def on_terminal(*arguments, **env):
    """Run with stdin, stdout and stderr on a terminal and return (exit code, what it shows)."""
    controlling, terminal = pty.openpty()
    child = subprocess.Popen([*NNTF, *map(str, arguments)], stdin=terminal, stdout=terminal, stderr=terminal,
                             env=os.environ | env)  # fmt: skip
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(controlling, 65536)
        except OSError:  # how Linux says that nobody is left at the other end
            break
        if not piece:
            break
        shown += piece
    os.close(controlling)
    return child.wait(60), shown.decode()


@pytest.mark.parametrize("command", ["fingerprint -t npz", "render"])
def test_binary_is_not_written_to_a_terminal(command, log, monkeypatch):
    monkeypatch.chdir(log.parent)
    code, shown = on_terminal(*command.split(), log)
    assert code == 2
    assert shown.count("\n") == 1
    assert "binary data is not written to a terminal: name a file with -o, or pipe it on" in shown


def test_nor_is_a_picture_beside_a_table(log):
    code, shown = on_terminal("classes", log, "--figure", "-", "-o", log.parent / "classes.csv")
    assert (code, shown.count("\n")) == (2, 1)
    assert "binary data is not written to a terminal: name a file, or pipe it on" in shown
    assert list(log.parent.iterdir()) == [log]


def test_text_is_written_to_a_terminal(log):
    code, shown = on_terminal("fingerprint", "-t", "csv", log)
    assert (code, shown.replace("\r", "").encode()) == (0, run("fingerprint", "-t", "csv", log).out)
    code, shown = on_terminal("rqa", log)
    assert (code, shown.replace("\r", "").encode()) == (0, run("rqa", "-t", "text", log).out)


def test_nothing_is_read_from_a_terminal():
    for command in (["rqa"], ["fingerprint", "-"]):
        code, shown = on_terminal(*command)
        assert code == 2
        assert "no input: name" in shown


# ---- signals -------------------------------------------------------------------------------------------------


def _interrupted_while_writing(number, log, folder):
    """Send a signal once the temporary file has appeared; a slow disk makes sure that it is seen."""
    code = "import os, time\nfrom nntf_cli.cli.main import main\nos.fsync = lambda descriptor: time.sleep(30)\nmain()\n"
    arguments = ["fingerprint", str(log), "-o", str(folder / "D.npy")]
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE)
    temporary = folder / f".D.npy.{_MACHINE}.{child.pid}.tmp"
    deadline = time.monotonic() + 30
    while not (temporary.exists() and temporary.stat().st_size):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(number)
    _, err = child.communicate(timeout=10)
    return child.returncode, err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_writing(number, code, log, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "D.npy").write_bytes(OLD)
    assert _interrupted_while_writing(number, log, folder) == (code, b"")
    assert [path.name for path in folder.iterdir()] == ["D.npy"]
    assert (folder / "D.npy").read_bytes() == OLD


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_reading(number, code, tmp_path):
    """At whatever moment: here it waits for stdin to end."""
    child = subprocess.Popen(
        [*NNTF, "fingerprint", "-", "-o", tmp_path / "D.npy"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with child:  # closes the pipes
        child.stdin.write(b"\x89HDF" * 2**20)  # more than a pipe holds: written only once it is being read
        child.stdin.flush()
        time.sleep(0.3)  # until it waits for more: Python handles a signal that interrupts the call
        child.send_signal(number)
        assert child.wait(10) == code
        assert child.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []


def test_errors_name_what_they_are_about(log):
    text = error_of(run("fingerprint", log, "--against", log.with_name("nowhere.h5")))
    assert text.startswith(str(log.with_name("nowhere.h5")))
