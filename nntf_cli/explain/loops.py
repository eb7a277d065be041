"""Trainings that go in loops: rounds of transitions that repeat, found along the diagonals of D.

A round of p transitions repeats at i where transitions i ... i+p-1 are like i+p ... i+2p-1, one by one: the mean of
d(i+k, i+k+p) over k < p is at most ``within``. That is a recurrence of D embedded in p dimensions (delay 1): a
diagonal line p long, of which single points may lie outside the band. A training that lingers is like itself
after any number of transitions, so the mean must also be less, by ``margin``, than the same mean for every
shift q < p; that rejects multiples of a shorter period too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import ParameterError
from nntf_cli.model import Fingerprint
from nntf_cli.progress import task

#: Distances are added up as multiples of 2^-36, so that sums do not depend on their order.
_UNIT = 2**36

#: Permutations unless asked for otherwise: of as many transitions, so many; and beyond, enough for a p of 0.05.
_PERMUTATIONS, _FEWEST = ((500, 199), (2000, 99)), 39

#: Above this p-value a loop is what chance gives.
LEVEL = 0.05


@dataclass(frozen=True)
class Search:
    """What counts as a loop.

    Raises
    ------
    ParameterError
        A value is out of range.
    """

    within: float = 0.5  #: largest mean distance from one round to the next: half of what moves is the same
    margin: float = 0.25  #: how much less that must be than after any smaller number of transitions, a share
    rounds: int = 3  #: fewest rounds
    permutations: int | None = None  #: None for 199 up to 500 transitions, 99 up to 2,000, 39 beyond
    seed: int = 0  #: of the permutations

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0 <= self.within < 1:
            raise ParameterError(f"rounds {self.within:g} apart do not repeat", "use --within 0 up to, not with, 1")
        if not 0 <= self.margin < 1:
            raise ParameterError(f"--margin {self.margin:g} is no share", "use 0 up to, not with, 1")
        if self.rounds < 2:
            raise ParameterError(f"{self.rounds} round repeats nothing", "use --rounds 2 or more")

    def n_permutations(self, n: int) -> int:
        """Return how many permutations ``n`` transitions get."""
        if self.permutations is not None:
            return self.permutations
        return next((several for most, several in _PERMUTATIONS if n <= most), _FEWEST)


@dataclass(frozen=True)
class Loop:
    """Transitions ``first`` to ``last``, which repeat every ``period``."""

    first: int
    last: int
    period: int
    distance: float  #: mean d between a transition and the one a period later
    between: float  #: mean d between transitions less than a period apart; to quiet ones it is 1
    p_value: float | None = None  #: share of shuffled trainings with a loop as strong; None where none was shuffled

    @property
    def n_transitions(self) -> int:
        """How many transitions it is long."""
        return self.last - self.first + 1

    @property
    def n_rounds(self) -> int:
        """How many whole rounds."""
        return self.n_transitions // self.period

    @property
    def strength(self) -> float:
        """How much nearer a period brings transitions, added up over the loop: what grows with length and contrast."""
        return (self.between - self.distance) * (self.n_transitions - self.period)


class _Stretch(NamedTuple):
    """Transitions in which rounds of one period repeat."""

    first: int
    last: int
    period: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def find_loops(fingerprint: Fingerprint, search: Search | None = None) -> list[Loop]:
    """Find the loops of a training, in order of time.

    Where one lies in a stronger one by half or more it is left out: what goes round within the rounds of a loop is a
    part of them. Of two that are as strong the one of shorter period stays.

    Parameters
    ----------
    fingerprint : Fingerprint
        D of one run, normalized by flows. A quiet transition is like no other.
    search : Search, optional
        What counts as a loop.

    Returns
    -------
    list of Loop
        ``p_value`` is the share of trainings with the transitions that move in random order, the one at hand counted
        among them, whose strongest loop, of whatever period, is at least as strong: (1 + number) / (1 + permutations).

    Raises
    ------
    LimitError
        The distances do not fit into memory.

    Notes
    -----
    The order of the draws: ``Generator(PCG64(seed)).permutation`` of the indices of the moving transitions, one
    permutation after the other; the places of quiet ones stay.
    """
    search = search or Search()
    n = fingerprint.shape[0]
    memory.require(
        8.0 * n * n * (1 + 0.5 / search.rounds), f"the {n} x {n} matrix and its diagonals", "thin it with --every"
    )
    quiet = fingerprint.axes.rows.quiet
    diagonals = _Diagonals(fingerprint.distances, np.zeros(n, dtype=bool) if quiet is None else quiet, np.arange(n))
    with task("looking for loops", n // search.rounds) as done:
        found = _apart([_measured(diagonals, stretch) for stretch in _stretches(diagonals, search, done)])
    strongest = _strongest_by_chance(diagonals, search) if found else np.zeros(0)
    return sorted((_against_chance(loop, strongest) for loop in found), key=lambda loop: (loop.first, loop.last))


class _Diagonals:
    """The diagonals of D with its transitions in some order, as running sums of whole numbers."""

    def __init__(self, distances: np.ndarray, quiet: np.ndarray, order: np.ndarray) -> None:
        self.distances, self.quiet, self._order = distances, quiet, order
        self._sums: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.distances)

    def reordered(self, order: np.ndarray) -> _Diagonals:
        """Return the same transitions in another order."""
        return _Diagonals(self.distances, self.quiet, order)

    def sums(self, q: int) -> np.ndarray:
        """Return the running sums of d(i, i + q), (P - q + 1,) int64, in units of 2^-36."""
        if q not in self._sums:
            values = np.rint(self.points(q) * _UNIT).astype(np.int64)
            self._sums[q] = np.concatenate([[0], np.cumsum(values)])
        return self._sums[q]

    def points(self, q: int) -> np.ndarray:
        """Return d(i, i + q), (P - q,) float64; 1 where either is quiet."""
        before, after = self._order[:-q], self._order[q:]
        return np.where(self.quiet[before] | self.quiet[after], 1.0, self.distances[before, after])

    def total(self, stretch: _Stretch, q: int) -> tuple[int, int]:
        """Return the sum of d(i, i + q) within a stretch, in units of 2^-36, and of how many."""
        running = self.sums(q)
        return int(running[stretch.last - q + 1] - running[stretch.first]), stretch.length - q


def _stretches(
    diagonals: _Diagonals, search: Search, done: Callable[[float], None] = lambda _: None
) -> Iterator[_Stretch]:
    """Yield where rounds repeat, for every period; stretches of different periods may overlap."""
    for period in range(2, len(diagonals) // search.rounds + 1):
        starts = _repeats(diagonals, period, search)
        # one loop as long as every transition is in a round that the next one repeats
        for part in np.split(starts, np.flatnonzero(np.diff(starts) > period) + 1):
            if len(part):
                stretch = _trimmed(diagonals, _Stretch(int(part[0]), int(part[-1]) + 2 * period - 1, period), search)
                if stretch.length >= search.rounds * period:
                    yield stretch
        done(1)


def _repeats(diagonals: _Diagonals, period: int, search: Search) -> np.ndarray:
    """Return the transitions at which a round begins that the next one repeats."""
    starts = np.arange(len(diagonals) - 2 * period + 1)
    running = diagonals.sums(period)
    apart = running[starts + period] - running[starts]
    kept = apart <= search.within * period * _UNIT
    starts, apart = starts[kept], apart[kept]
    for q in range(1, period):
        if not len(starts):
            break
        running = diagonals.sums(q)
        kept = apart < (1 - search.margin) * (running[starts + period] - running[starts])
        starts, apart = starts[kept], apart[kept]
    return starts


def _trimmed(diagonals: _Diagonals, stretch: _Stretch, search: Search) -> _Stretch:
    """Cut off ends that do not repeat themselves: the mean over a round forgives some transitions, there too."""
    first, last, period = stretch
    offset = np.arange(first, last - period + 1)
    running = [diagonals.sums(q) for q in range(1, period)]
    apart = np.diff(diagonals.sums(period))[offset]
    after = sum(np.diff(sums[first : last - period + 2]) for sums in running)
    before = sum(np.diff(sums[first + period - q : last - q + 2]) for q, sums in enumerate(running, start=1))
    near = apart <= search.within * _UNIT
    begins = np.flatnonzero(near & (apart * (period - 1) < (1 - search.margin) * after))
    ends = np.flatnonzero(near & (apart * (period - 1) < (1 - search.margin) * before))
    if not len(begins) or not len(ends):
        return _Stretch(first, first - 1, period)
    return _Stretch(first + int(begins[0]), first + int(ends[-1]) + period, period)


def _measured(diagonals: _Diagonals, stretch: _Stretch) -> Loop:
    total, n = diagonals.total(stretch, stretch.period)
    others = [diagonals.total(stretch, q) for q in range(1, stretch.period)]
    between = sum(several for several, _ in others) / (_UNIT * sum(count for _, count in others))
    return Loop(*stretch, total / (_UNIT * n), between)


def _apart(loops: list[Loop]) -> list[Loop]:
    """Return the loops that do not lie in a stronger one by half or more."""
    kept: list[Loop] = []
    for one in sorted(loops, key=lambda loop: (-loop.strength, loop.period, loop.first)):
        shared = (min(one.last, other.last) - max(one.first, other.first) + 1 for other in kept)
        if all(2 * several < one.n_transitions for several in shared):
            kept.append(one)
    return kept


def _strongest_by_chance(diagonals: _Diagonals, search: Search) -> np.ndarray:
    """Return how strong the strongest loop is when the moving transitions are in random order, several times."""
    moving = np.flatnonzero(~diagonals.quiet)
    n = search.n_permutations(len(moving))
    draws = np.random.Generator(np.random.PCG64(search.seed))
    strongest = np.zeros(n)
    with task("shuffling", n) as done:
        for k in range(n):
            order = np.arange(len(diagonals))
            order[moving] = draws.permutation(moving)
            shuffled = diagonals.reordered(order)
            found = (_measured(shuffled, stretch).strength for stretch in _stretches(shuffled, search))
            strongest[k] = max(found, default=0.0)
            done(1)
    return strongest


def _against_chance(loop: Loop, strongest: np.ndarray) -> Loop:
    if not len(strongest):
        return loop
    reached = int(np.count_nonzero(strongest >= loop.strength))
    return replace(loop, p_value=(1 + reached) / (1 + len(strongest)))
