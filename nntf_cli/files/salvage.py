"""What can still be read of a damaged HDF5 dataset, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import ceil, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.store import PANEL_BYTES, reading

if TYPE_CHECKING:
    import h5py

    from nntf_cli.files.chunks import Cut, Filter
    from nntf_cli.files.hdf5 import Hdf5Array

#: Why a block that nobody ever wrote is missing; there is nothing wrong with the file then.
NEVER_WRITTEN = "was never written"

_CUT_OFF = "the file ends too early"


class Salvaged(NamedTuple):
    """A rectangle of an array, of which some may be lost."""

    row: int
    column: int
    block: np.ndarray  #: (rows, columns, ...); zero where lost
    lost: np.ndarray  #: (rows, columns) bool
    losses: list[tuple[Cut, InputError]]  #: where in the array, and why


def salvage(array: Hdf5Array) -> Iterator[Salvaged]:
    """Yield all of an array in the order of its tiles; what cannot be read is lost, and nothing is made up for it.

    Raises
    ------
    LimitError
        One row of blocks does not fit into memory.
    """
    cuts, n_bytes = array.cuts(PANEL_BYTES)
    memory.require(3 * n_bytes, "one block of it", memory.ELSEWHERE, where=array.where)
    reader = _Contiguous(array) if array.dataset.chunks is None else _Chunked(array)
    for rows, columns in cuts:
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        found = Salvaged(
            rows.start,
            columns.start,
            np.zeros((*shape, *array.shape[2:]), dtype=array.dtype),
            np.zeros(shape, dtype=bool),
            [],
        )
        reader.read((rows, columns), found)
        yield found


class _Contiguous:
    """Data in one piece: all that lie before the end of the file are there."""

    def __init__(self, array: Hdf5Array) -> None:
        self._array = array
        offset, end = array.dataset.id.get_offset(), array.end
        item = array.dtype.itemsize * prod(array.shape[2:])
        n_there = array.dataset.nbytes if end is None or offset is None else end - offset
        self._n_there = max(0, n_there // item)

    def read(self, cut: Cut, found: Salvaged) -> None:
        rows, columns = cut
        place = np.arange(rows.start, rows.stop)[:, np.newaxis] * self._array.shape[1]
        there = place + np.arange(columns.start, columns.stop) < self._n_there
        try:
            with reading(self._array.where):
                block = self._array.dataset[cut]
        except InputError as error:
            found.lost[...] = True
            found.losses.append((cut, error.bare()))
            return
        found.block[there] = block[there]
        found.lost[...] = ~there
        if not there.all() and self._array.flaw is not None:
            found.losses.append((cut, self._array.flaw))


class _Chunked:
    """Chunks, each of which is read on its own."""

    def __init__(self, array: Hdf5Array) -> None:
        self._array, self._dataset = array, array.dataset
        self._chunk, self._shape = array.dataset.chunks, array.shape
        self._n_bytes = prod(self._chunk) * array.dtype.itemsize
        self._filters = _known_filters(self._dataset)
        self._stored: dict[tuple[int, ...], Any] = {}
        with reading(array.where):
            self._dataset.id.chunk_iter(self._enter)

    def _enter(self, info: Any) -> None:
        self._stored[tuple(info.chunk_offset)] = info

    def read(self, cut: Cut, found: Salvaged) -> None:
        bounds = [*((part.start, part.stop) for part in cut), *((0, n) for n in self._shape[2:])]
        starts = [
            range(start // step * step, ceil(stop / step) * step, step)
            for (start, stop), step in zip(bounds, self._chunk, strict=True)
        ]
        for first in product(*starts):
            ends = [min(a + step, n) for a, step, n in zip(first, self._chunk, self._shape, strict=True)]
            place = tuple(slice(a, b) for a, b in zip(first, ends, strict=True))
            target = tuple(slice(a - start, b - start) for a, b, (start, _) in zip(first, ends, bounds, strict=True))
            try:
                with reading(self._array.where):
                    found.block[target] = self._read_chunk(first, place)
            except InputError as error:
                found.lost[target[:2]] = True  # of scores, a label with any part of them
                found.losses.append(((place[0], place[1]), error.bare()))

    def _read_chunk(self, first: tuple[int, ...], place: tuple[slice, ...]) -> np.ndarray:
        info = self._stored.get(first)
        if info is None:
            raise ValueError(NEVER_WRITTEN)
        if self._array.end is not None and info.byte_offset + info.size > self._array.end:
            raise ValueError(_CUT_OFF)
        if not 0 < info.size <= 2 * self._n_bytes + 1024:
            raise ValueError("a block has an impossible size")
        if self._filters is None:
            if self._dataset.fletcher32 and info.size < 5:
                raise ValueError("a block is too short")
            return np.asarray(self._dataset[place])
        mask, data = self._dataset.id.read_direct_chunk(first)
        shape = tuple(part.stop - part.start for part in place)
        if shape != self._chunk and len(data) == self._n_bytes and not mask:
            return np.asarray(self._dataset[place])  # some writers leave blocks that stick out as they are
        from nntf_cli.files.chunks import unfilter

        unpacked = unfilter(data, self._filters, mask, self._n_bytes)
        chunk = np.frombuffer(unpacked, dtype=self._array.dtype).reshape(self._chunk)
        return chunk[tuple(map(slice, shape))]


def _known_filters(dataset: h5py.Dataset) -> list[Filter] | None:
    """Return the filters if all can be undone without HDF5, which is safer with damaged blocks; else None."""
    import h5py

    from nntf_cli.files.chunks import FLETCHER32, GZIP, SHUFFLE, Filter

    if not h5py.h5t.py_create(dataset.dtype).equal(dataset.id.get_type()):
        return None
    creation = dataset.id.get_create_plist()
    filters = []
    for i in range(creation.get_nfilters()):
        code, _, values, _ = creation.get_filter(i)
        if code not in (GZIP, SHUFFLE, FLETCHER32) or (code == SHUFFLE and not (values and values[0])):
            return None
        filters.append(Filter(code, values[0] if code == SHUFFLE else 1))
    codes = [code for code, _ in filters]
    return filters if len(set(codes)) == len(codes) else None
