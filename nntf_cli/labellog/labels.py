"""Stored arrays as label sources: narrowed, validated, by argmax where they hold scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.store import PANEL_BYTES, Block, StoredArray, Tile
from nntf_cli.labellog.native import label_dtype
from nntf_cli.model import NO_MISSING, Panel

_MOST_CLASSES = 2**32 - 1


class StoredLabels:
    """The labels of one split as a :class:`~nntf_cli.model.LabelSource`.

    Parameters
    ----------
    array : StoredArray
        (T, N) labels, or (T, N, C) scores whose largest column (the lowest on ties) is the label.
    declared : int or None
        C where the file says it: a label must be below.
    missing : int
        The label that means "no prediction".
    """

    def __init__(self, array: StoredArray, declared: int | None, missing: int = NO_MISSING) -> None:
        self._array, self._declared, self.missing = array, declared, missing
        self.n_snapshots, self.n_samples = array.shape[:2]
        self._dtype = _narrowed(array.dtype, declared, missing, is_scores=len(array.shape) == 3)
        self._largest: int | None = None
        self._n_missing = 0

    def panels(self) -> Iterator[Panel]:
        """Yield validated labels, top to bottom within each range of samples."""
        return self._converted(self._array.tiles())

    def column_panels(self, max_bytes: int) -> Iterator[Panel]:
        """Yield all snapshots of one range of samples at a time."""
        wide = self._array.dtype.itemsize * int(np.prod(self._array.shape[2:])) / self._dtype.itemsize
        return self._converted(self._array.tiles(int(max_bytes * max(1.0, wide))))

    def n_classes(self) -> int:
        """Return 1 + the largest label, reading all labels unless that is done already."""
        if self._largest is None:
            for _ in self.panels():
                pass
        return (self._largest or 0) + 1

    def n_missing(self) -> int:
        """Return how many labels are missing, reading all labels unless that is done already."""
        self.n_classes()
        return self._n_missing

    @property
    def column_step(self) -> int:
        """How many samples are unpacked to read all snapshots of one; all where scores are, which are too large."""
        return self._array.column_step if len(self._array.shape) == 2 else self.n_samples

    @property
    def n_bytes(self) -> int:
        """Bytes that the labels, or the scores they come from, are when unpacked."""
        return int(np.prod(self._array.shape, dtype=np.int64)) * self._array.dtype.itemsize

    def blocks(self, n_bytes: int) -> list[Block]:
        """Return rectangles of about that many bytes each, which tile the labels and can be read alone."""
        return self._array.blocks(n_bytes)

    def part(self, block: Block) -> StoredLabels:
        """Return the labels in a block; in panels and messages they keep the place that they have in the whole."""
        return StoredLabels(_Part(self._array, block), self._declared, self.missing)

    def _converted(self, tiles: Iterator[Tile]) -> Iterator[Panel]:
        largest, n_missing = 0, 0
        for row, column, block in tiles:
            labels = self._to_labels(block, row, column)
            top, gone = self._largest_label(labels, row, column)
            largest, n_missing = max(largest, top), n_missing + gone
            yield Panel(row, column, labels, top + 1)
        self._largest, self._n_missing = largest, n_missing

    def _to_labels(self, block: np.ndarray, row: int, column: int) -> np.ndarray:
        if block.ndim == 3:
            if block.dtype.kind == "f" and np.isnan(block).any():
                self._refuse_score(np.isnan(block).any(axis=2), row, column)
            block = block.argmax(axis=2)
        elif block.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                block = self._refuse(~np.isfinite(block), block, row, column, "is not a finite number")
                block = self._refuse(block != np.floor(block), block, row, column, "is not a whole number")
        if block.dtype.kind in "if":
            block = self._refuse(block < 0, block, row, column, "is negative")
        if block.dtype.itemsize >= 4 and block.dtype != self._dtype:
            block = self._refuse(block >= _MOST_CLASSES, block, row, column, "is too large for a class")
        if block.dtype.itemsize > self._dtype.itemsize and self._declared is not None:
            block = self._refuse(block >= self._declared, block, row, column, self._not_a_class())
        return np.ascontiguousarray(block, dtype=self._dtype)

    def _largest_label(self, labels: np.ndarray, row: int, column: int) -> tuple[int, int]:
        """Return the largest label that is not missing (-1 if none is) and how many are missing."""
        top, n_missing = int(labels.max()), 0
        if top == self.missing:
            present = labels != self.missing
            n_missing = labels.size - int(np.count_nonzero(present))
            top = int(labels.max(where=present, initial=0)) if n_missing < labels.size else -1
        if self._declared is not None and top >= self._declared:
            wrong = (labels >= self._declared) & (labels != self.missing)
            labels = self._refuse(wrong, labels, row, column, self._not_a_class())
        return top, n_missing

    def _not_a_class(self) -> str:
        return f"is no class: the file says that there are {self._declared}"

    def _refuse(self, wrong: np.ndarray, block: np.ndarray, row: int, column: int, what: str) -> np.ndarray:
        """Raise for labels that are none; return the block if there are none."""
        if not wrong.any():
            return block
        r, c = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise InputError(
            f"label {block[r, c]} of snapshot {row + int(r)}, sample {column + int(c)} {what}",
            "labels are whole numbers from 0 to the number of classes - 1",
            where=self._array.where,
        )

    def _refuse_score(self, wrong: np.ndarray, row: int, column: int) -> None:
        r, c = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise InputError(
            f"a score of snapshot {row + int(r)}, sample {column + int(c)} is nan",
            "store labels, or scores that can be compared",
            where=self._array.where,
        )


def _narrowed(dtype: np.dtype[Any], declared: int | None, missing: int, *, is_scores: bool) -> np.dtype[Any]:
    if missing != NO_MISSING:
        return dtype.newbyteorder("=")
    if declared is not None:
        return label_dtype(declared)
    if dtype.kind in "bu" and dtype.itemsize <= 2 and not is_scores:
        return np.dtype("u1") if dtype.itemsize == 1 else np.dtype("u2")
    return np.dtype("u4")


class _Part:
    """A block of a stored array, whose tiles are numbered as in the whole."""

    def __init__(self, array: StoredArray, block: Block) -> None:
        self._array, self._block = array, block
        self.checksummed = array.checksummed
        self.where, self.dtype = array.where, array.dtype
        self.shape = (block.bottom - block.top, block.right - block.left, *array.shape[2:])
        self.column_step = array.column_step

    def read(self) -> np.ndarray:
        return self._array.read()[self._block.top : self._block.bottom, self._block.left : self._block.right]

    def tiles(self, column_bytes: int | None = None, block: Block | None = None) -> Iterator[Tile]:
        return self._array.tiles(column_bytes, block or self._block)

    def blocks(self, n_bytes: int) -> list[Block]:
        return [self._block]


class SnapshotStack:
    """One stored array per snapshot, all of one shape, seen as one (T, N) or (T, N, C) array.

    None stands for a snapshot that cannot be used; only salvaging goes on then.
    """

    def __init__(self, arrays: Sequence[StoredArray | None], where: str) -> None:
        self.snapshots, self.where = arrays, where
        self._arrays = [array for array in arrays if array is not None]
        self.shape = (len(arrays), *self._arrays[0].shape)
        self.dtype = np.result_type(*(array.dtype for array in self._arrays))
        self.checksummed = all(array.checksummed for array in self._arrays)
        self.column_step = self.shape[1]

    def read(self) -> np.ndarray:
        """Return all snapshots."""
        return np.stack([array.read() for array in self._arrays])

    def blocks(self, n_bytes: int) -> list[Block]:
        """Return rectangles of whole snapshots."""
        n_snapshots, n_samples = self.shape[:2]
        rows = max(1, n_bytes // max(1, self.dtype.itemsize * int(np.prod(self.shape[1:]))))
        return [Block(row, min(row + rows, n_snapshots), 0, n_samples) for row in range(0, n_snapshots, rows)]

    def tiles(self, column_bytes: int | None = None, block: Block | None = None) -> Iterator[Tile]:
        """Yield some snapshots at a time; column by column takes several passes over all of them."""
        n_snapshots, n_samples = self.shape[:2]
        top, bottom, left, right = block or Block(0, n_snapshots, 0, n_samples)
        row_bytes = max(1, self.dtype.itemsize * int(np.prod(self.shape[1:])))
        if column_bytes is None:
            rows = max(1, PANEL_BYTES // row_bytes)
            for row in range(top, bottom, rows):
                arrays = self._arrays[row : min(row + rows, bottom)]
                yield Tile(row, left, np.stack([array.read()[left:right] for array in arrays]))
            return
        width = max(1, column_bytes * n_samples // (row_bytes * n_snapshots))
        for column in range(0, n_samples, width):
            parts = [array.read()[column : column + width] for array in self._arrays]
            yield Tile(0, column, np.stack(parts))
