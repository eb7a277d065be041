"""All snapshots of some samples at a time, whatever the order in which a file keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.model import LabelSource, Panel

#: Bytes of labels that are held at a time where a file keeps each snapshot whole, and where it does not.
STACK_BYTES = 512 * 2**20
COLUMN_BYTES = 32 * 2**20

#: Bytes of a label, at most.
_LARGEST_LABEL = 4

#: Column panels that are held at a time: one is worked on, while the next ones are unpacked.
_COLUMN_PANELS = 4


class Stack(NamedTuple):
    """All T labels of the samples from ``column`` on; the next one may be written over it."""

    column: int
    labels: np.ndarray  #: (T, samples)
    width: int  #: above every label that is not missing


def stacks(source: LabelSource, n_bytes: float | None = None) -> Iterator[Stack]:
    """Yield all labels, some samples at a time.

    Where a file can be read so, it is. Where it keeps each snapshot whole and is too large to be held, it is read as
    often as it takes to hold all snapshots of a part of the samples each time.

    Parameters
    ----------
    source : LabelSource
        The labels.
    n_bytes : float, optional
        How many labels may be held; if not given, half of what is available, and ``STACK_BYTES`` at most.

    Raises
    ------
    LimitError
        Not even the labels of one sample fit into memory.
    """
    room = min(STACK_BYTES, memory.available() / 2) if n_bytes is None else n_bytes
    column_bytes = min(COLUMN_BYTES, int(room / _COLUMN_PANELS))
    if source.n_snapshots * source.column_step * _LARGEST_LABEL <= column_bytes:
        for panel in source.column_panels(column_bytes):
            yield Stack(panel.column, panel.labels, panel.width)
    else:
        yield from _gathered(source, room)


def _gathered(source: LabelSource, room: float) -> Iterator[Stack]:
    """Put panels of some snapshots on top of each other, in as many passes as it takes."""
    n_passes, number, held = 1, 0, _Held(source.n_snapshots, room)
    while number < n_passes:
        for panel in source.panels():
            if panel.row == 0:
                n_passes = max(n_passes, held.begin(panel, number))
            if held.add(panel):
                yield held.stack()
        number += 1


class _Held:
    """The part of a range of samples that is held in one of several passes.

    Parameters
    ----------
    n_snapshots : int
        T.
    room : float
        Bytes that may be held.
    """

    def __init__(self, n_snapshots: int, room: float) -> None:
        self._n_snapshots, self._room = n_snapshots, room
        self._all = np.empty(0, dtype=np.uint8)  # of the largest part so far: the others use it again

    def begin(self, top: Panel, number: int) -> int:
        """Begin with the first panel of a range; return how many passes it takes."""
        n_columns, item = top.labels.shape[1], self._n_snapshots * top.labels.itemsize
        n_passes = ceil(n_columns / max(1, self._room // item))
        each = ceil(n_columns / n_passes)
        first, last = min(number * each, n_columns), min((number + 1) * each, n_columns)
        self._width, self._column, self._columns = 0, top.column + first, slice(first, last)
        n_bytes = (last - first) * item
        if len(self._all) < n_bytes:
            memory.require(n_bytes, "all labels of some samples", "choose fewer with --every, --from and --to")
            self._all = np.empty(n_bytes, dtype=np.uint8)
        self._labels = self._all[:n_bytes].view(top.labels.dtype).reshape(self._n_snapshots, last - first)
        return n_passes

    def add(self, panel: Panel) -> bool:
        """Keep what belongs here; return whether all snapshots are there, and there are samples at all."""
        self._width = max(self._width, panel.width)
        end = panel.row + len(panel.labels)
        self._labels[panel.row : end] = panel.labels[:, self._columns]
        return end == self._n_snapshots and self._labels.shape[1] > 0

    def stack(self) -> Stack:
        """Return what is held."""
        return Stack(self._column, self._labels, self._width)
