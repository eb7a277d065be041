"""What each sample went through, in numpy."""

from __future__ import annotations

import numpy as np

#: The rows of what :func:`histories` returns.
FACTS = (
    "n_present",
    "n_changes",
    "last_change",
    "n_classes_visited",
    "final",
    "n_correct",
    "n_forgotten",
    "first_learned",
    "most_wrong",
    "n_most_wrong",
)


def histories(labels: np.ndarray, true: np.ndarray, missing: int, width: int) -> np.ndarray:
    """Sum up the labels of each sample.

    Parameters
    ----------
    labels : ndarray of uint8, uint16 or uint32, shape (T, N)
        All snapshots of some samples, T at least 1.
    true : ndarray of int64, shape (N,)
        Their true classes; -1 where they are not known.
    missing : int
        The label that takes part in nothing: no change leads to it or away from it, and it is neither right nor wrong.
    width : int
        Above every other label.

    Returns
    -------
    ndarray of int64, shape (10, N)
        Labels that are present; snapshots at which the label is not that of the snapshot before, and the last of
        them; classes among the labels; the last label; correct labels; snapshots at which the label is wrong and that
        before was correct; the first snapshot with a correct label; the most frequent wrong label (the lowest on ties)
        and how often it occurs. -1 stands for a snapshot or a label that there is not.
    """
    facts = np.full((len(FACTS), labels.shape[1]), -1, dtype=np.int64)
    present = labels != missing
    compared = present[1:] & present[:-1]
    changed = compared & (labels[1:] != labels[:-1])
    facts[0] = present.sum(axis=0)
    facts[1] = changed.sum(axis=0)
    facts[2] = _last(changed) + (facts[1] > 0)
    facts[4] = _last_label(labels, present)
    correct = present & (labels == true)
    facts[5] = correct.sum(axis=0)
    facts[6] = (correct[:-1] & changed).sum(axis=0)
    facts[7] = np.where(facts[5] > 0, correct.argmax(axis=0), -1)
    facts[3], facts[8], facts[9] = _visits(labels, true, missing)
    return facts


def _last(marks: np.ndarray) -> np.ndarray:
    """Return the last marked row of each column; -1 where none is."""
    if not len(marks):
        return np.full(marks.shape[1], -1)
    return np.where(marks.any(axis=0), len(marks) - 1 - marks[::-1].argmax(axis=0), -1)


def _last_label(labels: np.ndarray, present: np.ndarray) -> np.ndarray:
    row = _last(present)
    label = labels[row, np.arange(labels.shape[1])].astype(np.int64)
    return np.where(row < 0, -1, label)


def _visits(labels: np.ndarray, true: np.ndarray, missing: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many classes each sample visited, the most frequent wrong one and how often it occurs."""
    n_rows, n_samples = labels.shape
    in_order = np.sort(labels.T, axis=1)
    begins = np.ones((n_samples, n_rows), dtype=bool)
    begins[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    place = np.flatnonzero(begins)
    sample, label = place // n_rows, in_order.ravel()[place].astype(np.int64)
    n_labels = np.diff(place, append=in_order.size)
    n_visited = np.bincount(sample[label != missing], minlength=n_samples)
    n_labels[(label == missing) | (label == true[sample])] = 0
    first = np.searchsorted(sample, np.arange(n_samples))
    most = np.maximum.reduceat(n_labels, first) if n_samples else n_visited
    lowest = np.where(n_labels == most[sample], label, np.iinfo(np.int64).max)
    wrong = np.minimum.reduceat(lowest, first) if n_samples else most
    known = (most > 0) & (true >= 0)
    return n_visited, np.where(known, wrong, -1), np.where(known, most, 0)
