"""Whatever is killed, fails or fills up: what a call has recorded is readable afterwards, and nothing is torn.

``make faults`` does the same ten thousand times (FAULTS=...); without that, as often as a minute allows.
"""

import errno
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from faultydisk import (
    CALLS,
    ERRORS,
    Fault,
    Watched,
    cuts,
    failing,
    put,
    recorder,
    row,
    short_writes,
    steps_of,
    valid_for_other_tools,
)
from nntf_cli.errors import OutputError
from nntf_cli.recorders import RecorderWarning, disk, publishing
from nntf_cli.recorders import recorder as recorder_module

FAULTS = int(os.environ.get("FAULTS", "0"))
TESTS = Path(__file__).parent


#: Where syncing takes no time, more is done in a minute.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def path():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder) / "run.h5"


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Make the HDF5 file with every snapshot: there is more to go wrong."""
    monkeypatch.setattr(publishing, "REST", 0)


def finished(path, n_samples=50):
    """Resume what a fault has left and close it: then it is one file with one more snapshot."""
    before = steps_of(path, n_samples)
    with recorder(path, n_samples) as log:
        step = 0 if log.last_step is None else log.last_step + 1
        log.snapshot(step, row(step, n_samples), loss=step / 2)
    assert steps_of(path, n_samples) == [*before, step]
    assert os.listdir(path.parent) == [path.name]


def scenario(path, returned=lambda steps: None, n_samples=50):
    """Record, close, resume, go back, stop as if killed, resume; ``returned`` is told what each call has recorded."""
    steps = []

    def snapshot(log, step):
        log.snapshot(step, row(step, n_samples), loss=step / 2)
        steps[:] = [earlier for earlier in steps if earlier < step] + [step]
        returned(steps)

    returned(steps)
    log = recorder(path, n_samples, true=row(0, n_samples), ids=np.arange(n_samples))
    returned(steps)
    for step in range(4):
        snapshot(log, step)
    log.close()
    returned(steps)
    log = recorder(path, n_samples, hparams={"resumed": True}, on_rewind="truncate")
    returned(steps)
    for step in (4, 5, 3):
        snapshot(log, step)
    log._appender.close()
    log._is_open = False
    log = recorder(path, n_samples, hparams={"resumed": "again"})
    returned(steps)
    snapshot(log, 6)
    log.close()
    returned(steps)
    assert steps == [0, 1, 2, 3, 6]


# -- calls that fail


@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize(("half", "calls"), [(False, CALLS), (True, ("write",))], ids=["all", "half written"])
def test_every_call_may_fail(path, for_ever, half, calls):
    n_faults = 0
    for n in range(1, 1_000):
        put(path.parent, {})
        fault = Fault(n, ERRORS[n % 3], for_ever, half, calls)
        with failing(fault), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sure, lost = attempted(path)
        if fault.seen < n:
            break
        n_faults += 1
        messages = [str(warning.message) for warning in caught]
        assert all(issubclass(warning.category, RecorderWarning) for warning in caught)
        assert len(messages) <= 2 * 3  # of two recorders: when it began, what was lost, what is not up to date
        for steps in filter(None, lost):
            assert any(f"lost: step {', '.join(map(str, steps))}" in message for message in messages)
        valid_for_other_tools(path)
        assert_recorded(path, sure, sum(lost, []))
        assert not [name for name in os.listdir(path.parent) if name.endswith(".tmp")]
        finished(path)
    assert n_faults > (10 if half else 40)


def attempted(path):
    """Record two times four snapshots; return the steps that must be there, and which each recorder lost."""
    sure, lost = [], []
    for begin in (0, 4):
        try:
            log = recorder(path, true=row(0))
        except OutputError:
            continue
        for step in range(begin, begin + 4):
            log.snapshot(step, row(step), loss=step / 2)
            waiting = {each.step for each in log._queue}
            recorded = [*sure, *(s for s in range(begin, step + 1) if s not in waiting)]
            assert_recorded(path, recorded, waiting)
        log.close()
        lost.append(log.lost)
        sure += [step for step in range(begin, begin + 4) if step not in log.lost]
    return sure, lost


def assert_recorded(path, sure, waiting):
    """What is sure is there; what could neither be synced nor be taken back may be there too, if it is right."""
    found = steps_of(path)
    assert [step for step in found if step in sure] == sure
    assert len(found) <= len(sure) + 1
    assert set(found) <= {*sure, *waiting}


@pytest.mark.parametrize("n", [1, 7, 100])
def test_short_writes_are_continued(path, n):
    with short_writes(n):
        scenario(path)
    assert steps_of(path) == [0, 1, 2, 3, 6]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_what_cannot_be_written_waits_and_comes_later(path, call):
    log = recorder(path)
    log.snapshot(0, row(0), loss=0)
    with failing(Fault(1, errno.ENOSPC, for_ever=True, calls=(call,))):
        with pytest.warns(RecorderWarning, match="step 1 cannot be written .No space left on device.; it") as caught:
            log.snapshot(1, row(1), loss=0.5)
        assert caught[0].filename == __file__  # where the caller reads it
        log.snapshot(2, row(2), loss=1)  # one warning is enough
        assert not log.flush()
        assert steps_of(path) == [0]
    log.snapshot(3, row(3), loss=1.5)
    assert steps_of(path) == [0, 1, 2, 3]
    log.close()
    assert log.lost == []
    assert steps_of(path) == [0, 1, 2, 3]


def test_what_waits_is_bounded_and_close_says_what_was_lost(path, monkeypatch):
    monkeypatch.setattr(recorder_module, "QUEUE_BYTES", 200)
    log = recorder(path)
    with failing(Fault(1, errno.ENOSPC, for_ever=True, calls=("write",))):
        with pytest.warns(RecorderWarning, match="step 0 cannot be written"):
            log.snapshot(0, row(0), loss=0)
        for step in range(1, 9):
            log.snapshot(step, row(step), loss=step / 2)
        assert log.lost == [0, 1, 2, 3, 4, 5, 6]
    with pytest.warns(RecorderWarning) as caught:
        log.close()
    assert [str(warning.message) for warning in caught] == [
        f"{path}: 7 snapshots could not be written (No space left on device) and are lost: step 0, 1, 2, 3, 4, 5, 6"
    ]
    assert steps_of(path) == [7, 8]


def test_going_back_is_not_forgotten_when_its_snapshot_is_lost(path, monkeypatch):
    monkeypatch.setattr(recorder_module, "QUEUE_BYTES", 200)
    log = recorder(path, on_rewind="truncate")
    for step in range(6):
        log.snapshot(step, row(step), loss=step / 2)
    with failing(Fault(1, errno.ENOSPC, for_ever=True, calls=("write",))):
        with pytest.warns(RecorderWarning, match="step 2 cannot be written"):
            log.snapshot(2, row(2), loss=1)
        for step in (3, 4, 5):
            log.snapshot(step, row(step), loss=step / 2)
    with pytest.warns(RecorderWarning, match="lost: step 2, 3$"):
        log.close()
    assert steps_of(path) == [0, 1, 4, 5]


def test_a_file_that_cannot_be_made_leaves_the_journal(path):
    log = recorder(path)
    with failing(Fault(1, errno.ENOSPC, for_ever=True, calls=("replace",))):
        with pytest.warns(RecorderWarning, match="cannot be brought up to date .No space left on device."):
            log.snapshot(0, row(0), loss=0)
        log.snapshot(1, row(1), loss=0.5)
        with pytest.warns(RecorderWarning, match="keep .*run.h5.journal beside it, which holds every snapshot"):
            log.close()
    assert os.listdir(path.parent) == ["run.h5.journal"]
    assert steps_of(path) == [0, 1]
    finished(path)


def test_what_another_process_cannot_make_is_said(path, monkeypatch):
    monkeypatch.setattr(publishing, "in_process_bytes", 0)
    monkeypatch.setattr(publishing, "_CHILD", "import sys; sys.exit('no memory left')")
    log = recorder(path)
    log.snapshot(0, row(0), loss=0)
    with pytest.warns(RecorderWarning, match="could not be brought up to date .no memory left."):
        log.close()
    assert steps_of(path) == [0]


def test_a_warning_made_an_error_does_not_end_the_training(path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log = recorder(path)
        with failing(Fault(1, errno.EIO, calls=("write",))):
            log.snapshot(0, row(0))
        log.close()
    assert "step 0 cannot be written (Input/output error)" in capfd.readouterr().err


def test_a_journal_that_is_deleted_is_noticed(path):
    log = recorder(path)
    log.snapshot(0, row(0))
    (path.parent / "run.h5.journal").unlink()
    with pytest.warns(RecorderWarning, match="step 1 cannot be written"):
        log.snapshot(1, row(1))
    with pytest.warns(RecorderWarning, match="lost: step 1"):
        log.close()


def test_an_interrupt_leaves_whole_snapshots(path, monkeypatch):
    log = recorder(path)
    log.snapshot(0, row(0))
    for call in ("write", "fdatasync"):
        real = getattr(disk, call)

        def interrupted(*arguments, real=real):
            real(*arguments)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(disk, call, interrupted)
            with pytest.raises(KeyboardInterrupt):
                log.snapshot(log.last_step + 1, row(log.last_step + 1))
        assert steps_of(path) == list(range(log.last_step))
        log.snapshot(log.last_step + 1, row(log.last_step + 1))  # what was interrupted comes before it
    log.close()
    assert steps_of(path) == [0, 1, 2, 3, 4]


# -- kills and power cuts


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Everything that the scenario does to the disk, with snapshots of more than two pages."""
    folder = tmp_path_factory.mktemp("watched")
    watched = Watched(folder)
    with pytest.MonkeyPatch.context() as patch, watched.watching():
        patch.setattr(publishing, "REST", 0)
        scenario(folder / "run.h5", watched.state, n_samples=9_000)
    return watched


