"""A disk for recorders that can fail at any call, and whose states after a kill or a power cut can be looked at."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from nntf_cli.errors import NntfError
from nntf_cli.labellog import open_log
from nntf_cli.recorders import LabelRecorder, disk

PAGE = 4096
CALLS = ("write", "fsync", "fdatasync", "replace", "link", "unlink", "ftruncate")


def row(step, n_samples=50):
    """The labels of a step, which nothing else is taken for."""
    return np.random.default_rng(step + 1000).integers(0, 10, n_samples)


def recorder(path, n_samples=50, **options):
    return LabelRecorder(path, n_samples=n_samples, classes=10, **options)


def steps_of(path, n_samples=50, one_of=None):
    """Return the steps of a log, once every label of every snapshot is what it must be; none where there is no log."""
    try:
        log = open_log(path)
    except NntfError as error:
        if "no such file" in str(error) or "holds no snapshot yet" in str(error):
            return []
        raise
    source = log.split().labels
    whole = np.empty((source.n_snapshots, source.n_samples), dtype=np.int64)
    for panel in source.panels():
        height, width = panel.labels.shape
        whole[panel.row : panel.row + height, panel.column : panel.column + width] = panel.labels
    for step, labels in zip(log.step.tolist(), whole, strict=True):
        np.testing.assert_array_equal(labels, row(step, n_samples))
        if "loss" in log.scalars:
            assert log.scalars["loss"][log.step.tolist().index(step)] == step / 2
    return log.step.tolist()


def valid_for_other_tools(path):
    """Assert that what is at the log's place, if anything, is a whole HDF5 file with right labels."""
    if not os.path.exists(path):
        return
    with h5py.File(path, "r", locking=False) as file:
        labels = file["labels/train"][()]
        for step, found in zip(file["snapshots/step"][()].tolist(), labels, strict=True):
            np.testing.assert_array_equal(found, row(step, labels.shape[1]))


# -- calls that fail


@dataclass
class Fault:
    """Let the n-th call of some fail."""

    n: int
    code: int
    for_ever: bool = False
    half: bool = False  #: a write that fails has written a half of it
    calls: tuple[str, ...] = CALLS
    seen: int = 0
    names: list[str] = field(default_factory=list)

    def fails(self, name):
        if name not in self.calls:
            return False
        self.seen += 1
        return self.seen == self.n or (self.for_ever and self.seen > self.n)


