"""Many inputs in one process: order, bad ones, shares of threads and memory, names of files, progress."""

import io
import json
import re
import threading
import time
from contextlib import contextmanager, redirect_stderr

import click
import numpy as np
import pytest

import planted
from nntf_cli import memory
from nntf_cli.cli import boundary
from nntf_cli.cli.jobs import run_each
from nntf_cli.cli.outputs import files_for
from nntf_cli.cli.progress import Meter
from nntf_cli.errors import InputError, LimitError, OutputError, ParameterError
from nntf_cli.labellog import write_log
from nntf_cli.memory import parse_size
from nntf_cli.progress import listening, task
from nntf_cli.shares import Crew, limited_threads, member_of
from nntf_cli.threads import for_each, n_threads
from running import refused, run, succeeded


@pytest.fixture
def at_a_time():
    """Set ``--jobs`` for what calls run_each itself."""
    with click.Context(click.Command("test")) as context:

        def set_jobs(n, meter=None):
            context.meta.update({"nntf.jobs": n, "nntf.meter": meter})

        yield set_jobs


def bad(item):
    return InputError(f"item {item} is bad", where=f"{item}.h5")


# ---- order, errors, notes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 8])
def test_results_and_messages_come_in_the_order_of_the_inputs(n_jobs, at_a_time, capsys):
    at_a_time(n_jobs)

    def work(item):
        time.sleep(0.02 * (7 - item) / 7)  # the first takes longest
        boundary.note_line(f"note {item}")
        if item in (2, 5):
            raise bad(item) if item == 5 else OutputError("is full")
        return item * 10

    assert run_each(range(7), work) == (4, [0, 10, 30, 40, 60])
    expected = [f"nntf: note: note {item}" for item in range(7)]
    expected.insert(3, "nntf: error: is full")
    expected.insert(7, "nntf: error: 5.h5: item 5 is bad")
    assert capsys.readouterr().err.splitlines() == expected


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_a_bug_ends_it(n_jobs, at_a_time):
    at_a_time(n_jobs)
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.01)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_each(range(100), work)
    assert len(begun) <= 2 * n_jobs


def test_a_worker_belongs_to_its_command(at_a_time):
    at_a_time(2)
    context = click.get_current_context()
    _, found = run_each(range(4), lambda item: click.get_current_context(silent=True))
    assert found == [context] * 4


def test_one_input_starts_no_thread(at_a_time):
    at_a_time(4)
    assert run_each([0], lambda item: threading.current_thread()) == (0, [threading.main_thread()])
    assert run_each([], lambda item: item) == (0, [])


def test_debug_prints_the_traceback_of_a_bad_input(at_a_time, capsys, monkeypatch):
    monkeypatch.setenv("NNTF_DEBUG", "1")
    at_a_time(2)

    def work(item):
        raise bad(item)

    assert run_each(range(2), work)[0] == 3
    assert capsys.readouterr().err.count("Traceback (most recent call last)") == 2


# ---- threads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("threads", "n_jobs", "each"), [(8, 2, 4), (8, 3, 2), (2, 4, 1), (1, 1, 1)])
def test_threads_are_shared_out(threads, n_jobs, each, at_a_time):
    at_a_time(n_jobs)
    together = threading.Barrier(n_jobs)

    def work(item):
        together.wait(10)
        seen = [n_threads()]
        for_each(lambda k: seen.append(n_threads()), range(3), 2)  # in a pool of its own
        together.wait(10)
        return seen

    with limited_threads(threads):
        assert run_each(range(n_jobs), work) == (0, [[each] * 4] * n_jobs)
        assert n_threads() == threads


def test_the_last_run_has_all_threads():
    crew = Crew(4, 5)
    with limited_threads(8), member_of(crew):
        seen = []
        for _ in range(5):
            seen.append(n_threads())
            crew.finish_one()
    assert seen == [2, 2, 2, 4, 8]


def test_threads_come_from_the_option_then_the_environment(monkeypatch):
    monkeypatch.setenv("NNTF_THREADS", "3")
    assert n_threads() == 3
    with limited_threads(5):
        assert n_threads() == 5


def test_for_each_stops_at_the_first_exception():
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.01)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        for_each(work, range(100), 2)
    assert len(begun) <= 4


# ---- memory --------------------------------------------------------------------------------------------------


