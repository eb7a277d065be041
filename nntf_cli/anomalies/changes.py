"""Scores of the left and the right rule for several windows, in one pass over the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nntf_cli import memory
from nntf_cli.anomalies.windows import FullWindows, count_full_windows, full_windows_of_all
from nntf_cli.errors import InputError
from nntf_cli.kernels import choice
from nntf_cli.kernels.choice import engine
from nntf_cli.kernels.vectorized_rules import Tally
from nntf_cli.model import LabelLog, Split
from nntf_cli.progress import task

RULES: tuple[Literal["left", "right"], ...] = ("left", "right")

#: Bytes per class and snapshot that scores and their chances take while they are compared.
_BYTES_PER_SCORE = 200.0


@dataclass(frozen=True)
class Changes:
    """Every change of a log, by snapshot, class and how long its sample rested before and after it."""

    windows: tuple[int, ...]  #: increasing; the rests that are told apart
    correct: bool  #: whether what changes is correct or wrong; else it is the class
    full: FullWindows
    left: np.ndarray  #: (T, G, B) int32, by the rest before; bin b holds rests of at least ``windows[b - 1]``
    right: np.ndarray  #: (T, G, B) int32, by the rest after

    @property
    def n_snapshots(self) -> int:
        """T."""
        return len(self.left)

    @property
    def n_classes(self) -> int:
        """C."""
        return self.left.shape[1] // (2 if self.correct else 1)

    def scores(self, rule: str, window: int) -> np.ndarray:
        """Return the samples that a rule picks, (T, C) int64; ``window`` 0 counts all changes.

        Parameters
        ----------
        rule : {"left", "right"}
            Changes after, or before, at least ``window`` snapshots without one.
        window : int
            One of ``windows``, or 0.
        """
        return self._by_group(rule, window).sum(axis=2)

    def lost(self, rule: str, window: int) -> np.ndarray | None:
        """Return how many of the samples become wrong, (T, C) int64; None where classes are followed."""
        return self._by_group(rule, window)[:, :, 1] if self.correct else None

    def _by_group(self, rule: str, window: int) -> np.ndarray:
        counts = self.left if rule == "left" else self.right
        first = 1 + self.windows.index(window) if window else 0
        several = counts[:, :, first:].sum(axis=2, dtype=np.int64)
        return several.reshape(self.n_snapshots, self.n_classes, -1)


def count_changes(log: LabelLog, split: Split, windows: Sequence[int], true: np.ndarray | None = None) -> Changes:
    """Follow every sample through a log and count its changes.

    Parameters
    ----------
    log : LabelLog
        Its labels are streamed once, and once more if any is missing.
    split : Split
        Which samples.
    windows : sequence of int
        The windows whose scores are wanted, increasing, each at least 1.
    true : ndarray of int64, shape (N,), optional
        The true classes: what changes is then whether a sample is correct, and counts for its true class. Otherwise
        it is the predicted class, and a change counts for the class left (left rule) or entered (right rule).

    Returns
    -------
    Changes
        A missing label is no change, and a rest neither begins before nor goes on after it.

    Raises
    ------
    InputError
        Fewer than two snapshots, or invalid labels.
    LimitError
        The counts do not fit into memory.
    """
    if log.n_snapshots < 2:
        raise InputError(
            f"has {log.n_snapshots} snapshot, and a change needs two",
            "record more, or choose more with --every, --from and --to",
            where=log.source,
        )
    counter = _Counter(log, split, tuple(windows), true)
    n_labels = split.labels.n_samples * log.n_snapshots
    with task(f"{log.source} ({split.name}): following samples", n_labels) as done:
        for panel in split.labels.panels():
            counter.take(panel.row, panel.column, panel.labels, panel.width)
            done(panel.labels.size)
    return counter.changes(split)


class _Counter:
    """Takes labels panel by panel, and keeps of each sample since when it has rested."""

    def __init__(self, log: LabelLog, split: Split, windows: tuple[int, ...], true: np.ndarray | None) -> None:
        self._log, self._windows, self._true = log, windows, true
        self._missing = split.labels.missing
        self._groups_per_class = 1 if true is None else 2
        self._engine = engine(choice.COST_PER_LABEL * split.labels.n_samples * log.n_snapshots)
        self._bins = np.searchsorted(windows, np.arange(log.n_snapshots + 1), side="right").astype(np.uint8)
        known = log.declared_classes or 0
        if true is not None:
            known = max(known, int(true.max(initial=-1)) + 1)
        self._left, self._right = self._tables(known)
        self._first = np.zeros(0, dtype=np.int64)
        self._lost = False
        self._tally: Tally | None = None
        self._last = np.zeros(0, dtype=np.uint8)

    def _tables(self, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
        shape = self._log.n_snapshots, n_classes * self._groups_per_class, len(self._windows) + 1
        memory.require(
            2 * 4.0 * np.prod(shape, dtype=float) + _BYTES_PER_SCORE * shape[0] * n_classes,
            f"the scores of {n_classes:,} classes at {shape[0]:,} snapshots",
            "say --window, or thin it with --every",
            where=self._log.source,
        )
        left, right = (np.zeros(shape, dtype=np.int32) for _ in RULES)
        return left, right

    def take(self, row: int, column: int, labels: np.ndarray, width: int) -> None:
        """Count what changes in a panel."""
        if self._true is None:
            self._make_room(width)
        if row == 0:
            self._end_range()
            self._begin_range(column, labels[0])
            self._follow(labels[0], labels[1:], 1)
        else:
            self._follow(self._last, labels, row)
        self._last = labels[-1].copy()

    def _begin_range(self, column: int, labels: np.ndarray) -> None:
        gone = labels == self._missing if self._missing <= np.iinfo(labels.dtype).max else np.zeros(len(labels), bool)
        true = np.zeros(0) if self._true is None else self._true[column : column + len(labels)]
        begun = np.where(gone, np.int32(-1), np.int32(0))
        self._tally = Tally(true.astype(np.uint32), self._missing, begun, self._bins, self._left, self._right)
        self._lost |= bool(gone.any())
        if self._true is None:
            self._first = _added(self._first, np.bincount(labels[~gone]))

    def _follow(self, before: np.ndarray, rows: np.ndarray, first: int) -> None:
        assert self._tally is not None
        self._tally = self._tally._replace(left=self._left, right=self._right)
        self._lost |= self._engine.follow_runs(self._tally, before, rows, first)

    def _end_range(self) -> None:
        if self._tally is not None:
            self._engine.end_runs(self._tally._replace(left=self._left, right=self._right), self._last)

    def _make_room(self, n_classes: int) -> None:
        known = self._left.shape[1]
        if n_classes * self._groups_per_class > known:
            tables = self._tables(n_classes)
            for wider, counts in zip(tables, (self._left, self._right), strict=True):
                wider[:, :known] = counts
            self._left, self._right = tables

    def changes(self, split: Split) -> Changes:
        """Return everything counted."""
        self._end_range()
        n_classes = self._log.n_classes  # known without reading the labels again
        self._make_room(n_classes)
        full = self._full_windows(split)
        return Changes(self._windows, self._true is not None, full, self._left, self._right)

    def _full_windows(self, split: Split) -> FullWindows:
        if self._lost:
            return count_full_windows(self._log, split, self._windows, self._true)
        nobody = np.zeros(self._log.n_classes, dtype=np.int64)
        if self._true is not None:
            return full_windows_of_all(_added(nobody, np.bincount(self._true)), self._log.n_snapshots)
        grown = self._right.sum(axis=2, dtype=np.int64) - self._left.sum(axis=2, dtype=np.int64)
        return full_windows_of_all(_added(nobody, self._first), self._log.n_snapshots, grown)


def _added(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the sum of counts of which one may be longer."""
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    total = longer.astype(np.int64)
    total[: len(shorter)] += shorter
    return total
