"""Lines of recurrent points in all bands at once, compiled, counted while the rows of a matrix arrive.

Every entry is given a code: 2k + 1 if it lies in band k alone, 2k if on the edge that bands k - 1 and k share, 0 if in
none. A line ends or begins only where the code changes, and as the bands of one entry are neighbours, two running
starts (one for even bands, one for odd) are all there is to remember of a column or a diagonal.

Of a symmetric matrix the entries up to the main diagonal are enough: row i, read from left to right, is the upper part
of column i, which the rows below it continue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from nntf_cli.kernels.scanning import NEAR, across, down, equals_transpose, near, on_diagonals, to_codes
from nntf_cli.model import BandLines
from nntf_cli.threads import for_each, n_threads

#: Entries that are counted at a time, and from which on a panel is worth several threads.
_PANEL_ENTRIES, _WORTH_THREADS = 2**24, 2**17

#: Rows that are compared with columns at a time: a whole number of these.
_TILE = 64


def band_lines(
    values: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
    closed: np.ndarray,
    theiler: int,
    theiler_vertical: int,
) -> BandLines:
    """Count the lines in every band; see :mod:`nntf_cli.kernels.runs`."""
    how = lows, highs, closed, theiler, theiler_vertical
    if values.shape[0] == values.shape[1]:
        counter = LineCounter(None, *how)
        if counter.add_if_symmetric(values):
            return counter.lines()
    counter = LineCounter(values.shape[1], *how)
    counter.add(values)
    return counter.lines()._replace(symmetric=False)


def is_symmetric(values: np.ndarray) -> bool:
    """Return whether a matrix equals its transpose."""
    n = len(values)
    if n != values.shape[1]:
        return False
    step = _TILE * -(-n // (8 * _TILE))
    found: list[bool] = []
    threads = None if values.size > _WORTH_THREADS else 1
    for_each(
        lambda first: found.append(equals_transpose(values, first, min(first + step, n))),
        range(0, n, step),
        threads,
    )
    return all(found)


def lines_of_panels(
    panels: Iterator[np.ndarray],
    lows: np.ndarray,
    highs: np.ndarray,
    closed: np.ndarray,
    theiler: int,
    theiler_vertical: int,
) -> BandLines:
    """Count the lines of a symmetric matrix of which some rows come at a time, as far as the main diagonal."""
    counter = LineCounter(None, lows, highs, closed, theiler, theiler_vertical)
    for rows in panels:
        counter.add(rows)
    return counter.lines()


class LineCounter:
    """Counts the lines of a matrix while its rows arrive, in memory that grows with its sides alone.

    Parameters
    ----------
    n_columns : int or None
        Q; None for a symmetric matrix, whose rows are looked at only up to the main diagonal.
    lows, highs, closed, theiler, theiler_vertical
        As for :func:`~nntf_cli.kernels.vectorized.band_lines`.
    """

    def __init__(
        self,
        n_columns: int | None,
        lows: np.ndarray,
        highs: np.ndarray,
        closed: np.ndarray,
        theiler: int = 0,
        theiler_vertical: int = 0,
    ) -> None:
        self._symmetric = n_columns is None
        self._n_bands, self._n_rows, self._width = len(lows), 0, n_columns or 0
        self._theiler, self._theiler_vertical = theiler, theiler_vertical
        code = np.uint8 if len(lows) < 120 else np.uint16
        self._edges = lows, highs, closed, _bands_per_unit(lows, highs)
        self._last = np.zeros(self._width, dtype=code)  # the codes of the last row
        self._main: list[np.ndarray] = []  # those of the main diagonal
        self._right: list[np.ndarray] = []  # and of the last column, where there is one
        self._near, self._outside = np.zeros(self._n_bands, dtype=np.int64), False
        # where the runs of even and of odd bands began in a column or on a diagonal, and where one of a band ended last
        self._in_column, self._on_diagonal = np.zeros((2, 2, 0), dtype=np.int32)
        self._ended = np.zeros((0, self._n_bands), dtype=np.int32)
        # (lines, gaps) and (lines, lines at the border), by their length; for each thread its own
        self._vertical = [np.zeros((2, self._n_bands, 0), dtype=np.int64) for _ in range(n_threads())]
        self._diagonal = [tally.copy() for tally in self._vertical]

    def add(self, rows: np.ndarray) -> None:
        """Count on with the next rows, (R, Q) float64; of a symmetric matrix as far as its diagonal."""
        height = max(1, _PANEL_ENTRIES // rows.shape[1])
        for first in range(0, len(rows), height):
            self._add_panel(rows[first : first + height])

    def add_if_symmetric(self, values: np.ndarray) -> bool:
        """Count the whole of a (P, P) matrix; return False as soon as it turns out not to equal its transpose.

        To find that out and to code the values at the same time is quicker than to look twice.
        """
        height = max(1, _PANEL_ENTRIES // max(1, len(values)))
        return all(self._add_panel(values[first : first + height], values) for first in range(0, len(values), height))

    def _add_panel(self, values: np.ndarray, whole: np.ndarray | None = None) -> bool:
        """Count on; return False if rows of the ``whole`` do not equal its columns, and then nothing is counted."""
        first, last = self._n_rows, self._n_rows + len(values)
        self._width = last if self._symmetric else self._width
        self._make_room(last)
        codes = np.zeros((len(values) + 1, self._width + 1), dtype=self._last.dtype)
        codes[0, 1 : 1 + len(self._last)] = self._last
        threads = range(len(self._vertical) if codes.size > _WORTH_THREADS else 1)

        rows = self._rows(len(values), threads)

        equal = []

        def read(thread: int) -> None:
            start, end = rows[thread]
            if whole is not None and not equals_transpose(whole, first + start, first + end):
                equal.append(False)
                return
            if to_codes(values, *self._edges, first, *rows[thread], self._symmetric, codes):
                self._outside = True  # by whichever thread: to add it up would read it before, and write it after

        for_each(read, threads, len(threads))
        if not all(equal):
            return False
        if first < self._width:
            self._main.append(np.diagonal(codes[1:, 1:], first).copy())
        self._last = codes[-1, 1:].copy()
        if not self._symmetric:
            self._right.append(codes[1:, -1].copy())
        diagonals, upper = self._diagonals(codes, first, threads), self._upper_columns(codes, first, rows)
        if self._theiler_vertical:
            for_each(diagonals, threads, len(threads))
            near(codes, first, self._theiler_vertical, self._symmetric, self._near)
            for_each(upper, threads, len(threads))
        else:
            for_each(lambda thread: (diagonals(thread), upper(thread)), threads, len(threads))
        for_each(self._columns(codes, first, threads), threads, len(threads))
        self._n_rows = last
        return True

    def _make_room(self, n_rows: int) -> None:
        """Make room for as many columns, diagonals and lengths as there are; from the second time on for twice that."""
        columns, diagonals, more = self._width, n_rows + self._zero + 1, 2 if self._n_rows else 1
        if columns > self._in_column.shape[1]:
            more_columns = columns if not self._symmetric else more * columns
            self._in_column = _wider(self._in_column, more_columns)
            ended, self._ended = self._ended, np.full((more_columns, self._n_bands), -1, dtype=np.int32)
            self._ended[: len(ended)] = ended
        if diagonals > self._on_diagonal.shape[1]:
            self._on_diagonal = _wider(self._on_diagonal, more * diagonals)
        if n_rows + 1 > self._vertical[0].shape[2]:
            self._vertical = [_wider(tally, more * n_rows + 1) for tally in self._vertical]
            self._diagonal = [_wider(tally, more * n_rows + 1) for tally in self._diagonal]

    @property
    def _zero(self) -> int:
        """Where the main diagonal's place is; those above it come first, if they are looked at."""
        return 0 if self._symmetric else self._width - 1

    def _diagonals(self, codes: np.ndarray, first: int, threads: range) -> Callable[[int], None]:
        """Return what continues a thread's share of the diagonals."""
        last = first + len(codes) - 1
        if self._symmetric:
            sides = [(max(1, self._theiler), last)]
        else:
            sides = [(1 - self._width, 1 - max(1, self._theiler)), (self._theiler, last)]
        shares = [self._shares(low, max(low, high), last, threads) for low, high in sides]

        def scan(thread: int) -> None:
            for offsets in shares:
                on_diagonals(codes, first, *offsets[thread], self._zero, self._on_diagonal, *self._diagonal[thread])

        return scan

    def _upper_columns(self, codes: np.ndarray, first: int, rows: list[tuple[int, int]]) -> Callable[[int], None]:
        """Return what reads a thread's share of the rows as the upper parts of columns, where they are."""

        def scan(thread: int) -> None:
            if self._symmetric:
                across(codes, first, *rows[thread], self._in_column, self._ended, *self._vertical[thread])

        return scan

    def _columns(self, codes: np.ndarray, first: int, threads: range) -> Callable[[int], None]:
        """Return what continues a thread's share of the columns."""
        shares = self._shares(0, self._width, first + len(codes) - 1, threads)

        def scan(thread: int) -> None:
            state = self._in_column, self._ended, *self._vertical[thread]
            down(codes, first, *shares[thread], self._symmetric, *state)

        return scan

    def _rows(self, n_rows: int, threads: range) -> list[tuple[int, int]]:
        """Share out the rows of a panel; those of a triangle grow longer."""
        length = self._n_rows + np.arange(n_rows) if self._symmetric else np.ones(n_rows)
        return _cut_evenly(0, 1 + length, threads)

    def _shares(self, low: int, high: int, last: int, threads: range) -> list[tuple[int, int]]:
        """Share out columns, or diagonals; in a triangle each begins a row later than the one before."""
        begins = np.maximum(self._n_rows, np.arange(low, high))
        return _cut_evenly(low, 1 + last - begins if self._symmetric else np.ones(high - low), threads)

    def lines(self) -> BandLines:
        """Return the lines of the matrix that the rows so far make up; more may be added."""
        n_rows, longest = self._n_rows, min(self._n_rows, self._width)
        vertical, diagonal = sum(self._vertical[1:], self._vertical[0]), sum(self._diagonal[1:], self._diagonal[0])
        vertical, diagonal = vertical[:, :, : n_rows + 1].copy(), diagonal[:, :, : longest + 1].copy()
        self._end_columns(vertical[0])
        self._end_diagonals(diagonal)
        main = np.array([_holds(k, self._main) for k in range(self._n_bands)])
        if self._symmetric:
            diagonal *= 2
            if not self._theiler:
                _add_main(main, diagonal)
        n_points = vertical[0] @ np.arange(n_rows + 1) + self._near
        counted = diagonal[0], diagonal[1], vertical[0], vertical[1], n_points, main
        return BandLines(*counted, self._outside, self._symmetric or None)

    def _end_columns(self, lines: np.ndarray) -> None:
        """Count the lines that the last row ends."""
        column = np.arange(self._width)
        outside = np.abs(self._n_rows - 1 - column) >= self._theiler_vertical
        for k, j in _running(self._last, column[outside]):
            np.add.at(lines, (k, self._n_rows - self._in_column[k & 1, j]), 1)

    def _end_diagonals(self, tally: np.ndarray) -> None:
        """Count the lines that the last row ends, or the last column."""
        right = np.concatenate([self._last[:0], *self._right])
        rows = np.concatenate([np.full(self._width, self._n_rows - 1), np.arange(len(right))])
        columns = np.concatenate([np.arange(self._width), np.full(len(right), self._width - 1)])
        codes = np.concatenate([self._last, right])
        offset = rows - columns
        counted = np.abs(offset) >= max(self._theiler, 1 if self._symmetric else 0)
        counted &= np.arange(len(rows)) != (self._width - 1 if len(right) else -1)  # the last entry stands in both
        for k, x in _running(codes, np.flatnonzero(counted)):
            length = rows[x] + 1 - self._on_diagonal[k & 1, offset[x] + self._zero]
            for lines in tally:
                np.add.at(lines, (k, length), 1)


