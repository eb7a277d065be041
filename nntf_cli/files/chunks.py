"""Compressed HDF5 unpacked by several threads.

HDF5 runs under one lock, so through it only one processor inflates, and nothing else happens meanwhile. Where a block
lies in the file, HDF5 tells; what gzip, shuffle and fletcher32 did to it is undone here, a few blocks ahead of whoever
reads. Anything unusual is left to HDF5 itself.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Generator, Sequence
from itertools import islice, product
from math import ceil, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np

from nntf_cli.threads import n_threads

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

GZIP, SHUFFLE, FLETCHER32 = 1, 2, 3

#: Dataset bytes from which threads are worth starting, and block bytes below which Python costs more than it gains.
_WORTH_THREADS = 8 * 2**20
_SMALLEST_BLOCK = 8 * 2**10

#: The most bytes that one read returns, less a margin; HDF5 blocks may be larger.
_LARGEST_BLOCK = 2**30

#: Unpacked bytes that make one piece of work, and those that may lie waiting for the reader.
_WORK = 2**18
_AHEAD = 40 * 2**20

#: 16-bit words that are summed at once: their weighted sum fits 64 bits.
_SUMMED = 2**16


class Filter(NamedTuple):
    """What was done to each block, in the order of the file."""

    code: int
    element: int  #: bytes whose order shuffle changed


Cut = tuple[slice, slice]


class PackedChunks:
    """The blocks of a dataset: where each lies, how long it is, and which filters were left out for it."""

    def __init__(
        self, dataset: h5py.Dataset, filters: Sequence[Filter], descriptor: int, table: tuple[np.ndarray, ...]
    ) -> None:
        self._dataset = dataset  # keeps the file, and so the descriptor, open
        self._descriptor, self._filters = descriptor, filters
        self._shape, self._chunk, self._dtype = dataset.shape, dataset.chunks, dataset.dtype
        self._n_bytes = _chunk_bytes(dataset)
        self._offset, self._size, self._mask = table

    def ahead(self, n_bytes: int) -> int:
        """Return how many blocks of a size are unpacked before they are asked for."""
        return min(1, _AHEAD // max(1, n_bytes))

    def blocks(self, cuts: Sequence[Cut], ahead: int) -> Generator[np.ndarray]:
        """Yield rectangles of rows and columns that begin and end where chunks do; damage is a ValueError."""
        from concurrent.futures import ThreadPoolExecutor  # slow to load

        pool = ThreadPoolExecutor(n_threads())
        try:
            begun: deque[tuple[np.ndarray, list[Future[None]]]] = deque()
            for cut in cuts:
                begun.append(self._begin(pool, cut))
                if len(begun) > ahead:
                    yield _finished(*begun.popleft())
            while begun:
                yield _finished(*begun.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, pool: ThreadPoolExecutor, cut: Cut) -> tuple[np.ndarray, list[Future[None]]]:
        bounds = [*((part.start, part.stop) for part in cut), *((0, n) for n in self._shape[2:])]
        block = np.empty([stop - start for start, stop in bounds], dtype=self._dtype)
        steps = zip(bounds, self._chunk, strict=True)
        indices = product(*(range(start // step, ceil(stop / step)) for (start, stop), step in steps))
        several = max(1, _WORK // self._n_bytes)
        work = iter(lambda: list(islice(indices, several)), [])
        origin = [start for start, _ in bounds]
        return block, [pool.submit(self._place, block, origin, some) for some in work]

    def _place(self, block: np.ndarray, origin: list[int], indices: list[tuple[int, ...]]) -> None:
        for index in indices:
            chunk = self._unpacked(index)
            begin = [i * step - first for i, step, first in zip(index, self._chunk, origin, strict=True)]
            target = block[tuple(slice(first, first + step) for first, step in zip(begin, self._chunk, strict=True))]
            target[...] = chunk[tuple(map(slice, target.shape))]  # what sticks out of the dataset is cut off

    def _unpacked(self, index: tuple[int, ...]) -> np.ndarray:
        size = int(self._size[index])
        data = os.pread(self._descriptor, size, int(self._offset[index]))
        if len(data) < size:
            raise ValueError("a block ends beyond the end of the file")
        unpacked = unfilter(data, self._filters, int(self._mask[index]), self._n_bytes)
        return np.frombuffer(unpacked, dtype=self._dtype).reshape(self._chunk)


def _finished(block: np.ndarray, work: list[Future[None]]) -> np.ndarray:
    for piece in work:
        piece.result()
    return block


def packed_chunks(dataset: h5py.Dataset) -> PackedChunks | None:
    """Return the chunks of a dataset if threads can unpack them sooner than HDF5, else None.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of a file opened for reading. A damaged or unusual one is not refused but left to HDF5.
    """
    filters = _filters(dataset)
    if filters is None or not _is_worthwhile(dataset):
        return None
    table = _table(dataset)
    if table is None:
        return None
    descriptor = dataset.file.id.get_vfd_handle()
    chunks = PackedChunks(dataset, filters, descriptor, table)
    return chunks if _is_found(dataset, descriptor, table) else None


def _is_worthwhile(dataset: h5py.Dataset) -> bool:
    return (
        n_threads() > 1
        and hasattr(os, "pread")
        and dataset.file.driver == "sec2"  # a plain file, not bytes in memory
        and dataset.nbytes >= _WORTH_THREADS
        and _SMALLEST_BLOCK <= _chunk_bytes(dataset) <= _LARGEST_BLOCK
        and dataset.dtype.kind in "iuf"
        and bool(h5py.h5t.py_create(dataset.dtype).equal(dataset.id.get_type()))  # no odd precision or padding
    )


def _chunk_bytes(dataset: h5py.Dataset) -> int:
    return prod(dataset.chunks) * dataset.dtype.itemsize


def _filters(dataset: h5py.Dataset) -> list[Filter] | None:
    """Return the filters if gzip is among them, each occurs once, and none is unknown here."""
    if dataset.chunks is None:
        return None
    creation = dataset.id.get_create_plist()
    filters = []
    for i in range(creation.get_nfilters()):
        code, _, values, _ = creation.get_filter(i)
        if code == SHUFFLE and not (values and values[0]):
            return None
        filters.append(Filter(code, values[0] if code == SHUFFLE else 1))
    codes = [code for code, _ in filters]
    usual = GZIP in codes and len(set(codes)) == len(codes) and set(codes) <= {GZIP, SHUFFLE, FLETCHER32}
    return filters if usual else None


def _table(dataset: h5py.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return offset, size and filter mask of each chunk, in one pass; None if any is not where it should be."""
    shape, chunk = dataset.shape, dataset.chunks
    grid = tuple(ceil(n / c) for n, c in zip(shape, chunk, strict=True))
    offset, size = np.zeros(grid, dtype=np.int64), np.zeros(grid, dtype=np.int64)
    mask = np.zeros(grid, dtype=np.uint32)
    n_bytes, file_bytes = _chunk_bytes(dataset), os.fstat(dataset.file.id.get_vfd_handle()).st_size
    n_good = 0

    def enter(info: Any) -> None:
        nonlocal n_good
        index = tuple(first // c for first, c in zip(info.chunk_offset, chunk, strict=True))
        known = all(0 <= i < n for i, n in zip(index, grid, strict=True)) and not size[index]
        # some writers leave blocks that stick out of the dataset as they are, and only their size tells
        sticks_out = any((i + 1) * c > n for i, c, n in zip(index, chunk, shape, strict=True))
        plain = sticks_out and info.size == n_bytes and not info.filter_mask
        sane = 0 < info.size <= 2 * n_bytes + 1024 and 0 <= info.byte_offset <= file_bytes - info.size
        if known and sane and not plain:
            offset[index], size[index], mask[index] = info.byte_offset, info.size, info.filter_mask
            n_good += 1

    dataset.id.chunk_iter(enter)
    return (offset, size, mask) if n_good == prod(grid) else None


def _is_found(dataset: h5py.Dataset, descriptor: int, table: tuple[np.ndarray, ...]) -> bool:
    """Return whether offsets count from the start of the file: with a user block, some versions of HDF5 differ."""
    if not dataset.file.userblock_size:
        return True
    first = (0,) * dataset.ndim
    offset, size, _ = (column[first] for column in table)
    return os.pread(descriptor, int(size), int(offset)) == dataset.id.read_direct_chunk(first)[1]


def unfilter(data: bytes, filters: Sequence[Filter], mask: int, n_bytes: int) -> memoryview:
    """Undo what was done to one chunk.

    Parameters
    ----------
    data : bytes
        As stored.
    filters : sequence of Filter
        In the order in which they were applied; gzip occurs at most once.
    mask : int
        Bit i is set if filter i was left out.
    n_bytes : int
        What must come out.

    Raises
    ------
    ValueError
        Something else comes out, or a checksum is wrong.
    """
    applied = [f for i, f in enumerate(filters) if not mask >> i & 1]
    codes = [f.code for f in applied]
    inflated = n_bytes
    if GZIP in codes and FLETCHER32 in codes[: codes.index(GZIP)]:
        inflated += 4
    result = memoryview(data)
    for code, element in reversed(applied):
        if code == GZIP:
            result = _inflate(result, inflated)
        elif code == SHUFFLE:
            result = _unshuffle(result, element)
        else:
            result = _without_checksum(result)
    if result.nbytes != n_bytes:
        raise ValueError("a block does not unpack to its size")
    return result


def _inflate(data: memoryview, n_bytes: int) -> memoryview:
    """Unpack to exactly this size, and never to more than a byte above it."""
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, n_bytes + 1)
    except zlib.error as error:
        raise ValueError("a block does not unpack") from error
    if not stream.eof or len(unpacked) != n_bytes:
        raise ValueError("a block does not unpack to its size")
    return memoryview(unpacked)


