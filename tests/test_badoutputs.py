"""Outputs that cannot be written, and command lines that make no sense."""

import os
import resource
import shlex
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from badinputs import LABELS, N, T, hdf5
from nntf_cli.files.atomic import _MACHINE
from running import error_of, process, refused, run, succeeded

OLD = b"the result of last week"

#: Every command that writes a file, with an ending of it.
WRITERS = [
    *[("fingerprint {log}", ending) for ending in ("npy", "csv", "npz", "h5")],
    *[("diff {log} {log}", ending) for ending in ("npy", "csv", "npz", "h5")],
    *[("rqa {log}", ending) for ending in ("txt", "csv", "md", "tex", "json")],
    *[("render {log}", ending) for ending in ("png", "svg", "pdf")],
]
ONE_EACH = [WRITERS[0], WRITERS[6], WRITERS[9], WRITERS[-3]]


@pytest.fixture
def log(tmp_path):
    (tmp_path / "in").mkdir()
    return hdf5(tmp_path / "in")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def line(command, **places):
    return [word.format(**places) for word in command.split()]


def every(writers):
    return pytest.mark.parametrize(("command", "ending"), writers, ids=[f"{c.split()[0]}-{e}" for c, e in writers])


def assert_only(folder, *names):
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


# ---- where the output would go -------------------------------------------------------------------------------


@every(ONE_EACH)
def test_missing_directory(command, ending, log, out):
    target = out / "nowhere" / f"result.{ending}"
    text = refused(run(*line(command, log=log), "-o", target), 4, "No such file", "create its directory first")
    assert text.startswith(str(target))
    assert_only(out)


@every(ONE_EACH)
def test_output_is_a_directory(command, ending, log, out):
    target = out / f"result.{ending}"
    target.mkdir()
    text = refused(run(*line(command, log=log), "-o", target), 4, "Is a directory", "name a file in it")
    assert text.startswith(str(target))
    assert_only(target)
    assert_only(out, target.name)


@every(ONE_EACH)
def test_below_a_file(command, ending, log, out):
    (out / "file").write_bytes(OLD)
    refused(run(*line(command, log=log), "-o", out / "file" / f"result.{ending}"), 4, "Not a directory")
    assert (out / "file").read_bytes() == OLD


@every(ONE_EACH)
def test_read_only_place(command, ending, log):
    """/proc takes no new files, not even from root."""
    refused(run(*line(command, log=log), "-o", f"/proc/result.{ending}"), 4, "cannot be written")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@every(ONE_EACH)
def test_directory_without_permission(command, ending, log, out):
    out.chmod(0o500)
    try:
        text = refused(run(*line(command, log=log), "-o", out / f"result.{ending}"), 4, "Permission denied")
        assert "a place you may write to" in text
    finally:
        out.chmod(0o700)


@every(WRITERS)
def test_full_device(command, ending, log):
    """/dev/full is written directly: it is no regular file."""
    form = ["-t", {"txt": "text"}.get(ending, ending)]
    text = refused(run(*line(command, log=log), *form, "-o", "/dev/full"), 4, "No space left", "free some space")
    assert text.startswith("/dev/full")


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [
        *[(f"{command} {{log}}", "") for command in ("info", "fingerprint", "rqa", "render")],
        *[("--help", ""), ("--version", ""), ("classes --help", "1")],
    ],
)
def test_full_stdout(command, unbuffered, log):
    with open("/dev/full", "wb") as full:
        done = process(*line(command, log=log), stdout=full, env={"PYTHONUNBUFFERED": unbuffered})
    assert done.code == 4
    assert "stdout: cannot be written (No space left on device); free some space" in error_of(done)


def _small_files_only():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@every([("fingerprint {log}", "npy"), ("fingerprint {log}", "h5"), ("render {log}", "png")])
def test_file_grows_too_large(command, ending, log, out):
    """The old file stays, the new one goes, wherever the disk ends."""
    target = out / f"result.{ending}"
    target.write_bytes(OLD)
    # its own cache may not grow either
    done = process(*line(command, log=log), "-o", target, preexec_fn=_small_files_only, env={"NNTF_NUMBA_CACHE": "0"})
    text = refused(done, 4, "File too large")
    assert text.startswith(str(target))
    assert target.read_bytes() == OLD
    assert_only(out, target.name)


