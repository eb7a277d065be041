"""The loops behind :mod:`nntf_cli.kernels.lines`: from values to codes, from changes of code to lines.

All take ``codes`` with one row and one column in front: ``codes[r, 1 + j]`` is the code of entry (first + r - 1, j),
row 0 is the last row of the panel before. Wherever two neighbours have the same code nothing begins or ends, and that
is found out eight at a time. What happens at a change is written out three times: a function that took the arrays
would cost several times as much as what it does.
"""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit


@jit
def to_codes(
    values: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
    closed: np.ndarray,
    scale: float,
    grid: np.ndarray,
    unknown: int,
    first: int,
    start: int,
    end: int,
    symmetric: bool,
    codes: np.ndarray,
) -> None:
    """Code the rows in [start, end) of a panel by looking up ``grid``; where that says ``unknown``, the edges decide.

    ``grid`` has ``scale`` cells per unit, the lowest edge where its third begins, and two more beyond the highest.
    """
    n_bands, n_cells = len(lows), len(grid)
    for r in range(start, end):
        row, to = values[r], codes[1 + r]
        for j in range(first + r + 1 if symmetric else values.shape[1]):
            value = row[j]
            cell = min(max((value - lows[0]) * scale + 2.0, 0.0), n_cells - 1.0)
            code = int(grid[np.uint32(cell)])
            if code == unknown:
                k = 0
                while k + 1 < n_bands and value >= lows[k + 1]:
                    k += 1
                here = value >= lows[k] and (value < highs[k] or (closed[k] and value == highs[k]))
                below = k > 0 and closed[k - 1] and value <= highs[k - 1]
                code = (2 * k if below else 2 * k + 1) if here else (2 * k - 1 if below else 0)
            to[1 + j] = code


@jit
def equals_transpose(values: np.ndarray, first: int, last: int, tile: int) -> bool:
    """Return whether the rows in [first, last) equal the columns, tile by tile, which stay in the cache."""
    for left in range(0, last, tile):
        for top in range(max(first, left), last, tile):
            for i in range(top, min(top + tile, last)):
                for j in range(left, min(left + tile, i)):
                    if values[i, j] != values[j, i]:
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
    change = np.zeros(codes.shape[1] + 16, dtype=np.uint8)
    words = change[: len(change) // 8 * 8].view(np.uint64)
    for r in range(1 + start, 1 + end):
        i = first + r - 1
        n = i + 1
        old_codes, new_codes = codes[r, :n], codes[r, 1 : n + 1]
        for x in range(n):
            change[x] = old_codes[x] != new_codes[x]
        change[n : n + 8] = 0
        even, odd = 0, 0
        for w in range((n + 7) // 8):
            if words[w] == 0:
                continue
            for x in range(8 * w, 8 * w + 8):
                if change[x] == 0:
                    continue
                old, new = np.int64(old_codes[x]), np.int64(new_codes[x])
                low, high = (new - 1) >> 1, new >> 1  # the bands of a code; of none 0 none
                old_low, old_high = (old - 1) >> 1, old >> 1
                if old:
                    for k in range(old_low, old_high + 1):
                        if new == 0 or k < low or k > high:
                            lines[k, x - (odd if k & 1 else even)] += 1
                            ended[k, i] = x
                if new:
                    for k in range(low, high + 1):
                        if old == 0 or k < old_low or k > old_high:
                            if k & 1:
                                odd = x
                            else:
                                even = x
                            if ended[k, i] >= 0:
                                gaps[k, x - ended[k, i]] += 1
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
    change = np.zeros(right - left + 16, dtype=np.uint8)
    words = change[: len(change) // 8 * 8].view(np.uint64)
    for r in range(1, codes.shape[0]):
        i = first + r - 1
        n = (min(right, i) if symmetric else right) - left
        if n <= 0:
            continue
        old_codes, new_codes = codes[r - 1, 1 + left : 1 + left + n], codes[r, 1 + left : 1 + left + n]
        for x in range(n):
            change[x] = old_codes[x] != new_codes[x]
        change[n : n + 8] = 0
        for w in range((n + 7) // 8):
            if words[w] == 0:
                continue
            for x in range(8 * w, 8 * w + 8):
                if change[x] == 0:
                    continue
                j = left + x
                old, new = np.int64(old_codes[x]), np.int64(new_codes[x])
                low, high = (new - 1) >> 1, new >> 1
                old_low, old_high = (old - 1) >> 1, old >> 1
                if old:
                    for k in range(old_low, old_high + 1):
                        if new == 0 or k < low or k > high:
                            lines[k, i - began[k & 1, j]] += 1
                            ended[k, j] = i
                if new:
                    for k in range(low, high + 1):
                        if old == 0 or k < old_low or k > old_high:
                            began[k & 1, j] = i
                            if ended[k, j] >= 0:
                                gaps[k, i - ended[k, j]] += 1


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
    width = codes.shape[1] - 1
    change = np.zeros(width + 16, dtype=np.uint8)
    words = change[: len(change) // 8 * 8].view(np.uint64)
    for r in range(1, codes.shape[0]):
        i = first + r - 1
        left, right = max(0, i - high_offset + 1), min(width, i - low_offset + 1)
        n = right - left
        if n <= 0:
            continue
        old_codes, new_codes = codes[r - 1, left:right], codes[r, 1 + left : 1 + right]
        for x in range(n):
            change[x] = old_codes[x] != new_codes[x]
        change[n : n + 8] = 0
        for w in range((n + 7) // 8):
            if words[w] == 0:
                continue
            for x in range(8 * w, 8 * w + 8):
                if change[x] == 0:
                    continue
                offset = i - left - x
                d = offset + zero
                old, new = np.int64(old_codes[x]), np.int64(new_codes[x])
                low, high = (new - 1) >> 1, new >> 1
                old_low, old_high = (old - 1) >> 1, old >> 1
                if old:
                    for k in range(old_low, old_high + 1):
                        if new == 0 or k < low or k > high:
                            start = began[k & 1, d]
                            lines[k, i - start] += 1
                            if start == max(offset, 0):
                                border[k, i - start] += 1
                if new:
                    for k in range(low, high + 1):
                        if old == 0 or k < old_low or k > old_high:
                            began[k & 1, d] = i
