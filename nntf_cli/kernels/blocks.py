"""Transitions compared block by block, compiled: for many transitions and few cells.

The flows of one transition meet a dense block of others, cell by cell, in lanes as narrow as the counts allow, and
what comes out is divided and written at once. The sparse side are the later transitions: trainings calm down.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.model import Flows
from nntf_cli.progress import task
from nntf_cli.threads import for_each, n_threads

#: Seconds: per lane operation with 16 and with 32 bits, per cell written.
_LANE = {2: 0.07e-9, 4: 0.17e-9}
_FILLED = 0.5e-9

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
        self._lane, self._n_cells = _lane_type(a, b), int(number[-1])
        self._counts = a.count.astype(self._lane)
        self._columns = number[b.from_class.astype(np.int32) * n_classes + b.to_class]
        self._rows = self._columns
        if a is not b:
            self._rows = number[a.from_class.astype(np.int32) * n_classes + a.to_class]

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
        # the last row stays empty: the cells of a that never move in b
        dense = np.zeros((self._n_cells + 1, _WIDTH), dtype=self._lane)
        _fill(self._b.start, self._columns, self._b.count, first, last, dense)
        if not self._symmetric:
            mirrored = _NOWHERE
        _compare(
            self._a.start, self._rows, self._counts, self._a.moved, dense, self._b.moved[first:last],
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


def _lane_type(a: Flows, b: Flows) -> np.dtype[np.unsignedinteger]:
    """Return the narrowest type that the moves of one transition fit: no sum of minima is larger."""
    most = max(int(flows.moved.max()) for flows in (a, b))
    return np.dtype(np.uint16 if most < 2**16 else np.uint32)


def cost(a: Flows, b: Flows, number: np.ndarray) -> float:
    """Return the seconds that blocks take, on one thread; infinity where one would be too large."""
    item = _lane_type(a, b).itemsize
    n_cells, n_columns = int(number[-1]), b.n_transitions
    if n_cells * _WIDTH * item > _DENSE_BYTES:
        return float("inf")
    per_row = np.diff(a.start)
    compared = np.arange(len(per_row)) + 1 if a is b else np.full(len(per_row), n_columns)
    lanes = per_row @ (-(-compared // _WIDTH) * _WIDTH)
    return _LANE[item] * float(lanes) + _FILLED * n_cells * n_columns


@jit
def _fill(start: np.ndarray, cells: np.ndarray, counts: np.ndarray, first: int, last: int, dense: np.ndarray) -> None:
    for j in range(first, last):
        for x in range(start[j], start[j + 1]):
            dense[cells[x], j - first] = counts[x]


@jit
def _compare(
    start: np.ndarray,
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
    n_rows, n_columns = len(start) - 1, len(moved_columns)
    sums = np.zeros(dense.shape[1], dtype=dense.dtype)
    tile = np.zeros((_HEIGHT, n_columns))
    for top in range(row, n_rows, _HEIGHT):
        bottom = min(top + _HEIGHT, n_rows)
        for i in range(top, bottom):
            sums[:] = 0
            x, end = start[i], start[i + 1]
            while x + 4 <= end:  # four cells at a time: the sums are read and written less often
                p, q, r, s = counts[x], counts[x + 1], counts[x + 2], counts[x + 3]
                d, e, f, g = dense[cells[x]], dense[cells[x + 1]], dense[cells[x + 2]], dense[cells[x + 3]]
                for j in range(len(sums)):
                    sums[j] += (min(p, d[j]) + min(q, e[j])) + (min(r, f[j]) + min(s, g[j]))
                x += 4
            while x < end:
                value, lanes = counts[x], dense[cells[x]]
                for j in range(len(sums)):
                    sums[j] += min(value, lanes[j])
                x += 1
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
