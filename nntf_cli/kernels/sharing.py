"""How much every two transitions have in common, compiled: two algorithms, chosen by what they cost.

*Inverted lists*: all flows sorted by cell, then every pair of transitions within a cell. Cheap where there are many
cells and few transitions; done in ranges of cells, which add up, so its memory is bounded.

*Blocks*, in :mod:`nntf_cli.kernels.blocks`: cheap where there are many transitions and few cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nntf_cli.kernels import blocks
from nntf_cli.kernels._jit import jit
from nntf_cli.model import Flows
from nntf_cli.progress import task
from nntf_cli.threads import for_each, n_threads

#: Seconds: per pair in a cell, per flow sorted.
_PAIR, _SORTED = 0.7e-9, 15e-9

#: Flows sorted at a time, and bits in a digit of the sort.
_RANGE, _DIGIT = 2**20, 11

#: Most bytes of partial sums that each thread may have of its own.
_PARTIAL_BYTES = 64 * 2**20

_TITLE = "comparing transitions"

#: Side of the tiles in which distances are written.
_TILE = 64


def shared_moves(a: Flows, b: Flows | None) -> np.ndarray:
    """Add up min(δ_i[m, n], δ_j[m, n]) over all cells; see :mod:`nntf_cli.kernels.vectorized`."""
    other = a if b is None else b
    shared = np.zeros((a.n_transitions, other.n_transitions), dtype=np.int64)
    if len(a.count) and len(other.count):
        prepared = _blocks(a, other, blocks.RAW)
        if prepared is None:
            _by_lists(a, b, shared)
        else:
            prepared.write(shared)
    return shared


def distances(a: Flows, b: Flows | None, divisor: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Compare every two transitions; see :mod:`nntf_cli.kernels.vectorized`."""
    other = a if b is None else b
    prepared = _blocks(a, other, divisor)
    if prepared is None:
        result = finish(shared_moves(a, b), a.moved, other.moved, divisor, b is None)
        return result.astype(dtype, copy=False)
    result = np.empty((a.n_transitions, other.n_transitions), dtype=dtype)
    prepared.write(result)
    return result


def distance_panels(flows: Flows, divisor: int) -> Iterator[np.ndarray] | None:
    """Return the distances panel by panel, as :class:`~nntf_cli.model.RowStream` has them; None where that is slow."""
    prepared = _blocks(flows, flows, divisor)
    return None if prepared is None else prepared.panels()


def _blocks(a: Flows, b: Flows, divisor: int) -> blocks.Blocks | None:
    """Return flows made ready to be compared block by block, if that is the cheaper way."""
    if not len(a.count) or not len(b.count):
        return None
    n_classes = max(a.n_classes, b.n_classes)
    number = blocks.number_cells(b, n_classes)
    if number is None or not _blocks_are_cheaper(a, b, number):
        return None
    return blocks.Blocks(a, b, divisor, number, n_classes)


def _blocks_are_cheaper(a: Flows, b: Flows, number: np.ndarray) -> bool:
    pairs = len(a.count) * float(len(b.count)) / int(number[-1])  # at the least: when all cells are alike
    lists = _PAIR * pairs / (2 if a is b else 1) + _SORTED * (len(a.count) + len(b.count))
    return blocks.cost(a, b, number) < lists


# -- inverted lists


def _by_lists(a: Flows, b: Flows | None, shared: np.ndarray) -> None:
    """Work through ranges of ``from`` classes, every thread with sums of its own where they are small."""
    bounds = _ranges(a, b)
    threads = n_threads() if shared.nbytes <= _PARTIAL_BYTES else 1
    partial = [shared] + [np.zeros_like(shared) for _ in range(threads - 1)]

    def every_nth(thread: int) -> None:
        for k in range(thread, len(bounds) - 1, threads):
            mine = _sorted_range(a, bounds[k], bounds[k + 1])
            theirs = mine if b is None else _sorted_range(b, bounds[k], bounds[k + 1])
            _add_pairs(*mine, *theirs, b is None, partial[thread])
            done(1)

    with task(_TITLE, len(bounds) - 1) as done:
        for_each(every_nth, range(threads), threads)
    for other in partial[1:]:
        shared += other


def _ranges(a: Flows, b: Flows | None) -> list[int]:
    """Return bounds of ``from`` classes between which about ``_RANGE`` flows lie."""
    n_classes = max(a.n_classes, a.n_classes if b is None else b.n_classes)
    per_class = np.zeros(n_classes, dtype=np.int64)
    for from_class in (a.from_class, *(() if b is None else (b.from_class,))):
        for first in range(0, len(from_class), _RANGE):  # bincount widens what it counts to eight bytes
            per_class += np.bincount(from_class[first : first + _RANGE], minlength=n_classes)
    flows_before = np.concatenate([[0], np.cumsum(per_class)])
    wanted = np.arange(0, flows_before[-1], _RANGE)
    return np.unique(np.append(np.searchsorted(flows_before, wanted), n_classes)).tolist()


