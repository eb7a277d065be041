"""How far apart two transitions are by chance alone, in closed form: formulas, and the loops in numpy.

Of two transitions with S >= R moves, N = S + R together, a cell in which c moved has A of the first. If both drew their
moves from one distribution, then given what moved in both together every way to choose S of the N moves is equally
likely: A is hypergeometric, and X = Σ (c - 2A)+ over the cells is what is left to chance of Σ |2A - c| = S - R + 2X.

All that is needed of a cell is p = P(A = m) and P(A <= m), m the largest number below c / 2. Partial sums of a
polynomial times a hypergeometric weight up to m are closed forms of these two (by summation by parts; Diaconis &
Zabell, Statistical Science 6, 1991, have the first), and both follow from those for c - 1 by a few multiplications. So
there is no logarithm and no exponential, and the same result everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.kernels.mirror import mirror
from nntf_cli.model import Flows
from nntf_cli.progress import task

#: Below this probability the rest of a tail is nothing: with S >= R, P(A <= m) is then below 1e-16.
TINY = 1e-20

#: What is added up over the cells of two transitions: mean and variance of (c - 2A)+, then its components along the
#: first and the second orthogonal polynomial of A, and their squares.
SUMS = 6

#: A little more than -ln(TINY) / 2.
_HOEFFDING = 24.0

TITLE = "estimating the noise floor"

#: Entries of a table of numbers of cells, and pairs that are done at once, about at most.
_TABLE, _PAIRS = 2**22, 2**13

#: The place of r / n in what :func:`of_pair` returns: P(A = 0) and P(A <= 0) at c = 1.
_REST = 4

#: Cells that are numbered by a table, at most, and the bytes that a flow takes where they are sorted.
_CELLS, _SORTED_BYTES = 2**24, 48.0

#: Columns of a row that are looked at together, at most.
_COLUMNS = 128


def of_pair(s: Any, r: Any, n1: Any, n2: Any) -> Any:
    """Return what the cells of a pair have in common; n - 1 and n - 2 are given as at least 1.

    Divisions are what takes time, so here they are done once.
    """
    n = s + r
    return s, r, n, s / n, r / n, 1.0 / n, 1.0 / n1, 1.0 / n2


def of_cell(c: int, m: int, pair: Any, p: Any, below: Any) -> Any:
    """Return expectation, variance and two components of (c - 2A)+ in a cell with c < n moves.

    ``p`` is P(A = m), ``below`` P(A <= m); these and the parts of ``pair`` are numbers, or arrays with a place per
    pair. The components are those by which cells covary, E[(c - 2A)+ Q] of the first and of the second monic Hahn
    polynomial Q of A, by n - c and by (n - c) (n - c - 1).
    """
    s, r, n, share, rest, by_n, by_n1, by_n2 = pair
    left = n - c
    mean = c * share
    lead = 2.0 * mean - c
    t = (c - m) * (s - m) * p
    t1 = t * by_n1
    variance = mean * rest * left * by_n1
    deviation = t * by_n  # Σ (mean - a) p(a) up to m
    square = variance * below - (m + 1 - mean - (c + s - 2.0 * mean) * by_n) * t1  # Σ (a - mean)² p(a) up to m
    expected = 2.0 * deviation - lead * below
    spread = lead * lead * below - 4.0 * lead * deviation + 4.0 * square - expected * expected
    first = (lead * deviation - 2.0 * square) / left
    second = t1 * ((2 * m - c) * (m - (c - 1) * (s - 1.0) * by_n2) + 2.0 * m * (r - c + m) * by_n2)
    second = second / (left * (left - 1.0) + (left < 2.0))  # where one is left, A has two values and Q is 0
    return expected, spread, first, second


def one_more(c: int, m: int, pair: Any, p: Any, below: Any) -> Any:
    """Return p and below of a cell with c + 1 < n moves from those with c."""
    s, r, n = pair[0], pair[1], pair[2]
    # the one division does not wait for p, and so costs next to nothing
    if c % 2:
        by = 1.0 / ((n - c) * (m + 2))
        return p * ((r - (c - m)) * (c + 1) * by), below - p * ((s - m) * (m + 2) * by)
    by = 1.0 / ((n - c) * (m + 1))
    return p * ((s - m) * (c + 1) * by), below + p * ((s - m) * (c - m) * by)


def last_that_counts(s: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Return a number of moves c beyond which P(A <= m) is nothing: by counting, or by Hoeffding's inequality.

    It is 0 beyond 2 r, and at most exp(-2 c (s / n - 1/2)²), which then is below :data:`TINY`.
    """
    apart = (s / np.maximum(s + r, 1.0) - 0.5) ** 2
    return np.minimum(2.0 * r, _HOEFFDING / np.maximum(apart, 1e-300)).astype(np.int64) + 1


