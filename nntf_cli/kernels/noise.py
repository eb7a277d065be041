"""The noise floor, compiled; :mod:`nntf_cli.kernels.vectorized_noise` has the formulas and says what is computed."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels import vectorized_noise
from nntf_cli.kernels._jit import inner, jit
from nntf_cli.kernels.mirror import mirror
from nntf_cli.model import Flows
from nntf_cli.progress import task
from nntf_cli.threads import for_each

_of_pair, _of_cell = inner(vectorized_noise.of_pair), inner(vectorized_noise.of_cell)
_one_more = inner(vectorized_noise.one_more)
_TINY = vectorized_noise.TINY


def noise_floor(a: Flows, b: Flows | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected distances and their deviations; see :mod:`nntf_cli.kernels.vectorized_noise`."""
    other = a if b is None else b
    shape = a.n_transitions, other.n_transitions
    floor, deviation = np.zeros(shape), np.zeros(shape)
    cells, others, n_cells = vectorized_noise.number_cells(a, b)
    moved, moved_others = a.moved.astype(np.float64), other.moved.astype(np.float64)
    width = 1 + int(a.count.max(initial=0)) + int(other.count.max(initial=0))

    def row(i: int) -> None:
        n = i if b is None else shape[1]
        sums = np.zeros((n, vectorized_noise.SUMS))
        mine = slice(a.start[i], a.start[i + 1])
        moves = moved[i], moved_others[:n]
        lasts = vectorized_noise.last_that_counts(np.maximum(*moves), np.minimum(*moves))
        room = np.zeros(n_cells, dtype=np.int32), np.zeros(width, dtype=np.int64)
        _add_up(cells[mine], a.count[mine], others, other.count, other.start, *moves, lasts, *room, sums)
        floor[i, :n], deviation[i, :n] = vectorized_noise.finish(sums.T, np.full(n, moved[i]), moved_others[:n])
        done(n)

    # the longest rows first, so that threads end together
    with task(vectorized_noise.TITLE, shape[0] * (shape[0] - 1) / 2 if b is None else shape[0] * shape[1]) as done:
        for_each(row, range(shape[0] - 1, -1, -1))
    if b is None:
        mirror(floor)
        mirror(deviation)
    return floor, deviation


@jit
def _add_up(
    cells: np.ndarray,
    counts: np.ndarray,
    others: np.ndarray,
    their_counts: np.ndarray,
    start: np.ndarray,
    moved: float,
    moved_others: np.ndarray,
    lasts: np.ndarray,
    dense: np.ndarray,
    number: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Compare one transition with others, of which there are as many as rows of ``sums``."""
    mine = np.zeros(len(number), dtype=np.int64)
    most = 0
    for x in range(len(cells)):
        c = int(counts[x])
        dense[cells[x]] = c
        mine[c] += 1
        most = max(most, c)
    for j in range(len(sums)):
        s, r = max(moved, moved_others[j]), min(moved, moved_others[j])
        last = lasts[j]
        largest = min(most, last)
        number[: largest + 1] = mine[: largest + 1]
        for y in range(start[j], start[j + 1]):
            shared = int(dense[others[y]])
            c = shared + int(their_counts[y])
            if 0 < shared <= last:
                number[shared] -= 1
            if c <= last:
                number[c] += 1
                largest = max(largest, c)
        _add_cells(number, largest, s, r, sums[j])
        number[: largest + 1] = 0


@inner
def _add_cells(number: np.ndarray, largest: int, s: float, r: float, sums: np.ndarray) -> None:
    if r == 0.0:
        return
    pair = _of_pair(s, r, max(s + r - 1.0, 1.0), max(s + r - 2.0, 1.0))
    p = below = r / (s + r)
    for c in range(1, largest + 1):
        m = (c - 1) // 2
        if number[c] > 0:
            mean, spread, first, second = _of_cell(c, m, pair, p, below)
            sums[0] += number[c] * mean
            sums[1] += number[c] * spread
            sums[2] += number[c] * first
            sums[3] += number[c] * (first * first)
            sums[4] += number[c] * second
            sums[5] += number[c] * (second * second)
        p, below = _one_more(c, m, pair, p, below)
        if p < _TINY:
            return
