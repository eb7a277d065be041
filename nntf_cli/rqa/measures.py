"""Measures of recurrence from line histograms, in both conventions.

References
----------
Ferreira et al. (2022), Eqs. (3) and (4), and their released program ("paper").
Webber & Zbilut (1994); Marwan et al., Physics Reports 438 (2007) ("standard").
Recurrence times: Gao, Physical Review Letters 83 (1999), 3178; Ngamga et al., Physical Review E 75 (2007), 036222;
Kraemer et al., Chaos 28 (2018), 085720.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nntf_cli.model import Difference, Fingerprint
from nntf_cli.rqa.bands import Settings
from nntf_cli.rqa.chance import chance_of_lines, laminarity_chance
from nntf_cli.rqa.lines import Lines, border_of_main, count_lines, from_shortest, keep_longest, points_in_lines
from nntf_cli.rqa.significance import Significance, permutation_test

#: A value of a table; None is undefined, and written as an empty cell.
Value = float | int | None

#: What the paper's entropy adds to a probability before taking its logarithm.
_PAPER_EPSILON = 1e-8


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
    n_lines = int(from_shortest(counts, shortest)[1].sum())
    return points_in_lines(counts, shortest) / n_lines if n_lines else None


def longest(counts: np.ndarray) -> int:
    """Return the length of the longest line; 0 where there is none."""
    lengths, _ = from_shortest(counts, 1)
    return int(lengths[-1]) if len(lengths) else 0


def entropy(counts: np.ndarray, shortest: int) -> float | None:
    """Return ENTR or VENTR: -Σ p ln p, p the share of each length among lines of at least ``shortest``.

    Returns
    -------
    float or None
        In nats; None where there is no such line.
    """
    _, numbers = from_shortest(counts, shortest)
    if not len(numbers):
        return None
    p = numbers / numbers.sum()
    return max(0.0, float(-(p * np.log(p)).sum()))  # one length only: 0, never -0.0


def paper_entropy(diagline_counts: np.ndarray, l_min: int) -> float:
    """Return the paper's ent: -Σ p ln(p + 1e-8), p = lines of a length / sum of the lengths of all lines.

    The main diagonal counts: where nothing else recurs, ent is ln(P) / P. Without a line it is 0.
    """
    lengths, numbers = from_shortest(diagline_counts, l_min)
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


def per_band(matrix: Fingerprint | Difference, settings: Settings | None = None) -> list[dict[str, Value]]:
    """Measure a matrix in every band.

    Parameters
    ----------
    matrix : Fingerprint or Difference
        (P, Q) values within the range of the bands.
    settings : Settings, optional
        Convention, bands, shortest lines and so on; the paper's 20 bands if not given.

    Returns
    -------
    list of dict
        One per band, lowest first: ``band_lo``, ``band_hi``, ``n_points`` (all entries in the band), ``rr`` (their
        share, the main diagonal of a square matrix or the Theiler window left out), then ``lam`` and ``ent``
        (paper) or ``det``, ``l_mean``, ``l_max``, ``div``, ``entr``, ``lam``, ``tt``, ``v_max``, ``v_entr``,
        ``t2``, ``t_max``, ``rte`` (standard). Beside ``lam`` and ``det``, named like it, stand ``_chance``, the
        level expected at that ``rr``, ``_mean``, that of the permutations, and ``_p``, the share of permutations
        that reach it. None where a measure is undefined, or no permutations are asked for.

    Raises
    ------
    InputError
        The matrix is empty, holds nan, or values outside [0, 1] and no range is given.
    """
    settings = settings or Settings()
    settings.check(matrix)
    lines = lines_of(matrix, settings)
    return measures_of(lines, settings, permutation_test(matrix.rows, lines, settings))


def measures_of(
    lines: Sequence[Lines], settings: Settings, tested: Significance | None = None
) -> list[dict[str, Value]]:
    """Return what :func:`per_band` does, of lines counted before and permutations made before, if any were."""
    return [beside_chance(measure(of_band, settings), of_band, settings, tested, k) for k, of_band in enumerate(lines)]


def lines_of(matrix: Fingerprint | Difference, settings: Settings) -> list[Lines]:
    """Count the lines of a matrix in all bands, within the Theiler windows that its shape and the settings give."""
    return count_lines(matrix.rows, settings.bands, *settings.theiler_windows(matrix.shape))


def measure(lines: Lines, settings: Settings) -> dict[str, Value]:
    """Return the measures of one band, named as in :func:`per_band`, without what they are to be read against."""
    row: dict[str, Value] = {
        "band_lo": lines.band.lo,
        "band_hi": lines.band.hi,
        "n_points": lines.n_points,
        "rr": lines.rate(settings.apart(lines.shape)),
    }
    if settings.convention == "paper":
        row["lam"] = paper_laminarity(lines.vertical, settings.shortest_vertical)
        row["ent"] = paper_entropy(lines.diagonal, settings.l_min)
        return row
    diaglines = lines.diagonal
    if settings.border == "kelo":
        main = border_of_main(lines.main, len(diaglines)) if not lines.theiler and len(lines.main) else 0
        diaglines = keep_longest(diaglines, lines.border - main)
    return row | _of_diagonals(diaglines, lines, settings.l_min) | _of_columns(lines, settings.shortest_vertical)


def _of_diagonals(diaglines: np.ndarray, lines: Lines, l_min: int) -> dict[str, Value]:
    """Return what diagonal lines tell; DET is a share of all points, also of those in lines that KELO discards."""
    n_points = points_in_lines(lines.diagonal, 1)
    l_max = longest(diaglines)
    return {
        "det": points_in_lines(diaglines, l_min) / n_points if n_points else None,
        "l_mean": mean_length(diaglines, l_min),
        "l_max": l_max,
        "div": 1 / l_max if l_max else None,
        "entr": entropy(diaglines, l_min),
    }


def _of_columns(lines: Lines, v_min: int) -> dict[str, Value]:
    """Return what vertical lines and the gaps between them tell.

    A gap is counted in cells; one that the upper or lower end of the column cuts is no recurrence time. T2 is
    their mean, RTE the entropy of their lengths' distribution in nats; divided by the logarithm of the longest
    gap it is that of Kraemer et al.
    """
    return {
        "lam": share_in_lines(lines.vertical, v_min),
        "tt": mean_length(lines.vertical, v_min),
        "v_max": longest(lines.vertical),
        "v_entr": entropy(lines.vertical, v_min),
        "t2": mean_length(lines.gaps, 1),
        "t_max": longest(lines.gaps),
        "rte": entropy(lines.gaps, 1),
    }


def beside_chance(
    row: dict[str, Value], lines: Lines, settings: Settings, tested: Significance | None, k: int
) -> dict[str, Value]:
    """Return a row of measures with what LAM and DET are to be read against beside them."""
    distance = settings.apart(lines.shape)
    rate = lines.rate(distance)
    levels = {"lam": laminarity_chance(lines, settings.shortest_vertical, distance)}
    levels["det"] = None if rate is None else chance_of_lines(rate, settings.l_min)
    full: dict[str, Value] = {}
    for name, value in row.items():
        full[name] = value
        if name in levels:
            mean, p = (None, None) if tested is None else tested.read(name, k, value)
            full |= {f"{name}_chance": levels[name], f"{name}_mean": mean, f"{name}_p": p}
    return full
