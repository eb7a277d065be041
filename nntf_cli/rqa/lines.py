"""Lines of recurrent points in the bands of a matrix, and the correction for those that its border cuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from nntf_cli.kernels import engine
from nntf_cli.kernels.choice import COST_PER_ENTRY
from nntf_cli.model import Band, BandLines, RowStream

#: Border lines that KELO keeps: the longest of each triangle.
_KEPT = 2


@dataclass(frozen=True)
class Lengths:
    """The lengths of lines that occur, and how often: what is left of line counts, most of which are 0."""

    lengths: np.ndarray  #: (n,) int64, increasing
    numbers: np.ndarray  #: (n,) int64, all positive

    @classmethod
    def of(cls, counts: np.ndarray) -> Lengths:
        """Return those of line counts, which go by length; entry 0 is unused."""
        lengths = 1 + np.flatnonzero(counts[1:])
        return cls(lengths, counts[lengths])

    def at_least(self, shortest: int) -> Lengths:
        """Return those from ``shortest`` on."""
        if not len(self.lengths) or self.lengths[0] >= shortest:
            return self
        first = int(self.lengths.searchsorted(shortest))
        return Lengths(self.lengths[first:], self.numbers[first:])

    @cached_property
    def n_lines(self) -> int:
        """How many lines there are."""
        return int(self.numbers.sum())

    @cached_property
    def n_points(self) -> int:
        """Σ v h(v): the points that lie in them."""
        return int(self.lengths @ self.numbers)

    @property
    def longest(self) -> int:
        """The length of the longest line; 0 where there is none."""
        return int(self.lengths[-1]) if len(self.lengths) else 0


@dataclass(frozen=True)
class Lines:
    """What one band of a matrix consists of; line counts go by length, entry 0 is unused."""

    band: Band
    shape: tuple[int, ...]  #: of the matrix
    diagonal: np.ndarray  #: (longest + 1,) int64: lines on the diagonals with |i - j| >= theiler
    border: np.ndarray  #: the same shape: those of them that touch the border of the matrix
    vertical: np.ndarray  #: (P + 1,) int64: lines in columns, cells with |i - j| < theiler_vertical taken as empty
    gaps: np.ndarray  #: (P + 1,) int64: white gaps between the lines of a column
    n_points: int  #: entries in the band, wherever
    main: np.ndarray  #: (n,) bool: the main diagonal of a square matrix; empty for another
    theiler: int
    theiler_vertical: int
    symmetric: Callable[[], bool]  #: whether the matrix equals its transpose: found out where it matters

    @cached_property
    def diagonal_lengths(self) -> Lengths:
        """Those of ``diagonal``."""
        return Lengths.of(self.diagonal)

    @cached_property
    def vertical_lengths(self) -> Lengths:
        """Those of ``vertical``."""
        return Lengths.of(self.vertical)

    @cached_property
    def n_off(self) -> int:
        """Recurrent points off the main diagonal."""
        return self.n_points - int(np.count_nonzero(self.main))

    def n_apart(self, distance: int) -> int:
        """Return the recurrent points at least so far from the main diagonal: 1 or ``theiler``."""
        return self.diagonal_lengths.n_points if distance == self.theiler else self.n_off

    def rate(self, distance: int) -> float | None:
        """Return RR: the share of recurrent cells among those with |i - j| >= ``distance``, 1 or ``theiler``.

        At 1, and for a square matrix, n_off / (P (P - 1)); None where there is no such cell.
        """
        cells = cells_apart(self.shape, distance)
        return self.n_apart(distance) / cells if cells else None


def count_lines(
    values: np.ndarray | RowStream,
    bands: Sequence[Band],
    theiler: int = 0,
    theiler_vertical: int = 0,
    refuse: Callable[[], object] | None = None,
) -> list[Lines]:
    """Binarise a matrix to each band and count its lines.

    Parameters
    ----------
    values : ndarray of float64, shape (P, Q), or RowStream
        The matrix; of a stream no more than some rows are held at a time.
    bands : sequence of Band
        Increasing; only neighbours may overlap.
    theiler : int
        Diagonals closer than this to the main one are left out.
    theiler_vertical : int
        Cells closer than this to the main diagonal count as empty in columns.
    refuse : callable, optional
        Called where an entry is in no band.
    """
    lows, highs = np.array([band.lo for band in bands]), np.array([band.hi for band in bands])
    closed = np.array([band.closed for band in bands])
    how = lows, highs, closed, theiler, theiler_vertical
    panels = None if isinstance(values, np.ndarray) else values.panels()
    kernels = engine(COST_PER_ENTRY * values.shape[0] * values.shape[1])
    if panels is not None:
        counted: BandLines = kernels.lines_of_panels(panels, *how)
        return lines_in_bands(counted, bands, values.shape, theiler, theiler_vertical, lambda: True)
    whole = values if isinstance(values, np.ndarray) else values.whole()
    counted = kernels.band_lines(whole, *how)
    if refuse and counted.outside:
        refuse()
    known = counted.symmetric
    # asked once, and not where it does not matter
    symmetric = cache(lambda: kernels.is_symmetric(whole) if known is None else known)
    return lines_in_bands(counted, bands, whole.shape, theiler, theiler_vertical, symmetric)


def lines_in_bands(
    counted: BandLines,
    bands: Sequence[Band],
    shape: tuple[int, ...],
    theiler: int,
    theiler_vertical: int,
    symmetric: Callable[[], bool],
) -> list[Lines]:
    """Return the lines of each band apart; ``shape`` is that of the matrix they were counted in."""
    main = counted.main if shape[0] == shape[1] else counted.main[:, :0]
    return [
        Lines(
            band, shape, counted.diagonal[k], counted.border[k], counted.vertical[k], counted.gaps[k],
            int(counted.n_points[k]), main[k], theiler, theiler_vertical, symmetric,
        )
        for k, band in enumerate(bands)
    ]  # fmt: skip


@cache  # every measure of every band asks
def cells_apart(shape: tuple[int, ...], distance: int) -> int:
    """Return how many cells of a matrix have |i - j| >= ``distance``."""
    n_rows, n_columns = shape
    rows = np.arange(n_rows)
    near = np.minimum(n_columns, rows + distance) - np.minimum(n_columns, np.maximum(0, rows - distance + 1))
    return n_rows * n_columns - int(near.sum()) if distance else n_rows * n_columns


def lines_in(points: np.ndarray, size: int) -> np.ndarray:
    """Count the lines of a single sequence by their length, (size,) int64."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], points.astype(np.int8), [0]])))
    return np.bincount(ends[1::2] - ends[::2], minlength=size)


