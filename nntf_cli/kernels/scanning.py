"""The loops behind :mod:`nntf_cli.kernels.lines`: from values to codes, from changes of code to lines.

All take ``codes`` with one row and one column in front: ``codes[r, 1 + j]`` is the code of entry (first + r - 1, j),
row 0 is the last row of the panel before. Wherever two neighbours have the same code nothing begins or ends, and that
is found out many at a time. What happens at a change is written out three times: a function that took the arrays
would cost several times as much as what it does.
"""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import inner, jit
from nntf_cli.kernels.changes import BLOCK, ROOM, TILE, find_changes, list_changes

#: Of a band's width: nearer to an edge than this the edges themselves are asked. Rounding errs by far less.
NEAR = 1e-9

#: Values coded at a time.
_CODED = 128

#: Sides of the tiles in which a matrix is compared with its transpose: one within the other.
_OUTER, _INNER = 64, 8


@inner
def _exact_code(value: float, lows: np.ndarray, highs: np.ndarray, closed: np.ndarray, k: int) -> int:
    """Return the code of a value, whose band is ``k`` or not far from it."""
    k = min(k, len(lows) - 1)
    while k + 1 < len(lows) and value >= lows[k + 1]:
        k += 1
    while k > 0 and value < lows[k]:
        k -= 1
    here = value >= lows[k] and (value < highs[k] or (closed[k] and value == highs[k]))
    below = k > 0 and closed[k - 1] and value <= highs[k - 1]
    return (2 * k if below else 2 * k + 1) if here else (2 * k - 1 if below else 0)


@jit
def to_codes(
    values: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
    closed: np.ndarray,
    scale: float,
    first: int,
    start: int,
    end: int,
    symmetric: bool,
    codes: np.ndarray,
) -> bool:
    """Code the rows in [start, end) of a panel, and return whether any entry is in no band.

    Bands of equal width have ``scale`` of them per unit, and the code of a value follows from where it lies: it is
    odd within a band and even near an edge or outside, where the edges decide. They always do where ``scale`` is 0.
    """
    lowest, highest, one, outside = lows[0], len(lows) + 1.0, np.int32(1), False
    for r in range(start, end):
        n = first + r + 1 if symmetric else values.shape[1]
        for begin in range(0, n, _CODED):
            stop = min(begin + _CODED, n)
            row, to = values[r, begin:stop], codes[1 + r, 1 + begin : 1 + stop]
            odd = one
            for j in range(len(row)):
                at = (row[j] - lowest) * scale + 1.0
                at = at if at > 1.0 else 1.0
                at = at if at < highest else highest
                code = np.int32(at + NEAR) + np.int32(at - NEAR) - one
                to[j] = code
                odd = np.int32(odd & code)
            if odd == 0:
                for j in range(len(row)):
                    code = np.int32(to[j])
                    if code & one == 0:
                        exact = _exact_code(row[j], lows, highs, closed, int(code >> one))
                        to[j] = exact
                        outside |= exact == 0
    return outside


@jit
def equals_transpose(values: np.ndarray, first: int, last: int) -> bool:
    """Return whether the rows in [first, last) equal the columns as far as the main diagonal.

    Tile by tile, which stay in the cache; within them in tiles without a branch.
    """
    for top in range(first, last, _OUTER):
        for left in range(0, top + _OUTER, _OUTER):
            differ = False
            for above in range(top, min(top + _OUTER, last), _INNER):
                for before in range(left, min(left + _OUTER, above + 1), _INNER):
                    if above + _INNER <= last and before + _INNER <= above:
                        rows = values[above : above + _INNER, before : before + _INNER]
                        columns = values[before : before + _INNER, above : above + _INNER]
                        for i in range(_INNER):
                            for j in range(_INNER):
                                differ |= rows[i, j] != columns[j, i]
                    else:
                        for i in range(above, min(above + _INNER, last)):
                            for j in range(before, before + _INNER if before + _INNER <= above else i):
                                differ |= values[i, j] != values[j, i]
            if differ:
                return False
    return True


@jit
def near(codes: np.ndarray, first: int, window: int, symmetric: bool, n_points: np.ndarray) -> None:
    """Count the entries with abs(i - j) < ``window`` band by band, and clear their codes.

    Those of the row before the first are cleared, too.
    """
    for r in range(codes.shape[0]):
        i = first + r - 1
        for j in range(max(0, i - window + 1), min(codes.shape[1] - 1, i + 1 if symmetric else i + window)):
            code = np.int64(codes[r, 1 + j])
            if code and r:
                for k in range((code - 1) >> 1, (code >> 1) + 1):
                    n_points[k] += 2 if symmetric and j < i else 1
            codes[r, 1 + j] = 0


