"""Measures of recurrence from line histograms, in both conventions.

References
----------
Ferreira et al. (2022), Eqs. (3) and (4), and their released program ("paper").
Webber & Zbilut (1994); Marwan et al., Physics Reports 438 (2007) ("standard").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nntf_cli.kernels import engine
from nntf_cli.kernels.choice import COST_PER_POINT
from nntf_cli.kernels.vectorized import is_symmetric
from nntf_cli.model import Band, Difference, Fingerprint
from nntf_cli.rqa.bands import Settings

#: A value of a table; None is undefined, and written as an empty cell.
Value = float | int | None

#: What the paper's entropy adds to a probability before taking its logarithm.
_PAPER_EPSILON = 1e-8


@dataclass(frozen=True)
class Lines:
    """What one band of a matrix consists of."""

    band: Band
    shape: tuple[int, ...]  #: of the matrix
    diagonal: np.ndarray  #: (longest + 1,) int64: lines on all diagonals by their length; entry 0 is unused
    vertical: np.ndarray  #: (P + 1,) int64: lines in all columns
    main: np.ndarray  #: (n,) bool: the main diagonal of a square matrix; empty for another

    @property
    def n_points(self) -> int:
        """Recurrent points, the main diagonal included."""
        return points_in_lines(self.vertical, 1)

    @property
    def n_off(self) -> int:
        """Recurrent points off the main diagonal."""
        return self.n_points - int(np.count_nonzero(self.main))

    @property
    def rate(self) -> float | None:
        """RR: n_off / (P (P - 1)) for a square matrix, n / (P Q) for another; None for a single cell."""
        n_rows, n_columns = self.shape
        cells = n_rows * (n_rows - 1) if n_rows == n_columns else n_rows * n_columns
        return self.n_off / cells if cells else None

    @property
    def off_diagonal(self) -> np.ndarray:
        """``diagonal`` without the lines on the main diagonal."""
        return self.diagonal - lines_in(self.main, len(self.diagonal))


def lines_in(points: np.ndarray, size: int) -> np.ndarray:
    """Count the lines of a single sequence by their length, (size,) int64."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], points.astype(np.int8), [0]])))
    return np.bincount(ends[1::2] - ends[::2], minlength=size)


def count_lines(values: np.ndarray, bands: Sequence[Band]) -> list[Lines]:
    """Binarise a matrix to each band and count its lines.

    Parameters
    ----------
    values : ndarray of float64, shape (P, Q)
        The matrix.
    bands : sequence of Band
        Increasing; only neighbours may overlap.
    """
    kernels = engine(COST_PER_POINT * values.size * len(bands))
    lows, highs = np.array([band.lo for band in bands]), np.array([band.hi for band in bands])
    diagonal, vertical = kernels.band_lines(values, lows, highs, np.array([band.closed for band in bands]))
    main = np.diagonal(values) if values.shape[0] == values.shape[1] else np.zeros(0)
    return [Lines(band, values.shape, diagonal[k], vertical[k], band.holds(main)) for k, band in enumerate(bands)]


