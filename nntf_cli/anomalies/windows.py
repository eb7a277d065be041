"""How many samples had a full window: those of which a rule could have said something."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nntf_cli import memory
from nntf_cli.model import LabelLog, Split
from nntf_cli.progress import task


@dataclass(frozen=True)
class FullWindows:
    """The samples of each class whose labels are known all through a window, by its last snapshot.

    A sample's class is its true one where that was given, else the one predicted in the window's first snapshot.
    """

    by_snapshot: np.ndarray  #: (T, C) int64, samples of each class in each snapshot, of those with a label there
    moving: bool  #: whether the class of a sample is the predicted one
    counted: Mapping[int, np.ndarray] | None = None  #: window -> (T, C), where labels are missing

    def ending(self, window: int) -> np.ndarray:
        """Return how many samples have labels in the snapshots j - ``window`` ... j; (T, C) int64, 0 for j < window."""
        if self.counted is not None:
            return self.counted[window].astype(np.int64)
        full = np.zeros_like(self.by_snapshot)
        full[window:] = self.by_snapshot[: len(full) - window]  # true classes stay what they are
        return full

    def of_rule(self, rule: str, window: int) -> np.ndarray:
        """Return of how many samples a rule could say something, (T, C) int64.

        A left window j - k ... j ends with the change and a right one j - 1 ... j + k - 1 begins with it; k + 1 labels
        either way. To leave a class, a sample must have been in it when the window began; to enter, in another.
        """
        full = self.ending(window)
        if rule == "left":
            return full
        if self.moving:
            full = full.sum(axis=1, keepdims=True) - full
        return _earlier(full, window - 1)

    def sizes(self, rule: str, window: int) -> np.ndarray:
        """Return how large each class is, (T, C) int64: the most that its score can be.

        True classes: the samples with a full window. Predicted ones: the samples in the class before a change (left
        rule), or after it (right rule).
        """
        if not self.moving:
            return self.of_rule(rule, window)
        if rule == "right":
            return self.by_snapshot
        before = np.zeros_like(self.by_snapshot)
        before[1:] = self.by_snapshot[:-1]
        return before


def _earlier(counts: np.ndarray, n: int) -> np.ndarray:
    """Return the rows n snapshots earlier, the last n of them zero."""
    shifted = np.zeros_like(counts)
    shifted[: len(counts) - n] = counts[n:]
    return shifted


def full_windows_of_all(first: np.ndarray, n_snapshots: int, grown: np.ndarray | None = None) -> FullWindows:
    """Return the full windows of a log in which no label is missing.

    Parameters
    ----------
    first : ndarray of int64, shape (C,)
        Samples of each class in the first snapshot.
    n_snapshots : int
        T.
    grown : ndarray of int64, shape (T, C), optional
        By how many samples each class has grown since the snapshot before; None where true classes are meant.
    """
    if grown is None:
        return FullWindows(np.tile(first, (n_snapshots, 1)), moving=False)
    return FullWindows(first + np.cumsum(grown, axis=0), moving=True)


def count_full_windows(
    log: LabelLog, split: Split, windows: Sequence[int], true: np.ndarray | None = None
) -> FullWindows:
    """Count the full windows of a log in which labels are missing, in a pass of its own.

    Parameters
    ----------
    log, split, windows, true
        As in :func:`~nntf_cli.anomalies.changes.count_changes`.

    Raises
    ------
    LimitError
        The counts, or the labels of one window, do not fit into memory.
    """
    sizes = sorted({0, 1, *windows})
    shape = (len(sizes), log.n_snapshots, log.n_classes)
    memory.require(
        16.0 * np.prod(shape, dtype=float) + (4.0 * max(sizes) + 16) * split.labels.n_samples,
        "counting what is not missing",
        "say --window, or thin it with --every",
        where=log.source,
    )
    counted = np.zeros(shape, dtype=np.int32)
    n_labels = split.labels.n_samples * log.n_snapshots
    with task(f"{log.source} ({split.name}): counting what is not missing", n_labels) as done:
        for panel in split.labels.panels():
            if panel.row == 0:
                n = panel.labels.shape[1]
                of_range = None if true is None else true[panel.column : panel.column + n]
                counter = _Counter(sizes, split.labels.missing, of_range, n, counted)
            for snapshot, row in enumerate(panel.labels, panel.row):
                counter.take(snapshot, row)
            done(panel.labels.size)
    by_window = dict(zip(sizes, counted, strict=True))
    return FullWindows(counted[0].astype(np.int64), true is None, by_window)


class _Counter:
    """Follows since when the labels of some samples are known."""

    def __init__(
        self, sizes: Sequence[int], missing: int, true: np.ndarray | None, n_samples: int, counted: np.ndarray
    ) -> None:
        self._sizes, self._missing, self._true, self._counted = np.array(sizes), missing, true, counted
        self._known = np.zeros(n_samples, dtype=np.int32)
        self._filled = np.searchsorted(sizes, np.arange(counted.shape[1] + 1))  # sizes below what is known
        self._rows: deque[np.ndarray] = deque(maxlen=max(sizes) + 1)

    def take(self, snapshot: int, row: np.ndarray) -> None:
        """Count the windows that end with a snapshot."""
        self._known += 1
        self._known[row == self._missing] = 0
        if self._true is None:
            self._take_moving(snapshot, row)
        else:
            self._take_true(snapshot, self._true)

    def _take_moving(self, snapshot: int, row: np.ndarray) -> None:
        self._rows.append(row.copy())
        for size, counts in zip(self._sizes.tolist(), self._counted, strict=True):
            if size <= snapshot:
                classes = self._rows[-1 - size][self._known > size]
                counts[snapshot] += np.bincount(classes, minlength=counts.shape[1])

    def _take_true(self, snapshot: int, true: np.ndarray) -> None:
        """Count how many windows each sample fills, which says of each whether it does: the shorter are full first."""
        n = len(self._sizes) + 1
        cells = np.bincount(true * n + self._filled[self._known], minlength=self._counted.shape[2] * n).reshape(-1, n)
        self._counted[:, snapshot] += cells[:, ::-1].cumsum(axis=1)[:, ::-1].T[1:]
