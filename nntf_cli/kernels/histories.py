"""What each sample went through, compiled; :mod:`nntf_cli.kernels.vectorized_histories` says what the function does."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import inner, jit
from nntf_cli.kernels.vectorized_histories import FACTS

#: Samples whose labels are put side by side at a time, and the labels of them that stay in a cache.
_STRIP, _FEWEST = 256, 16
_CACHED = 2**17

#: Most classes that are counted in a table of all of them; beyond, those that occur are given numbers.
_LARGEST_TABLE = 2**20


def histories(labels: np.ndarray, true: np.ndarray, missing: int, width: int) -> np.ndarray:  # noqa: D103
    if width > _LARGEST_TABLE:
        return _of_numbered(labels, true, missing)
    return _followed(labels, true, missing, width)


def _followed(labels: np.ndarray, true: np.ndarray, missing: int, width: int) -> np.ndarray:
    facts = np.empty((len(FACTS), labels.shape[1]), dtype=np.int64)
    counts = np.zeros(max(1, width), dtype=np.int32)
    visited = np.empty(min(len(labels), len(counts)), dtype=np.int64)
    n_side_by_side = min(_STRIP, max(_FEWEST, _CACHED // len(labels)), max(1, labels.shape[1]))
    strip = np.empty((n_side_by_side, len(labels)), dtype=labels.dtype)
    _follow(labels, true, missing, counts, visited, strip, facts)
    return facts


def _of_numbered(labels: np.ndarray, true: np.ndarray, missing: int) -> np.ndarray:
    """Do the same of classes far apart: number those that occur, in their order."""
    known, place = np.unique(labels, return_inverse=True)
    known = known.astype(np.int64)
    numbers = place.reshape(labels.shape).astype(np.uint32)
    at = np.minimum(np.searchsorted(known, true), len(known) - 1)
    # a true class that never occurs is still known: every label is wrong
    true = np.where(true < 0, -1, np.where(known[at] == true, at, len(known)))
    gone = len(known) - 1 if len(known) and known[-1] == missing else len(known)
    facts = _followed(numbers, true, gone, len(known))
    for name in ("final", "most_wrong"):
        row = facts[FACTS.index(name)]
        row[row >= 0] = known[row[row >= 0]]
    return facts


@jit
def _follow(
    labels: np.ndarray,
    true: np.ndarray,
    missing: int,
    counts: np.ndarray,
    visited: np.ndarray,
    strip: np.ndarray,
    facts: np.ndarray,
) -> None:
    """Follow samples one by one, some of them side by side so that each line of labels is fetched once."""
    n_rows, n_samples = labels.shape
    for first in range(0, n_samples, len(strip)):
        n = min(len(strip), n_samples - first)
        for t in range(n_rows):
            for k in range(n):
                strip[k, t] = labels[t, first + k]
        for k in range(n):
            n_visited = _follow_one(strip[k], true[first + k], missing, counts, visited, facts[:, first + k])
            _count_visits(true[first + k], counts, visited[:n_visited], facts[:, first + k])


@inner
def _follow_one(
    labels: np.ndarray, true: int, missing: int, counts: np.ndarray, visited: np.ndarray, facts: np.ndarray
) -> int:
    """Go from change to change; count in ``counts`` how often each label occurs, and return how many do."""
    n_visited, n_present, n_changes, n_forgotten = 0, 0, 0, 0
    last_change, final, first_learned = -1, -1, -1
    begin, n_rows = 0, len(labels)
    while begin < n_rows:
        label, end = labels[begin], begin + 1
        while end < n_rows and labels[end] == label:
            end += 1
        here = int(np.int64(label))
        if here != missing:
            if counts[here] == 0:
                visited[n_visited] = here
                n_visited += 1
            counts[here] += end - begin
            n_present += end - begin
            final = here
            if here == true and first_learned < 0:
                first_learned = begin
            if end < n_rows and np.int64(labels[end]) != missing:
                n_changes += 1
                last_change = end
                n_forgotten += int(here == true)
        begin = end
    facts[0], facts[1], facts[2], facts[3] = n_present, n_changes, last_change, n_visited
    facts[4], facts[6], facts[7] = final, n_forgotten, first_learned
    return n_visited


@inner
def _count_visits(true: int, counts: np.ndarray, visited: np.ndarray, facts: np.ndarray) -> None:
    """Find the most frequent wrong label, and leave the table of counts empty."""
    n_correct, most_wrong, n_most_wrong = 0, -1, 0
    for label in visited:
        n = int(np.int64(counts[label]))
        counts[label] = 0
        if label == true:
            n_correct = n
        elif true >= 0 and (n > n_most_wrong or (n == n_most_wrong and label < most_wrong)):
            most_wrong, n_most_wrong = int(label), n
    facts[5], facts[8], facts[9] = n_correct, most_wrong, n_most_wrong
