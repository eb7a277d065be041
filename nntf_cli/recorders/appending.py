"""The journal, open for appending: one process at a time, every record synced before it counts."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import uuid
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from nntf_cli.errors import InputError, NntfError, OutputError
from nntf_cli.files.opening import open_store
from nntf_cli.files.store import Store
from nntf_cli.labellog import checks
from nntf_cli.labellog import journal as records
from nntf_cli.labellog.layouts import read_layout
from nntf_cli.labellog.native import FORMAT, label_dtype
from nntf_cli.labellog.recording import open_recording
from nntf_cli.model import Scalar
from nntf_cli.recorders import disk
from nntf_cli.recorders.run import Run, continued, run_in

#: Others that open and close the same log at this moment, before that is called an error.
_TRIES = 20

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


class _State(NamedTuple):
    """How far the journal goes; replaced in one assignment, so that an interrupt finds the old one or the new."""

    end: int  #: bytes that are written and synced
    number: int  #: of the next record
    steps: list[int]  #: of the snapshots, of which
    n_rows: int  #: so many count


class Appender:
    """A journal that this process holds the lock of."""

    def __init__(self, descriptor: int, path: str, salt: int, state: _State, run: Run) -> None:
        self.descriptor, self.path, self.run = descriptor, path, run
        self.n_rewinds = 0
        self._salt, self._state, self._spoiled = salt, state, False

    @property
    def steps(self) -> list[int]:
        """The steps of the snapshots that are written."""
        return self._state.steps[: self._state.n_rows]

    @property
    def end(self) -> int:
        """Bytes of the journal that count."""
        return self._state.end

    def add(self, step: int, payload: bytes, since: int) -> None:
        """Append a snapshot; those from the step ``since`` on are replaced by it.

        Raises
        ------
        OSError
            It could not be written and synced; the journal is as it was.
        """
        state = self._state
        del state.steps[state.n_rows :]
        row = bisect_left(state.steps, since)
        end, number = self._append([(records.SNAPSHOT, payload, row, step)])
        if row < state.n_rows:
            self.n_rewinds += 1
            steps = [*state.steps[:row], step]
        else:
            steps = state.steps
            steps.append(step)
        self._state = _State(end, number, steps, row + 1)

    def describe(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Append what is known of the run.

        Raises
        ------
        OSError
            It could not be written.
        """
        end, number = self._append(_description(facts, arrays))
        self._state = self._state._replace(end=end, number=number)

    def _append(self, given: list[tuple[int, bytes, int, int]]) -> tuple[int, int]:
        """Write and sync records, and return where the journal would end then."""
        end, number, *_ = self._state
        packed = []
        for kind, payload, row, step in given:
            packed.append(records.record(self._salt, kind, number, payload, row, step))
            number += 1
        self._require_whole()
        try:
            os.lseek(self.descriptor, end, os.SEEK_SET)
            for data in packed:
                disk.write_all(self.descriptor, data)
            disk.fdatasync(self.descriptor)
        except BaseException:
            # after a failed sync, nobody knows what is on the disk: the record is written anew, not synced again
            self._spoiled = True
            with contextlib.suppress(OSError):
                self._cut()
            raise
        return end + sum(map(len, packed)), number

    def _require_whole(self) -> None:
        """Refuse to append where nobody would find it, or after something else."""
        if not os.path.samestat(os.stat(records.journal_path(self.path)), os.fstat(self.descriptor)):
            raise FileNotFoundError(errno.ENOENT, "the journal was replaced by another file")
        if self._spoiled:
            self._cut()

    def _cut(self) -> None:
        disk.ftruncate(self.descriptor, self._state.end)
        self._spoiled = False

    def remove(self) -> None:
        """Remove the journal: all of it is in the HDF5 file.

        Raises
        ------
        OSError
            It stays.
        """
        disk.unlink(records.journal_path(self.path))

    def close(self) -> None:
        """Give up the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def open_journal(path: str, run: Run) -> Appender:
    """Begin to record, or go on where a recording stopped.

    Parameters
    ----------
    path : str
        The log, with all links resolved.
    run : Run
        What is to be recorded.

    Raises
    ------
    MismatchError
        There is a log already, and it is of something else.
    InputError
        What is there is damaged, or no log that can be continued.
    OutputError
        Another process records to it, or nothing can be written there.
    """
    try:
        for _ in range(_TRIES):
            appender = _continued(path, run) or _begun(path, run)
            if appender is not None:
                return appender
    except OSError as error:
        raise OutputError(
            f"cannot be recorded to ({error.strerror or error})", "choose a place you may write to", where=path
        ) from error
    raise OutputError("is opened and closed by others all the time", "record to another file", where=path)


def _continued(path: str, run: Run) -> Appender | None:
    """Lock the journal that is there and go on with it; None where there is none, or another by now."""
    where = records.journal_path(path)
    try:
        descriptor = os.open(where, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    try:
        _lock(descriptor, path)
        if not os.path.exists(where) or not os.path.samestat(os.stat(where), os.fstat(descriptor)):
            os.close(descriptor)
            return None
        for left in (path, where):  # by those who died
            disk.temporary(left)
        found = records.read_journal(descriptor, where)
        if found.torn:
            disk.ftruncate(descriptor, found.end)
        recording = open_recording(path)
        steps = recording.array("snapshots/step") if recording else None
        assert steps is not None
        run = continued(run, _run_of(found), path)
        state = _State(found.end, found.n_records, steps.read().tolist(), found.n_rows)
        appender = Appender(descriptor, path, found.salt, state, run)
        new = {name: array for name, array in run.arrays.items() if name not in found.arrays}
        appender.describe(_facts(run, found.facts["run-uuid"], found.facts["base"]), new)
        return appender
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def _begun(path: str, run: Run) -> Appender | None:
    """Make a journal, complete before anybody sees it; None where somebody else was quicker."""
    before = os.stat(path) if os.path.exists(path) else None
    run_uuid, steps = str(uuid.uuid4()), []
    if before is not None:
        store = open_store(path)
        log = read_layout(store) if store.attributes().get("format") == FORMAT else None
        _require_ours(store, path)
        assert log is not None
        run = continued(run, run_in(log, log.n_classes), path)
        run_uuid, steps = log.run_uuid, log.step.tolist()
    where = records.journal_path(path)
    disk.temporary(path)
    temporary = disk.temporary(where)
    start = records.preamble(os.urandom(16))
    appender = Appender(disk.create(temporary), path, records.salt_of(start), _State(0, 0, steps, len(steps)), run)
    try:
        _fill(appender, start, _description(_facts(run, run_uuid, len(steps)), run.arrays))
        _lock(appender.descriptor, path)
        if not _link(temporary, where):
            appender.close()
            return None
        disk.discard(temporary)
        disk.sync_folder(where)
        now = os.stat(path) if os.path.exists(path) else None
        if _identity(now) != _identity(before):  # somebody recorded and closed while we looked
            appender.remove()
            appender.close()
            return None
        return appender
    except BaseException:
        appender.close()
        raise
    finally:
        disk.discard(temporary)


def _fill(appender: Appender, start: bytes, given: list[tuple[int, bytes, int, int]]) -> None:
    disk.write_all(appender.descriptor, start)
    end, number = len(start), 0
    for kind, payload, row, step in given:
        data = records.record(appender._salt, kind, number, payload, row, step)
        disk.write_all(appender.descriptor, data)
        end, number = end + len(data), number + 1
    disk.fsync(appender.descriptor)
    appender._state = appender._state._replace(end=end, number=number)


def _link(temporary: str, where: str) -> bool:
    """Give a file its name, unless there is one of that name."""
    try:
        disk.link(temporary, where)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.exists(where):
            return False
        disk.replace(temporary, where)
    return True


def _identity(status: os.stat_result | None) -> tuple[int, int] | None:
    return None if status is None else (status.st_dev, status.st_ino)


def _lock(descriptor: int, path: str) -> None:
    """Take the lock, which ends with the process; where locks do not work there is none.

    Raises
    ------
    OutputError
        Another process has it.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return
        raise OutputError(
            f"is being recorded already, by {_holder(descriptor, path)}", "record to another file", where=path
        ) from error


