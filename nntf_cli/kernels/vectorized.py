"""The kernels in numpy: nothing to load, quick enough for what is small."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntf_cli.kernels.mirror import mirror
from nntf_cli.kernels.vectorized_histories import histories
from nntf_cli.kernels.vectorized_rules import end_runs, follow_runs
from nntf_cli.kernels.vectorized_tally import tally_changes, tally_first
from nntf_cli.model import BandLines, Flows
from nntf_cli.threads import for_each

__all__ = [
    "band_lines", "count_differences", "count_moves", "count_stays", "distance_panels", "distances", "end_runs",
    "finish", "follow_runs", "histories", "is_symmetric", "noise_floor", "shared_moves", "tally_changes",
    "tally_first",
]  # fmt: skip

#: Widest label range whose moves are counted in a table instead of by sorting.
_WIDEST_TABLE = 512

#: Most counters for tabulating several transitions at once.
_TABLE = 2**21

#: Labels from which on a panel is worth several threads.
_WORTH_THREADS = 2**20


def count_moves(
    previous: np.ndarray, rows: np.ndarray, missing: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Count the samples that moved from class to class, from snapshot to snapshot.

    Parameters
    ----------
    previous : ndarray of uint8, uint16 or uint32, shape (N,)
        The labels before.
    rows : ndarray of the same type, shape (R, N)
        The labels of the snapshots that follow, R at least 1.
    missing : int
        The label that takes part in nothing.
    width : int
        Above every other label.

    Returns
    -------
    n_flows : ndarray of int64, shape (R,)
        How many of the following belong to each transition.
    from_class, to_class : ndarray of the type of labels
        In increasing order of (from, to) within each transition.
    count : ndarray of int32
        Samples, all positive.
    """
    pairs = list(zip([previous, *rows[:-1]], rows, strict=True))
    n_cells = width * width
    if len(rows) * n_cells <= _TABLE:
        table = np.empty((len(rows), n_cells), dtype=np.int32)
        for counts, (before, after) in zip(table, pairs, strict=True):
            counts[:] = np.bincount(_cells(before, after, missing, width), minlength=n_cells)
        transition, cells = np.nonzero(table)
        n_flows, count = np.bincount(transition, minlength=len(rows)), table[transition, cells]
    else:
        n_flows, cells, count = _count_one_by_one(pairs, missing, width)
    from_class, to_class = np.divmod(cells, width)
    return n_flows, from_class.astype(rows.dtype), to_class.astype(rows.dtype), count.astype(np.int32)


def _count_one_by_one(
    pairs: list[tuple[np.ndarray, np.ndarray]], missing: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0), np.empty(0))] * len(pairs)

    def count(k: int) -> None:
        cells = _cells(*pairs[k], missing, width)
        if width <= _WIDEST_TABLE:
            table = np.bincount(cells)
            known = np.flatnonzero(table)
            found[k] = known, table[known]
        else:
            cells.sort()
            first = np.flatnonzero(cells[1:] != cells[:-1]) + 1
            first = np.concatenate([np.zeros(min(1, len(cells)), dtype=np.intp), first])
            found[k] = cells[first], np.diff(first, append=len(cells))

    for_each(count, range(len(pairs)), None if len(pairs) * len(pairs[0][0]) > _WORTH_THREADS else 1)
    sizes = np.array([len(cells) for cells, _ in found])
    return sizes, np.concatenate([cells for cells, _ in found]), np.concatenate([counts for _, counts in found])


def _cells(before: np.ndarray, after: np.ndarray, missing: int, width: int) -> np.ndarray:
    """Return ``from * width + to`` of each sample that moved, in the smallest type that holds it."""
    moved = np.flatnonzero(before != after)
    if missing <= np.iinfo(before.dtype).max:
        gone = (before == missing) | (after == missing)
        if gone.any():
            moved = moved[~gone[moved]]
    kind = np.min_scalar_type(width**2 - 1)
    return before[moved].astype(kind) * kind.type(width) + after[moved].astype(kind)


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


def count_differences(
    a: np.ndarray, b: np.ndarray, missing_a: int, missing_b: int, symmetric: bool, counts: np.ndarray
) -> None:
    """Add to ``counts[i, j]`` the samples whose labels differ in rows a[i] and b[j]; only j <= i if symmetric."""
    present = b != missing_b
    for i, row in enumerate(a):
        others = slice(0, i + 1 if symmetric else len(b))
        differing = (b[others] != row) & present[others] & (row != missing_a)
        counts[i, others] += np.count_nonzero(differing, axis=1)


def band_lines(
    values: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
    closed: np.ndarray,
    theiler: int,
    theiler_vertical: int,
) -> BandLines:
    """Count the lines in every band; see :mod:`nntf_cli.kernels.runs`. Symmetry would not make it any quicker."""
    from nntf_cli.kernels import runs  # a fingerprint alone need not wait for it

    return runs.band_lines(values, lows, highs, closed, theiler, theiler_vertical)


def noise_floor(a: Flows, b: Flows | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances to expect by chance, and their deviations; see :mod:`nntf_cli.kernels.vectorized_noise`."""
    from nntf_cli.kernels import vectorized_noise  # a fingerprint alone need not wait for it

    return vectorized_noise.noise_floor(a, b)
