"""From a matrix to the pixels of its picture: whole pixels per cell, or the mean of whole blocks of cells.

Never anything between: resampling by nearest neighbour drops some rows and repeats others, and shows blocks
that are not in the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from nntf_cli.model import Axes, Axis, Difference, Fingerprint

_STRETCH = math.sqrt(2)  #: how far a panel may differ from the size asked for, to have whole pixels
_FLATTEST = 4  #: length of a picture in units of its width, at most
_STRIP_BYTES = 4_000_000  #: of the matrix, handled at a time


class Side(NamedTuple):
    """How cells map to pixels along one side; one of ``pixels`` and ``block`` is 1."""

    n: int  #: cells
    pixels: int  #: per cell
    block: int  #: cells per pixel

    @property
    def n_blocks(self) -> int:
        """How many blocks; cells where blocks are single cells."""
        return -(-self.n // self.block)

    @property
    def length(self) -> int:
        """Of the picture, pixels."""
        return self.n_blocks * self.pixels


class Grid(NamedTuple):
    """How cells map to pixels; both sides alike unless the matrix is a strip."""

    rows: Side
    columns: Side

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks; those of the matrix where blocks are single cells."""
        return self.rows.n_blocks, self.columns.n_blocks

    @property
    def height(self) -> int:
        """Of the picture, pixels."""
        return self.rows.length

    @property
    def width(self) -> int:
        """Of the picture, pixels."""
        return self.columns.length

    @property
    def is_averaged(self) -> bool:
        """Whether a pixel stands for several cells."""
        return self.rows.block > 1 or self.columns.block > 1


def fit_grid(shape: tuple[int, ...], side: float) -> Grid:
    """Return the grid for a matrix whose longer side is nearest to ``side`` pixels.

    Cells are square, except that no picture is more than about ``_FLATTEST`` times as long as wide: of a strip
    in proportion, nothing could be seen.
    """
    n_rows, n_columns = shape
    long, short = max(shape), min(shape)
    along = _fit_side(long, side)
    if long <= _FLATTEST * short:
        return Grid(along._replace(n=n_rows), along._replace(n=n_columns))
    across = _fit_side(short, along.length / _FLATTEST)
    return Grid(along, across) if n_rows == long else Grid(across, along)


def _fit_side(n: int, length: float) -> Side:
    """Return how ``n`` cells map to about ``length`` pixels."""
    if n <= length * _STRETCH:
        few = max(1, int(length / n))
        return Side(n, min((few, few + 1), key=lambda k: abs(math.log(k * n / length))), 1)
    few = max(1, int(n / length))
    block = min((few, few + 1), key=lambda f: abs(math.log(n / (f * length))))
    return Side(n, 1, max(block, 2))


class Quiet(NamedTuple):
    """Rows and columns during which nothing moved."""

    rows: np.ndarray  #: (n_rows,) bool
    columns: np.ndarray  #: (n_columns,) bool

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.rows.any() or self.columns.any())


def quiet_of(matrix: Fingerprint | Difference) -> Quiet:
    """Return which rows and columns of a matrix are quiet: in either run where it is a difference.

    None are where it is not known how much moved, nor in Hamming matrices, whose rows are snapshots.
    """
    n_rows, n_columns = matrix.values.shape
    rows, columns = np.zeros(n_rows, dtype=bool), np.zeros(n_columns, dtype=bool)
    if matrix.metric != "hamming":
        runs: list[Axes] = [matrix.a, matrix.b] if isinstance(matrix, Difference) else [matrix.axes]
        for axes in runs:
            rows |= _quiet(axes.rows, n_rows)
            columns |= _quiet(axes.columns, n_columns)
    return Quiet(rows, columns)


def _quiet(axis: Axis, n: int) -> np.ndarray:
    quiet = axis.quiet
    return np.zeros(n, dtype=bool) if quiet is None or len(quiet) != n else quiet


