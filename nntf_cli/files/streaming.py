"""Write HDF5 that need not fit into memory, straight into a file, without HDF5 ever meeting a full disk.

When a write fails, HDF5 keeps trying while it closes the file, and then ends the process, which no ``except`` can
catch. So it writes through a file that never fails: that remembers the first error and takes everything after it into
memory, for as long as it takes HDF5 to close.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO

import h5py
import numpy as np

from nntf_cli.files.chunks import FLETCHER32, GZIP, fletcher32
from nntf_cli.files.writing import LIBVER, put_attributes, put_dataset
from nntf_cli.model import Scalar
from nntf_cli.threads import n_threads

#: Bytes of one chunk. Gzip gains little beyond, and who reads one sample unpacks all of each chunk it is in.
_CHUNK_BYTES = 64 * 2**10

#: Snapshots in a chunk: the more, the better it packs, for the labels of a sample rarely change. Readers go through
#: whole rows of chunks, so as many as make this much.
_MOST_ROWS, _FEWEST_ROWS = 256, 16
_BAND_BYTES = 48 * 2**20

_LEVEL = 9

_CACHE_BYTES = 64 * 2**20


def chunk_shape(n_rows: int, n_columns: int, itemsize: int) -> tuple[int, int]:
    """Return how many snapshots and samples of a (T, N) array make a chunk."""
    rows = _MOST_ROWS
    while rows > _FEWEST_ROWS and rows * n_columns * itemsize > _BAND_BYTES:
        rows //= 2
    rows = min(rows, n_rows)
    return rows, max(1, min(n_columns, _CHUNK_BYTES // (rows * itemsize)))


class StreamedHdf5:
    """An HDF5 file that is being written; made by :func:`streamed_hdf5`."""

    def __init__(self, file: Any, guarded: _Guarded) -> None:
        self._file, self._guarded = file, guarded

    def put_array(self, path: str, array: np.ndarray) -> None:
        """Write a small array whole, compressed and checksummed."""
        put_dataset(self._file, path, array)
        self._guarded.raise_error()

    def put_attributes(self, group: str, attributes: Mapping[str, Scalar]) -> None:
        """Write attributes; a group that does not exist is made."""
        put_attributes(self._file.require_group(group) if group else self._file, attributes)
        self._guarded.raise_error()

    def put_blocks(
        self,
        path: str,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        chunks: tuple[int, int],
        blocks: Iterable[tuple[int, int, np.ndarray]],
    ) -> None:
        """Write a large array in pieces.

        Parameters
        ----------
        path : str
            Of the dataset.
        shape, dtype, chunks
            Of the dataset.
        blocks : iterable of (row, column, array)
            One for each chunk, cut off where the dataset ends. Several threads compress them.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        dataset = self._file.create_dataset(
            path, shape, dtype, chunks=chunks, compression="gzip", compression_opts=_LEVEL, fletcher32=True
        )
        creation = dataset.id.get_create_plist()
        assert [creation.get_filter(i)[0] for i in range(creation.get_nfilters())] == [GZIP, FLETCHER32]
        for place, packed in _packed(blocks, chunks):
            dataset.id.write_direct_chunk(place, packed)
            self._guarded.raise_error()


@contextmanager
def streamed_hdf5(stream: BinaryIO) -> Iterator[StreamedHdf5]:
    """Write HDF5 into a file opened for reading and writing; what can only be written is given it in one piece.

    Raises
    ------
    OSError
        The file cannot be written; HDF5 has been closed by then.
    """
    direct = stream.seekable() and stream.readable()
    target: Any = stream if direct else io.BytesIO()
    guarded = _Guarded(target)
    try:
        with h5py.File(guarded, "w", libver=LIBVER) as file:
            yield StreamedHdf5(file, guarded)
    finally:
        guarded.raise_error()
    target.flush()
    if not direct:
        stream.write(target.getbuffer())


@contextmanager
def reading_back(stream: BinaryIO) -> Iterator[Any]:
    """Open as a h5py file what has just been written; blocks that several readings touch are unpacked once."""
    stream.seek(0)
    with h5py.File(stream, "r", rdcc_nbytes=_CACHE_BYTES) as file:
        yield file


class _Guarded(io.RawIOBase):
    """A file that never fails, not even by an interrupt: HDF5 takes any exception for a failing disk.

    It is not buffered, for what a buffer still holds could fail when nobody expects it.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._raw = getattr(stream, "raw", stream)
        self._error: BaseException | None = None
        self._late: list[tuple[int, bytes]] = []  # what came after the error, and where it belongs
        self._place = 0

    def raise_error(self) -> None:
        """Raise what HDF5 was not told."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._error = self._error or error

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may lie beyond the end."""
        if whence == io.SEEK_END:
            ends = [at + len(data) for at, data in self._late]
            self._place = max([self._raw.seek(0, io.SEEK_END), *ends]) + place
        else:
            self._place = place if whence == io.SEEK_SET else self._place + place
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def write(self, data: Any) -> int:
        """Write all, or take it into memory."""
        view = memoryview(data).cast("B")
        if self._error is None:
            with self._kept():
                self._raw.seek(self._place)
                done = 0
                while done < len(view):
                    done += self._raw.write(view[done:])
        if self._error is not None:
            self._late.append((self._place, bytes(view)))
        self._place += len(view)
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Read what was written, wherever it is; zeros beyond the end."""
        view = memoryview(buffer).cast("B")
        done = 0
        with self._kept():
            self._raw.seek(self._place)
            while done < len(view) and (n := self._raw.readinto(view[done:])):
                done += n
        view[done:] = bytes(len(view) - done)
        for at, data in self._late:
            first, last = max(at, self._place), min(at + len(data), self._place + len(view))
            if first < last:
                view[first - self._place : last - self._place] = data[first - at : last - at]
        self._place += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Make the file this long, if it still matters."""
        size = self._place if size is None else size
        if self._error is None:
            with self._kept():
                self._raw.truncate(size)
        return size

    def flush(self) -> None:
        """Do nothing: nothing is held back."""


def _packed(
    blocks: Iterable[tuple[int, int, np.ndarray]], chunks: tuple[int, int]
) -> Iterator[tuple[tuple[int, int], bytes]]:
    from concurrent.futures import ThreadPoolExecutor

    def pack(given: tuple[int, int, np.ndarray]) -> tuple[tuple[int, int], bytes]:
        row, column, block = given
        whole = block
        if block.shape != chunks:
            whole = np.zeros(chunks, dtype=block.dtype)
            whole[: block.shape[0], : block.shape[1]] = block
        data = zlib.compress(np.ascontiguousarray(whole).data, _LEVEL)
        return (row, column), data + fletcher32(data).to_bytes(4, "little")

    pool = ThreadPoolExecutor(n_threads())
    try:
        rest = iter(blocks)
        while some := list(islice(rest, 8 * n_threads())):
            yield from pool.map(pack, some)
    finally:
        pool.shutdown(cancel_futures=True)