def test_full_disk(log, tmp_path):
    """A file system of 64 kB, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        (disk / "D.h5").write_bytes(OLD)
        long = log.with_name("long.h5")
        with h5py.File(long, "w") as file:
            file["labels"] = np.random.default_rng(1).integers(0, 9, (300, 20))
        for form in ("npy", "csv", "npz", "h5"):
            refused(run("fingerprint", long, "-t", form, "-o", disk / "D.h5"), 4, "No space left", "free some space")
            assert (disk / "D.h5").read_bytes() == OLD
            assert_only(disk, "D.h5")
    finally:
        subprocess.run(["umount", disk], check=True)


# ---- outputs that are inputs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["the same", "hard link", "symbolic link", "another path"])
@pytest.mark.parametrize("command", ["fingerprint {log}", "diff {other} {log}", "rqa {other} {log}", "render {log}"])
def test_input_is_not_overwritten(how, command, log, out):
    before = log.read_bytes()
    target = out / "same.h5"
    if how == "the same":
        target = log
    elif how == "hard link":
        os.link(log, target)
    elif how == "symbolic link":
        target.symlink_to(log)
    else:
        target = out / ".." / "in" / log.name
    other = hdf5(log.parent, name="other.h5", labels=LABELS[:, ::-1])
    form = {"rqa": "csv", "render": "png"}.get(command.split()[0], "h5")
    done = run(*line(command, log=log, other=other), "-t", form, "-o", target)
    text = refused(done, 2, "is an input and would be overwritten", "name another output")
    assert text.startswith(str(target))
    assert log.read_bytes() == before
    assert_only(log.parent, log.name, "other.h5")


def test_the_log_crossed_with_is_an_input_too(log):
    other = hdf5(log.parent, name="other.h5")
    refused(run("fingerprint", log, "--against", other, "-o", other), 2, "is an input")
    refused(run("fingerprint", f"{log}::train", "-o", log), 2, "is an input")
    refused(run("fingerprint", log, "-o", log.with_name("D.npy"), "--transitions-out", other.with_name("run.h5")), 2)
    assert_only(log.parent, "run.h5", "other.h5")


def test_two_outputs_in_one_file(log, out):
    refused(run("fingerprint", log, "-o", out / "x.npz", "--transitions-out", out / "x.npz"), 2, "the same file")
    refused(run("fingerprint", log, "-o", out / "x.npz", "--transitions-out", out / ".." / "out" / "x.npz"), 2)
    refused(run("fingerprint", log, "--transitions-out", "-"), 2, "only one result can go to stdout")
    assert_only(out)


def test_no_output_of_two_where_one_fails(log, out):
    (out / "D.npy").write_bytes(OLD)
    done = run("fingerprint", log, "-o", out / "D.npy", "--transitions-out", out / "nowhere" / "flows.csv")
    assert refused(done, 4, "No such file").startswith(str(out / "nowhere"))
    assert (out / "D.npy").read_bytes() == OLD
    assert_only(out, "D.npy")


# ---- outputs as they should be -------------------------------------------------------------------------------


@every(WRITERS)
def test_the_same_input_gives_the_same_bytes(command, ending, log, out):
    for name in ("a", "b"):
        succeeded(run(*line(command, log=log), "-o", out / f"{name}.{ending}"))
    assert (out / f"a.{ending}").read_bytes() == (out / f"b.{ending}").read_bytes()
    assert_only(out, f"a.{ending}", f"b.{ending}")


def test_mode_of_a_new_file_and_of_an_old_one(log, out):
    before = os.umask(0o027)
    try:
        succeeded(run("fingerprint", log, "-o", out / "D.npy"))
        assert stat.S_IMODE((out / "D.npy").stat().st_mode) == 0o640
        (out / "D.npy").chmod(0o604)
        succeeded(run("fingerprint", log, "-o", out / "D.npy"))
        assert stat.S_IMODE((out / "D.npy").stat().st_mode) == 0o604
    finally:
        os.umask(before)


def test_a_link_is_followed(log, out):
    (out / "real").mkdir()
    (out / "real" / "D.npy").write_bytes(OLD)
    (out / "D.npy").symlink_to("real/D.npy")
    succeeded(run("fingerprint", log, "-o", out / "D.npy"))
    assert (out / "D.npy").is_symlink()
    assert np.load(out / "real" / "D.npy").shape == (T - 1, T - 1)
    (out / "new.npy").symlink_to("real/new.npy")
    succeeded(run("fingerprint", log, "-o", out / "new.npy"))
    assert_only(out / "real", "D.npy", "new.npy")


def test_devices_and_pipes_are_written_directly(log, out):
    succeeded(run("fingerprint", log, "-t", "npy", "-o", "/dev/null"))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@every(WRITERS)
def test_a_pipe_gets_the_bytes_of_the_file(command, ending, log, out):
    """So does a named one, which stays what it is; most libraries write otherwise where they cannot seek."""
    pipe = out / f"pipe.{ending}"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        received = pool.submit(pipe.read_bytes)
        try:
            succeeded(run(*line(command, log=log), "-o", pipe))
        finally:
            os.close(os.open(pipe, os.O_RDWR))  # so that the reader does not wait for a command that failed
    succeeded(run(*line(command, log=log), "-o", out / f"file.{ending}"))
    assert received.result() == (out / f"file.{ending}").read_bytes()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_temporaries_of_the_dead_are_swept(log, out):
    """Those of the living are not, nor what merely looks like one."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = f".D.npy.{_MACHINE}"
    names = [
        f"{here}.{ended.pid}.tmp",
        f"{here}.{os.getppid()}.tmp",
        ".D.npy.x.tmp",
        f".E.npy.{_MACHINE}.{ended.pid}.tmp",
    ]
    for name in names:
        (out / name).touch()
    succeeded(run("fingerprint", log, "-o", out / "D.npy"))
    assert_only(out, "D.npy", *names[1:])


