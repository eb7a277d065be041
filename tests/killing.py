"""Processes that record and are killed; run as a script, so that forks come from a process without threads.

python killing.py FOLDER SEED TRIALS SCENARIO
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import warnings
from pathlib import Path

import faultydisk
from faultydisk import recorder, row, steps_of, valid_for_other_tools
from nntf_cli.errors import OutputError
from nntf_cli.recorders import publishing

_STEP = struct.Struct("<q")


def forked(work):
    """Run work(say) in a process of its own and return its id and where it says steps, each a returned call."""
    ears, mouth = os.pipe()
    pid = os.fork()
    if pid:
        os.close(mouth)
        return pid, ears
    code = 1
    try:
        os.close(ears)
        work(lambda step: os.write(mouth, _STEP.pack(step)))
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def heard(ears):
    """Return all steps that were said."""
    parts = []
    while part := os.read(ears, 65536):
        parts.append(part)
    os.close(ears)
    return [step for (step,) in _STEP.iter_unpack(b"".join(parts))]


def train(path, seed, n_samples, say, until=None):
    """Record, flush, close and open again, until a time or until nobody is there any more to kill it."""
    rng, parent = random.Random(seed), os.getppid()
    while os.getppid() == parent:
        with recorder(path, n_samples, true=row(0, n_samples)) as log:
            begin = 0 if log.last_step is None else log.last_step + 1
            for step in range(begin, begin + rng.choice((0, 1, 3, 20))):
                if rng.random() < 0.5:
                    log.snapshot(step, row(step, n_samples), loss=step / 2)
                else:
                    log.update(slice(None), row(step, n_samples))
                    log.commit(step, loss=step / 2)
                say(step)
                if rng.random() < 0.1:
                    log.flush()
        if until is not None and time.monotonic() >= until:
            return


def kills(folder, seed, trials):
    """Kill at random moments; a new run every ten kills, small and large ones, files made here or elsewhere."""
    rng = random.Random(seed)
    total = 0
    for trial in range(trials):
        path = folder / f"run_{trial // 10}.h5"
        n_samples = (50, 100_000, 5_000, 50)[trial // 10 % 4]
        publishing.in_process_bytes = 0 if trial // 10 % 8 == 7 else 2**20
        publishing.REST = (0, 1, 20)[trial // 10 % 3]
        before = steps_of(path, n_samples)
        own = rng.random()
        pid, ears = forked(lambda say, at=path, n=n_samples, own=own: train(at, own, n, say))
        if trial % 2:  # while it begins, or some time after its first snapshot
            select.select([ears], [], [], 10)
        time.sleep(rng.uniform(0, 0.04 if n_samples < 10_000 else 0.08))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        said = heard(ears)
        valid_for_other_tools(path)
        found = steps_of(path, n_samples)
        n_sure = max(len(before), said[-1] + 1 if said else 0)
        assert found == list(range(len(found))), found
        assert n_sure <= len(found) <= n_sure + 1, (trial, n_sure, len(found))
        total += len(said)
        if trial % 10 == 9:
            finish(path, n_samples, len(found))
    print(f"{trials} kills, {total} snapshots")


def finish(path, n_samples, n_found):
    """Resume once more and close: then the log is one file."""
    with recorder(path, n_samples) as log:
        assert log.last_step == (n_found - 1 if n_found else None)
        log.snapshot(n_found, row(n_found, n_samples), loss=n_found / 2)
    assert steps_of(path, n_samples) == list(range(n_found + 1))
    until = time.monotonic() + 10
    while (left := leftovers(path)) and time.monotonic() < until:
        time.sleep(0.05)  # an orphan that was making a file finds that out and removes it
    assert not left, left
    path.unlink()


def leftovers(path):
    return [name for name in os.listdir(path.parent) if name.startswith((f".{path.name}", f"{path.name}.journal"))]


def limited(folder, seed, trials):
    """Files may not grow beyond a limit."""
    for trial in range(trials):
        limit = 3_000 + 7_919 * trial % 38_000
        until_full(
            folder / f"limited_{trial}.h5",
            "File too large",
            lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)),
            lambda: None,
        )
    print(f"{trials} limits")


def full(folder, seed, trials):
    """The disk is full at some time, and later there is room again; needs the right to mount one."""
    for trial in range(trials):
        place = folder / f"disk_{trial}"
        place.mkdir()
        size = 12 + 4 * trial % 60
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", place]
        if os.geteuid() or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
            print("no full disks: a disk cannot be mounted here")
            return
        grow = ["mount", "-o", "remount,size=2m", place]
        try:
            until_full(
                place / "run.h5",
                "No space left on device",
                lambda: None,
                lambda grow=grow: subprocess.run(grow, check=True),
            )
        finally:
            subprocess.run(["umount", place], check=True)
    print(f"{trials} full disks")


def until_full(path, reason, shrink, grow):
    """Training ends as if nothing was, what was written is there, and goes on when there is room."""

    def work(say):
        shrink()
        publishing.REST = 0
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            log = recorder(path, 1_000)
            for step in range(40):
                log.snapshot(step, row(step, 1_000), loss=step / 2)
                if not log._queue:
                    say(step)
            log.close()
        assert any(reason in str(warning.message) for warning in caught), caught
        assert len(caught) <= 3
        written = len(steps_of(path, 1_000))
        assert log.lost == list(range(written, 40)), (log.lost, written)

    pid, ears = forked(work)
    said = heard(ears)
    assert os.waitpid(pid, 0)[1] == 0, path
    valid_for_other_tools(path)
    assert said == steps_of(path, 1_000)
    assert not [name for name in leftovers(path) if name.startswith(".")]
    grow()
    with recorder(path, 1_000) as log:
        step = 0 if log.last_step is None else log.last_step + 1
        log.snapshot(step, row(step, 1_000), loss=step / 2)
    assert steps_of(path, 1_000) == [*said, len(said)]


def polled(folder, seed, trials):
    """Somebody reads without pause while somebody else records, closes and opens again: never a wrong value."""
    reads = 0
    for trial in range(trials):
        path = folder / f"polled_{trial}.h5"
        n_samples = (50, 20_000)[trial % 2]
        publishing.in_process_bytes = 0 if trial % 4 == 3 else 2**20
        publishing.REST = 0
        pid, ears = forked(lambda say, at=path, n=n_samples, t=trial: train(at, t, n, say, until=time.monotonic() + 1))
        last = []
        while not os.waitpid(pid, os.WNOHANG)[0]:
            found = steps_of(path, n_samples)
            assert found[: len(last)] == last
            assert not last or found
            last, reads = found, reads + 1
        assert steps_of(path, n_samples) == heard(ears) != []
    print(f"{reads} reads")


def two(folder, seed, trials):
    """Two processes open one log again and again: one has it, the other is refused, nothing is lost."""
    for trial in range(trials):
        path = folder / f"two_{trial}.h5"

        def work(say, path=path):
            n_opened = 0
            while n_opened < 10:
                with contextlib.suppress(OutputError):
                    train(path, time.monotonic(), 50, say, until=0)
                    n_opened += 1
                time.sleep(0.002)  # the other's turn

        both = [forked(work) for _ in range(2)]
        said = [heard(ears) for _, ears in both]
        assert [os.waitpid(pid, 0)[1] for pid, _ in both] == [0, 0]
        assert sorted(said[0] + said[1]) == steps_of(path)
    print(f"{trials} fights")


def forks(folder, seed, trials):
    """A worker forked from a training writes nothing, and keeps no lock when its parent is killed."""
    for trial in range(trials):
        path = folder / f"forks_{trial}.h5"

        def work(say, path=path):
            log = recorder(path)
            log.snapshot(0, row(0), loss=0)
            log.update([1], [1])

            def worker(say, log=log):
                log.update([0], [1])
                log.snapshot(1, row(7))
                log.commit(1)
                assert not log.flush()
                log.close()
                say(os.getpid())
                time.sleep(60)

            _, ears = forked(worker)  # noqa: B023
            say(_STEP.unpack(os.read(ears, 8))[0])
            log.update(slice(None), row(1))
            log.commit(1, loss=0.5)
            say(1)
            time.sleep(60)

        pid, ears = forked(work)
        worker, last = (_STEP.unpack(os.read(ears, 8))[0] for _ in range(2))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ears)
        os.kill(worker, 0)  # it lives
        assert steps_of(path) == [0, last]
        with recorder(path) as log:
            log.snapshot(2, row(2), loss=1)
        assert steps_of(path) == [0, 1, 2]
        os.kill(worker, signal.SIGKILL)
    print(f"{trials} forks")


SCENARIOS = {"kills": kills, "limited": limited, "full": full, "polled": polled, "two": two, "forks": forks}

if __name__ == "__main__":
    assert faultydisk
    SCENARIOS[sys.argv[4]](Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