def _cut_evenly(low: int, work: np.ndarray, threads: range) -> list[tuple[int, int]]:
    """Cut a range that begins at ``low`` into parts of about equal work, side by side."""
    done = np.concatenate([[0], np.cumsum(work)])
    ends = np.searchsorted(done, done[-1] * np.arange(1, len(threads)) / len(threads))
    return list(pairwise([low, *(low + ends).tolist(), low + len(work)]))


def _running(codes: np.ndarray, places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (band, place) of all places in a band, then of those that are in two the other band."""
    code = codes[places].astype(np.int64)
    recurrent = code > 0
    yield (code[recurrent] - 1) >> 1, places[recurrent]
    shared = recurrent & (code & 1 == 0)
    yield code[shared] >> 1, places[shared]


def _holds(band: int, main: list[np.ndarray]) -> np.ndarray:
    codes = np.concatenate(main) if main else np.zeros(0, dtype=np.uint8)
    return (codes > 0) & (codes >= 2 * band) & (codes <= 2 * band + 2)


def _bands_per_unit(lows: np.ndarray, highs: np.ndarray) -> float:
    """Return how many bands there are per unit; 0 where they are not equally wide, as exactly as is needed."""
    width = float(highs[-1] - lows[0])
    scale = len(lows) / width if width > 0 else 0.0
    if not np.isfinite(scale):
        return 0.0
    places = [(lows - lows[0]) * scale - np.arange(len(lows)), (highs - lows[0]) * scale - np.arange(1, len(lows) + 1)]
    rounding = np.spacing(np.abs([lows[0], highs[-1]])) * scale
    return scale if max(np.abs(places).max(), 8 * rounding.max()) < NEAR / 4 else 0.0


def _wider(array: np.ndarray, width: int) -> np.ndarray:
    wide = np.zeros((*array.shape[:-1], width), dtype=array.dtype)
    wide[..., : array.shape[-1]] = array
    return wide


def _add_main(main: np.ndarray, diagonal: np.ndarray) -> None:
    """Add the lines on the main diagonal, of which each end may be at the border."""
    n = main.shape[1]
    for k, points in enumerate(main):
        ends = np.flatnonzero(np.diff(np.concatenate([[False], points, [False]])))
        for begin, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
            diagonal[0, k, end - begin] += 1
            diagonal[1, k, end - begin] += begin == 0 or end == n