def _unshuffle(data: memoryview, element: int) -> memoryview:
    """Put the bytes of each element together again: first bytes were stored first, then second ones, and so on."""
    stored = np.frombuffer(data, dtype=np.uint8)
    n = len(stored) // element
    if element in (2, 4, 8):
        return _unshuffle_words(stored, n, element)
    whole = stored[: n * element].reshape(element, n).T.ravel()
    return np.concatenate([whole, stored[n * element :]]).data


def _unshuffle_words(stored: np.ndarray, n: int, element: int) -> memoryview:
    """Do the same by shifting whole planes of bytes, of which most are zero: labels are small numbers."""
    words = np.zeros(n, dtype=f"<u{element}")
    for k, plane in enumerate(stored[: n * element].reshape(element, n)):
        if plane.any():
            words |= plane.astype(words.dtype) << words.dtype.type(8 * k)
    whole, rest = words.view(np.uint8), stored[n * element :]
    return np.concatenate([whole, rest]).data if len(rest) else whole.data


def _without_checksum(data: memoryview) -> memoryview:
    if len(data) < 4:
        raise ValueError("a block is too short")
    stored = int.from_bytes(data[-4:], "little")
    computed = fletcher32(data[:-4])
    # HDF5 before 1.6.3 swapped the bytes of both halves, and later versions accept either
    swapped = (computed & 0x00FF00FF) << 8 | (computed >> 8) & 0x00FF00FF
    if stored not in (computed, swapped):
        raise ValueError("the checksum of a block is wrong")
    return data[:-4]


def fletcher32(data: bytes | memoryview) -> int:
    """Compute HDF5's fletcher32: over big-endian 16-bit words, an odd byte being the upper half of one.

    Both sums are kept modulo 65535; HDF5 folds carries, which never makes 0 of what is not, so 65535 stands for 0.
    """
    words = np.frombuffer(data, dtype=">u2", count=len(data) // 2)
    first = second = 0
    for begin in range(0, len(words), _SUMMED):
        part = words[begin : begin + _SUMMED].astype(np.uint64)
        weight = np.arange(len(part), 0, -1, dtype=np.uint64)
        second += first * len(part) + int((part * weight).sum())
        first += int(part.sum())
    if len(data) % 2:
        first += data[-1] << 8
        second += first
    first, second = ((total % 65535 or 65535) if total else 0 for total in (first, second))
    return second << 16 | first