def test_long_names(log, out):
    """A name may have 255 bytes; the temporary file beside it must not need more."""
    name = "x" * 251 + ".npy"
    succeeded(run("fingerprint", log, "-o", out / name))
    assert_only(out, name)


def test_dash_is_stdout(log):
    assert run("fingerprint", log, "-o", "-").out == run("fingerprint", log).out


def test_the_ending_picks_the_format_and_the_option_overrules_it(log, out):
    succeeded(run("fingerprint", log, "-o", out / "D.NPY"))
    succeeded(run("fingerprint", log, "-o", out / "D.csv", "-t", "npy"))
    assert (out / "D.NPY").read_bytes() == (out / "D.csv").read_bytes()
    assert_array_equal(np.load(out / "D.NPY").shape, (T - 1, T - 1))


#: Every command with a picture beside its table.
BESIDE = [
    "classes {log}", "samples {log}", "anomalies {log} --window 2", "explain {log} 20 30", "explain {log} --loops",
    "rqa {log} --windows 3",
]  # fmt: skip


@pytest.mark.parametrize("command", BESIDE)
def test_a_picture_beside_the_table_goes_to_stdout_where_the_table_does_not(command, log, out):
    given, table, picture = line(command, log=log), out / "table.csv", out / "picture.png"
    text = refused(run(*given, "--figure", "-"), 2, "cannot both go to stdout: name a file for one")
    assert text.startswith("the table and the figure")
    (out / "link.png").symlink_to("picture.png")
    both = ("-t", "csv", "-o", picture, "--figure", out / "link.png")
    refused(run(*given, *both), 2, "the table and the figure need a file each")
    refused(run(*given, "--figure", out / "x.gif"), 2, "unknown ending .gif; use .png, .svg, .pdf")
    assert_only(out, "link.png")
    succeeded(run(*given, "-o", table, "--figure", picture))
    before = table.read_bytes()
    assert succeeded(run(*given, "-o", table, "--figure", "-")) == picture.read_bytes()
    assert table.read_bytes() == before
    assert picture.read_bytes().startswith(b"\x89PNG")


# ---- wrong usage ---------------------------------------------------------------------------------------------

