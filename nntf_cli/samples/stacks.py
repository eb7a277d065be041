"""All snapshots of some samples at a time, whatever the order in which a file keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.model import LabelSource, Panel

#: Bytes of labels that are held at a time where a file keeps its snapshots one after the other.
STACK_BYTES = 512 * 2**20


class Stack(NamedTuple):
    """All T labels of the samples from ``column`` on."""

    column: int
    labels: np.ndarray  #: (T, samples)
    width: int  #: above every label that is not missing


def stacks(source: LabelSource, n_bytes: float | None = None) -> Iterator[Stack]:
    """Yield all labels, some samples at a time.

    Where a range of samples comes from the file in one panel, that is taken as it is. Where it comes snapshot by
    snapshot and is too large to be held, the file is read as often as it takes to hold a part of it each time.

    Parameters
    ----------
    source : LabelSource
        The labels.
    n_bytes : float, optional
        How large a stack may be; if not given, half of what is available, and ``STACK_BYTES`` at most.

    Raises
    ------
    LimitError
        Not even the labels of one sample fit into memory.
    """
    room = min(STACK_BYTES, memory.available() / 2) if n_bytes is None else n_bytes
    n_passes, number = 1, 0
    while number < n_passes:
        held: _Held | None = None
        for panel in source.panels():
            if panel.row == 0:
                held = _Held(panel, source.n_snapshots, room, number)
                n_passes = max(n_passes, held.n_passes)
            assert held is not None
            if held.add(panel):
                yield held.stack()
        number += 1


class _Held:
    """The part of a range of samples that is held in one of several passes.

    Parameters
    ----------
    top : Panel
        The first of the range.
    n_snapshots : int
        T.
    room : float
        Bytes that may be held.
    number : int
        Of the pass.
    """

    def __init__(self, top: Panel, n_snapshots: int, room: float, number: int) -> None:
        n_columns, item = top.labels.shape[1], n_snapshots * top.labels.itemsize
        self._whole = len(top.labels) == n_snapshots
        self.n_passes = 1 if self._whole else ceil(n_columns / max(1, room // item))
        each = ceil(n_columns / self.n_passes)
        self._columns = slice(number * each, min((number + 1) * each, n_columns))
        self._n_snapshots, self._width = n_snapshots, 0
        self._column = top.column + self._columns.start
        if self._whole:
            self._labels = top.labels[:, self._columns]
            return
        n_held = max(0, self._columns.stop - self._columns.start)
        memory.require(n_held * item, "all labels of some samples", "choose fewer with --every, --from and --to")
        self._labels = np.empty((n_snapshots, n_held), dtype=top.labels.dtype)

    def add(self, panel: Panel) -> bool:
        """Keep what belongs here; return whether all snapshots are there, and there are samples at all."""
        self._width = max(self._width, panel.width)
        end = panel.row + len(panel.labels)
        if not self._whole:
            self._labels[panel.row : end] = panel.labels[:, self._columns]
        return end == self._n_snapshots and self._labels.shape[1] > 0

    def stack(self) -> Stack:
        """Return what is held."""
        return Stack(self._column, self._labels, self._width)