def states_of_kills(watched):
    for n, event in enumerate(watched.events, start=1):
        yield n, None
        if event.kind == "write":
            for cut in cuts(len(event.data[1])):
                yield n, cut


def test_every_kill_point(watched, path):
    """After each call, and in the middle of each write."""
    n_states = 0
    for n, cut in states_of_kills(watched):
        put(path.parent, watched.killed_after(n, cut))
        check(watched, n, path, resumed=FAULTS or n_states % 10 == 0)
        n_states += 1
    assert n_states > 300


def check(watched, n, path, resumed):
    valid_for_other_tools(path)
    found = steps_of(path, 9_000)
    # a write that is cut belongs to the call that is going on
    assert found in watched.acceptable(n - 1) + watched.acceptable(n), (n, found)
    if resumed:
        finished(path, 9_000)


def test_power_cuts(watched, path):
    """Pages, sizes and names since the last sync are there or not, at random."""
    rng = np.random.default_rng(0)
    n_states = FAULTS or 400
    for i in range(n_states):
        n = int(rng.integers(1, len(watched.events) + 1))
        put(path.parent, watched.power_cut_after(n, rng))
        check(watched, n, path, resumed=i % 10 == 0)


def test_without_syncs_a_power_cut_would_be_noticed(watched, path):
    """The simulation is worth something: it finds what is wrong when nothing is ever synced."""
    unsynced = Watched(watched.folder)
    unsynced.events = [event for event in watched.events if not event.kind.startswith("sync")]
    rng = np.random.default_rng(0)
    n_bad = 0
    for _ in range(50):
        n = int(rng.integers(len(unsynced.events) // 2, len(unsynced.events) + 1))
        put(path.parent, unsynced.power_cut_after(n, rng))
        try:
            check(unsynced, n, path, resumed=False)
        except Exception:
            n_bad += 1
    assert n_bad > 10


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("name", "trials", "said"),
    [
        ("kills", FAULTS or 1000, r"\d+ kills, \d+ snapshots"),
        ("limited", FAULTS // 50 or 6, r"\d+ limits"),
        ("full", FAULTS // 100, r"\d+ full disks|no full disks: .*"),
        ("polled", FAULTS // 100 or 2, r"\d+ reads"),
        ("two", FAULTS // 100 or 2, r"\d+ fights"),
        ("forks", FAULTS // 100 or 2, r"\d+ forks"),
    ],
)
def test_processes(name, trials, said):
    """Kills at random moments, full disks, a reader without pause, two recorders of one log, forked workers."""
    if not trials:
        pytest.skip("mounts disks: make faults does that")
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        done = subprocess.run(
            [sys.executable, "-W", "error", TESTS / "killing.py", folder, "1", str(trials), name],
            capture_output=True,
            text=True,
            timeout=120 + 10 * trials,
        )
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(said, done.stdout.strip())
        print(done.stdout)