def finish(sums: np.ndarray, moved: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn sums over cells into the expected distance and its standard deviation.

    Parameters
    ----------
    sums : ndarray of float64, shape (SUMS, n)
        Of each pair.
    moved, others : ndarray of float64, shape (n,)
        S and R of each pair, in any order; 0 where a transition is quiet.

    Notes
    -----
    Cells covary by having to add up to S. Along the k-th Hahn polynomials two cells covary by the product of something
    of each, so a sum over pairs of cells is the square of one over cells. Two orders are taken; the rest is of the
    order of one over the square of the number of cells.
    """
    s, r = np.maximum(moved, others), np.minimum(moved, others)
    n = s + r
    n1, n2, n3 = np.maximum(n - 1, 1), np.maximum(n - 2, 1), np.maximum(n - 3, 1)
    mean, spread, first, first_squares, second, second_squares = sums
    inverse = np.divide(n * n * n1, s * r, out=np.zeros(len(n)), where=r > 0)
    variance = spread - (first * first - first_squares) * inverse
    pairs = 2.0 * (s * (s - 1)) * (r * (r - 1))
    inverse = np.divide((n * n1 * n2 * n3) * (n1 * n2), pairs, out=np.zeros(len(n)), where=(r > 1) & (n > 3))
    variance += (second * second - second_squares) * inverse
    # X is a whole number: where it does not vary, neither may what rounding left of it
    constant = variance <= 1e-9 + 1e-12 * spread
    mean = np.minimum(np.where(constant, np.rint(mean), mean), r)
    below = np.maximum(n, 1)
    return (s - r + 2.0 * mean) / below, 2.0 * np.sqrt(np.where(constant, 0.0, variance)) / below


def number_cells(a: Flows, b: Flows | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return numbers, from 0 on, for the cells of the flows of a and of b, and how many there are."""
    several = [a] if b is None else [a, b]
    width = max(flows.n_classes for flows in several)
    n_flows = sum(len(flows.count) for flows in several)
    if width**2 <= _CELLS:
        cells = [flows.from_class.astype(np.int32) * np.int32(width) + flows.to_class for flows in several]
        number = np.zeros(width**2 + 1, dtype=np.int32)
        for some in cells:
            number[some + 1] = 1
        np.cumsum(number, out=number)
        numbers, n_cells = [number[some] for some in cells], int(number[-1])
    else:
        memory.require(_SORTED_BYTES * n_flows, "sorting what moved", "use fewer snapshots with --every")
        cells = [flows.from_class.astype(np.uint64) * np.uint64(width) + flows.to_class for flows in several]
        known, place = np.unique(np.concatenate(cells), return_inverse=True)
        numbers, n_cells = np.split(place.astype(np.int32), [len(a.count)]), len(known)
    return numbers[0], numbers[0] if b is None else numbers[1], n_cells


def noise_floor(a: Flows, b: Flows | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance to expect by chance of every two transitions, and its standard deviation.

    Parameters
    ----------
    a, b : Flows
        The transitions of rows and columns; those of a without b, and then a transition is 0 from itself.

    Returns
    -------
    floor, deviation : ndarray of float64, shape (P_a, P_b)
    """
    other = a if b is None else b
    floor, deviation = (np.zeros((a.n_transitions, other.n_transitions)) for _ in range(2))
    counter = _CellCounter(a, b)
    moved, others = a.moved.astype(np.float64), other.moved.astype(np.float64)
    total = len(floor) * (len(floor) - 1) / 2 if b is None else floor.size
    with task(TITLE, total) as done:
        for pieces in counter.blocks():
            i = np.concatenate([np.full(piece.n, piece.row) for piece in pieces])
            j = np.concatenate([np.arange(piece.first, piece.first + piece.n) for piece in pieces])
            sums = _add_up(counter.numbers(pieces), moved[i], others[j])
            floor[i, j], deviation[i, j] = finish(sums, moved[i], others[j])
            done(len(i))
    if b is None:
        mirror(floor)
        mirror(deviation)
    return floor, deviation


class _Piece(NamedTuple):
    """Some pairs of a row."""

    row: int
    first: int  #: column
    n: int  #: columns
    width: int  #: above every number of moves that counts in any of them


class _Numbers(NamedTuple):
    """How many cells of a pair have c moves, in order of c."""

    c: np.ndarray
    pair: np.ndarray
    number: np.ndarray


class _CellCounter:
    """Counts the cells of every pair by how much moved in them."""

    def __init__(self, a: Flows, b: Flows | None) -> None:
        self._a, self._b, self._symmetric = a, a if b is None else b, b is None
        self._cells, self._others, n_cells = number_cells(a, b)
        self._dense = np.zeros(n_cells, dtype=np.int64)
        self._transition = np.repeat(np.arange(self._b.n_transitions, dtype=np.int32), np.diff(self._b.start))

    def blocks(self) -> Iterator[list[_Piece]]:
        """Yield pieces that are done together: those that need as many steps."""
        block: list[_Piece] = []
        for piece in sorted(self._pieces(), key=lambda piece: piece.width):
            block.append(piece)
            if sum(known.n for known in block) >= _PAIRS:
                yield block
                block = []
        if block:
            yield block

    def _pieces(self) -> Iterator[_Piece]:
        moved, most = self._a.moved.astype(np.float64), _most_of_each(self._a)
        others, most_others = self._b.moved.astype(np.float64), _most_of_each(self._b)
        for i in range(self._a.n_transitions):
            end = i if self._symmetric else self._b.n_transitions
            s, r = np.maximum(moved[i], others[:end]), np.minimum(moved[i], others[:end])
            widths = 1 + np.minimum(most[i] + most_others[:end], last_that_counts(s, r))
            for first in range(0, end, _COLUMNS):
                some = widths[first : first + _COLUMNS]
                yield _Piece(i, first, len(some), int(some.max()))

    def numbers(self, pieces: list[_Piece]) -> _Numbers:
        """Return what the cells of all pairs of some pieces hold, as far as it matters."""
        found = [self._counted(piece) for piece in pieces]
        before = np.cumsum([0, *(piece.n for piece in pieces)])
        c = np.concatenate([some.c for some in found])
        pair = np.concatenate([some.pair + first for some, first in zip(found, before, strict=False)])
        order = np.argsort(c, kind="stable")
        return _Numbers(c[order], pair[order], np.concatenate([some.number for some in found])[order])

    def _counted(self, piece: _Piece) -> _Numbers:
        mine = slice(self._a.start[piece.row], self._a.start[piece.row + 1])
        cells, counts = self._cells[mine], self._a.count[mine].astype(np.int64)
        theirs = slice(self._b.start[piece.first], self._b.start[piece.first + piece.n])
        self._dense[cells] = counts
        shared = self._dense[self._others[theirs]]
        self._dense[cells] = 0
        column = self._transition[theirs] - piece.first
        once, how_often = np.unique(counts, return_counts=True)
        c: list[np.ndarray] = [np.repeat(once, piece.n), shared + self._b.count[theirs], shared]
        columns: list[np.ndarray] = [np.tile(np.arange(piece.n), len(once)), column, column]
        weights: list[np.ndarray] = [np.repeat(how_often, piece.n), np.ones(len(shared)), -np.ones(len(shared))]
        return _tabulate(np.concatenate(c), np.concatenate(columns), np.concatenate(weights), piece)


def _tabulate(c: np.ndarray, column: np.ndarray, weight: np.ndarray, piece: _Piece) -> _Numbers:
    """Add up what stands several times; in a table, unless that would be large."""
    matters = (c > 0) & (c < piece.width)
    codes, weight = (c * piece.n + column)[matters], weight[matters]
    if piece.width * piece.n <= _TABLE:
        table = np.bincount(codes, weights=weight, minlength=1)
        codes = np.flatnonzero(table)
        number = table[codes]
    else:
        codes, place = np.unique(codes, return_inverse=True)
        number = np.bincount(place, weights=weight, minlength=1)[: len(codes)]
        codes, number = codes[number > 0], number[number > 0]
    c, column = np.divmod(codes, piece.n)
    return _Numbers(c, column, number)


def _most_of_each(flows: Flows) -> np.ndarray:
    """Return the largest number of moves in a cell, of every transition."""
    most = np.zeros(flows.n_transitions, dtype=np.int64)
    some = flows.start[:-1] < flows.start[1:]
    if some.any():
        most[some] = np.maximum.reduceat(flows.count, flows.start[:-1][some])
    return most


def _add_up(numbers: _Numbers, moved: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the :data:`SUMS` of every pair; all pairs take a step from c to c + 1 at once."""
    s, r = np.maximum(moved, others), np.minimum(moved, others)
    sums = np.zeros((SUMS, len(s)))
    live = np.flatnonzero(r > 0)
    s, r = s[live], r[live]
    pairs = np.array(of_pair(s, r, *(np.maximum(s + r - k, 1.0) for k in (1.0, 2.0))))
    p, below = pairs[_REST], pairs[_REST]
    last = int(numbers.c[-1]) if len(numbers.c) and len(live) else 0
    bounds = np.searchsorted(numbers.c, np.arange(1, last + 2)).tolist()
    place = _places(live, len(moved))
    for c, (begin, end) in enumerate(pairwise(bounds), start=1):
        m = (c - 1) // 2
        if begin < end:
            where = place[numbers.pair[begin:end]]
            known = where >= 0
            where, number = where[known], numbers.number[begin:end][known]
            values = _of_cells(c, m, pairs[:, where], p[where], below[where])
            for total, value in zip(sums, values, strict=True):
                total[live[where]] += number * value
        with np.errstate(under="ignore"):
            p, below = one_more(c, m, pairs, p, below)
        alive: np.ndarray = np.greater_equal(p, TINY)
        if not alive.all():
            live, pairs, p, below = live[alive], pairs[:, alive], p[alive], below[alive]
            if not len(live):
                break
            place = _places(live, len(moved))
    return sums


def _places(live: np.ndarray, n: int) -> np.ndarray:
    """Return where each of n pairs is among the live ones, -1 where it is not."""
    place = np.full(n, -1)
    place[live] = np.arange(len(live))
    return place


def _of_cells(c: int, m: int, pairs: np.ndarray, p: np.ndarray, below: np.ndarray) -> tuple[np.ndarray, ...]:
    mean, spread, first, second = of_cell(c, m, pairs, p, below)
    return mean, spread, first, first * first, second, second * second