def border_of_main(main: np.ndarray, size: int) -> np.ndarray:
    """Count the lines of the main diagonal that touch its ends, by their length, (size,) int64."""
    counts = lines_in(main, size)
    empty = np.flatnonzero(~main)
    if len(empty):
        counts -= lines_in(main[empty[0] : empty[-1]], size)
    return counts


def keep_longest(diagonal: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Return diagonal line counts with KELO, the border correction "KEep LOngest".

    The border of a matrix cuts diagonal lines to all sorts of lengths, which entropy takes for disorder: a block
    in which everything recurs has lines of every length up to its side. Of the lines that touch the border
    with either end, only the longest is kept.

    Parameters
    ----------
    diagonal, border : ndarray of int64, shape (..., longest + 1)
        All lines by their length, and those that touch the border.

    Notes
    -----
    The reading is that of the authors' program ``dl_kelo`` with its option "semi": one line is kept of each
    triangle of a symmetric matrix, so two of equal length, and the two longest of any other matrix. Of equally
    long ones it does not matter which. The main diagonal takes no part: it is no line that the border cut.

    References
    ----------
    Kraemer & Marwan, Physics Letters A 383 (2019), 125977.
    """
    longest_first = np.cumsum(border[..., ::-1], axis=-1)
    kept = np.diff(np.minimum(longest_first, _KEPT), axis=-1, prepend=0)[..., ::-1]
    return diagonal - border + kept
