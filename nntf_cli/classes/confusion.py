"""Which classes are taken for which, at a snapshot or from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nntf_cli.model import LabelLog, Panel
from nntf_cli.progress import task


@dataclass(frozen=True)
class Confusion:
    """The wrong labels of one or two snapshots: pairs of a true and a predicted class, sparse.

    K pairs that occur in one of the snapshots, in order of importance: those whose number changed most between the
    two, or of one snapshot the most frequent; then by the number at the last; then by class.
    """

    run: str
    source: str
    split: str
    step: np.ndarray  #: (1,) or (2,) int64
    true: np.ndarray  #: (K,) int64
    predicted: np.ndarray  #: (K,) int64, another class than ``true``
    n: np.ndarray  #: (snapshots, K) int64, samples
    n_true: np.ndarray  #: (snapshots, C) int64: samples of the true class that have a label
    class_names: tuple[str, ...] | None = None

    @property
    def n_classes(self) -> int:
        """C."""
        return self.n_true.shape[1]

    @property
    def change(self) -> np.ndarray:
        """(K,) int64: samples more at the last snapshot than at the first; the number itself where there is one."""
        return self.n[-1] - self.n[0] if len(self.step) > 1 else self.n[0]

    @property
    def share(self) -> np.ndarray:
        """(snapshots, K) float64: of the samples of the true class that have a label; nan where none has."""
        whole = self.n_true[:, self.true]
        return np.divide(self.n, whole, out=np.full(self.n.shape, np.nan), where=whole > 0)

    def of(self, classes: Sequence[int]) -> Confusion:
        """Return the pairs whose true class is one of these."""
        kept = np.isin(self.true, np.asarray(classes, dtype=np.int64))
        return Confusion(
            self.run, self.source, self.split, self.step, self.true[kept], self.predicted[kept], self.n[:, kept],
            self.n_true, self.class_names,
        )  # fmt: skip


def confusion(log: LabelLog, rows: Sequence[int], split: str | None = None) -> Confusion:
    """Count which classes are taken for which.

    Parameters
    ----------
    log : LabelLog
        Its labels are streamed once.
    rows : sequence of int
        One snapshot, or two.
    split : str, optional
        Which samples; the only split, else ``train``, if not given.

    Returns
    -------
    Confusion
        A missing label is no wrong one, and its sample counts for no share.

    Raises
    ------
    InputError
        The split has no true classes, or invalid labels.
    """
    chosen = log.split(split)
    true = log.true_classes(chosen, "a confusion", "inflow and outflow without --confusion")
    found = [_Pairs(row) for row in rows]
    with task(f"{log.source} ({chosen.name}): counting confusions", chosen.labels.n_samples * log.n_snapshots) as done:
        for panel in chosen.labels.panels():
            for pairs in found:
                pairs.count(panel, true, chosen.labels.missing)
            done(panel.labels.size)
    n_classes = log.n_classes
    cells = np.unique(np.concatenate([pairs.cells for pairs in found]))
    own, other = (cells >> np.uint64(32)).astype(np.int64), (cells & np.uint64(2**32 - 1)).astype(np.int64)
    n = np.stack([pairs.at(cells) for pairs in found])
    n_true = np.zeros((len(found), n_classes), dtype=np.int64)
    for total, counts in zip(n_true, n, strict=True):
        np.add.at(total, own, counts)
    wrong = own != other
    result = Confusion(
        log.name, log.source, chosen.name, log.step[list(rows)], own[wrong], other[wrong], n[:, wrong], n_true,
        log.class_names,
    )  # fmt: skip
    return _most_important_first(result)


def _most_important_first(found: Confusion) -> Confusion:
    order = np.lexsort((found.predicted, found.true, -found.n[-1], -np.abs(found.change)))
    return Confusion(
        found.run, found.source, found.split, found.step, found.true[order], found.predicted[order],
        found.n[:, order], found.n_true, found.class_names,
    )  # fmt: skip


class _Pairs:
    """True and predicted class at one snapshot, ``true << 32 | predicted``, which may come in several pieces."""

    def __init__(self, row: int) -> None:
        self._row = row
        self.cells = np.zeros(0, dtype=np.uint64)
        self._n = np.zeros(0, dtype=np.int64)

    def count(self, panel: Panel, true: np.ndarray, missing: int) -> None:
        """Add what a panel has of the snapshot."""
        row = self._row - panel.row
        if not 0 <= row < len(panel.labels):
            return
        labels = panel.labels[row]
        own = true[panel.column : panel.column + len(labels)].astype(np.uint64)
        keys = own << np.uint64(32) | labels
        cells, n = np.unique(keys[labels != missing], return_counts=True)
        self.cells, place = np.unique(np.concatenate([self.cells, cells]), return_inverse=True)
        total = np.zeros(len(self.cells), dtype=np.int64)
        np.add.at(total, place.ravel(), np.concatenate([self._n, n]))
        self._n = total

    def at(self, cells: np.ndarray) -> np.ndarray:
        """Return the number of each of some cells, sorted and among them all that occur."""
        counts = np.zeros(len(cells), dtype=np.int64)
        counts[np.searchsorted(cells, self.cells)] = self._n
        return counts
