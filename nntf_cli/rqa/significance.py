"""How often chance does as well: LAM and DET of matrices whose entries are shuffled.

What is kept is the number of points in each band, and so RR, and whatever lies next to the main diagonal; what is lost
is any order. A value that shuffled matrices reach as often as not says nothing but how many points there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nntf_cli import memory
from nntf_cli.kernels.runs import band_codes, columns_of, diagonals_of, shuffled_lines
from nntf_cli.model import Difference, Fingerprint
from nntf_cli.progress import task
from nntf_cli.rqa.bands import Settings
from nntf_cli.rqa.lines import Lines, border_of_main, keep_longest, lines_in

#: Entries of shuffled matrices that are looked at together.
_AT_ONCE = 2**20

#: What shuffling needs beside the matrix: codes, and where each entry goes in each of the layouts.
_BYTES_PER_ENTRY = 64.0


@dataclass(frozen=True)
class Significance:
    """LAM and DET of permuted matrices, each (permutations, bands) float64; nan where undefined."""

    permuted: dict[str, np.ndarray]

    def read(self, name: str, k: int, observed: float | int | None) -> tuple[float | None, float | None]:
        """Return the mean of a measure over the permutations in band ``k``, and the p-value of what was observed.

        p is (1 + the number of permutations that reach the value observed) / (1 + the number of permutations).
        """
        if name not in self.permuted or observed is None:
            return None, None
        values = self.permuted[name][:, k]
        return float(values.mean()), (1 + int(np.count_nonzero(values >= observed))) / (1 + len(values))


def permutation_test(
    matrix: Fingerprint | Difference, lines: Sequence[Lines], settings: Settings, names: Sequence[str] = ("lam", "det")
) -> Significance | None:
    """Shuffle a matrix many times and measure LAM and DET in bands of it each time.

    In a symmetric matrix the entries above the main diagonal are shuffled and mirrored, in another square one
    all but the main diagonal, in a rectangular one all. Entries closer to the main diagonal than a Theiler window
    stay where they are. All bands see the same shuffled matrices.

    Parameters
    ----------
    matrix : Fingerprint or Difference
        (P, Q) values.
    lines : sequence of Lines
        The bands to measure, increasing, as counted in this matrix.
    settings : Settings
        How many permutations, their seed, the shortest lines.
    names : sequence of {"lam", "det"}
        Which measures; the paper's convention has no DET.

    Returns
    -------
    Significance or None
        None where no permutations are asked for, or the Theiler windows leave nothing to shuffle.

    Raises
    ------
    LimitError
        The matrix is too large to be shuffled here.

    Notes
    -----
    The order of the draws: ``Generator(PCG64(seed)).permuted`` of the entries in C order, one permutation after
    the other. So the figures do not depend on the implementation, the number of threads, or the bands chosen.
    """
    n = settings.n_permutations(matrix.shape)
    if not n or not lines:
        return None
    memory.require(
        _BYTES_PER_ENTRY * matrix.shape[0] * matrix.shape[1],
        f"shuffling the {matrix.shape[0]} x {matrix.shape[1]} matrix",
        "thin it with --every, or say --permutations 0",
        where=matrix.origin,
    )
    shuffling = _Shuffling(matrix.values, lines, settings)
    if shuffling.n_moving < 2:
        return None
    measures = {"lam": shuffling.laminarity, "det": shuffling.determinism}
    wanted = [name for name in names if name == "lam" or settings.convention == "standard"]
    found: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    with task("shuffling", n) as done:
        for codes in shuffling.draw(n):
            for name in wanted:
                found[name].append(measures[name](codes))
            done(len(codes))
    return Significance({name: np.concatenate(parts) for name, parts in found.items()})


class _Shuffling:
    """Which entries of a matrix are shuffled, and how lines are counted in what comes out.

    A shuffled matrix is a row of codes: first the entries that were shuffled, then those that stay, then a 0.
    """

    def __init__(self, values: np.ndarray, lines: Sequence[Lines], settings: Settings) -> None:
        self._lines, self._settings, self._shape = lines, settings, values.shape
        self._theiler, self._theiler_vertical = settings.theiler_windows(values.shape)
        bands = [line.band for line in lines]
        edges = (np.array([getattr(band, name) for band in bands]) for name in ("lo", "hi", "closed"))
        self._codes = band_codes(values, *edges).ravel()
        square = values.shape[0] == values.shape[1]
        nearest = max(self._theiler, self._theiler_vertical, int(square))
        row, column = np.divmod(np.arange(values.size), values.shape[1])
        moves = np.abs(row - column) >= nearest
        self._symmetric = square and lines[0].symmetric()
        self._cells = np.flatnonzero(moves & (column > row) if self._symmetric else moves)
        self._fixed = np.flatnonzero(~moves)
        # where in a row of codes each entry of the matrix is found
        self._place = np.full(values.size + 1, len(self._cells) + len(self._fixed))
        self._place[self._cells] = np.arange(len(self._cells))
        if self._symmetric:
            mirrored = column[self._cells] * values.shape[1] + row[self._cells]
            self._place[mirrored] = np.arange(len(self._cells))
        self._place[self._fixed] = len(self._cells) + np.arange(len(self._fixed))

    @property
    def n_moving(self) -> int:
        """How many entries are shuffled, mirrored ones counted once."""
        return len(self._cells)

    def draw(self, n: int) -> Iterator[np.ndarray]:
        """Yield the codes of ``n`` shuffled matrices, as many at a time as are looked at together."""
        draws = np.random.Generator(np.random.PCG64(self._settings.seed))
        moving, staying = self._codes[self._cells], np.append(self._codes[self._fixed], self._codes.dtype.type(0))
        at_once = max(1, _AT_ONCE // len(self._codes))
        for first in range(0, n, at_once):
            some = min(at_once, n - first)
            shuffled = draws.permuted(np.broadcast_to(moving, (some, len(moving))), axis=1)
            yield np.hstack([shuffled, np.broadcast_to(staying, (some, len(staying)))])

    def laminarity(self, codes: np.ndarray) -> np.ndarray:
        """Return LAM, or the paper's lam, of each matrix in each band."""
        n_rows = self._shape[0]
        vertical, _ = self._count(codes, self._columns, n_rows, with_border=False)
        weights = np.arange(n_rows + 1)
        paper = self._settings.convention == "paper"
        if paper:
            weights[-1] -= 1
        shortest = min(self._settings.shortest_vertical, n_rows + 1)
        return _ratio(vertical[..., shortest:] @ weights[shortest:], vertical @ weights, 0.0 if paper else np.nan)

    def determinism(self, codes: np.ndarray) -> np.ndarray:
        """Return DET of each matrix in each band, with KELO if that is asked for."""
        longest, kelo = min(self._shape), self._settings.border == "kelo"
        counts, border = self._count(codes, self._diagonals, longest, with_border=kelo)
        if self._symmetric:  # only one triangle was counted
            counts, border = 2 * counts, 2 * border
        if not self._theiler and self._shape[0] == self._shape[1]:
            if self._symmetric:
                counts += np.array([lines_in(line.main, longest + 1) for line in self._lines])
            else:
                border -= np.array([border_of_main(line.main, longest + 1) for line in self._lines]) * kelo
        lengths = np.arange(longest + 1)
        shortest = min(self._settings.l_min, longest + 1)
        kept = keep_longest(counts, border) if kelo else counts
        return _ratio(kept[..., shortest:] @ lengths[shortest:], counts @ lengths, np.nan)

    @cached_property
    def _columns(self) -> list[np.ndarray]:
        return [self._place[layout] for layout in columns_of(self._shape, self._theiler_vertical)]

    @cached_property
    def _diagonals(self) -> list[np.ndarray]:
        layouts = diagonals_of(self._shape, self._theiler, upper=self._symmetric)
        return [self._place[layout] for layout in layouts]

    def _count(
        self, codes: np.ndarray, layouts: list[np.ndarray], longest: int, *, with_border: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        counts, border = np.zeros((2, len(codes), len(self._lines), longest + 1), dtype=np.int64)
        for layout in layouts:
            found = shuffled_lines(codes, layout, len(self._lines), longest, with_border)
            counts += found[0]
            border += found[1]
        return counts, border


def _ratio(part: np.ndarray, total: np.ndarray, undefined: float) -> np.ndarray:
    return np.where(total > 0, part / np.maximum(total, 1), undefined)
