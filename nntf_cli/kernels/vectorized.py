"""The kernels in numpy: nothing to load, quick enough for what is small."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntf_cli.kernels.runs import band_lines
from nntf_cli.model import Flows

__all__ = [
    "band_lines", "count_differences", "count_moves", "count_stays", "finish", "is_symmetric", "mirror",
    "shared_moves", "tabulate",
]  # fmt: skip

#: Widest label range whose moves are counted in a table instead of by sorting.
_WIDEST_TABLE = 512


def count_moves(
    previous: np.ndarray, current: np.ndarray, missing: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the samples that moved from class to class.

    Parameters
    ----------
    previous, current : ndarray of uint8, uint16 or uint32, shape (N,)
        Labels before and after.
    missing : int
        The label that takes part in nothing.
    width : int
        Above every label.

    Returns
    -------
    from_class, to_class : ndarray of int
        In increasing order of (from, to).
    count : ndarray of int
        Samples, all positive.
    """
    moved = _moved(previous, current, missing)
    before, after = previous[moved].astype(np.int64), current[moved].astype(np.int64)
    if width <= _WIDEST_TABLE:
        table = np.bincount(before * width + after)
        cells = np.flatnonzero(table)
        return *np.divmod(cells, width), table[cells]
    cells, counts = np.unique(before * width + after, return_counts=True)
    return *np.divmod(cells, width), counts


def _moved(previous: np.ndarray, current: np.ndarray, missing: int) -> np.ndarray:
    moved = np.flatnonzero(previous != current)
    if missing <= np.iinfo(current.dtype).max:
        moved = moved[(previous[moved] != missing) & (current[moved] != missing)]
    return moved


def tabulate(rows: np.ndarray, missing: int, width: int) -> np.ndarray:
    """Count all transitions between consecutive rows, for few classes.

    Parameters
    ----------
    rows : ndarray, shape (R, N)
        Labels of consecutive snapshots, below ``width`` or missing.
    missing, width
        As for :func:`count_moves`.

    Returns
    -------
    ndarray of int32, shape (R - 1, width, width)
        The matrices δ, diagonals included.
    """
    table = np.zeros((len(rows) - 1, width, width), dtype=np.int32)
    for counts, before, after in zip(table, rows[:-1], rows[1:], strict=True):
        if missing <= np.iinfo(rows.dtype).max:
            present = (before != missing) & (after != missing)
            before, after = before[present], after[present]
        cells = before.astype(np.int64) * width + after
        counts[:] = np.bincount(cells, minlength=width * width).reshape(width, width)
    return table


def count_stays(previous: np.ndarray, current: np.ndarray, missing: int, width: int) -> np.ndarray:
    """Count the samples that stayed, class by class: the diagonal of δ, (width,) int64."""
    return np.bincount(current[(previous == current) & (current != missing)], minlength=width)


def shared_moves(a: Flows, b: Flows | None) -> np.ndarray:
    """Add up min(δ_i[m, n], δ_j[m, n]) over all cells, for every two transitions.

    Parameters
    ----------
    a, b : Flows
        The transitions of rows and columns; without b those of a, and then only entries with j <= i mean anything.

    Returns
    -------
    ndarray of int64, shape (P_a, P_b)
    """
    other = a if b is None else b
    shared = np.zeros((a.n_transitions, other.n_transitions), dtype=np.int64)
    rows, columns = _dense(a, other)
    for i, row in enumerate(rows):
        nonzero = np.flatnonzero(row)
        others = columns[: i + 1] if b is None else columns
        shared[i, : len(others)] = np.minimum(row[nonzero], others[:, nonzero]).sum(axis=1)
    return shared