@jit
def across(
    codes: np.ndarray,
    first: int,
    start: int,
    end: int,
    began: np.ndarray,
    ended: np.ndarray,
    lines: np.ndarray,
    gaps: np.ndarray,
) -> None:
    """Read the rows in [start, end) of a symmetric panel up to the main diagonal: the upper parts of columns."""
    masks, places = np.empty(TILE // BLOCK, dtype=np.uint64), np.empty(ROOM, dtype=np.uint16)
    for r in range(1 + start, 1 + end):
        i = first + r - 1
        even, odd = np.int64(0), np.int64(0)
        for tile in range(0, i + 1, TILE):
            size = min(TILE, i + 1 - tile)
            old_codes, new_codes = codes[r, tile : tile + size], codes[r, tile + 1 : tile + 1 + size]
            n_changes = find_changes(old_codes, new_codes, masks)
            list_changes(masks, size, places)
            for e in range(n_changes):
                place = np.uint64(places[e])
                x = tile + np.int64(place)
                old, new = np.int64(old_codes[place]), np.int64(new_codes[place])
                if old & new & 1:  # from one band into another, as nearly always
                    was, now = old >> 1, new >> 1
                    lines[was, x - (odd if was & 1 else even)] += 1
                    ended[i, was] = x
                    if now & 1:
                        odd = x
                    else:
                        even = x
                    if ended[i, now] >= 0:
                        gaps[now, x - ended[i, now]] += 1
                    continue
                low, high = (new - 1) >> 1, new >> 1  # the bands of a code; of none 0 none
                old_low, old_high = (old - 1) >> 1, old >> 1
                if old:
                    for k in range(old_low, old_high + 1):
                        if new == 0 or k < low or k > high:
                            lines[k, x - (odd if k & 1 else even)] += 1
                            ended[i, k] = x
                if new:
                    for k in range(low, high + 1):
                        if old == 0 or k < old_low or k > old_high:
                            if k & 1:
                                odd = x
                            else:
                                even = x
                            if ended[i, k] >= 0:
                                gaps[k, x - ended[i, k]] += 1
        began[0, i], began[1, i] = even, odd


@jit
def down(
    codes: np.ndarray,
    first: int,
    left: int,
    right: int,
    symmetric: bool,
    began: np.ndarray,
    ended: np.ndarray,
    lines: np.ndarray,
    gaps: np.ndarray,
) -> None:
    """Continue the columns in [left, right) row by row, so that memory is read in order."""
    masks, places = np.empty(TILE // BLOCK, dtype=np.uint64), np.empty(ROOM, dtype=np.uint16)
    for r in range(1, codes.shape[0]):
        i = first + r - 1
        stop = min(right, i) if symmetric else right
        for tile in range(left, stop, TILE):
            size = min(TILE, stop - tile)
            old_codes, new_codes = codes[r - 1, 1 + tile : 1 + tile + size], codes[r, 1 + tile : 1 + tile + size]
            n_changes = find_changes(old_codes, new_codes, masks)
            list_changes(masks, size, places)
            for e in range(n_changes):
                place = np.uint64(places[e])
                j = tile + np.int64(place)
                old, new = np.int64(old_codes[place]), np.int64(new_codes[place])
                if old & new & 1:
                    was, now = old >> 1, new >> 1
                    lines[was, i - began[was & 1, j]] += 1
                    ended[j, was] = i
                    began[now & 1, j] = i
                    if ended[j, now] >= 0:
                        gaps[now, i - ended[j, now]] += 1
                    continue
                low, high = (new - 1) >> 1, new >> 1
                old_low, old_high = (old - 1) >> 1, old >> 1
                if old:
                    for k in range(old_low, old_high + 1):
                        if new == 0 or k < low or k > high:
                            lines[k, i - began[k & 1, j]] += 1
                            ended[j, k] = i
                if new:
                    for k in range(low, high + 1):
                        if old == 0 or k < old_low or k > old_high:
                            began[k & 1, j] = i
                            if ended[j, k] >= 0:
                                gaps[k, i - ended[j, k]] += 1


@jit
def on_diagonals(
    codes: np.ndarray,
    first: int,
    low_offset: int,
    high_offset: int,
    zero: int,
    began: np.ndarray,
    lines: np.ndarray,
    border: np.ndarray,
) -> None:
    """Continue the diagonals i - j in [low_offset, high_offset); ``began[:, i - j + zero]`` belongs to one."""
    masks, places = np.empty(TILE // BLOCK, dtype=np.uint64), np.empty(ROOM, dtype=np.uint16)
    for r in range(1, codes.shape[0]):
        i = first + r - 1
        stop = min(codes.shape[1] - 1, i - low_offset + 1)
        for tile in range(max(0, i - high_offset + 1), stop, TILE):
            size = min(TILE, stop - tile)
            old_codes, new_codes = codes[r - 1, tile : tile + size], codes[r, 1 + tile : 1 + tile + size]
            n_changes = find_changes(old_codes, new_codes, masks)
            list_changes(masks, size, places)
            for e in range(n_changes):
                place = np.uint64(places[e])
                offset = i - tile - np.int64(place)
                d = offset + zero
                old, new = np.int64(old_codes[place]), np.int64(new_codes[place])
                if old & new & 1:
                    was, now = old >> 1, new >> 1
                    start = began[was & 1, d]
                    lines[was, i - start] += 1
                    border[was, i - start] += start == max(offset, 0)
                    began[now & 1, d] = i
                    continue
                low, high = (new - 1) >> 1, new >> 1
                old_low, old_high = (old - 1) >> 1, old >> 1
                if old:
                    for k in range(old_low, old_high + 1):
                        if new == 0 or k < low or k > high:
                            start = began[k & 1, d]
                            lines[k, i - start] += 1
                            border[k, i - start] += start == max(offset, 0)
                if new:
                    for k in range(low, high + 1):
                        if old == 0 or k < old_low or k > old_high:
                            began[k & 1, d] = i
