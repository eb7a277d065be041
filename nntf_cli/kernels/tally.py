"""Counting what comes to each class and leaves it, compiled; :mod:`nntf_cli.kernels.vectorized_tally` says how."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.kernels.changes import BLOCK, ROOM, TILE, find_changes, list_changes
from nntf_cli.kernels.vectorized_tally import WORTH_THREADS
from nntf_cli.threads import for_each


def tally_first(row: np.ndarray, true: np.ndarray, missing: int, counts: np.ndarray) -> None:  # noqa: D103
    _tally_row(row, true, missing + 1, counts)


def tally_changes(  # noqa: D103
    previous: np.ndarray, rows: np.ndarray, true: np.ndarray, missing: int, counts: np.ndarray
) -> None:
    previous, rows = np.ascontiguousarray(previous), np.ascontiguousarray(rows)

    def one(k: int) -> None:
        masks, places = np.zeros(TILE // BLOCK, dtype=np.uint64), np.zeros(ROOM, dtype=np.uint16)
        _tally_moved(rows[k - 1] if k else previous, rows[k], true, missing + 1, masks, places, counts[:, k])

    for_each(one, range(len(rows)), None if rows.size > WORTH_THREADS else 1)


@jit
def _tally_row(row: np.ndarray, true: np.ndarray, gone: int, counts: np.ndarray) -> None:
    knows = len(true) > 0
    for k in range(len(row)):
        label = np.int64(row[k]) + 1
        if label == gone:
            counts[0, 0] += 1
            continue
        counts[0, label] += 1
        if knows:
            counts[4, true[k]] += np.int32(label == true[k])
            counts[5, true[k]] += 1


@jit
def _tally_moved(
    before: np.ndarray,
    after: np.ndarray,
    true: np.ndarray,
    gone: int,
    masks: np.ndarray,
    places: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Count the samples whose label is another one than before; what stayed changes no count."""
    knows = len(true) > 0
    for first in range(0, len(after), TILE):
        x, y = before[first : first + TILE], after[first : first + TILE]
        n = find_changes(x, y, masks)
        list_changes(masks, len(x), places)
        for k in range(n):
            place = np.int64(places[k])
            a, b = np.int64(x[place]) + 1, np.int64(y[place]) + 1
            own = np.int64(true[first + place]) if knows else np.int64(0)
            if a == gone:
                a = np.int64(0)
                counts[2, b] += 1
                counts[5, own] += np.int32(knows)
            elif b == gone:
                b = np.int64(0)
                counts[3, a] += 1
                counts[5, own] -= np.int32(knows)
            counts[0, b] += 1
            counts[1, a] += 1
            if knows:
                counts[4, own] += np.int32(b == own) - np.int32(a == own)
