"""Lines of recurrent points in numpy: a matrix is laid out as one long sequence, whose runs are its lines.

Every entry has a code: 2k + 1 if it lies in band k alone, 2k if on the edge that bands k - 1 and k share, 0 if in
none. A *layout* lists the entries of all columns, or of all diagonals, one after the other and parted by separators
that are in no band; so a line never runs from one sequence into the next, and one comparison of neighbours finds the
ends of all lines in all bands. Where bands share edges, even bands and odd ones are looked at one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nntf_cli.model import BandLines

#: Entries that are laid out at a time: what is needed besides the matrix does not grow with it.
_AT_ONCE = 2**21


class Runs(NamedTuple):
    """Lines, in the order of their beginnings within each of at most two passes."""

    row: np.ndarray  #: which of the sequences laid out alike
    begin: np.ndarray  #: position of the first point in the layout
    length: np.ndarray
    band: np.ndarray


def band_lines(
    values: np.ndarray, lows: np.ndarray, highs: np.ndarray, closed: np.ndarray, theiler: int, theiler_vertical: int
) -> BandLines:
    """Binarise a matrix to every band and count diagonal and vertical lines, and the gaps between these.

    Parameters
    ----------
    values : ndarray of float64, shape (P, Q)
        The matrix.
    lows, highs : ndarray of float64, shape (bands,)
        Edges, increasing; a value lies in at most two bands, and then in neighbours.
    closed : ndarray of bool, shape (bands,)
        Whether the upper edge belongs to the band; the lower one always does.
    theiler : int
        Diagonals with |i - j| below it are left out.
    theiler_vertical : int
        In columns, cells with |i - j| below it count as not recurrent.

    Returns
    -------
    BandLines
    """
    n_bands = len(lows)
    shape = values.shape
    n_rows, shortest = shape[0], min(shape)
    codes = band_codes(values, lows, highs, closed)
    padded = np.append(codes.ravel(), codes.dtype.type(0))[None]
    vertical, gaps = np.zeros((2, n_bands, n_rows + 1), dtype=np.int64)
    for layout in columns_of(shape, theiler_vertical):
        runs = _runs(padded, layout, n_bands)
        vertical += _histogram(runs, n_bands, n_rows, 1)[0]
        gaps += _gaps(runs, n_rows, n_bands)
    diagonal, border = np.zeros((2, n_bands, shortest + 1), dtype=np.int64)
    for layout in diagonals_of(shape, theiler):
        runs = _runs(padded, layout, n_bands)
        diagonal += _histogram(runs, n_bands, shortest, 1)[0]
        border += _histogram(_touching(runs, layout), n_bands, shortest, 1)[0]
    return BandLines(diagonal, border, vertical, gaps, *_points(codes, n_bands), bool((codes == 0).any()), None)


def band_codes(values: np.ndarray, lows: np.ndarray, highs: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """Return the code of every entry, as narrow as the number of bands allows; same shape as ``values``."""
    codes = np.empty(values.shape, dtype=np.uint8 if len(lows) < 120 else np.uint16)
    edges, included = np.append(highs, -np.inf), np.append(closed, False)  # the last stands for band -1
    rows_at_once = max(1, _AT_ONCE // max(1, values.shape[1]))
    for first in range(0, len(values), rows_at_once):
        rows = slice(first, first + rows_at_once)
        codes[rows] = _codes_of(values[rows], lows, edges, included)
    return codes


def _codes_of(values: np.ndarray, lows: np.ndarray, edges: np.ndarray, included: np.ndarray) -> np.ndarray:
    k = np.searchsorted(lows, values, side="right") - 1  # the last band that begins at or below the value, or -1

    def reaches_up_to(band: np.ndarray) -> np.ndarray:
        return (values < edges[band]) | ((values == edges[band]) & included[band])

    here, below = reaches_up_to(k), reaches_up_to(np.maximum(k - 1, -1))
    return np.where(here, 2 * k + 1 - below, np.where(below, 2 * k - 1, 0))


def _points(codes: np.ndarray, n_bands: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how many entries are in each band, and which of the main diagonal are."""
    of_code = np.zeros((n_bands, 2 * n_bands + 1), dtype=bool)
    k = np.arange(n_bands)
    of_code[k, 2 * k + 1] = True
    of_code[k[1:], 2 * k[1:]] = of_code[k[:-1], 2 * k[1:]] = True
    counts = np.bincount(codes.ravel(), minlength=2 * n_bands + 1)
    return (of_code * counts).sum(axis=1), of_code[:, np.diagonal(codes)]