def _sorted_range(flows: Flows, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (cell, transition << 32 | count) of the flows from classes in [low, high), by cell, then transition."""
    first, last = _find(flows.start, flows.from_class, low), _find(flows.start, flows.from_class, high)
    n = int((last - first).sum())
    cells, moves = np.empty(n, np.uint64), np.empty(n, np.uint64)
    width = flows.n_classes
    _gather(first, last, flows.from_class, flows.to_class, flows.count, low, width, cells, moves)
    room = np.empty(n, np.uint64), np.empty(n, np.uint64)
    for shift in range(0, ((high - low) * width).bit_length(), _DIGIT):
        _sort_by_digit(cells, moves, shift, *room, np.zeros(2**_DIGIT, dtype=np.int64))
        (cells, moves), room = room, (cells, moves)
    return cells, moves


@jit
def _sort_by_digit(
    keys: np.ndarray, values: np.ndarray, shift: int, to_keys: np.ndarray, to_values: np.ndarray, place: np.ndarray
) -> None:
    """Sort by one digit of the keys, keeping the order of equal ones: a pass of radix sort."""
    mask = np.uint64(len(place) - 1)
    for k in range(len(keys)):
        place[(keys[k] >> np.uint64(shift)) & mask] += 1
    before = 0
    for digit in range(len(place)):
        here = place[digit]
        place[digit] = before
        before += here
    for k in range(len(keys)):
        digit = (keys[k] >> np.uint64(shift)) & mask
        to_keys[place[digit]] = keys[k]
        to_values[place[digit]] = values[k]
        place[digit] += 1


@jit
def _find(start: np.ndarray, from_class: np.ndarray, wanted: int) -> np.ndarray:
    """Return, for every transition, where its flows from class ``wanted`` begin."""
    place = np.empty(len(start) - 1, dtype=np.int64)
    for i in range(len(place)):
        low, high = start[i], start[i + 1]
        while low < high:
            middle = (low + high) // 2
            if np.int64(from_class[middle]) < wanted:
                low = middle + 1
            else:
                high = middle
        place[i] = low
    return place


@jit
def _gather(
    first: np.ndarray,
    last: np.ndarray,
    from_class: np.ndarray,
    to_class: np.ndarray,
    count: np.ndarray,
    low: int,
    width: int,
    cells: np.ndarray,
    moves: np.ndarray,
) -> None:
    k = 0
    for i in range(len(first)):
        for x in range(first[i], last[i]):
            cells[k] = (np.uint64(from_class[x]) - np.uint64(low)) * np.uint64(width) + np.uint64(to_class[x])
            moves[k] = np.uint64(i) << np.uint64(32) | np.uint64(count[x])
            k += 1


@jit
def _add_pairs(
    cells_a: np.ndarray,
    moves_a: np.ndarray,
    cells_b: np.ndarray,
    moves_b: np.ndarray,
    symmetric: bool,
    shared: np.ndarray,
) -> None:
    """Go through both in step; within a cell, every transition of a meets every one of b."""
    high, low = np.uint64(32), np.uint64(2**32 - 1)
    x, y = 0, 0
    while x < len(cells_a) and y < len(cells_b):
        if cells_a[x] < cells_b[y]:
            x += 1
        elif cells_b[y] < cells_a[x]:
            y += 1
        else:
            end_x, end_y = x + 1, y + 1
            while end_x < len(cells_a) and cells_a[end_x] == cells_a[x]:
                end_x += 1
            while end_y < len(cells_b) and cells_b[end_y] == cells_b[y]:
                end_y += 1
            for p in range(x, end_x):
                i, n = moves_a[p] >> high, np.int64(moves_a[p] & low)
                for q in range(y, p + 1 if symmetric else end_y):
                    shared[i, moves_b[q] >> high] += min(n, np.int64(moves_b[q] & low))
            x, y = end_x, end_y


# -- distances


def finish(shared: np.ndarray, moved_a: np.ndarray, moved_b: np.ndarray, divisor: int, symmetric: bool) -> np.ndarray:
    """Turn shared moves into distances in place; see :mod:`nntf_cli.kernels.vectorized`."""
    result = shared.view(np.float64)

    def some_rows(first: int) -> None:
        _finish(shared, moved_a, moved_b, divisor, symmetric, first, min(first + _TILE, len(shared)), result)

    for_each(some_rows, range(0, len(shared), _TILE))
    return result


@jit
def _finish(
    shared: np.ndarray,
    moved_a: np.ndarray,
    moved_b: np.ndarray,
    divisor: int,
    symmetric: bool,
    first: int,
    last: int,
    result: np.ndarray,
) -> None:
    """Go through the rows tile by tile, so that what is mirrored stays in the cache."""
    n_columns = shared.shape[1]
    for left in range(0, last if symmetric else n_columns, _TILE):
        for i in range(first, last):
            for j in range(left, min(left + _TILE, i + 1 if symmetric else n_columns)):
                total = moved_a[i] + moved_b[j]
                different = np.float64(total - 2 * shared[i, j])
                below = divisor if divisor > 0 else max(total, 1)
                result[i, j] = different / np.float64(below)
                if symmetric:
                    result[j, i] = result[i, j]
