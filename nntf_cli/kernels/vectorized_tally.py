"""Counting what comes to each class and leaves it, in numpy.

Both kernels add to six counts of every snapshot and class, ``counts[:, t]``, from which all others follow:

0. came: samples that have the class at snapshot t and did not before,
1. went: samples that had the class before and have it no more,
2. of those that came, those whose label was missing before,
3. of those that went, those whose label is missing now,
4. by how many samples of that true class more than before are right,
5. by how many samples of that true class more than before have a label at all.

Column c + 1 is class c, column 0 is the missing label. Of the first snapshot all samples came. Added up over the
snapshots, 0 less 1 are the samples predicted as a class, 4 those that are right and 5 those that could be.
"""

from __future__ import annotations

import numpy as np

from nntf_cli.threads import for_each

#: Labels from which on a panel is worth several threads.
WORTH_THREADS = 2**20


def tally_first(row: np.ndarray, true: np.ndarray, missing: int, counts: np.ndarray) -> None:
    """Count the labels of the first snapshot.

    Parameters
    ----------
    row : ndarray of uint8, uint16 or uint32, shape (N,)
        Labels of some samples.
    true : ndarray of int32, shape (N,) or (0,)
        1 + their true class; empty where it is not known.
    missing : int
        The label that means none.
    counts : ndarray of int32, shape (6, C + 1)
        Is added to.
    """
    width = counts.shape[1]
    labels = _shifted(row, missing)
    counts[0] += np.bincount(labels, minlength=width).astype(np.int32)
    if len(true):
        counts[4] += np.bincount(true[labels == true], minlength=width).astype(np.int32)
        counts[5] += np.bincount(true[labels > 0], minlength=width).astype(np.int32)


def tally_changes(previous: np.ndarray, rows: np.ndarray, true: np.ndarray, missing: int, counts: np.ndarray) -> None:
    """Count what changes from snapshot to snapshot.

    Parameters
    ----------
    previous : ndarray of uint8, uint16 or uint32, shape (N,)
        The labels before.
    rows : ndarray of the same type, shape (R, N)
        The labels of the snapshots that follow.
    true, missing
        As of :func:`tally_first`.
    counts : ndarray of int32, shape (6, R, C + 1)
        Is added to.
    """

    def one(k: int) -> None:
        _tally_moved(rows[k - 1] if k else previous, rows[k], true, missing, counts[:, k])

    for_each(one, range(len(rows)), None if rows.size > WORTH_THREADS else 1)


def _tally_moved(before: np.ndarray, after: np.ndarray, true: np.ndarray, missing: int, counts: np.ndarray) -> None:
    width = counts.shape[1]
    places = np.flatnonzero(before != after)
    a, b = _shifted(before[places], missing), _shifted(after[places], missing)
    appeared, vanished = a == 0, b == 0
    counted = [(0, b, 1), (1, a, 1), (2, b[appeared], 1), (3, a[vanished], 1)]
    if len(true):
        own = true[places]
        counted += [(4, own[b == own], 1), (4, own[a == own], -1), (5, own[appeared], 1), (5, own[vanished], -1)]
    for which, classes, sign in counted:
        if len(classes):
            counts[which] += np.int32(sign) * np.bincount(classes, minlength=width).astype(np.int32)


def _shifted(labels: np.ndarray, missing: int) -> np.ndarray:
    """Return 1 + each label, 0 where it is missing."""
    shifted = labels.astype(np.int64) + 1
    shifted[shifted == missing + 1] = 0
    return shifted