def columns_of(shape: tuple[int, ...], theiler_vertical: int) -> Iterator[np.ndarray]:
    """Yield layouts of all columns of a matrix; cells closer to the main diagonal are separators too.

    A layout holds positions in the flat matrix, and the number of its entries for a separator.
    """
    n_rows, n_columns = shape
    for columns in _blocks(np.full(n_columns, n_rows)):
        layout = _layout(columns, np.full(len(columns), n_rows), n_columns, n_rows * n_columns)
        row, column = np.divmod(layout, n_columns)
        yield np.where(np.abs(row - column) < theiler_vertical, n_rows * n_columns, layout)


def diagonals_of(shape: tuple[int, ...], theiler: int, *, upper: bool = False) -> Iterator[np.ndarray]:
    """Yield layouts of the diagonals ``theiler`` or more away from the main one; if ``upper`` only those above it."""
    n_rows, n_columns = shape
    offset = np.arange(1 if upper else 1 - n_rows, n_columns)
    offset = offset[np.abs(offset) >= theiler]
    length = np.minimum(n_columns - offset, n_columns) - np.maximum(0, n_columns - offset - n_rows)
    length = np.minimum(length, n_rows + np.minimum(offset, 0))
    begin = np.where(offset < 0, -offset * n_columns, offset)
    for some in _blocks(length):
        yield _layout(begin[some], length[some], n_columns + 1, n_rows * n_columns)


def _blocks(lengths: np.ndarray) -> list[np.ndarray]:
    """Return the numbers of sequences, as many at a time as make about ``_AT_ONCE`` entries."""
    if not len(lengths):
        return []
    block = np.cumsum(lengths) // _AT_ONCE
    return np.split(np.arange(len(lengths)), np.flatnonzero(np.diff(block)) + 1)


def _layout(begins: np.ndarray, lengths: np.ndarray, stride: int, separator: int) -> np.ndarray:
    """Return the positions of sequences, a separator before each and after the last."""
    ends = np.cumsum(lengths + 1)
    step = np.arange(ends[-1]) - np.repeat(ends - lengths - 1, lengths + 1)
    positions = np.repeat(begins, lengths + 1) + (step - 1) * stride
    positions[step == 0] = separator
    return np.append(positions, separator)


def _runs(codes: np.ndarray, layout: np.ndarray, n_bands: int) -> Runs:
    """Return the lines of sequences laid out alike; ``codes`` is (rows, entries), the last entry in no band."""
    found = [_runs_in(layer) for layer in _layers(np.take(codes, layout, axis=1), n_bands)]
    return Runs(*map(np.concatenate, zip(*found, strict=True)))


def _layers(codes: np.ndarray, n_bands: int) -> list[np.ndarray]:
    """Return arrays of band + 1, 0 for none: one, or where edges are shared one of even bands and one of odd."""
    if not ((codes & 1 == 0) & (codes > 0)).any():
        return [(codes + 1) >> 1]
    table = np.zeros((2, 2 * n_bands + 1), dtype=codes.dtype)
    for k in range(n_bands):
        table[k % 2, 2 * k + 1] = table[k % 2, 2 * k + 2 : 2 * k + 3] = k + 1
        if k:
            table[k % 2, 2 * k] = k + 1
    return [of_parity[codes] for of_parity in table]


def _runs_in(layer: np.ndarray) -> Runs:
    flat = layer.ravel()
    last = np.flatnonzero(flat[1:] != flat[:-1])
    begin, length = last[:-1] + 1, np.diff(last)
    band = flat[begin]
    recurs = band > 0
    begin, length, band = begin[recurs], length[recurs], band[recurs].astype(np.int64) - 1
    row = _rows_of(begin, layer.shape)
    return Runs(row, begin - row * layer.shape[1], length, band)


def _histogram(runs: Runs, n_bands: int, longest: int, n_rows: int) -> np.ndarray:
    """Count lines by their length, (rows, bands, longest + 1) int64."""
    shape = (n_rows, n_bands, longest + 1)
    place = (runs.row * n_bands + runs.band) * (longest + 1) + runs.length
    return np.bincount(place, minlength=n_rows * n_bands * (longest + 1)).reshape(shape)


