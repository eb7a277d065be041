"""Counting moves, compiled; :mod:`nntf_cli.kernels.vectorized` says what the functions do."""

from __future__ import annotations

import threading

import numpy as np

from nntf_cli.kernels._jit import inner, jit
from nntf_cli.kernels.changes import BLOCK, ROOM, TILE, find_changes, list_changes
from nntf_cli.threads import for_each, n_threads

#: Bits of a class up to which a table of all pairs stays in the cache nearby, and is read as a whole.
_SMALL = 7

#: Bits of a class up to which pairs are counted in a table (64 MiB) of which only what was touched is read.
_LARGE = 12

#: Tables that take turns, so that one count need not wait for the one before; and bits of a class for which that pays.
_TURNS = 4
_TAKING_TURNS = 4

#: Share of labels that change from which on it is quicker to count all of them than to look for these.
_MANY = 0.3

#: Most flows that one piece of work may find.
_MOST_FLOWS = 2**20

#: Labels from which on a panel is worth several threads.
_WORTH_THREADS = 2**22

#: Flows of several transitions: how many each has, from, to, count.
_Moves = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class _Scratch(threading.local):
    """Memory that each thread uses again from call to call; ``table`` is all zero in between."""

    def __init__(self) -> None:
        self.table = np.zeros(0, dtype=np.uint32)
        self.keys = np.zeros(0, dtype=np.uint64)
        self.cells = np.zeros(TILE, dtype=np.uint16)
        self.nothing = np.zeros(TILE, dtype=np.uint32)
        self.masks = np.zeros(TILE // BLOCK, dtype=np.uint64)
        self.places = np.zeros(ROOM, dtype=np.uint16)


_scratch = _Scratch()


def count_moves(previous: np.ndarray, rows: np.ndarray, missing: int, width: int) -> _Moves:  # noqa: D103
    previous, rows = np.ascontiguousarray(previous), np.ascontiguousarray(rows)
    n = len(rows)
    bits = int(width).bit_length()  # holds ``width`` itself, which stands for a missing label
    most = min(rows.shape[1], width * width) if bits <= _SMALL else rows.shape[1]
    step = 1 if bits > _SMALL else max(1, min(n // (4 * n_threads()), _MOST_FLOWS // max(1, most)))
    pieces: dict[int, _Moves] = {}

    def some(first: int) -> None:
        before = rows[first - 1] if first else previous
        part = rows[first : first + step]
        if bits <= _SMALL:
            pieces[first] = _count_in_table(before, part, missing, width, bits, most)
        else:
            pieces[first] = _count_and_sort(before, part[0], missing, bits)

    starts = range(0, n, step)
    for_each(some, starts, None if rows.size > _WORTH_THREADS else 1)
    sizes, before, after, count = (np.concatenate(c) for c in zip(*(pieces[k] for k in starts), strict=True))
    return sizes, before, after, count


def _count_in_table(previous: np.ndarray, rows: np.ndarray, missing: int, width: int, bits: int, most: int) -> _Moves:
    tables = np.zeros((_TURNS if bits <= _TAKING_TURNS else 1, 1 << 2 * bits), dtype=np.uint32)
    sizes = np.zeros(len(rows), dtype=np.int64)
    before, after = (np.empty(len(rows) * most, dtype=rows.dtype) for _ in range(2))
    count = np.empty(len(rows) * most, dtype=np.int32)
    gone = rows.dtype.type(missing if missing <= np.iinfo(rows.dtype).max else width)
    scratch = tables, _scratch.masks, _scratch.places, _scratch.cells, _scratch.nothing
    _tabulate(previous, rows, gone, width, bits, *scratch, sizes, before, after, count)
    n = sizes.sum()
    return sizes, before[:n].copy(), after[:n].copy(), count[:n].copy()


@jit
def _tabulate(
    previous: np.ndarray,
    rows: np.ndarray,
    gone: np.generic,
    width: int,
    bits: int,
    tables: np.ndarray,
    masks: np.ndarray,
    places: np.ndarray,
    cells: np.ndarray,
    nothing: np.ndarray,
    sizes: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    count: np.ndarray,
) -> None:
    """Count the moves of each transition in tables, and read and clear these for the next one."""
    n_flows = 0
    for i in range(len(rows)):
        for first in range(0, rows.shape[1], TILE):
            x, y = rows[i - 1, first : first + TILE], rows[i, first : first + TILE]
            if i == 0:
                x = previous[first : first + TILE]
            _count_cells(cells, _tile_cells(x, y, gone, width, bits, masks, places, cells), tables)
        found = n_flows
        for turn in range(1, len(tables)):
            for k in range(tables.shape[1]):  # added as arrays, it would take seconds more to compile
                tables[0, k] += tables[turn, k]
        for first in range(0, tables.shape[1], TILE):
            part = tables[0, first : first + TILE]
            n = find_changes(part, nothing[: len(part)], masks)
            list_changes(masks, len(part), places)
            for k in range(n):
                cell = first + np.int64(places[k])
                a, b = cell >> bits, cell & ((1 << bits) - 1)
                if a != b and a != width and b != width:
                    before[n_flows], after[n_flows], count[n_flows] = a, b, tables[0, cell]
                    n_flows += 1
        tables[:] = 0
        sizes[i] = n_flows - found


@inner
def _tile_cells(
    x: np.ndarray,
    y: np.ndarray,
    gone: np.generic,
    width: int,
    bits: int,
    masks: np.ndarray,
    places: np.ndarray,
    cells: np.ndarray,
) -> int:
    """Write ``from << bits | to`` of all samples that moved, or of all samples where many did; return how many."""
    nowhere, shift = np.uint16(width), np.uint16(bits)
    n = find_changes(x, y, masks)
    if n > len(x) * _MANY:
        for k in range(len(x)):
            a = nowhere if x[k] == gone else np.uint16(x[k])
            b = nowhere if y[k] == gone else np.uint16(y[k])
            cells[k] = a << shift | b
        return len(x)
    list_changes(masks, len(x), places)
    for k in range(n):
        place = np.uint64(places[k])
        a = nowhere if x[place] == gone else np.uint16(x[place])
        b = nowhere if y[place] == gone else np.uint16(y[place])
        cells[k] = a << shift | b
    return n


@inner
def _count_cells(cells: np.ndarray, n: int, tables: np.ndarray) -> None:
    """Count in tables that take turns: to add to what was just added to takes a wait."""
    several = len(tables) - 1
    first, second, third, fourth = tables[0], tables[1 & several], tables[2 & several], tables[3 & several]
    whole = n // 4 * 4
    for k in range(0, whole, 4):
        first[cells[k]] += 1
        second[cells[k + 1]] += 1
        third[cells[k + 2]] += 1
        fourth[cells[k + 3]] += 1
    for k in range(whole, n):
        first[cells[k]] += 1


def _count_and_sort(previous: np.ndarray, current: np.ndarray, missing: int, bits: int) -> _Moves:
    key_type = np.uint32 if bits <= 16 else np.uint64
    if len(_scratch.keys) < len(current):
        _scratch.keys = np.zeros(len(current), dtype=np.uint64)
    cells = _scratch.keys.view(key_type)
    n = _list_cells(previous, current, missing, bits, _scratch.masks, _scratch.places, cells)
    in_table = bits <= _LARGE
    if in_table:
        if len(_scratch.table) < 1 << 2 * bits:
            _scratch.table = np.zeros(1 << 2 * bits, dtype=np.uint32)
        n = _add_cells(cells, n, _scratch.table)
    cells = np.sort(cells[:n])
    n_flows = n if in_table else _count_distinct(cells)
    before, after = (np.empty(n_flows, dtype=current.dtype) for _ in range(2))
    count = np.empty(n_flows, dtype=np.int32)
    if in_table:
        _read_cells(cells, bits, _scratch.table, before, after, count)
    else:
        _count_runs(cells, bits, before, after, count)
    return np.array([n_flows]), before, after, count


@jit
def _list_cells(
    previous: np.ndarray,
    current: np.ndarray,
    missing: int,
    bits: int,
    masks: np.ndarray,
    places: np.ndarray,
    cells: np.ndarray,
) -> int:
    """Write ``from << bits | to`` of each sample that moved."""
    n_cells, shift, gone = 0, np.uint64(bits), np.uint64(missing)
    for first in range(0, len(current), TILE):
        x, y = previous[first : first + TILE], current[first : first + TILE]
        n = find_changes(x, y, masks)
        list_changes(masks, len(x), places)
        for k in range(n):
            place = np.uint64(places[k])
            a, b = np.uint64(x[place]), np.uint64(y[place])
            cells[n_cells] = a << shift | b  # overwritten by the next one unless it counts
            n_cells += int((a != gone) & (b != gone))
    return n_cells


@jit
def _add_cells(cells: np.ndarray, n: int, table: np.ndarray) -> int:
    """Count cells in the table; keep, in place, each where it is met first."""
    n_touched = 0
    for k in range(n):
        cell = cells[k]
        known = table[cell]
        cells[n_touched] = cell
        n_touched += int(known == 0)
        table[cell] = known + 1
    return n_touched


@jit
def _read_cells(
    cells: np.ndarray, bits: int, table: np.ndarray, before: np.ndarray, after: np.ndarray, count: np.ndarray
) -> None:
    """Split cells into classes, and take their counts out of the table."""
    shift, below = np.uint64(bits), np.uint64((1 << bits) - 1)
    for k in range(len(cells)):
        cell = np.uint64(cells[k])
        before[k], after[k], count[k] = cell >> shift, cell & below, table[cell]
        table[cell] = 0


@jit
def _count_distinct(cells: np.ndarray) -> int:
    n = min(1, len(cells))
    for k in range(1, len(cells)):
        n += int(cells[k] != cells[k - 1])
    return n


@jit
def _count_runs(cells: np.ndarray, bits: int, before: np.ndarray, after: np.ndarray, count: np.ndarray) -> None:
    """Write each distinct one of sorted cells, and how often it occurs."""
    shift, below = np.uint64(bits), np.uint64((1 << bits) - 1)
    n, begin = 0, 0
    for k in range(1, len(cells) + 1):
        if k == len(cells) or cells[k] != cells[begin]:
            cell = np.uint64(cells[begin])
            before[n], after[n], count[n] = cell >> shift, cell & below, k - begin
            n, begin = n + 1, k


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
