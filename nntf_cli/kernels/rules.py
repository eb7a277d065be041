"""The rules of anomalies, compiled; :mod:`nntf_cli.kernels.vectorized_rules` says what the functions do."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.kernels.changes import BLOCK, ROOM, TILE, find_changes, list_changes
from nntf_cli.kernels.vectorized_rules import Tally


def follow_runs(tally: Tally, before: np.ndarray, rows: np.ndarray, first: int) -> bool:  # noqa: D103
    masks, places = np.zeros(TILE // BLOCK, dtype=np.uint64), np.zeros(ROOM, dtype=np.uint16)
    before, rows = np.ascontiguousarray(before), np.ascontiguousarray(rows)
    return bool(_follow(before, rows, first, *tally, masks, places))


@jit
def _follow(
    before: np.ndarray,
    rows: np.ndarray,
    first: int,
    true: np.ndarray,
    missing: int,
    begun: np.ndarray,
    bins: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    masks: np.ndarray,
    places: np.ndarray,
) -> bool:
    """Look only at labels that change: through a run nothing need be counted but where it began.

    All in one loop: to hand arrays on for each change would cost ten times what there is to do.
    """
    lost, follows_class = False, len(true) == 0
    for i in range(len(rows)):
        snapshot = first + i
        for low in range(0, rows.shape[1], TILE):
            x, y = rows[i - 1, low : low + TILE], rows[i, low : low + TILE]
            if i == 0:
                x = before[low : low + TILE]
            n = find_changes(x, y, masks)
            list_changes(masks, len(x), places)
            for k in range(n):
                place = np.int64(places[k])
                sample, a, b = low + place, np.int64(x[place]), np.int64(y[place])
                start, by_change = begun[sample] >> 1, begun[sample] & 1
                if a == missing:
                    begun[sample] = 2 * snapshot
                    continue
                was, now = a, a  # the class left; the one entered is found when that run ends
                if not follows_class:
                    own = np.int64(true[sample])
                    was, now = 2 * own + int(a != own), 2 * own + int(b != own)
                    if was == now and b != missing:
                        continue  # from one wrong class to another
                length = bins[snapshot - start]
                if by_change:
                    right[start, was, length] += 1
                if b == missing:
                    begun[sample] = -1
                    lost = True
                else:
                    left[snapshot, now, length] += 1
                    begun[sample] = 2 * snapshot + 1
    return lost


def end_runs(tally: Tally, last: np.ndarray) -> None:  # noqa: D103
    _end(np.ascontiguousarray(last), tally.true, tally.begun, tally.bins, tally.right)


@jit
def _end(last: np.ndarray, true: np.ndarray, begun: np.ndarray, bins: np.ndarray, right: np.ndarray) -> None:
    n_snapshots = len(bins) - 1
    for sample in range(len(last)):
        if begun[sample] >= 0 and begun[sample] & 1:
            start, group = begun[sample] >> 1, np.int64(last[sample])
            if len(true) > 0:
                group = 2 * np.int64(true[sample]) + int(last[sample] != true[sample])
            right[start, group, bins[n_snapshots - start]] += 1
