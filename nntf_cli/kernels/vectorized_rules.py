"""The rules of anomalies in numpy; :mod:`nntf_cli.kernels.rules` does the same compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Tally(NamedTuple):
    """What counts the changes of a range of samples, snapshot by snapshot.

    A *run* is a stretch of snapshots through which a sample stays what it is: of the same class, or, where its true
    class is given, correct or wrong. A change is counted twice: with the run that it ends, and with the one it begins.
    """

    true: np.ndarray  #: (N,) uint32, the true class of each sample; (0,) where the class itself is followed
    missing: int  #: the label that means "no prediction"; it ends a run and begins none
    begun: np.ndarray  #: (N,) int32, 2 x the snapshot in which the run began, + 1 if by a change; -1 while missing
    bins: np.ndarray  #: (T + 1,) uint8, the bin of each length of a run
    left: np.ndarray  #: (W, T, G, B) int32, changes by snapshot, group and the length of the run before
    right: (
        np.ndarray
    )  #: (W, T, G, B) int32, the same with the run after; W tables, for as many threads, are to be added


def follow_runs(tally: Tally, before: np.ndarray, rows: np.ndarray, first: int) -> bool:
    """Count the changes in some snapshots; return whether a label goes missing in them.

    Parameters
    ----------
    tally : Tally
        Added to in place. The group of a change is, where the class itself is followed, the class left (``left``) or
        entered (``right``); else 2 x the true class, + 1 where the sample becomes wrong.
    before : ndarray of uint8, uint16 or uint32, shape (N,)
        The labels of snapshot ``first - 1``.
    rows : ndarray of the same type, shape (R, N)
        The labels from snapshot ``first`` on.
    first : int
        At least 1.

    Notes
    -----
    A run enters ``right`` when it ends: with a change, a missing label, or :func:`end_runs`.
    """
    lost = False
    for snapshot, row in enumerate(rows, first):
        places = np.flatnonzero(before != row)
        lost |= _change(tally, before[places], row[places], places, snapshot)
        before = row
    return lost


def _change(tally: Tally, x: np.ndarray, y: np.ndarray, places: np.ndarray, snapshot: int) -> bool:
    """Count what labels that differ mean: x before, y now."""
    gone, come = _missing(tally, y), _missing(tally, x)
    if len(tally.true):
        wrong = y != tally.true[places]
        changed = wrong != (x != tally.true[places])
    else:
        wrong, changed = np.zeros(len(x), dtype=bool), np.ones(len(x), dtype=bool)
    changed &= ~gone & ~come
    length = snapshot - (tally.begun[places] >> 1)
    groups = _groups(tally, x, wrong, places)
    _add(tally.left, np.full(np.count_nonzero(changed), snapshot), groups[changed], tally.bins[length[changed]])
    ended = changed | gone
    _add_ended(tally, x[ended], places[ended], snapshot)
    tally.begun[places[changed]] = 2 * snapshot + 1
    tally.begun[places[come]] = 2 * snapshot
    tally.begun[places[gone]] = -1
    return bool(gone.any())


def end_runs(tally: Tally, last: np.ndarray) -> None:
    """Count the runs that the end of the log cuts off; ``last`` are the labels of its last snapshot."""
    known = np.flatnonzero(tally.begun >= 0)
    _add_ended(tally, last[known], known, len(tally.bins) - 1)


def _add_ended(tally: Tally, labels: np.ndarray, places: np.ndarray, end: int) -> None:
    """Count runs up to a snapshot, if they began by a change."""
    begun = tally.begun[places]
    counted = (begun & 1) == 1
    labels, places, start = labels[counted], places[counted], begun[counted] >> 1
    wrong = labels != tally.true[places] if len(tally.true) else np.zeros(len(labels), dtype=bool)
    _add(tally.right, start, _groups(tally, labels, wrong, places), tally.bins[end - start])


def _missing(tally: Tally, labels: np.ndarray) -> np.ndarray:
    if tally.missing > np.iinfo(labels.dtype).max:  # which numpy would not compare with
        return np.zeros(len(labels), dtype=bool)
    return np.asarray(labels == tally.missing)


def _groups(tally: Tally, labels: np.ndarray, wrong: np.ndarray, places: np.ndarray) -> np.ndarray:
    if len(tally.true):
        return 2 * tally.true[places].astype(np.int64) + wrong
    return labels.astype(np.int64)


def _add(counts: np.ndarray, snapshot: np.ndarray, group: np.ndarray, bin_: np.ndarray) -> None:
    np.add.at(counts.reshape(-1), (snapshot * counts.shape[1] + group) * counts.shape[2] + bin_, 1)