def _from(counts: np.ndarray, shortest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths that occur, from ``shortest`` on, and their counts."""
    lengths = np.flatnonzero(counts)
    lengths = lengths[lengths >= shortest]
    return lengths, counts[lengths]


def points_in_lines(counts: np.ndarray, shortest: int) -> int:
    """Return Σ v h(v) over v >= ``shortest``: the points that lie in such lines."""
    lengths, numbers = _from(counts, shortest)
    return int(lengths @ numbers)


def share_in_lines(counts: np.ndarray, shortest: int) -> float | None:
    """Return DET (of diagonal lines) or LAM (of vertical ones): the share of points in long enough lines.

    Parameters
    ----------
    counts : ndarray of int64
        Lines by their length.
    shortest : int
        l_min or v_min.

    Returns
    -------
    float or None
        In [0, 1]; None where there is no line at all.
    """
    total = points_in_lines(counts, 1)
    return points_in_lines(counts, shortest) / total if total else None


def mean_length(counts: np.ndarray, shortest: int) -> float | None:
    """Return L or TT, the mean length of lines of at least ``shortest`` points; None where there is none."""
    n_lines = int(_from(counts, shortest)[1].sum())
    return points_in_lines(counts, shortest) / n_lines if n_lines else None


def longest(counts: np.ndarray) -> int:
    """Return the length of the longest line; 0 where there is none."""
    lengths, _ = _from(counts, 1)
    return int(lengths[-1]) if len(lengths) else 0


def entropy(counts: np.ndarray, shortest: int) -> float | None:
    """Return ENTR or VENTR: -Σ p ln p, p the share of each length among lines of at least ``shortest``.

    Returns
    -------
    float or None
        In nats; None where there is no such line.
    """
    _, numbers = _from(counts, shortest)
    if not len(numbers):
        return None
    p = numbers / numbers.sum()
    return max(0.0, float(-(p * np.log(p)).sum()))  # one length only: 0, never -0.0


def paper_entropy(diagline_counts: np.ndarray, l_min: int) -> float:
    """Return the paper's ent: -Σ p ln(p + 1e-8), p = lines of a length / sum of the lengths of all lines.

    The main diagonal counts: where nothing else recurs, ent is ln(P) / P. Without a line it is 0.
    """
    lengths, numbers = _from(diagline_counts, l_min)
    if not len(lengths):
        return 0.0
    p = numbers / (lengths @ numbers)
    return float(-(p * np.log(p + _PAPER_EPSILON)).sum())


def paper_laminarity(vertline_counts: np.ndarray, v_min: int) -> float:
    """Return the paper's lam: the share of points in vertical lines, a full column of P points weighing P - 1.

    With nothing to divide by it is 0.
    """
    weights = np.arange(len(vertline_counts))
    weights[-1] -= 1
    weighted = weights * vertline_counts
    total = int(weighted[1:].sum())
    return int(weighted[v_min:].sum()) / total if total else 0.0


def chance_of_lines(rate: float, shortest: int) -> float:
    """Return the share in lines expected of independent points that recur at ``rate``.

    1 - Σ_{k < shortest} k r^(k-1) (1 - r)^2, the level that LAM and DET are to be read against.
    """
    return 1.0 - sum(k * rate ** (k - 1) * (1.0 - rate) ** 2 for k in range(1, shortest))


def laminarity_chance(lines: Lines, v_min: int, *, symmetric: bool) -> float | None:
    """Return the laminarity to expect where nothing but the recurrence rate is known.

    In a band without the main diagonal that is :func:`chance_of_lines`. Where the main diagonal recurs, vertical
    lines run through it and chance is higher: there it is the mean of LAM over all permutations of the entries
    above the diagonal (mirrored below it), in closed form. The number of points is the same in each, and the
    chance that some cells of one column are set and others not is hypergeometric, so the expected number of
    points in lines shorter than v_min adds up exactly.

    Parameters
    ----------
    lines : Lines
        The band.
    v_min : int
        Shortest vertical line.
    symmetric : bool
        Whether the entries below the diagonal mirror those above; if not, all are permuted.

    Returns
    -------
    float or None
        None for a single cell.
    """
    if lines.rate is None or not lines.main.any():
        return None if lines.rate is None else chance_of_lines(lines.rate, v_min)
    n, both = len(lines.main), 2 if symmetric else 1
    cells, drawn = n * (n - 1) // both, lines.n_off // both
    short = sum(v * _expected_lines(lines.main, cells, drawn, v) for v in range(1, min(v_min, n + 1)))
    return 1.0 - short / lines.n_points


def _expected_lines(diagonal: np.ndarray, cells: int, drawn: int, length: int) -> float:
    """Return how many vertical lines of one length to expect when ``drawn`` of ``cells`` entries recur."""
    n = len(diagonal)
    start = np.arange(n - length + 1)
    n_ends = (start > 0).astype(np.int64) + (start + length < n)
    before = np.concatenate([[0], np.cumsum(diagonal)])
    through = before[start + length] - before[start]  # columns whose recurrent diagonal entry is in the line
    empty = np.concatenate([[False], ~diagonal, [False]])
    at_end = empty[start].astype(np.int64) + empty[start + length + 1]  # ... whose empty one ends it
    elsewhere = n - length - n_ends
    expected = 0.0
    for ends in range(3):
        here = n_ends == ends
        expected += float(through[here].sum()) * _draw(cells, drawn, length - 1, ends)
        expected += float(elsewhere[here].sum()) * _draw(cells, drawn, length, ends)
        if ends:
            expected += float(at_end[here].sum()) * _draw(cells, drawn, length, ends - 1)
    return expected


def _draw(cells: int, drawn: int, n_set: int, n_empty: int) -> float:
    """Return the chance that ``n_set`` given cells recur and ``n_empty`` others do not."""
    if n_set + n_empty > cells:
        return 0.0
    chance = 1.0
    for k in range(n_set):
        chance *= (drawn - k) / (cells - k)
    for k in range(n_empty):
        chance *= (cells - drawn - k) / (cells - n_set - k)
    return max(0.0, chance)


def per_band(matrix: Fingerprint | Difference, settings: Settings | None = None) -> list[dict[str, Value]]:
    """Measure a matrix in every band.

    Parameters
    ----------
    matrix : Fingerprint or Difference
        (P, Q) values within the range of the bands.
    settings : Settings, optional
        Convention, bands and shortest lines; the paper's 20 bands if not given.

    Returns
    -------
    list of dict
        One per band, lowest first: ``band_lo``, ``band_hi``, ``n_points`` (all entries in the band), ``rr`` (their
        share, the main diagonal of a square matrix left out), then ``lam`` and ``ent`` (paper) or ``det``,
        ``l_mean``, ``l_max``, ``div``, ``entr``, ``lam``, ``tt``, ``v_max``, ``v_entr``, ``lam_chance``
        (standard). None where a measure is undefined.

    Raises
    ------
    InputError
        The matrix is empty, holds nan, or values outside [0, 1] and no range is given.
    """
    settings = settings or Settings()
    settings.check(matrix)
    symmetric = settings.convention == "standard" and is_symmetric(matrix.values)
    return [measure(lines, settings, symmetric=symmetric) for lines in count_lines(matrix.values, settings.bands)]


def measure(lines: Lines, settings: Settings, *, symmetric: bool) -> dict[str, Value]:
    """Return the measures of one band, named as in :func:`per_band`."""
    row: dict[str, Value] = {
        "band_lo": lines.band.lo,
        "band_hi": lines.band.hi,
        "n_points": lines.n_points,
        "rr": lines.rate,
    }
    if settings.convention == "paper":
        row["lam"] = paper_laminarity(lines.vertical, settings.shortest_vertical)
        row["ent"] = paper_entropy(lines.diagonal, settings.l_min)
        return row
    row |= _standard(lines.off_diagonal if len(lines.main) else lines.diagonal, lines.vertical, settings)
    row["lam_chance"] = laminarity_chance(lines, settings.shortest_vertical, symmetric=symmetric)
    return row


def _standard(diaglines: np.ndarray, vertlines: np.ndarray, settings: Settings) -> dict[str, Value]:
    l_min, v_min = settings.l_min, settings.shortest_vertical
    l_max = longest(diaglines)
    return {
        "det": share_in_lines(diaglines, l_min),
        "l_mean": mean_length(diaglines, l_min),
        "l_max": l_max,
        "div": 1 / l_max if l_max else None,
        "entr": entropy(diaglines, l_min),
        "lam": share_in_lines(vertlines, v_min),
        "tt": mean_length(vertlines, v_min),
        "v_max": longest(vertlines),
        "v_entr": entropy(vertlines, v_min),
    }
