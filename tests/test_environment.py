"""Surroundings that must not matter: caches, home folders, locales, settings of others, what is installed where."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nntf_cli
from badinputs import hdf5
from nntf_cli.kernels import _jit
from running import NNTF, process, refused, run, succeeded

pytestmark = pytest.mark.process

#: Small runs do without numba unless they are told.
COMPILED = {"NNTF_ENGINE": "numba"}

HEAVY = ("numpy", "numba", "h5py", "pandas", "matplotlib", "scipy")

#: What commands share and the help of all does without.
SHARED = ("nntf_cli.cli.options", "nntf_cli.cli.outputs")


@pytest.fixture
def log(tmp_path):
    (tmp_path / "in").mkdir()
    return hdf5(tmp_path / "in")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the commands give when nothing is in the way."""
    log = hdf5(tmp_path_factory.mktemp("expected"))
    return {command: succeeded(run(*command.split(), log)) for command in COMMANDS}


COMMANDS = ("fingerprint", "rqa -q", "render -t svg")


def imported(*arguments):
    """Run a command in a fresh interpreter and return its code and the heavy packages it has imported."""
    code = (
        "import sys\n"
        "from nntf_cli.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        f"    print(end.code, *[name for name in {HEAVY + SHARED} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    code, *names = done.stderr.splitlines()[-1].split()
    return int(code), set(names)


def imported_from_outside(*arguments):
    """The same without what is ours."""
    code, names = imported(*arguments)
    return code, names - {*SHARED}


def test_help_imports_nothing_heavy():
    for arguments in (["--help"], ["--nonsense"], []):
        assert imported(*arguments)[1] == set(), arguments
    for arguments in (["fingerprint", "--help"], ["rqa", "--nonsense"]):
        assert imported_from_outside(*arguments)[1] == set(), arguments


def test_matrices_need_no_numba(log, tmp_path):
    np.save(tmp_path / "D.npy", np.eye(3))
    assert imported_from_outside("diff", tmp_path / "D.npy", tmp_path / "D.npy", "-o", tmp_path / "E.npy") == (
        0,
        {"numpy"},
    )
    code, names = imported_from_outside("render", tmp_path / "D.npy", "-o", tmp_path / "D.png")
    assert (code, names & {"numba", "h5py", "pandas"}) == (0, set())
    assert imported_from_outside("info", log) == (0, {"numpy", "h5py"})


@pytest.fixture
def read_only_installation(tmp_path):
    """A copy of the package, its cache of compiled kernels left out, that may only be read."""
    place = tmp_path / "installed"
    shutil.copytree(
        Path(nntf_cli.__file__).parent, place / "nntf_cli", ignore=shutil.ignore_patterns("__pycache__", "*.nb?")
    )
    # root may write wherever the file system allows it: a file in the place of the cache stops even root
    for folder in (place / "nntf_cli").rglob(""):
        if folder.is_dir():
            (folder / "__pycache__").touch()
    return place


def test_read_only_installation_without_a_home(read_only_installation, log, expected):
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA", "NNTF", "XDG", "MPL"))}
    surroundings |= COMPILED | {
        "PYTHONPATH": str(read_only_installation), "HOME": "/proc", "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": "/proc/cache", "XDG_CONFIG_HOME": "/proc/config",
    }  # fmt: skip
    where = [sys.executable, "-c", "import nntf_cli; print(nntf_cli.__file__)"]
    found = subprocess.run(where, env=surroundings, cwd="/", capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(read_only_installation))
    matrix = log.with_name("D.npy")
    matrix.write_bytes(expected["fingerprint"])
    for command, given in (("rqa -q", log), ("render -t svg", matrix)):
        done = subprocess.run(
            [*NNTF, *command.split(), given], env=surroundings, cwd="/", capture_output=True, timeout=120
        )
        right = expected[command] if given == log else succeeded(run(*command.split(), matrix))
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", right), command


@pytest.mark.parametrize("cache", ["/proc/cache", "/dev/null"])
def test_unwritable_numba_cache(cache, log, expected):
    done = process("fingerprint", log, env=COMPILED | {"NUMBA_CACHE_DIR": cache})
    assert (done.code, done.err, done.out) == (0, "", expected["fingerprint"])


def test_eight_processes_on_an_empty_numba_cache(log, tmp_path, expected):
    """As ``make -j8`` starts them: none may trip over what another is writing."""
    surroundings = os.environ | COMPILED | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    running = [
        subprocess.Popen(
            [*NNTF, "fingerprint", "-q", log], env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(8)
    ]
    results = [child.communicate(timeout=120) for child in running]
    assert results == [(expected["fingerprint"], b"")] * 8
    assert list((tmp_path / "cache").rglob("*.nbi"))


def test_what_is_cached_is_not_used_after_any_kernel_changed(tmp_path):
    """numba looks at the file of a kernel alone, but kernels are compiled into one another."""
    for name in ("a.py", "b.py", "c.txt"):
        (tmp_path / name).write_text("1")
        os.utime(tmp_path / name, (1, 1))
    before = _jit._stamp(tmp_path)
    os.utime(tmp_path / "c.txt", (2, 2))
    assert _jit._stamp(tmp_path) == before
    os.utime(tmp_path / "b.py", (2, 2))
    assert _jit._stamp(tmp_path) != before

    def kernel():
        return 1

    _jit.jit(kernel)
    assert _jit._STAMP in kernel.__qualname__  # which is what numba names its files by


def test_damaged_numba_cache(log, tmp_path, expected):
    surroundings = COMPILED | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    process("fingerprint", log, env=surroundings)
    cached = list((tmp_path / "cache").rglob("*.nb?"))
    assert cached
    for path in cached:
        path.write_bytes(path.read_bytes()[:20])
    done = process("fingerprint", log, env=surroundings)
    assert (done.code, done.err, done.out) == (0, "", expected["fingerprint"])


@pytest.mark.parametrize(
    ("command", "surroundings"),
    [
        ("rqa -q", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("render -t svg", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("render -t svg", {"MPLBACKEND": "nonsense"}),
        ("render -t svg", {"HOME": "/proc", "MPLCONFIGDIR": "/proc/mpl"}),
        ("render -t svg", {"TMPDIR": "/proc"}),
        ("rqa -q", {"PYTHONWARNINGS": "error"}),
        ("render -t svg", {"PYTHONWARNINGS": "error"}),
        ("fingerprint", {"PYTHONOPTIMIZE": "2"}),
        ("rqa -q", {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "20"}),
        ("fingerprint", {"HDF5_PLUGIN_PATH": "/nowhere", "HDF5_USE_FILE_LOCKING": "TRUE"}),
    ],
    ids=lambda given: given.split()[0] if isinstance(given, str) else next(iter(given)),
)
def test_surroundings_change_nothing(command, surroundings, log, expected):
    done = process(*command.split(), log, env=surroundings)
    assert (done.code, done.err, done.out) == (0, "", expected[command])


def test_an_engine_that_does_not_exist_is_refused(log, monkeypatch):
    monkeypatch.setenv("NNTF_ENGINE", "nunba")
    refused(run("fingerprint", log), 2, "NNTF_ENGINE is 'nunba'; set it to numpy or numba")


def test_ascii_locale_prints_names_all_the_same(log):
    named = log.with_name("Läufe ½.h5")
    log.rename(named)
    done = process("info", named, env={"LC_ALL": "C"})
    assert (done.code, done.err) == (0, "")
    assert "Läufe ½" in done.out.decode("utf-8")
    strict = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert refused(process("info", "½.h5", env=strict), 3, "no such file").isascii()


@pytest.mark.parametrize("settings", ["figure.facecolor: red\nfont.size: 30\nsvg.hashsalt: x\n", "nonsense\n"])
def test_matplotlibrc_of_the_current_folder_changes_nothing(settings, log, expected):
    (log.parent / "matplotlibrc").write_text(settings)
    done = process("render", "-t", "svg", log, cwd=log.parent)
    assert (done.code, done.err, done.out) == (0, "", expected["render -t svg"])


def test_modules_of_the_current_folder_are_not_imported(log, tmp_path):
    """A log may lie beside a script called numpy.py, which is none of ours to run."""
    script = os.path.join(os.path.dirname(sys.executable), "nntf")
    if not os.path.exists(script):
        pytest.skip("nntf is not installed beside this Python")
    for name in ("numpy", "click", "json", "nntf_cli"):
        (log.parent / f"{name}.py").write_text("raise SystemExit('imported')\n")
    done = subprocess.run([script, "info", log.name], cwd=log.parent, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
