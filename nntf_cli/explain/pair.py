"""One transition or two, taken apart into flows, and flows into samples: integers until the one division."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nntf_cli.explain.reading import Moves, classes_of

#: Where a sample made a move.
IN_BOTH, IN_I, IN_J = 0, 1, 2


@dataclass(frozen=True)
class Samples:
    """Who is behind flows: a row per sample and flow, in order of the flows, of where, and of the samples."""

    sample: np.ndarray  #: (n,) int64: position in the split
    flow: np.ndarray  #: (n,) int64: which flow of the explanation
    where: np.ndarray  #: (n,) int8: ``IN_BOTH`` transitions, or ``IN_I`` or ``IN_J`` alone


class _OfCells:
    """What single and paired transitions say of their flows alike."""

    cell: np.ndarray

    @property
    def n_flows(self) -> int:
        """F."""
        return len(self.cell)

    @cached_property
    def classes(self) -> tuple[np.ndarray, np.ndarray]:
        """From which class and to which, (F,) int64 each."""
        return classes_of(self.cell)


@dataclass(frozen=True)
class Single(_OfCells):
    """What moved in one transition, largest flow first; of equal ones the lower class first."""

    moves: Moves
    cell: np.ndarray  #: (F,) uint64
    count: np.ndarray  #: (F,) int64, all positive

    def samples(self, flows: np.ndarray) -> Samples:
        """Return the samples behind some flows, by their positions."""
        rank = _ranks(self.moves, self.cell, flows)
        sample = np.flatnonzero(rank >= 0)
        return _in_order(sample, rank[sample], np.full(len(sample), IN_I, dtype=np.int8))


@dataclass(frozen=True)
class Pair(_OfCells):
    """The flows that make up the distance d_ij (Eq. 1), largest contribution first.

    Of equal contributions the flow with more in common comes first, then the lower class. Flows that are in neither
    transition contribute nothing and are left out.
    """

    i: Moves
    j: Moves
    normalize: str
    cell: np.ndarray  #: (F,) uint64
    count_i: np.ndarray  #: (F,) int64: samples that moved so in I
    count_j: np.ndarray  #: (F,) int64: and in J
    same_samples: np.ndarray  #: (F,) int64: how many of them are the same samples

    @cached_property
    def difference(self) -> np.ndarray:
        """|count in I - count in J|, (F,) int64: what each flow contributes to the numerator."""
        return np.abs(self.count_i - self.count_j)

    @cached_property
    def common(self) -> np.ndarray:
        """The smaller of both counts, (F,) int64: twice it is missing from the numerator."""
        return np.minimum(self.count_i, self.count_j)

    @property
    def numerator(self) -> int:
        """The sum of ``difference``."""
        return int(self.difference.sum())

    @property
    def denominator(self) -> int:
        """What it is divided by: S_i + S_j, or twice the number of samples, or 1."""
        divisors = {"flows": self.i.moved + self.j.moved, "samples": 2 * self.i.split.labels.n_samples}
        return divisors.get(self.normalize, 1)

    @property
    def distance(self) -> float:
        """d_ij, the entry of the fingerprint bit for bit; 0 where both are quiet."""
        return self.numerator / self.denominator if self.denominator else 0.0

    def samples(self, flows: np.ndarray) -> Samples:
        """Return the samples behind some flows, by their positions; one that moved so twice has one row."""
        in_i, in_j = (_ranks(moves, self.cell, flows) for moves in (self.i, self.j))
        both = (in_i >= 0) & (in_i == in_j)
        parts = [(both, in_i, IN_BOTH), ((in_i >= 0) & ~both, in_i, IN_I), ((in_j >= 0) & ~both, in_j, IN_J)]
        sample = np.concatenate([np.flatnonzero(mask) for mask, _, _ in parts])
        flow = np.concatenate([rank[mask] for mask, rank, _ in parts])
        where = np.concatenate([np.full(np.count_nonzero(mask), kind, dtype=np.int8) for mask, _, kind in parts])
        return _in_order(sample, flow, where)


def explain_one(moves: Moves) -> Single:
    """Return the flows of one transition.

    Parameters
    ----------
    moves : Moves
        Of a transition; a quiet one has no flows.
    """
    cell, count = np.unique(moves.cells, return_counts=True)
    order = np.argsort(-count, kind="stable")
    return Single(moves, cell[order], count[order].astype(np.int64))


def explain_pair(i: Moves, j: Moves, normalize: str = "flows") -> Pair:
    """Take the distance between two transitions apart.

    d_ij = Σ|δ_i - δ_j| / Σ(δ_i + δ_j) over the off-diagonal cells (Eq. 1): the contributions |δ_i - δ_j| of all
    flows add up to the numerator exactly.

    Parameters
    ----------
    i, j : Moves
        The transitions; of two runs they are of the same samples.
    normalize : {"flows", "samples", "none"}
        The divisor, as of :func:`nntf_cli.fingerprint.distances`.
    """
    (cell_i, n_i), (cell_j, n_j) = (np.unique(moves.cells, return_counts=True) for moves in (i, j))
    cell = np.union1d(cell_i, cell_j)
    count_i, count_j, same = np.zeros((3, len(cell)), dtype=np.int64)
    count_i[np.searchsorted(cell, cell_i)] = n_i
    count_j[np.searchsorted(cell, cell_j)] = n_j
    alike, n_alike = np.unique(_repeated(i, j), return_counts=True)
    same[np.searchsorted(cell, alike)] = n_alike
    order = np.lexsort([cell, -np.minimum(count_i, count_j), -np.abs(count_i - count_j)])
    return Pair(i, j, normalize, cell[order], count_i[order], count_j[order], same[order])


def _repeated(i: Moves, j: Moves) -> np.ndarray:
    """Return the cell of each sample that made the same move in both."""
    _, in_i, in_j = np.intersect1d(i.samples, j.samples, assume_unique=True, return_indices=True)
    cells = i.cells[in_i]
    return cells[cells == j.cells[in_j]]


def _ranks(moves: Moves, cell: np.ndarray, flows: np.ndarray) -> np.ndarray:
    """Return for every sample which of some flows it made, (N,) int64; -1 for none of them."""
    ranks = np.full(len(moves.before), -1, dtype=np.int64)
    if not len(flows):
        return ranks
    order = np.argsort(cell[flows], kind="stable")
    wanted = cell[flows][order]
    place = np.minimum(np.searchsorted(wanted, moves.cells), len(wanted) - 1)
    found = wanted[place] == moves.cells
    ranks[moves.samples[found]] = flows[order][place[found]]
    return ranks


def _in_order(sample: np.ndarray, flow: np.ndarray, where: np.ndarray) -> Samples:
    order = np.lexsort([sample, where, flow])
    return Samples(sample[order], flow[order], where[order])
