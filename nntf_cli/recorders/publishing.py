"""The HDF5 file, made from the journal while the training goes on.

It is built in memory, written beside its target, synced, renamed: any other tool finds a valid file at all times. A
small one is made here; a larger one by a process of its own, so that training need not wait for gzip, and only the
rename is done here, under the lock. Either way at most a twentieth of the time goes into it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from nntf_cli.errors import NntfError
from nntf_cli.labellog.layouts import read_layout
from nntf_cli.labellog.native import label_dtype
from nntf_cli.labellog.recording import open_recording
from nntf_cli.labellog.writer import write_image
from nntf_cli.recorders import disk
from nntf_cli.recorders.appending import Appender

#: Labels, in bytes, up to which a file is made in this process.
in_process_bytes = 2**20

#: A file is made again when this many times as long as it took has passed since.
REST = 20

_CHILD = """
import sys
sys.path[:] = sys.argv.pop(1).split("\\n")
from nntf_cli.recorders.publishing import main
sys.exit(main(*sys.argv[1:]))
"""

_NICE = 10


class Publisher:
    """Makes the HDF5 file of a recording now and then, and at its end."""

    def __init__(self, appender: Appender, clock: Callable[[], float] = time.monotonic) -> None:
        self.failure = ""  #: why the file is not up to date, if making it failed
        self._appender, self._path, self._clock = appender, appender.path, clock
        self._published = -1  # bytes of the journal that the file was made from
        self._began = self._ended = 0.0
        self._tried = False
        self._making: tuple[subprocess.Popen[bytes], str, tuple[int, int]] | None = None

    def tick(self) -> None:
        """Make the file if it is time; a process that makes one is not waited for."""
        self._collect(wait=False)
        rested = not self._tried or self._clock() - self._ended >= REST * (self._ended - self._began)
        if self._making is None and rested:
            self._begin()

    def finish(self) -> bool:
        """Make the file, wait for it, and return whether it holds everything that the journal does."""
        self._collect(wait=True)
        if self._published != self._appender.end:
            self._begin()
            self._collect(wait=True)
        return self._published == self._appender.end

    def abandon(self) -> None:
        """End a process that makes a file nobody waits for."""
        if self._making is not None:
            process, temporary, _ = self._making
            self._making = None
            process.kill()
            process.wait()
            disk.discard(temporary)

    def _begin(self) -> None:
        self._tried, self._began = True, self._clock()
        temporary, version = "", self._version()
        try:
            temporary = disk.temporary(self._path)
            if self._n_bytes() > in_process_bytes and _has_python():
                self._making = self._start(temporary), temporary, version
                return
            make(self._path, temporary, self._appender.end)
            self._place(temporary, version)
        except Exception as error:  # whatever it is: the journal holds everything, and training goes on
            self._fail(error)
        finally:
            self._ended = self._clock()
            if temporary and self._making is None:
                disk.discard(temporary)

    def _version(self) -> tuple[int, int]:
        return self._appender.end, self._appender.n_rewinds

    def _n_bytes(self) -> int:
        run = self._appender.run
        return len(self._appender.steps) * sum(run.splits.values()) * label_dtype(run.n_classes).itemsize

    def _start(self, temporary: str) -> subprocess.Popen[bytes]:
        folders = [str(Path(__file__).parents[2]), *(os.path.abspath(p) for p in sys.path if p)]
        arguments = ["\n".join(folders), self._path, temporary, str(self._appender.end), str(os.getpid())]
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _CHILD, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the training
        )

    def _collect(self, wait: bool) -> None:
        """Put the file in place that another process has finished."""
        if self._making is None or (not wait and self._making[0].poll() is None):
            return
        process, temporary, version = self._making
        try:
            said = process.communicate()[1].decode(errors="replace").strip()
            self._making = None
            if process.returncode:
                raise OSError(said.splitlines()[-1] if said else f"the process ended with {process.returncode}")
            self._place(temporary, version)
        except Exception as error:
            self._fail(error)
        finally:
            self._ended = self._clock()
            if self._making is None:
                disk.discard(temporary)

    def _place(self, temporary: str, version: tuple[int, int]) -> None:
        if version[1] != self._appender.n_rewinds:
            return  # it holds snapshots that are no more
        disk.put_in_place(temporary, self._path)
        self._published, self.failure = version[0], ""

    def _fail(self, error: Exception) -> None:
        self.failure = getattr(error, "strerror", None) or str(error) or type(error).__name__


def _has_python() -> bool:
    """Return whether the interpreter can be started once more; an application frozen into one file cannot."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def make(path: str, temporary: str, end: int) -> None:
    """Write the HDF5 file of a log to another place, from so many bytes of its journal, and sync it."""
    recording = open_recording(path, end)
    log = None if recording is None else read_layout(recording)
    if log is None:
        raise FileNotFoundError("the journal is gone")
    descriptor = disk.create(temporary)
    try:
        write_image(cast(BinaryIO, disk.Output(descriptor)), log)
        disk.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(path: str, temporary: str, end: str, parent: str) -> int:
    """Make the file for another process, and leave nothing behind if that one is no more."""

    def is_orphan() -> bool:
        return os.getppid() != int(parent)

    done = False
    try:
        os.nice(_NICE)
        if not is_orphan():
            make(path, temporary, int(end))
            done = True
    except (NntfError, OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        print(reason, file=sys.stderr)  # noqa: T201
    finally:
        if not done or is_orphan():
            disk.discard(temporary)
    return 0 if done else 1