USAGE = [
    ("fingerprint {log} -o D.xyz", "D.xyz: unknown ending .xyz; use .npy, .csv, .npz, .h5, or say -t FORMAT"),
    ("fingerprint {log} -o D", "unknown ending (none)"),
    ("render {log} -o D.npy", "unknown ending .npy; use .png, .svg, .pdf"),
    ("rqa {log} -o table.xls", "unknown ending .xls"),
    ("fingerprint {log} --transitions-out flows.txt", "unknown ending .txt"),
    ("fingerprint {log} --every 0", "0 is not in the range x>=1"),
    ("fingerprint {log} --every x", "'x' is not a valid integer"),
    ("fingerprint {log} --from 5 --to 2", "no snapshot lies between --from and --to"),
    ("fingerprint {log} --from 1000", "steps run from 0 to 50"),
    ("fingerprint {log} --metric cosine", "'cosine' is not one of"),
    ("fingerprint {log} --normalize flows --metric hamming", "--normalize flows does not go with --metric hamming"),
    ("fingerprint {log} --normalise none", "No such option"),
    ("fingerprint", "Missing argument 'LOG...'"),
    ("fingerprint {log} {log}", "several logs need a directory to write to"),
    ("rqa {log} --bands 0.3", "1 / width must be a whole number"),
    ("rqa {log} --bands 0", "1 / width must be a whole number"),
    ("rqa {log} --bands nan", "is not a number"),
    ("rqa {log} --bands 1/0", "is not a number"),
    ("rqa {log} --bands 1/3", "rounded to 0.01"),
    ("rqa {log} --band 1:0", "LO must be below HI"),
    ("rqa {log} --band 0.1", "is not two numbers LO:HI"),
    ("rqa {log} --range 0:inf", "both finite"),
    ("rqa {log} --l-min 0", "0 is not in the range x>=1"),
    ("rqa {log} --sort nothing", "'nothing' is no column; there are: run, split"),
    ("rqa {log} --split train,train", "names one twice"),
    ("rqa {log} --split ,", "has an empty part"),
    ("rqa - -", "stdin (-) can be read only once"),
    ("render - -", "stdin (-) can be read only once"),
    ("render {log} --transitions 7", "no transition leads to this step; they lead to 10, 20, 30, ... (last 50)"),
    ("render {log} --transitions x", "no transition leads to this step"),
    ("render {log} --transitions 10 --band 0:1", "exclude each other"),
    ("render {log} {log} --transitions 10", "goes with one label log"),
    ("render {log} --size 0", "is not in the range"),
    ("render {log} --dpi 1", "is not in the range"),
    ("render {log} --diffs ends", "needs at least two inputs"),
    ("render {log} --cmap puce", "puce"),
    ("render", "Missing argument 'INPUT...'"),
    ("diff {log}", "name two inputs A and B"),
    ("diff - -", "only one of A and B can come through the pipe"),
    ("diff {log} {log} --splits train,test", "leave out B"),
    ("diff {log} {log} --tolerance -1", "is not in the range"),
    ("diff {log} {log} --exit-code --tolerance nan", "'--tolerance': 'nan' is not a finite number"),
    ("diff {log} {log} --exit-code --tolerance inf", "'inf' is not a finite number"),
    ("info", "Missing argument 'LOG...'"),
    ("fingerprnt {log}", "No such command 'fingerprnt'"),
    ("--nonsense", "No such option"),
]


@pytest.mark.parametrize(("command", "fragment"), USAGE, ids=[command for command, _ in USAGE])
def test_wrong_usage(command, fragment, log, out, monkeypatch):
    monkeypatch.chdir(out)
    refused(run(*line(command, log=log), stdin=b"x"), 2, fragment)
    assert_only(out)


def test_nothing_to_do_prints_the_help():
    done = run()
    assert done.err.startswith("Usage: nntf")
    assert "\n  fingerprint" in done.err
    assert (done.code, done.out) == (2, b"")


def test_examples_in_messages_work(log):
    """What an error proposes must be accepted when it is done."""
    np.save(log.with_name("D.npy"), np.linspace(-0.5, 1, 9).reshape(3, 3))
    text = error_of(run("rqa", log.with_name("D.npy")))
    proposed = shlex.split(text[text.index("--range") :])
    assert succeeded(run("rqa", log.with_name("D.npy"), *proposed))
    assert LABELS.shape == (T, N)
