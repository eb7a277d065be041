"""Every call by which a recorder changes a disk, so that tests can let each of them fail."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

from nntf_cli.files.atomic import temporary_of

write = os.write
fsync = os.fsync
fdatasync = getattr(os, "fdatasync", os.fsync)
replace = os.replace
link = os.link
unlink = os.unlink
ftruncate = os.ftruncate

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it, in as many pieces as the system takes."""
    view = memoryview(data).cast("B")
    while view:
        view = view[write(descriptor, view) :]


def create(path: str) -> int:
    """Open a new file for reading and writing."""
    return os.open(path, _CREATE, 0o666)


def temporary(path: str) -> str:
    """Return what this process calls a file that shall be renamed; those of dead processes are removed."""
    return str(temporary_of(Path(path)))


def sync_folder(path: str) -> None:
    """Make the names in a file's folder last; file systems without folders of their own have nothing to sync."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def put_in_place(temporary_path: str, path: str) -> None:
    """Rename a file that is whole and synced, and make that last."""
    with contextlib.suppress(FileNotFoundError):
        os.chmod(temporary_path, stat.S_IMODE(os.stat(path).st_mode))
    replace(temporary_path, path)
    sync_folder(path)


def discard(path: str) -> None:
    """Remove a file if it is there and can be removed."""
    with contextlib.suppress(OSError):
        os.unlink(path)


class Output(io.RawIOBase):
    """A file as a stream that :func:`~nntf_cli.labellog.writer.write_image` can write to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: Any) -> int:
        """Write all of it."""
        write_all(self._descriptor, data)
        return len(data)
