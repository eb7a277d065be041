"""The kernels compiled by numba; :mod:`nntf_cli.kernels.vectorized` says what each function does.

The public functions allocate, the compiled ones only loop.
"""

from __future__ import annotations

import threading

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.kernels.lines import LineCounter, band_lines, lines_of_panels
from nntf_cli.kernels.newest import shared_with_newest
from nntf_cli.kernels.sharing import distance_panels, distances, finish, shared_moves
from nntf_cli.threads import for_each, n_threads

__all__ = [
    "LineCounter", "band_lines", "count_differences", "count_moves", "count_stays", "distance_panels", "distances",
    "finish", "lines_of_panels", "shared_moves", "shared_with_newest", "tabulate",
]  # fmt: skip

#: Widest label range whose moves are counted in a table (64 MiB of counters) instead of by sorting.
_WIDEST_TABLE = 4096

#: Labels from which on a panel is worth several threads.
_WORTH_THREADS = 2**20


class _Scratch(threading.local):
    """Memory that each thread uses again from call to call; ``table`` is all zero in between."""

    def __init__(self) -> None:
        self.table = np.zeros(0, dtype=np.uint32)
        self.cells = np.zeros(0, dtype=np.uint32)


_scratch = _Scratch()


def count_moves(  # noqa: D103
    previous: np.ndarray, current: np.ndarray, missing: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if width > _WIDEST_TABLE:
        cells = np.empty(len(current), dtype=np.uint32 if width < 2**16 else np.uint64)
        cells = cells[: _list_moves(previous, current, missing, width, cells)]
        cells.sort()
        first = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]])) if len(cells) else np.zeros(0, int)
        counts = np.diff(np.append(first, len(cells)))
        return *np.divmod(cells[first], cells.dtype.type(width)), counts
    if len(_scratch.cells) < len(current):
        _scratch.cells = np.zeros(len(current), dtype=np.uint32)
    if len(_scratch.table) < width * width:
        _scratch.table = np.zeros(width * width, dtype=np.uint32)
    n_touched = _tabulate_moves(previous, current, missing, width, _scratch.table, _scratch.cells)
    touched = np.sort(_scratch.cells[:n_touched])
    counts = _scratch.table[touched]
    _scratch.table[touched] = 0
    return *np.divmod(touched, np.uint32(width)), counts


@jit
def _tabulate_moves(
    previous: np.ndarray, current: np.ndarray, missing: int, width: int, table: np.ndarray, touched: np.ndarray
) -> int:
    """Add the moves to ``table[from * width + to]`` and list each cell touched for the first time."""
    n_touched = 0
    for k in range(len(current)):
        a, b = np.int64(previous[k]), np.int64(current[k])
        if a != b and a != missing and b != missing:
            cell = a * width + b
            if table[cell] == 0:
                touched[n_touched] = cell
                n_touched += 1
            table[cell] += 1
    return n_touched


@jit
def _list_moves(previous: np.ndarray, current: np.ndarray, missing: int, width: int, cells: np.ndarray) -> int:
    """Write ``from * width + to`` of each sample that moved."""
    n_moves = 0
    for k in range(len(current)):
        a, b = np.int64(previous[k]), np.int64(current[k])
        if a != b and a != missing and b != missing:
            cells[n_moves] = np.uint64(a) * np.uint64(width) + np.uint64(b)
            n_moves += 1
    return n_moves


def tabulate(rows: np.ndarray, missing: int, width: int) -> np.ndarray:  # noqa: D103
    table = np.zeros((len(rows) - 1, width, width), dtype=np.int32)
    parts = range(0, len(table), max(1, len(table) // (4 * n_threads())))
    step = parts.step

    def some(first: int) -> None:
        _tabulate(rows[first : first + step + 1], missing, table[first : first + step])

    for_each(some, parts, None if rows.size > _WORTH_THREADS else 1)
    return table


@jit
def _tabulate(rows: np.ndarray, missing: int, table: np.ndarray) -> None:
    """Count without a branch: a sample that stays costs no more than to find out that it does."""
    for i in range(len(table)):
        counts, before, after = table[i], rows[i], rows[i + 1]
        if missing < 2**32:
            for k in range(len(before)):
                if before[k] != missing and after[k] != missing:
                    counts[before[k], after[k]] += 1
        else:
            for k in range(len(before)):
                counts[before[k], after[k]] += 1


def count_stays(previous: np.ndarray, current: np.ndarray, missing: int, width: int) -> np.ndarray:  # noqa: D103
    stayed = np.zeros(width, dtype=np.int64)
    _add_stays(previous, current, missing, stayed)
    return stayed


@jit
def _add_stays(previous: np.ndarray, current: np.ndarray, missing: int, stayed: np.ndarray) -> None:
    for k in range(len(current)):
        label = np.int64(current[k])
        if label != missing and label == np.int64(previous[k]):
            stayed[label] += 1


@jit
def count_differences(  # noqa: D103
    a: np.ndarray, b: np.ndarray, missing_a: int, missing_b: int, symmetric: bool, counts: np.ndarray
) -> None:
    for i in range(a.shape[0]):
        for j in range(i + 1 if symmetric else b.shape[0]):
            differing = 0
            for k in range(a.shape[1]):
                x, y = np.int64(a[i, k]), np.int64(b[j, k])
                if x != y and x != missing_a and y != missing_b:
                    differing += 1
            counts[i, j] += differing