def test_memory_is_shared_out(at_a_time, monkeypatch):
    monkeypatch.setattr(memory, "_system", lambda: 1000.0)
    at_a_time(2)
    together = threading.Barrier(2)

    def work(item):
        together.wait(10)
        seen = memory.available()
        together.wait(10)
        return seen

    assert run_each(range(2), work) == (0, [400.0, 400.0])
    assert memory.available() == 800.0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_does_not_fit_beside_others_is_done_alone(n_jobs, at_a_time, monkeypatch, capsys):
    monkeypatch.setattr(memory, "_system", lambda: 1000.0)
    at_a_time(n_jobs)

    def work(item):
        boundary.note_line(f"note {item}")
        time.sleep(0.01)
        memory.require({1: 700, 3: 900}.get(item, 100), f"item {item}")
        return item

    code, done = run_each(range(6), work)
    assert (code, done) == (5, [0, 1, 2, 4, 5])
    err = capsys.readouterr().err
    assert re.findall("error: (item .) needs", err) == ["item 3"]
    assert re.findall("note: note (.)", err) == list("012345")


def test_out_of_memory_is_one_bad_input(at_a_time, capsys):
    at_a_time(2)

    def work(item):
        if item == 1:
            raise MemoryError
        return item

    assert run_each(range(3), work) == (5, [0, 2])
    assert "nntf: error: out of memory" in capsys.readouterr().err


def test_the_limit_counts_what_is_held_already(monkeypatch):
    monkeypatch.setattr(memory, "_system", lambda: float("inf"))
    monkeypatch.setattr(memory, "_resident", lambda: 60 * 2.0**20)
    with memory.limited(parse_size("100M")):
        assert memory.available() == 0.8 * 40 * 2**20
        with pytest.raises(LimitError) as caught:
            memory.require(50 * 2**20, "the matrix", "thin it", where="D.npy")
        memory.require(30 * 2**20, "the matrix")
    assert str(caught.value) == (
        "D.npy: the matrix needs 50.0 MiB, but only 32.0 MiB may be used under --max-memory 100.0 MiB; "
        "raise it, or thin it"
    )
    with memory.limited(parse_size("10M")):
        assert memory.available() == 0
    with memory.limited(parse_size("1")), pytest.raises(LimitError) as caught:
        memory.require(1536, "the matrix")
    assert str(caught.value).startswith(
        "the matrix needs 1.5 KiB, but only 0 bytes may be used under --max-memory 1 byte"
    )
    monkeypatch.setenv("NNTF_MAX_MEMORY", "160M")
    assert memory.available() == 0.8 * 100 * 2**20


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("600M", 600 * 2**20), ("2G", 2**31), ("1.5GiB", 1.5 * 2**30), ("1.5 gb", 1.5e9), ("1000", 1000), ("5B", 5),
     (".5K", 512), ("1T", 2**40)],
)  # fmt: skip
def test_sizes(text, n_bytes):
    assert parse_size(text) == n_bytes


@pytest.mark.parametrize("text", ["", "M", "-1M", "0", "1 2", "1E3", "nan", "5iB", "1QB", "1.2.3"])
def test_what_is_no_size(text):
    with pytest.raises(ParameterError, match="is not a size, for instance 600M or 1.5G"):
        parse_size(text)


