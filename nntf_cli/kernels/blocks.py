"""Transitions compared block by block, compiled: for many transitions and few cells.

The flows of one transition meet a dense block of others, cell by cell, in lanes of 8 or 16 bits, and what comes out is
divided and written at once. The sparse side are the later transitions: trainings calm down.

A count that is too large for its lane is cut into pieces, each of which has a cell of its own: min(a, b) is the sum of
the minima of their pieces. And the pieces of a transition are taken in groups whose sum still fits the lane, so that no
sum of minima can overflow before it is added to a wider one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.model import Flows
from nntf_cli.progress import task
from nntf_cli.threads import for_each, n_threads

#: Seconds: per lane and piece with 8 and with 16 bits, per lane and group, per cell written.
_LANE = {1: 0.02e-9, 2: 0.04e-9}
_GROUP, _FILLED = 0.15e-9, 0.5e-9

#: Most bytes of a dense block; every thread has one.
_DENSE_BYTES = 32 * 2**20

#: Transitions side by side in a block: their counts and sums stay in the first cache. And rows written at a time.
_WIDTH, _HEIGHT = 256, 16

#: What to divide by: 0 stands for S_i + S_j, any other positive number for itself.
RAW = -1  #: not at all, and the moves shared are returned instead of a distance

_TITLE = "comparing transitions"


class Blocks:
    """Flows made ready.

    Parameters
    ----------
    a, b : Flows
        The transitions of rows and columns; the same object for a symmetric matrix.
    divisor : int
        What to divide by.
    """

    def __init__(self, a: Flows, b: Flows, divisor: int, number: np.ndarray, n_classes: int) -> None:
        self._a, self._b, self._divisor, self._symmetric = a, b, divisor, a is b
        lane, _ = _narrowest(a, b, number)
        self._columns = number[b.from_class.astype(np.int32) * n_classes + b.to_class]
        rows = self._columns if a is b else number[a.from_class.astype(np.int32) * n_classes + a.to_class]
        most = np.zeros(int(number[-1]) + 1, dtype=np.int64)
        _find_most(self._columns, b.count, most)
        # where the pieces of each cell begin; of a cell that never moves in b there is one, which stays empty
        limit = int(np.iinfo(lane).max)
        self._place = np.concatenate([[0], np.cumsum(np.maximum(1, -(-most // limit)))])
        self._pieces = _cut(a.start, rows, a.count, self._place, lane, limit)
        self._lane, self._limit = lane, limit

    def write(self, result: np.ndarray) -> None:
        """Fill the whole matrix, (P, Q) of any type of number."""
        blocks = range(0, self._b.n_transitions, _WIDTH)

        def one(first: int) -> None:
            last = min(first + _WIDTH, self._b.n_transitions)
            self._block(first, last, result, result[first:last], 0)
            done(self._work(first))

        with task(_TITLE, sum(map(self._work, blocks))) as done:
            for_each(one, blocks)

    def panels(self) -> Iterator[np.ndarray]:
        """Yield the rows of a symmetric matrix as far as its diagonal, time running backwards; see RowStream."""
        n = self._a.n_transitions
        height = _WIDTH * n_threads()
        with task(_TITLE, sum(map(self._work, range(0, n, _WIDTH)))) as done:
            for low in range((n - 1) // height * height, -1, -height):
                high = min(low + height, n)
                panel = np.zeros((high - low, n - low))
                backwards = panel[::-1, ::-1]  # [j - low, i - low]

                def one(first: int) -> None:
                    last = min(first + _WIDTH, high)  # noqa: B023 - called before the next panel begins
                    self._block(first, last, _NOWHERE, backwards[first - low : last - low], low)  # noqa: B023
                    done(self._work(first))

                for_each(one, range(low, high, _WIDTH))
                yield panel

    def _work(self, first: int) -> float:
        return float(self._a.start[-1] - self._a.start[first if self._symmetric else 0])

    def _block(self, first: int, last: int, direct: np.ndarray, mirrored: np.ndarray, low: int) -> None:
        dense = np.zeros((int(self._place[-1]), _WIDTH), dtype=self._lane)
        _fill(self._b.start, self._columns, self._b.count, self._place, self._limit, first, last, dense)
        if not self._symmetric:
            mirrored = _NOWHERE
        _compare(
            *self._pieces, self._a.moved, dense, self._b.moved[first:last],
            first, first if self._symmetric else 0, self._symmetric, self._divisor, direct, mirrored, low,
        )  # fmt: skip


_NOWHERE = np.zeros((0, 0))


def number_cells(flows: Flows, n_classes: int) -> np.ndarray | None:
    """Return ``number[from * C + to]`` of the cells that moved, and of all others how many those are.

    One cell too many is there, so that ``number[-1]`` is how many. None where the table would be large.
    """
    if n_classes > 4096:
        return None
    number = np.zeros(n_classes * n_classes + 1, dtype=np.int32)
    _mark(flows.from_class, flows.to_class, n_classes, number)
    moved = number > 0
    n_cells = np.count_nonzero(moved)
    number[moved] = np.arange(n_cells, dtype=np.int32)
    number[~moved] = n_cells
    return number


@jit
def _mark(from_class: np.ndarray, to_class: np.ndarray, n_classes: int, number: np.ndarray) -> None:
    for x in range(len(from_class)):
        number[np.int64(from_class[x]) * n_classes + np.int64(to_class[x])] = 1


def cost(a: Flows, b: Flows, number: np.ndarray) -> float:
    """Return the seconds that blocks take, on one thread; infinity where one would be too large."""
    return _narrowest(a, b, number)[1]


def _narrowest(a: Flows, b: Flows, number: np.ndarray) -> tuple[type[np.unsignedinteger], float]:
    """Return the type of lanes that is quicker, and the seconds that it takes."""
    n_cells, n_columns = int(number[-1]) + 1, b.n_transitions
    compared = np.arange(a.n_transitions) + 1 if a is b else np.full(a.n_transitions, n_columns)
    lanes = -(-compared // _WIDTH) * float(_WIDTH)
    costs: dict[type[np.unsignedinteger], float] = {}
    for lane in (np.uint8, np.uint16):
        item, limit = np.dtype(lane).itemsize, float(np.iinfo(lane).max)
        # at the most: groups are filled by three quarters or better, and no piece is left over but one per flow
        pieces = np.diff(a.start) + a.moved / limit
        groups = 1 + a.moved / (0.75 * limit)
        too_large = n_cells * _WIDTH * item > _DENSE_BYTES
        work = float(lanes @ (_LANE[item] * pieces + _GROUP * groups)) + _FILLED * n_cells * n_columns
        costs[lane] = float("inf") if too_large else work
    best = min(costs, key=costs.__getitem__)
    return best, costs[best]


@jit
def _find_most(cells: np.ndarray, counts: np.ndarray, most: np.ndarray) -> None:
    for x in range(len(cells)):
        most[cells[x]] = max(most[cells[x]], counts[x])


def _cut(
    start: np.ndarray, cells: np.ndarray, counts: np.ndarray, place: np.ndarray, lane: type[Any], limit: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut flows into pieces.

    Returns
    -------
    first : ndarray of int64, shape (P + 1,)
        Where the groups of each transition begin.
    begin : ndarray of int64, shape (groups + 1,)
        Where the pieces of each group begin.
    where, how_many : ndarray of int32 and of the type of lanes
        The cell of each piece, and the moves.
    """
    n_pieces = len(counts) + int((counts[counts > limit].astype(np.int64) // limit).sum())
    first = np.zeros(len(start), dtype=np.int64)
    begin = np.zeros(n_pieces + len(start), dtype=np.int64)
    where, how_many = np.empty(n_pieces, dtype=np.int32), np.empty(n_pieces, dtype=lane)
    n_groups, n_pieces = _cut_all(start, cells, counts, place, limit, first, begin, where, how_many)
    return first, begin[: n_groups + 1].copy(), where[:n_pieces], how_many[:n_pieces]


@jit
def _cut_all(
    start: np.ndarray,
    cells: np.ndarray,
    counts: np.ndarray,
    place: np.ndarray,
    limit: int,
    first: np.ndarray,
    begin: np.ndarray,
    where: np.ndarray,
    how_many: np.ndarray,
) -> tuple[int, int]:
    """Go on with a group until the next piece would make it overflow; what b never has as much of is left out."""
    n_groups, n_pieces = 0, 0
    for i in range(len(start) - 1):
        total = 0
        for x in range(start[i], start[i + 1]):
            left, cell = int(counts[x]), place[cells[x]]
            while left > 0 and cell < place[cells[x] + 1]:
                piece = min(left, limit)
                if total + piece > limit:
                    n_groups += 1
                    begin[n_groups] = n_pieces
                    total = 0
                where[n_pieces], how_many[n_pieces] = cell, piece
                n_pieces += 1
                total += piece
                left -= piece
                cell += 1
        n_groups += 1
        begin[n_groups] = n_pieces
        first[i + 1] = n_groups
    return n_groups, n_pieces


@jit
def _fill(
    start: np.ndarray,
    cells: np.ndarray,
    counts: np.ndarray,
    place: np.ndarray,
    limit: int,
    first: int,
    last: int,
    dense: np.ndarray,
) -> None:
    for j in range(first, last):
        for x in range(start[j], start[j + 1]):
            left, cell = int(counts[x]), place[cells[x]]
            while left > 0:
                dense[cell, j - first] = min(left, limit)
                left -= limit
                cell += 1


@jit
def _compare(
    group: np.ndarray,
    begin: np.ndarray,
    cells: np.ndarray,
    counts: np.ndarray,
    moved: np.ndarray,
    dense: np.ndarray,
    moved_columns: np.ndarray,
    first: int,
    row: int,
    symmetric: bool,
    divisor: int,
    direct: np.ndarray,
    mirrored: np.ndarray,
    low: int,
) -> None:
    """Compare the transitions from ``row`` on with those of a block; the inner loops become vector instructions.

    Entry (i, j) goes to ``direct[i, j]`` and to ``mirrored[j - first, i - low]``, where those have any room.
    """
    n_rows, n_columns = len(group) - 1, len(moved_columns)
    sums = np.zeros(dense.shape[1], dtype=np.uint32)
    lanes = np.zeros(dense.shape[1], dtype=dense.dtype)
    tile = np.zeros((_HEIGHT, n_columns))
    for top in range(row, n_rows, _HEIGHT):
        bottom = min(top + _HEIGHT, n_rows)
        for i in range(top, bottom):
            sums[:] = 0
            for k in range(group[i], group[i + 1]):
                lanes[:] = 0
                x, end = begin[k], begin[k + 1]
                while x + 4 <= end:  # four cells at a time: the sums are read and written less often
                    p, q, r, s = counts[x], counts[x + 1], counts[x + 2], counts[x + 3]
                    d, e, f, g = dense[cells[x]], dense[cells[x + 1]], dense[cells[x + 2]], dense[cells[x + 3]]
                    for j in range(len(lanes)):
                        lanes[j] += (min(p, d[j]) + min(q, e[j])) + (min(r, f[j]) + min(s, g[j]))
                    x += 4
                while x < end:
                    p, d = counts[x], dense[cells[x]]
                    for j in range(len(lanes)):
                        lanes[j] += min(p, d[j])
                    x += 1
                for j in range(len(lanes)):
                    sums[j] += lanes[j]
            to = tile[i - top]
            if divisor == RAW:
                for j in range(n_columns):
                    to[j] = sums[j]
            else:
                for j in range(n_columns):
                    total = moved[i] + moved_columns[j]
                    different = np.float64(total - 2 * np.int64(sums[j]))
                    to[j] = different / np.float64(divisor if divisor > 0 else max(total, 1))
        if len(direct):
            for i in range(top, bottom):
                for j in range(min(n_columns, i - first + 1) if symmetric else n_columns):
                    direct[i, first + j] = tile[i - top, j]
        if len(mirrored):
            for j in range(n_columns):
                for i in range(max(top, first + j), bottom):
                    mirrored[j, i - low] = tile[i - top, j]
