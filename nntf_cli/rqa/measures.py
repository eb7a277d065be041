"""Measures of recurrence from line histograms, in both conventions.

References
----------
Ferreira et al. (2022), Eqs. (3) and (4), and their released program ("paper").
Webber & Zbilut (1994); Marwan et al., Physics Reports 438 (2007) ("standard").
"""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels.lines import count_lines
from nntf_cli.model import Band, Difference, Fingerprint
from nntf_cli.rqa.bands import Settings

#: A value of a table; None is undefined, and written as an empty cell.
Value = float | int | None

#: What the paper's entropy adds to a probability before taking its logarithm.
_PAPER_EPSILON = 1e-8


def line_counts(recurrence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count diagonal and vertical lines by their length.

    Parameters
    ----------
    recurrence : ndarray of bool, shape (P, Q)
        B: where the distance lies in the band.

    Returns
    -------
    diagline_counts : ndarray of int64, shape (min(P, Q) + 1,)
        Lines on all diagonals, the main one included; entry v counts those v points long, entry 0 is unused.
    vertline_counts : ndarray of int64, shape (P + 1,)
        Lines in all columns.
    """
    n_rows, n_columns = recurrence.shape
    diagline_counts = np.zeros(min(n_rows, n_columns) + 1, dtype=np.int64)
    vertline_counts = np.zeros(n_rows + 1, dtype=np.int64)
    count_lines(np.ascontiguousarray(recurrence), diagline_counts, vertline_counts)
    return diagline_counts, vertline_counts


def main_diagonal_counts(recurrence: np.ndarray) -> np.ndarray:
    """Count the lines on the main diagonal by their length, as :func:`line_counts` does."""
    column = np.ascontiguousarray(np.diagonal(recurrence).reshape(-1, 1))
    return line_counts(column)[1]


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
        Lines by their length, as :func:`line_counts` gives them.
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


def laminarity_chance(recurrence: np.ndarray, rate: float, v_min: int) -> float:
    """Return the laminarity to expect where nothing but the recurrence rate is known.

    In a band without the main diagonal that is :func:`chance_of_lines`. Where the main diagonal recurs, vertical
    lines run through it and chance is higher: there it is the mean of LAM over all permutations of the entries
    above the diagonal (mirrored below it), in closed form. The number of points is the same in each, and the
    chance that some cells of one column are set and others not is hypergeometric, so the expected number of
    points in lines shorter than v_min adds up exactly.

    Parameters
    ----------
    recurrence : ndarray of bool, shape (P, Q)
        B.
    rate : float
        RR, the main diagonal left out.
    v_min : int
        Shortest vertical line.
    """
    n_rows, n_columns = recurrence.shape
    diagonal = np.diagonal(recurrence)
    if n_rows != n_columns or not diagonal.any():
        return chance_of_lines(rate, v_min)
    n_points = int(np.count_nonzero(recurrence))
    n_off = n_points - int(np.count_nonzero(diagonal))
    mirrored = bool((recurrence == recurrence.T).all())
    cells = n_rows * (n_rows - 1) // (2 if mirrored else 1)
    drawn = n_off // (2 if mirrored else 1)
    short = sum(v * _expected_lines(diagonal, cells, drawn, v) for v in range(1, min(v_min, n_rows + 1)))
    return 1.0 - short / n_points


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
    return [_measure(matrix.values, band, settings) for band in settings.bands]


def _measure(values: np.ndarray, band: Band, settings: Settings) -> dict[str, Value]:
    recurrence = band.holds(values)
    diaglines, vertlines = line_counts(recurrence)
    n_points = int(np.count_nonzero(recurrence))
    n_off, rate = off_diagonal(recurrence, n_points)
    row: dict[str, Value] = {"band_lo": band.lo, "band_hi": band.hi, "n_points": n_points, "rr": rate}
    if settings.convention == "paper":
        row["lam"] = paper_laminarity(vertlines, settings.shortest_vertical)
        row["ent"] = paper_entropy(diaglines, settings.l_min)
        return row
    if is_square(recurrence):
        main = main_diagonal_counts(recurrence)
        diaglines = diaglines - main
    row |= _standard(diaglines, vertlines, settings)
    chance = None if rate is None else laminarity_chance(recurrence, rate, settings.shortest_vertical)
    row["lam_chance"] = chance
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


def is_square(recurrence: np.ndarray) -> bool:
    """Return whether there is a main diagonal to leave out."""
    return recurrence.shape[0] == recurrence.shape[1]


def off_diagonal(recurrence: np.ndarray, n_points: int) -> tuple[int, float | None]:
    """Return how many recurrent points lie off the main diagonal, and RR.

    RR is n_off / (P (P - 1)) for a square matrix, n / (P Q) for another; None for a single cell.
    """
    n_rows, n_columns = recurrence.shape
    if not is_square(recurrence):
        return n_points, n_points / (n_rows * n_columns)
    n_off = n_points - int(np.count_nonzero(np.diagonal(recurrence)))
    cells = n_rows * (n_rows - 1)
    return n_off, n_off / cells if cells else None