def _touching(runs: Runs, layout: np.ndarray) -> Runs:
    """Return the lines beside a separator: those that touch the border of the matrix with either end."""
    outside = layout == layout[0]
    at_border = outside[runs.begin - 1] | outside[runs.begin + runs.length]
    return Runs(*(column[at_border] for column in runs))


def _gaps(runs: Runs, n_rows: int, n_bands: int) -> np.ndarray:
    """Count the gaps between neighbouring lines of a band in one column, (bands, P + 1) int64."""
    place = runs.begin // (n_rows + 1) * n_bands + runs.band
    order = np.argsort(place, kind="stable")
    place, begin = place[order], runs.begin[order]
    end = begin + runs.length[order]
    inner = np.flatnonzero(place[1:] == place[:-1])
    gap = begin[inner + 1] - end[inner]
    counts = np.bincount(place[inner] % n_bands * (n_rows + 1) + gap, minlength=n_bands * (n_rows + 1))
    return counts.reshape(n_bands, n_rows + 1)


def shuffled_lines(
    codes: np.ndarray, layout: np.ndarray, n_bands: int, longest: int, with_border: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Count the lines of many matrices that are laid out alike, for numpy alone is quick enough at this.

    Parameters
    ----------
    codes : ndarray of uint8 or uint16, shape (n, m)
        For each matrix the codes of its entries, in any order; the last is 0.
    layout : ndarray of int64
        Sequences of positions in a row of ``codes``, ``m - 1`` before each and after the last.
    n_bands : int
        Number of bands.
    longest : int
        Length of the longest sequence.
    with_border : bool
        Whether to count the lines that touch an end of their sequence as well.

    Returns
    -------
    counts : ndarray of int64, shape (n, n_bands, longest + 1)
        Lines by their length.
    border : ndarray of int64
        Those that touch an end of their sequence, the same shape; without ``with_border`` all 0.
    """
    counts, border = np.zeros((2, len(codes), n_bands, longest + 1), dtype=np.int64)
    n_points = np.zeros((len(codes), n_bands), dtype=np.int64)
    for layer in _layers(np.take(codes, layout, axis=1), n_bands):
        runs = _long_runs_in(layer)
        counts += _histogram(runs, n_bands, longest, len(codes))
        n_points += _count_bands(layer, n_bands)
        if with_border:
            border += _histogram(_touching(runs, layout), n_bands, longest, len(codes))
            border[..., 1] += _count_bands(_lone_at_border(layer, layout), n_bands)
    # in a shuffled matrix nearly all lines are single points: these are never looked at one by one
    counts[..., 1] = n_points - counts @ np.arange(longest + 1)
    return counts, border


def _long_runs_in(layer: np.ndarray) -> Runs:
    """Return the lines of at least two points."""
    flat = layer.ravel()
    goes_on = np.flatnonzero((flat[1:] == flat[:-1]) & (flat[1:] > 0))  # entries whose line the next one continues
    first = np.flatnonzero(np.diff(goes_on, prepend=-2) > 1)
    begin, length = goes_on[first], np.diff(first, append=len(goes_on)) + 1
    row = _rows_of(begin, layer.shape)
    return Runs(row, begin - row * layer.shape[1], length, flat[begin].astype(np.int64) - 1)


def _lone_at_border(layer: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """Return the first and last entries of sequences, 0 instead of those that lie in lines of two points and more."""
    separator = np.flatnonzero(layout == layout[0])
    ends = np.concatenate([separator[:-1] + 1, separator[1:] - 1])
    ends = np.flatnonzero(np.bincount(ends, minlength=len(layout)))  # a sequence of one entry ends where it begins
    entries = layer[:, ends]
    return entries * ((entries != layer[:, ends - 1]) & (entries != layer[:, ends + 1]))


def _count_bands(layer: np.ndarray, n_bands: int) -> np.ndarray:
    """Return how many entries of each row are in each band."""
    return np.array([np.bincount(row, minlength=n_bands + 1)[1:] for row in layer])


def _rows_of(begin: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return which row each of some increasing positions in a flat array is in."""
    n_rows, size = shape
    return np.repeat(np.arange(n_rows), np.diff(np.searchsorted(begin, np.arange(n_rows + 1) * size)))