# ---- names of files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "names"),
    [
        (["a/run.h5", "b/run.h5"], ["a_run", "b_run"]),
        (["a/run.h5", "b/run.h5", "c/a_run.h5"], ["a_run", "b_run", "a_run-2"]),
        (["run.h5", "./run.h5", "a/../run.h5"], ["run"]),
        (["run.h5", "run.npz"], ["run.h5", "run.npz"]),
        (["all.h5::x", "all.h5::y", "all::x.h5"], ["all_x", "all_y", "all_x.h5"]),
        (["a/Run.h5", "b/run.h5"], ["Run", "run-2"]),
        (["-"], ["stdin"]),
        (["../a/run.h5", "../../a/run.h5"], ["_a_run", "_.._a_run"]),
    ],
)
def test_every_log_has_a_file_of_its_own(addresses, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = files_for(addresses, "out", "npy")
    assert len({path.casefold() for path in files.values()}) == len(files)
    if addresses[0].startswith(".."):
        assert not any(path.startswith("out/.") for path in files.values())
    else:
        assert list(files.values()) == [f"out/{name}.npy" for name in names]


def test_a_link_in_the_folder_does_not_make_two_one(tmp_path):
    (tmp_path / "a.npy").symlink_to(tmp_path / "b.npy")
    assert list(files_for(["a.h5", "b.h5"], str(tmp_path), "npy").values()) == [
        str(tmp_path / "a.npy"), str(tmp_path / "b-2.npy"),
    ]  # fmt: skip


# ---- the commands --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Forty logs, of which three are broken; and the right distances of the others."""
    folder = tmp_path_factory.mktemp("sweep")
    paths, broken = [], (7, 8, 30)
    for i in range(40):
        path = folder / f"run_{i:02}.h5"
        labels, _ = planted.random_log(seed=i, n_snapshots=6, n_samples=30, n_classes=3)
        write_log(path, {"train": labels}, n_classes=3, hparams={"seed": i})
        if i in broken:
            path.write_bytes(path.read_bytes()[:700])
        paths.append(path)
    return paths, [paths[i] for i in broken]


def errors(done):
    return [line.split(": ")[2] for line in done.err.splitlines() if line.startswith("nntf: error: ")]


@pytest.mark.parametrize("n_jobs", ["1", "2", "7"])
def test_fingerprints_of_many_of_which_some_are_broken(n_jobs, sweep, tmp_path, kernels):
    paths, broken = sweep
    done = run("fingerprint", *paths, "--jobs", n_jobs, "-o", tmp_path / "out/")
    assert done.code == 3
    assert errors(done) == list(map(str, broken))
    good = [path for path in paths if path not in broken]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{path.stem}.npy" for path in good]
    for path in good[::9]:
        assert (tmp_path / "out" / f"{path.stem}.npy").read_bytes() == succeeded(run("fingerprint", path))


def test_tables_do_not_depend_on_jobs(sweep):
    paths, broken = sweep
    one, many = (run("rqa", *paths, "--jobs", n) for n in "15")
    assert one == many
    assert one.code == 3
    assert errors(one) == list(map(str, broken))
    assert [line.split(b",")[0].decode() for line in one.out.splitlines()[1:]] == [
        path.stem for path in paths if path not in broken
    ]


def test_info_lists_many(sweep):
    paths, broken = sweep
    done = run("info", *paths[:9], "--jobs", "3")
    assert (done.code, errors(done)) == (3, list(map(str, broken[:2])))
    lines = done.out.decode().splitlines()
    assert lines[0] == "7 runs; name one of them"
    assert [line.split()[0] for line in lines[1:]] == list(map(str, paths[:7]))
    facts = json.loads(run("info", *paths[:9], "--json").out)
    assert [run["name"] for run in facts["runs"]] == [path.stem for path in paths[:7]]
    piped = run("info", "-", paths[1], "--json", stdin=paths[0].read_bytes())
    assert [run["hparams"]["seed"] for run in json.loads(piped.out)["runs"]] == [0, 1]
    refused(run("info", "-", "-"), 2, "only once")


def test_render_draws_the_good_ones_but_no_differences_of_strangers(sweep, tmp_path):
    paths, broken = sweep
    whole = succeeded(run("render", paths[6], paths[9]))
    done = run("render", paths[6], broken[0], paths[9])
    assert (done.code, errors(done), done.out) == (3, [str(broken[0])], whole)
    for diffs in ("neighbours", "ends"):
        refused(run("render", paths[6], broken[0], paths[9], "--diffs", diffs), 3, str(broken[0]))
    out = tmp_path / "f.png"
    done = run("render", *broken, "-o", out)
    assert (done.code, errors(done), out.exists()) == (3, list(map(str, broken)), False)


def test_a_log_is_no_output_of_another(sweep, tmp_path):
    for folder in ("a", "out"):
        (tmp_path / folder).mkdir()
    given = [tmp_path / "a/one.h5", tmp_path / "out/two.h5"]
    for path, source in zip(given, sweep[0], strict=False):
        path.write_bytes(source.read_bytes())
    (tmp_path / "out/one.h5").hardlink_to(given[1])
    before = given[1].read_bytes()
    done = run("fingerprint", *given, "-t", "h5", "--force", "-o", tmp_path / "out/", "--jobs", "2")
    assert done.code == 2
    assert done.err.count("is an input and would be overwritten") == 2
    assert given[1].read_bytes() == before


def test_limits_reach_the_work(sweep, monkeypatch):
    path = sweep[0][0]
    seen = {}

    def look(*arguments, **keywords):
        seen.update(threads=n_threads(), limit=memory._users_limit())
        raise bad(0)

    monkeypatch.setattr("nntf_cli.cli.inputs.load_log", look)
    for command in ("fingerprint", "rqa", "render", "info", "diff"):
        more = [path] if command == "diff" else []
        assert run(command, path, *more, "--threads", "3", "--max-memory", "600M").code == 3
        assert seen == {"threads": 3, "limit": 600 * 2**20}, command
        monkeypatch.setenv("NNTF_MAX_MEMORY", "1G")
        monkeypatch.setenv("NNTF_THREADS", "5")
        assert run(command, path, *more).code == 3
        assert seen == {"threads": 5, "limit": 2**30}, command
        monkeypatch.delenv("NNTF_MAX_MEMORY")
        monkeypatch.delenv("NNTF_THREADS")
    assert memory._users_limit() is None


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (["--jobs", "0"], "'--jobs': 0 is not in the range"),
        (["--threads", "x"], "'--threads' (env var: 'NNTF_THREADS'): 'x' is not a valid integer"),
        (["--max-memory", "lots"], "'--max-memory' (env var: 'NNTF_MAX_MEMORY'): 'lots' is not a size"),
    ],
)
def test_limits_that_are_none(options, fragment, sweep):
    refused(run("rqa", sweep[0][0], *options), 2, fragment)