@contextlib.contextmanager
def failing(fault):
    """Patch the disk of recorders."""
    real = {name: getattr(disk, name) for name in CALLS}

    def wrapped(name):
        def call(*arguments):
            if fault.fails(name):
                if name == "write" and fault.half:
                    real["write"](arguments[0], memoryview(arguments[1])[: len(arguments[1]) // 2])
                raise OSError(fault.code, os.strerror(fault.code))
            return real[name](*arguments)

        return call

    try:
        for name in CALLS:
            setattr(disk, name, wrapped(name))
        yield fault
    finally:
        for name in CALLS:
            setattr(disk, name, real[name])


@contextlib.contextmanager
def short_writes(n):
    """Let every write write n bytes at most."""
    real = disk.write
    disk.write = lambda descriptor, data: real(descriptor, memoryview(data)[:n])
    try:
        yield
    finally:
        disk.write = real


# -- all states that a kill or a power cut can leave


@dataclass
class Event:
    kind: str  #: create, write, cut, sync, sync folder, name, unname; or state: a call of the caller's has returned
    what: int | str | None = None  #: inode or name
    data: object = None


class Watched:
    """Everything that a scenario does to a folder, in order."""

    def __init__(self, folder):
        self.folder, self.events, self._ids, self._n = str(folder), [], {}, 0

    @contextlib.contextmanager
    def watching(self):
        real = {name: getattr(disk, name) for name in (*CALLS, "create", "discard")}
        for name in real:
            setattr(disk, name, self._wrapped(name, real[name]))
        try:
            yield self
        finally:
            for name in real:
                setattr(disk, name, real[name])

    def state(self, steps):
        self.events.append(Event("state", data=list(steps)))

    def _wrapped(self, name, real):
        def call(*arguments):
            if name == "unlink" or (name == "discard" and os.path.exists(arguments[0])):
                self.events.append(Event("unname", os.path.basename(arguments[0])))
            offset = os.lseek(arguments[0], 0, os.SEEK_CUR) if name == "write" else 0
            result = real(*arguments)
            self._enter(name, arguments, result, offset)
            return result

        return call

    def _enter(self, name, arguments, result, offset):
        if name == "create":
            self._n += 1
            self._ids[os.fstat(result).st_ino] = self._n
            self.events.append(Event("create", self._n))
            self.events.append(Event("name", os.path.basename(arguments[0]), self._n))
        elif name == "write":
            self.events.append(Event("write", self._inode(arguments[0]), (offset, bytes(arguments[1])[:result])))
        elif name == "ftruncate":
            self.events.append(Event("cut", self._inode(arguments[0]), arguments[1]))
        elif name in ("fsync", "fdatasync"):
            is_folder = os.path.isdir(f"/proc/self/fd/{arguments[0]}")
            self.events.append(Event("sync folder") if is_folder else Event("sync", self._inode(arguments[0])))
        elif name == "link":
            inode = self._ids[os.stat(arguments[1]).st_ino]
            self.events.append(Event("name", os.path.basename(arguments[1]), inode))
        elif name == "replace":
            inode = self._ids[os.stat(arguments[1]).st_ino]
            self.events.append(Event("rename", os.path.basename(arguments[1]), (inode, os.path.basename(arguments[0]))))

    def _inode(self, descriptor):
        return self._ids[os.fstat(descriptor).st_ino]

    def acceptable(self, n):
        """Return the steps that a log may have after n events: as before the call that is going on, or as after it."""
        before = [event.data for event in self.events[:n] if event.kind == "state"]
        after = [event.data for event in self.events[n:] if event.kind == "state"]
        return [before[-1] if before else [], after[0] if after else before[-1]]

    def killed_after(self, n, cut=None):
        """Return name -> content after n events, of the last of which, a write, so many bytes were written."""
        content, names = {}, {}
        for i, event in enumerate(self.events[:n]):
            _do(event, content, names, cut if i == n - 1 else None)
        return {name: bytes(content[inode]) for name, inode in names.items()}

    def power_cut_after(self, n, rng):
        """Return the same for a disk that kept what was synced, and of the rest any pages, sizes and names."""
        synced, content, names = {}, {}, {}
        unsynced_names = []
        versions = defaultdict(list)
        for event in self.events[:n]:
            if event.kind == "sync":
                synced[event.what] = bytes(content[event.what])
                versions[event.what] = []
            elif event.kind == "sync folder":
                for earlier in unsynced_names:
                    _do(earlier, {}, names)
                unsynced_names = []
            elif event.kind in ("name", "unname", "rename"):
                unsynced_names.append(event)
            _do(event, content, {})
            if event.kind in ("write", "cut"):
                versions[event.what].append(bytes(content[event.what]))
        for earlier in unsynced_names[: rng.integers(0, len(unsynced_names) + 1)]:
            _do(earlier, {}, names)
        return {name: _mixed(synced.get(inode, b""), versions[inode], rng) for name, inode in names.items()}


def _do(event, content, names, cut=None):
    if event.kind == "create":
        content[event.what] = bytearray()
    elif event.kind == "write" and event.what in content:
        offset, data = event.data
        content[event.what][offset : offset + len(data)] = data if cut is None else data[:cut]
    elif event.kind == "cut" and event.what in content:
        del content[event.what][event.data :]
    elif event.kind == "name":
        names[event.what] = event.data
    elif event.kind == "rename":
        names.pop(event.data[1], None)
        names[event.what] = event.data[0]
    elif event.kind == "unname":
        names.pop(event.what, None)


def _mixed(synced, later, rng):
    """Return a file each of whose pages is one of its versions since the last sync, or zeros beyond them."""
    versions = [synced, *later]
    size = len(versions[rng.integers(len(versions))])
    mixed = bytearray(size)
    for begin in range(0, size, PAGE):
        page = versions[rng.integers(len(versions))][begin : min(begin + PAGE, size)]
        mixed[begin : begin + len(page)] = page
    return bytes(mixed)


def put(folder, files):
    """Make a folder hold these files and no others."""
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    for name, content in files.items():
        Path(folder, name).write_bytes(content)


def cuts(length):
    """Return where a write of so many bytes is cut: around its ends, the head's, and at page borders."""
    wanted = {1, 2, 8, 43, 44, 45, 48, length - 4, length - 2, length - 1}
    wanted |= {border + d for border in range(PAGE, length, PAGE) for d in (-1, 0, 1)}
    return sorted(n for n in wanted if 0 < n < length)


ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
