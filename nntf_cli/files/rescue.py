"""Open files that their library refuses: HDF5 that was cut off, or whose writer died, and NPZ without its end."""

from __future__ import annotations

import io
import os
from typing import Any

from nntf_cli.errors import InputError
from nntf_cli.files.opening import open_store
from nntf_cli.files.store import Store, reading, sniff

_SUPERBLOCK_BYTES = 96

#: Where a superblock says how long the file is, by its version; addresses of 8 bytes are usual.
_END_AT = {0: 40, 1: 44, 2: 28, 3: 28}

_FLAGS_AT, _CHECKSUM_AT = 11, 44  # of versions 2 and 3


def open_rescued(path: str) -> Store:
    """Open a file for salvaging, made whole in memory as far as its library insists on.

    An HDF5 file that ends too early is read as if zeros followed, which are never taken for data; the mark that a
    program is still writing to it, as one that was killed leaves behind, is ignored. Of an NPZ file without its table
    of contents, the members that are whole are found one after the other.

    Raises
    ------
    InputError
        It cannot be opened even so.
    """
    try:
        return open_store(path, salvaging=True)
    except InputError:
        kind = sniff(path)
        store = _cut_npz(path) if kind == "NPZ" else _cut_hdf5(path) if kind == "HDF5" else None
        if store is None:
            raise
        return store


def _cut_npz(path: str) -> Store | None:
    from nntf_cli.files.npz import NpzStore
    from nntf_cli.files.rezip import reopened

    with reading(path):
        archive = reopened(path)
    if not archive.filelist:
        archive.close()
        return None
    return NpzStore.of(archive, path, salvaging=True)


def _cut_hdf5(path: str) -> Store | None:
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        head = bytearray(stream.read(_SUPERBLOCK_BYTES))
    end = _claimed_end(head)
    if end is None or not _repaired(head, end, size):
        return None
    return _open(path, bytes(head), size, max(end, size))


def _open(path: str, head: bytes, size: int, end: int) -> Store:
    import h5py

    from nntf_cli.files.hdf5 import Hdf5Store

    with reading(path):
        file = h5py.File(_Extended(path, head, end), "r")
        return Hdf5Store(file, path, salvaging=True, end=size if end > size else None)


def _claimed_end(head: bytearray) -> int | None:
    """Return how long the superblock says that the file is."""
    version = head[8] if len(head) == _SUPERBLOCK_BYTES else -1
    if version not in _END_AT or head[9 if version >= 2 else 13] != 8:
        return None
    at = _END_AT[version]
    return int.from_bytes(head[at : at + 8], "little")


def _repaired(head: bytearray, end: int, size: int) -> bool:
    """Take the mark of a writer off; return whether anything is different from what the library has refused."""
    marked = head[8] >= 2 and head[_FLAGS_AT]
    if marked:
        head[_FLAGS_AT] = 0
        head[_CHECKSUM_AT : _CHECKSUM_AT + 4] = lookup3(bytes(head[:_CHECKSUM_AT])).to_bytes(4, "little")
    return bool(marked) or size < end < 2**62


class _Extended(io.RawIOBase):
    """A file with another beginning, and zeros behind its end."""

    def __init__(self, path: str, head: bytes, end: int) -> None:
        super().__init__()
        self._file, self._head, self._end, self._place = open(path, "rb", buffering=0), head, end, 0

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        self._place = start + place
        return self._place

    def tell(self) -> int:
        return self._place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        self._file.seek(self._place)
        done = 0
        while done < len(view) and (n := self._file.readinto(view[done:])):
            done += n
        view[done:] = bytes(len(view) - done)
        if self._place < len(self._head):
            part = self._head[self._place : self._place + len(view)]
            view[: len(part)] = part
        self._place += len(view)
        return len(view)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def lookup3(data: bytes) -> int:
    """Compute the checksum of HDF5's metadata: Bob Jenkins' lookup3 (hashlittle) with nothing to begin from."""
    a = b = c = (0xDEADBEEF + len(data)) & _WORD
    words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
    words += [0] * (-len(words) % 3)
    last = max(0, len(words) - 3)
    for i in range(0, last, 3):
        a, b, c = _mixed((a + words[i]) & _WORD, (b + words[i + 1]) & _WORD, (c + words[i + 2]) & _WORD)
    if not data:
        return c
    return _finished((a + words[last]) & _WORD, (b + words[last + 1]) & _WORD, (c + words[last + 2]) & _WORD)


_WORD = 0xFFFFFFFF


def _turned(x: int, n: int) -> int:
    return (x << n | x >> 32 - n) & _WORD


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for first, second, third in ((4, 6, 8), (16, 19, 4)):
        a = (a - c & _WORD) ^ _turned(c, first)
        c = c + b & _WORD
        b = (b - a & _WORD) ^ _turned(a, second)
        a = a + c & _WORD
        c = (c - b & _WORD) ^ _turned(b, third)
        b = b + a & _WORD
    return a, b, c


def _finished(a: int, b: int, c: int) -> int:
    for x, y, z in ((14, 11, 25), (16, 4, 14)):
        c = ((c ^ b) - _turned(b, x)) & _WORD
        a = ((a ^ c) - _turned(c, y)) & _WORD
        b = ((b ^ a) - _turned(a, z)) & _WORD
    return ((c ^ b) - _turned(b, 24)) & _WORD
