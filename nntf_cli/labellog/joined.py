"""Labels of a journal as arrays, alone or after the first rows of a dataset; nothing is read until it is asked for."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.store import PANEL_BYTES, Block, StoredArray, Tile
from nntf_cli.labellog.journal import Journal, Row, pread


class Handle:
    """A descriptor that is closed when nobody reads from it any more."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)


class InMemory:
    """An array that is there already."""

    checksummed = True  # every record of a journal is

    def __init__(self, values: np.ndarray, where: str) -> None:
        self._values, self.where = values, where
        self.shape, self.dtype = values.shape, values.dtype

    def read(self) -> np.ndarray:
        """Return it."""
        return self._values

    @property
    def column_step(self) -> int:
        """1: nothing is unpacked."""
        return 1

    def blocks(self, n_bytes: int) -> list[Block]:
        """Return it whole."""
        return [Block(0, len(self._values), 0, int(np.prod(self.shape[1:])))]

    def tiles(self, column_bytes: int | None = None, block: Block | None = None) -> Iterator[Tile]:
        """Yield it whole."""
        yield Tile(0, 0, self._values)


class JournalRows:
    """The labels of one split in a journal."""

    def __init__(self, handle: Handle, journal: Journal, n_samples: int, begin: int) -> None:
        self._handle, self._rows, self._where = handle, tuple(journal.rows), journal.where
        self._stored, self._begin = journal.dtype, begin
        self.n_rows, self.n_samples = len(self._rows), n_samples
        self.dtype = journal.dtype.newbyteorder("=")

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle of labels."""
        chosen: Sequence[Row] = self._rows[rows]
        block = np.empty((len(chosen), columns.stop - columns.start), dtype=self.dtype)
        item = self._stored.itemsize
        for target, row in zip(block, chosen, strict=True):
            data = pread(self._handle.descriptor, target.nbytes, row.offset + self._begin + columns.start * item)
            if len(data) < target.nbytes:
                raise InputError("was cut while it was read", "read it again", where=self._where)
            target[...] = np.frombuffer(data, dtype=self._stored)
        return block

    def blocks(self, columns: slice) -> Iterator[tuple[int, np.ndarray]]:
        """Yield row and labels, some rows at a time, of one range of samples."""
        several = max(1, PANEL_BYTES // max(1, (columns.stop - columns.start) * self.dtype.itemsize))
        for row in range(0, self.n_rows, several):
            yield row, self.read(slice(row, row + several), columns)


class Joined:
    """The first rows of a dataset, then those of a journal."""

    def __init__(self, first: StoredArray | None, n_first: int, later: JournalRows, where: str) -> None:
        self._first, self._n_first, self._later = first, n_first, later
        self.where = where
        self.shape: tuple[int, ...] = (n_first + later.n_rows, later.n_samples)
        self.dtype = later.dtype
        self.checksummed = first is None or first.checksummed

    def read(self) -> np.ndarray:
        """Return all labels."""
        whole = np.empty(self.shape, dtype=self.dtype)
        for row, column, block in self.tiles():
            whole[row : row + len(block), column : column + block.shape[1]] = block
        return whole

    @property
    def column_step(self) -> int:
        """That of the dataset: a journal is not packed."""
        return 1 if self._first is None else self._first.column_step

    def blocks(self, n_bytes: int) -> list[Block]:
        """Return the whole: a recording that goes on is read from its beginning."""
        return [Block(0, self.shape[0], 0, self.shape[1])]

    def tiles(self, column_bytes: int | None = None, block: Block | None = None) -> Iterator[Tile]:
        """Yield blocks, all rows of one range of samples before the next range."""
        if column_bytes is not None:
            yield from self._columns(column_bytes)
            return
        if self._first is None:
            yield from self._after(slice(0, self.shape[1]))
            return
        for row, column, labels in self._first.tiles():
            kept = labels[: max(0, self._n_first - row)]
            if len(kept):
                yield Tile(row, column, kept)
            if row + len(labels) == self._first.shape[0]:
                yield from self._after(slice(column, column + labels.shape[1]))

    def _after(self, columns: slice) -> Iterator[Tile]:
        for row, block in self._later.blocks(columns):
            yield Tile(self._n_first + row, columns.start, block)

    def _columns(self, column_bytes: int) -> Iterator[Tile]:
        n_rows, n_samples = self.shape
        if self._first is None:
            width = max(1, column_bytes // max(1, n_rows * self.dtype.itemsize))
            for column in range(0, n_samples, width):
                yield Tile(0, column, self._later.read(slice(None), slice(column, min(column + width, n_samples))))
            return
        for _, column, block in self._first.tiles(max(1, column_bytes * self._n_first // n_rows)):
            columns = slice(column, column + block.shape[1])
            yield Tile(0, column, np.concatenate([block[: self._n_first], self._later.read(slice(None), columns)]))