def test_too_little_memory_is_said_before_it_is_taken(sweep):
    refused(run("fingerprint", sweep[0][0], "--max-memory", "1M"), 5, "under --max-memory 1.0 MiB; raise it, or")


# ---- progress ------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        raise OSError


@pytest.fixture
def clock(monkeypatch):
    """A time that the test sets."""
    now = [100.0]
    monkeypatch.setattr("nntf_cli.cli.progress.time.monotonic", lambda: now[0])
    return now


@contextmanager
def on_terminal():
    """Stand in for stderr, as a terminal 80 columns wide."""
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(Terminal()) as shown:
        patch.setenv("TERM", "xterm")
        yield shown


def test_runs_are_counted_on_a_terminal(clock, at_a_time):
    def work(item):
        clock[0] += 1.0
        with task(f"{item}.h5: counting\x1b[2J", 2) as done:
            done(1)

    with on_terminal() as terminal:
        at_a_time(1, Meter())
        run_each(range(4), work, "logs")
    assert terminal.getvalue().split("\r")[1:] == [
        "nntf: 1 of 4 logs, about 3 s left (1.h5: counting\\x1b[2J: 50%)\x1b[K",
        "nntf: 2 of 4 logs, about 2 s left (2.h5: counting\\x1b[2J: 50%)\x1b[K",
        "nntf: 3 of 4 logs, about 1 s left (3.h5: counting\\x1b[2J: 50%)\x1b[K",
        "\x1b[K",
    ]


def test_runs_side_by_side_do_not_take_turns_in_the_line(clock):
    with on_terminal() as terminal:
        meter = Meter()
        meter.count(0, 3, "logs")
        clock[0] += 5
        for share in (0.1, 0.2, 0.3):
            for number in (0, 2, 1):
                clock[0] += 1
                meter.of_run(number)(f"{number}.h5", share)
        meter.count(3, 3, "logs")
    lines = [line for line in terminal.getvalue().split("\r") if line]
    assert len(lines) == 10
    assert all("nntf: 0 of 3 logs (0.h5: " in line for line in lines[:9])


def test_nothing_is_shown_of_what_is_quick(clock):
    with on_terminal() as terminal:
        meter = Meter()
        for n_done in range(10):
            meter.count(n_done, 10, "logs")
            clock[0] += 0.19
        meter.count(10, 10, "logs")
    assert terminal.getvalue() == ""


def test_a_file_gets_a_line_now_and_then(clock, capsys, monkeypatch):
    meter = Meter()
    for n_done in range(100):
        meter.count(n_done, 100, "logs")
        clock[0] += 1.0
    assert capsys.readouterr().err.splitlines() == [
        f"nntf: {n} of 100 logs, about {left} left" for n, left in [(2, "1 min 38 s"), (32, "1 min 08 s"),
                                                                     (62, "38 s"), (92, "8 s")]
    ]  # fmt: skip


def test_an_error_takes_the_place_of_the_status():
    with on_terminal() as terminal:
        boundary.show_status("nntf: 1 of 2 logs")
        boundary.error_line("x")
        boundary.wipe_status()
    assert terminal.getvalue() == "\rnntf: 1 of 2 logs\x1b[K\r\x1b[Knntf: error: x\n"


def test_a_long_line_is_cut_to_the_terminal(clock):
    with on_terminal() as terminal, listening(Meter()), task("x" * 500, 10) as done:
        done(1)
        clock[0] += 3
        done(1)
    assert len(terminal.getvalue().split("\x1b")[0]) == 1 + 79


def test_matrices_are_the_same_whatever_the_threads(tmp_path, kernels):
    labels = np.random.default_rng(3).integers(0, 9, (60, 500)).astype("u1")
    write_log(tmp_path / "run.h5", {"train": labels}, n_classes=9)
    one, four = (run("fingerprint", tmp_path / "run.h5", "--threads", n) for n in "14")
    assert succeeded(one) == succeeded(four)