def _dense(a: Flows, b: Flows) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of both as (transitions, cells), over the cells that moved in both."""
    width = max(a.n_classes, b.n_classes)
    cells_a, cells_b = (flows.from_class.astype(np.int64) * width + flows.to_class for flows in (a, b))
    common = _distinct(cells_a)
    if a is not b:
        common = common[np.isin(common, cells_b)]
    rows = _spread(a, cells_a, common)
    return rows, rows if a is b else _spread(b, cells_b, common)


def _distinct(cells: np.ndarray) -> np.ndarray:
    """Return np.unique, which would load numpy.ma for the sake of masked arrays."""
    cells = np.sort(cells)
    return cells[np.concatenate([[True], cells[1:] != cells[:-1]])] if len(cells) else cells


def _spread(flows: Flows, cells: np.ndarray, common: np.ndarray) -> np.ndarray:
    dense = np.zeros((flows.n_transitions, len(common)), dtype=np.int64)
    if len(common):
        place = np.minimum(np.searchsorted(common, cells), len(common) - 1)
        known = common[place] == cells
        transition = np.repeat(np.arange(flows.n_transitions), np.diff(flows.start))
        dense[transition[known], place[known]] = flows.count[known]
    return dense


def finish(shared: np.ndarray, moved_a: np.ndarray, moved_b: np.ndarray, divisor: int, symmetric: bool) -> np.ndarray:
    """Turn shared moves into distances, in place: float64 takes the room of int64.

    Parameters
    ----------
    shared : ndarray of int64, shape (P_a, P_b)
        What :func:`shared_moves` returned; it is lost.
    moved_a, moved_b : ndarray of int64
        S of rows and columns.
    divisor : int
        What to divide by; 0 stands for S_i + S_j, and then 0 / 0 is 0.
    symmetric : bool
        Only j <= i means anything, and is mirrored.

    Returns
    -------
    ndarray of float64, shape (P_a, P_b)
    """
    if symmetric:
        mirror(shared)
    result = shared.view(np.float64)
    for i, moved in enumerate(moved_a):
        total = moved + moved_b
        different = total - 2 * shared[i]
        np.divide(different, divisor or np.maximum(total, 1), out=result[i])
    return result


def distances(a: Flows, b: Flows | None, divisor: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Compare every two transitions.

    Parameters
    ----------
    a, b : Flows
        The transitions of rows and columns; those of a without b.
    divisor : int
        What to divide by; 0 stands for S_i + S_j, and then 0 / 0 is 0.
    dtype : dtype
        What the quotients, in float64, are rounded to.

    Returns
    -------
    ndarray, shape (P_a, P_b)
    """
    moved = (a if b is None else b).moved
    return finish(shared_moves(a, b), a.moved, moved, divisor, b is None).astype(dtype, copy=False)


def distance_panels(flows: Flows, divisor: int) -> None:
    """Return nothing: what is small enough for numpy is stored whole."""
    return None


def is_symmetric(values: np.ndarray) -> bool:
    """Return whether a matrix is square and equals its transpose, block by block and without a copy."""
    block = 512
    return values.shape[0] == values.shape[1] and all(
        np.array_equal(values[i : i + block, j : j + block], values[j : j + block, i : i + block].T)
        for i in range(0, len(values), block)
        for j in range(0, i + 1, block)
    )


def mirror(matrix: np.ndarray) -> None:
    """Copy the lower triangle to the upper one, in blocks that stay in the cache."""
    block = 256
    n = len(matrix)
    for row in range(0, n, block):
        for column in range(0, row + 1, block):
            tile = matrix[row : row + block, column : column + block]
            if row == column:
                tile[:] = np.tril(tile) + np.tril(tile, -1).T
            else:
                matrix[column : column + block, row : row + block] = tile.T


def count_differences(
    a: np.ndarray, b: np.ndarray, missing_a: int, missing_b: int, symmetric: bool, counts: np.ndarray
) -> None:
    """Add to ``counts[i, j]`` the samples whose labels differ in rows a[i] and b[j]; only j <= i if symmetric."""
    present = b != missing_b
    for i, row in enumerate(a):
        others = slice(0, i + 1 if symmetric else len(b))
        differing = (b[others] != row) & present[others] & (row != missing_a)
        counts[i, others] += np.count_nonzero(differing, axis=1)
