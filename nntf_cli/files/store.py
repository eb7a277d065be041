"""What the layouts need from a file, whatever its format: named arrays, groups and scalar attributes."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.model import Scalar

#: What labels are called where they are not in the native layout; a group that holds them is a run.
LABEL_NAMES = ("labels", "predictions")

#: Labels are read about this many bytes at a time.
PANEL_BYTES = 16 * 2**20

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LARGEST_USERBLOCK = 2**20

#: h5py says "Unable to synchronously open file (WHY)"; only WHY is news.
_H5PY_WRAPPING = re.compile(r"[^()]* synchronously [^()]*\((.+)\)")


class Tile(NamedTuple):
    """A rectangle of an array: rows from ``row`` and columns from ``column`` on."""

    row: int
    column: int
    block: np.ndarray  #: (rows, columns, ...)


class Block(NamedTuple):
    """A rectangle that can be read without the rest: rows [top, bottom), columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int


class StoredArray(Protocol):
    """One array in a file; nothing is read until it is asked for."""

    where: str  #: file and path, for messages
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    checksummed: bool  #: whether wrong bytes in it would be noticed

    @property
    def column_step(self) -> int:
        """How many columns are unpacked to read one of them, all rows of it."""
        ...

    def read(self) -> np.ndarray:
        """Return the whole array."""
        ...

    def tiles(self, column_bytes: int | None = None, block: Block | None = None) -> Iterator[Tile]:
        """Yield blocks, all rows of one range of columns in order, then the next, cut as the file stores them.

        With ``column_bytes``, every block holds all rows and about that many bytes. With ``block``, only what lies
        in it; rows and columns keep the numbers that they have in the whole.
        """
        ...

    def blocks(self, n_bytes: int) -> list[Block]:
        """Return rectangles of about that many bytes that tile the array, cut where little is unpacked twice."""
        ...


class Store(Protocol):
    """A group of a file."""

    where: str
    kind: str  #: "HDF5" or "NPZ"

    def names(self) -> list[str]:
        """Return the names directly below this group, without opening what they name."""
        ...

    def is_group(self, path: str) -> bool:
        """Return whether ``path`` is a group."""
        ...

    def group(self, path: str) -> Store:
        """Return the group at ``path``."""
        ...

    def array(self, path: str) -> StoredArray | None:
        """Return the array at ``path``, checked to be readable, or None where there is none."""
        ...

    def attributes(self, path: str = "") -> dict[str, Scalar | None]:
        """Return the attributes at ``path``; None stands for a value that is not one scalar."""
        ...

    def runs(self) -> list[str]:
        """Return the paths of all groups that carry the attribute ``format`` or hold labels."""
        ...


def sniff(path: str, data: bytes | None = None) -> str:
    """Return "HDF5", "NPZ", "NPY" or "" (unknown), from the content, never the name.

    Raises
    ------
    InputError
        The file is missing, unreadable, empty, or not a regular file.
    """
    if data is not None:
        if not data:
            raise InputError("is empty", "nothing came through the pipe", where=path)
        return _sniff_stream(io.BytesIO(data))
    with open_regular(path) as stream:
        return _sniff_stream(stream)


def open_regular(path: str) -> BinaryIO:
    """Open a file that has content; anything else could wait for ever or never end."""
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = "no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", error)
        raise InputError(f"cannot be read ({reason})", "check the path", where=path) from error
    try:
        _require_regular(os.fstat(descriptor), path)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _require_regular(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InputError("is a directory", "name a file in it", where=path)
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is a pipe or device, not a regular file", "use - to read stdin", where=path)
    if status.st_size == 0:
        raise InputError("is empty", "was writing it interrupted?", where=path)


def _sniff_stream(stream: BinaryIO) -> str:
    head = stream.read(8)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "NPZ"
    if head.startswith(b"\x93NUMPY"):
        return "NPY"
    offset = 512
    while head and head != _HDF5_SIGNATURE and offset <= _LARGEST_USERBLOCK:
        stream.seek(offset)
        head = stream.read(8)
        offset *= 2
    return "HDF5" if head == _HDF5_SIGNATURE else ""


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into one :class:`InputError`."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = _H5PY_WRAPPING.sub(r"\1", " ".join(str(error).split()))[:120] or type(error).__name__
        raise InputError(
            f"is damaged or truncated ({reason})", "make it again or restore a copy", where=where
        ) from error