def _holder(descriptor: int, path: str) -> str:
    try:
        facts = records.read_journal(descriptor, path).facts
    except NntfError:
        return "another process"
    return f"process {facts['pid']} on {facts['host']}"


def _require_ours(store: Store, path: str) -> None:
    """Refuse a file that holds what making it anew would drop.

    Raises
    ------
    InputError
        It is no native log in HDF5, or more than that.
    """
    if store.attributes().get("format") != FORMAT or store.kind != "HDF5":
        raise InputError(
            "exists already and is not a log that can be continued (native layout, HDF5)",
            "record to another file",
            where=path,
        )
    others = sorted(_others(store))
    if others:
        raise InputError(
            f"holds more than a log ({', '.join(others)}), which recording to it would drop",
            "record to another file",
            where=path,
        )


def _others(store: Store) -> Iterator[str]:
    """Yield what a log would not have if it were read and written again."""
    yield from set(store.names()) - {"classes", "labels", "run", "samples", "snapshots"}
    yield from store.attributes().keys() - {"format", "format-version", "generated-by", "n-classes", "run-uuid"}
    yield from (f"run/{name}" for name, value in store.attributes("run").items() if value is None)
    known = {"classes": {"name"}, "run": set(), "samples": set(store.group("labels").names())}
    known |= {f"samples/{split}": {"true", "id"} for split in known["samples"]}
    for group, names in known.items():
        if store.is_group(group):
            yield from (f"{group}/{name}" for name in store.group(group).names() if name not in names)
    dtype = label_dtype(checks.class_count(store.attributes().get("n-classes"), "n-classes", store.where))
    for split in store.group("labels").names():
        array = store.array(f"labels/{split}")
        if array is not None and array.dtype.newbyteorder("=") != dtype:
            yield f"labels/{split} as {array.dtype}, not {dtype}"


def _facts(run: Run, run_uuid: str, base: int) -> dict[str, Any]:
    return {
        "run-uuid": run_uuid,
        "n-classes": run.n_classes,
        "splits": dict(run.splits),
        "base": base,
        "name": run.name,
        "hparams": dict(run.hparams),
        "pid": os.getpid(),
        "host": platform.node(),
    }


def _description(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[tuple[int, bytes, int, int]]:
    described = [(records.FACTS, records.facts_payload(facts), 0, 0)]
    return described + [(records.ARRAY, records.array_payload(*item), 0, 0) for item in arrays.items()]


def _run_of(found: records.Journal) -> Run:
    """Return what the journal says of the run."""
    names = found.arrays.get("classes/name")
    hparams: dict[str, Scalar] = found.facts["hparams"]
    of_kind: dict[str, dict[str, np.ndarray]] = {
        kind: {
            split: found.arrays[f"samples/{split}/{kind}"]
            for split in found.splits
            if f"samples/{split}/{kind}" in found.arrays
        }
        for kind in ("true", "id")
    }
    return Run(
        found.splits,
        found.facts["n-classes"],
        None if names is None else tuple(names.tolist()),
        of_kind["true"],
        of_kind["id"],
        hparams,
        found.facts["name"],
    )
