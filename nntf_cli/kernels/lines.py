"""Lines of recurrent points in all bands at once, compiled.

Every entry is given a code: 2k + 1 if it lies in band k alone, 2k if on the edge that bands k - 1 and k share, 0 if in
none. A line ends or begins only where the code changes, and as the bands of one entry are neighbours, two running
starts (one for even bands, one for odd) are all there is to remember.
"""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.kernels.vectorized import is_symmetric
from nntf_cli.threads import for_each, n_threads

#: Rows, or diagonals, that a thread takes at a time.
_BLOCK = 128


def band_lines(
    values: np.ndarray, lows: np.ndarray, highs: np.ndarray, closed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count the lines in every band; see :mod:`nntf_cli.kernels.vectorized`."""
    symmetric = is_symmetric(values)
    codes = _coded(values, lows, highs, closed)
    upright = codes if symmetric else np.ascontiguousarray(codes.T)
    vertical = _in_rows(upright, len(lows))
    diagonal = _on_diagonals(codes, len(lows), symmetric)
    return diagonal, vertical


def _coded(values: np.ndarray, lows: np.ndarray, highs: np.ndarray, closed: np.ndarray) -> np.ndarray:
    codes = np.empty(values.shape, dtype=np.uint8 if len(lows) < 120 else np.uint16)
    width = highs[-1] - lows[0]
    scale = len(lows) / width if width > 0 else 0.0

    def some_rows(first: int) -> None:
        rows = slice(first, first + _BLOCK)
        _code(values[rows], lows, highs, closed, scale, codes[rows])

    for_each(some_rows, range(0, len(values), _BLOCK))
    return codes


@jit
def _code(
    values: np.ndarray, lows: np.ndarray, highs: np.ndarray, closed: np.ndarray, scale: float, codes: np.ndarray
) -> None:
    """Guess the band from the width, then let the exact edges decide: a guess is at most one band off."""
    n_bands = len(lows)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            value = values[i, j]
            guess = (value - lows[0]) * scale
            k = 0 if guess < 0 else n_bands - 1 if guess >= n_bands else int(guess)
            if k + 1 < n_bands and value >= lows[k + 1]:
                k += 1
            elif k > 0 and value < lows[k]:
                k -= 1
            here = value >= lows[k] and (value < highs[k] or (closed[k] and value == highs[k]))
            below = k > 0 and closed[k - 1] and value <= highs[k - 1]
            codes[i, j] = (2 * k if below else 2 * k + 1) if here else (2 * k - 1 if below else 0)


def _in_rows(codes: np.ndarray, n_bands: int) -> np.ndarray:
    """Count the lines in rows, (bands, columns + 1) int64."""
    n_rows, n_columns = codes.shape
    counts = [np.zeros((n_bands, n_columns + 1), dtype=np.int64) for _ in range(n_threads())]

    def every_nth(thread: int) -> None:
        _count_in_rows(codes[thread :: len(counts)], counts[thread])

    for_each(every_nth, range(len(counts)))
    return sum(counts[1:], counts[0])


@jit
def _count_in_rows(codes: np.ndarray, counts: np.ndarray) -> None:
    n_columns = codes.shape[1]
    for i in range(codes.shape[0]):
        row = codes[i]
        before = np.int64(0)
        even, odd = 0, 0  # where the running line in an even or odd band began
        for j in range(n_columns + 1):
            code = np.int64(row[j]) if j < n_columns else np.int64(0)
            if code == before:
                continue
            first, last = (code - 1) // 2, code // 2  # the bands of a code
            old_first, old_last = (before - 1) // 2, before // 2
            if before > 0:
                for k in range(old_first, old_last + 1):
                    if code == 0 or k < first or k > last:
                        counts[k, j - (odd if k % 2 else even)] += 1
            if code > 0:
                for k in range(first, last + 1):
                    if before == 0 or k < old_first or k > old_last:
                        if k % 2:
                            odd = j
                        else:
                            even = j
            before = code


def _on_diagonals(codes: np.ndarray, n_bands: int, symmetric: bool) -> np.ndarray:
    """Count the lines on diagonals, (bands, longest + 1) int64; by symmetry one triangle tells of both."""
    n_rows, n_columns = codes.shape
    longest = min(n_rows, n_columns)
    offsets = range(1 if symmetric else 1 - n_rows, n_columns, _BLOCK)
    counts = [np.zeros((n_bands, longest + 1), dtype=np.int64) for _ in range(n_threads())]

    def every_nth(thread: int) -> None:
        for first in offsets[thread :: len(counts)]:
            _count_on_diagonals(codes, first, min(first + _BLOCK, n_columns), counts[thread])

    for_each(every_nth, range(len(counts)))
    total = sum(counts[1:], counts[0])
    if symmetric:
        total *= 2
        _count_on_diagonals(codes, 0, 1, total)
    return total


@jit
def _count_on_diagonals(codes: np.ndarray, first: int, last: int, counts: np.ndarray) -> None:
    """Count on the diagonals j - i in [first, last), row by row, so that memory is read in order."""
    n_rows, n_columns = codes.shape
    before = np.zeros(last - first, dtype=np.int64)
    even = np.zeros(last - first, dtype=np.int64)
    odd = np.zeros(last - first, dtype=np.int64)
    for i in range(n_rows + 1):
        for d in range(last - first):
            j = i + first + d
            if j < 0 or j > n_columns:
                continue
            code = np.int64(codes[i, j]) if i < n_rows and j < n_columns else np.int64(0)
            old = before[d]
            if code == old:
                continue
            new_first, new_last = (code - 1) // 2, code // 2
            old_first, old_last = (old - 1) // 2, old // 2
            if old > 0:
                for k in range(old_first, old_last + 1):
                    if code == 0 or k < new_first or k > new_last:
                        counts[k, i - (odd[d] if k % 2 else even[d])] += 1
            if code > 0:
                for k in range(new_first, new_last + 1):
                    if old == 0 or k < old_first or k > old_last:
                        if k % 2:
                            odd[d] = i
                        else:
                            even[d] = i
            before[d] = code