def block_means(
    values: np.ndarray,
    grid: Grid,
    quiet: Quiet,
    change: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Average a matrix down to one value per block, leaving quiet rows and columns out.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_columns)
        The matrix; may be a memory map. It is read in strips of rows and never copied whole.
    grid : Grid
        What a block is.
    quiet : Quiet
        The rows and columns to leave out.
    change : callable, optional
        Applied to each strip before averaging.

    Returns
    -------
    ndarray of float64, shape ``grid.shape``
        ``nan`` where a block holds quiet cells only.
    """
    means = np.full(grid.shape, np.nan)
    starts = np.arange(0, grid.columns.n, grid.columns.block)
    moving = ~quiet.columns
    n_moving = np.add.reduceat(moving.astype(np.int64), starts)
    for block, rows in enumerate(_strips(grid)):
        strip = np.asarray(values[rows])[~quiet.rows[rows]]
        if len(strip) == 0:
            continue
        strip = strip if change is None else change(strip)
        total = np.where(moving, strip.sum(axis=0, dtype=np.float64), 0.0)
        sums = np.add.reduceat(total, starts) if grid.columns.block > 1 else total
        np.divide(sums, n_moving * len(strip), out=means[block], where=n_moving > 0)
    return means


def defined_means(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Average blocks of cells, those left out that are undefined; nan where all are."""
    defined = np.isfinite(values)
    totals, counts = np.where(defined, values, 0.0), defined.astype(np.float64)
    for axis, side in enumerate(grid):
        starts = np.arange(0, side.n, side.block)
        totals, counts = (np.add.reduceat(array, starts, axis=axis) for array in (totals, counts))
    return np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)


def _strips(grid: Grid) -> Iterator[slice]:
    """Yield the rows of each block, from the top."""
    for first in range(0, grid.rows.n, grid.rows.block):
        yield slice(first, first + grid.rows.block)


def extremes(values: np.ndarray, quiet: Quiet) -> tuple[float, float]:
    """Return the least and largest finite value outside quiet rows and columns; (0, 0) if there is none."""
    low, high = np.inf, -np.inf
    step = max(1, _STRIP_BYTES // max(1, values.shape[1] * 8))
    for first in range(0, len(values), step):
        strip = np.asarray(values[first : first + step])[~quiet.rows[first : first + step]]
        strip = strip[:, ~quiet.columns] if quiet.columns.any() else strip
        if strip.size:
            low = min(low, float(np.min(strip, where=np.isfinite(strip), initial=np.inf)))
            high = max(high, float(np.max(strip, where=np.isfinite(strip), initial=-np.inf)))
    return (low, high) if low <= high else (0.0, 0.0)


def quiet_share(grid: Grid, quiet: Quiet) -> tuple[np.ndarray, np.ndarray]:
    """Tell which blocks to draw in grey.

    Returns
    -------
    off : ndarray of bool, shape ``grid.shape``
        The blocks of which all cells are in a quiet row or column.
    both : ndarray of bool, shape ``grid.shape``
        Those of them in which at least half of the cells are in a quiet row and a quiet column.
    """
    counts = []
    for marks, side in zip(quiet, grid, strict=True):
        starts = np.arange(0, len(marks), side.block)
        n_quiet = np.add.reduceat(marks.astype(np.int64), starts)
        counts.append((n_quiet, np.diff(np.append(starts, len(marks)))))
    (row_quiet, row_n), (column_quiet, column_n) = counts
    off = (row_quiet == row_n)[:, None] | (column_quiet == column_n)[None, :]
    n_both = row_quiet[:, None] * column_quiet[None, :]
    return off, off & (2 * n_both >= row_n[:, None] * column_n[None, :])


def enlarge(rgba: np.ndarray, down: int, across: int) -> np.ndarray:
    """Repeat every cell of an (n, m, 4) image ``down`` times downwards and ``across`` times to the right."""
    return np.repeat(np.repeat(rgba, down, axis=0), across, axis=1)
