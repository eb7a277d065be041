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
from nntf_cli.rqa.lines import Lengths, Lines, border_of_main, count_lines, keep_longest
from nntf_cli.rqa.significance import Significance, permutation_test

#: A value of a table; None is undefined, and written as an empty cell.
Value = float | int | None

#: What the paper's entropy adds to a probability before taking its logarithm.
_PAPER_EPSILON = 1e-8


def mean_length(lines: Lengths) -> float | None:
    """Return L or TT, the mean length of lines; None where there is none."""
    return lines.n_points / lines.n_lines if len(lines.lengths) else None


def entropy(lines: Lengths) -> float | None:
    """Return ENTR or VENTR: -Σ p ln p, p the share of each length among lines.

    Returns
    -------
    float or None
        In nats; None where there is no line.
    """
    if not len(lines.lengths):
        return None
    p = lines.numbers / lines.n_lines
    return max(0.0, float(-(p * np.log(p)).sum()))  # one length only: 0, never -0.0


def paper_entropy(diaglines: Lengths) -> float:
    """Return the paper's ent: -Σ p ln(p + 1e-8), p = lines of a length / sum of the lengths of all lines.

    The main diagonal counts: where nothing else recurs, ent is ln(P) / P. Without a line it is 0.
    """
    if not len(diaglines.lengths):
        return 0.0
    p = diaglines.numbers / diaglines.n_points
    return float(-(p * np.log(p + _PAPER_EPSILON)).sum())


def paper_laminarity(vertlines: Lengths, v_min: int, column: int) -> float:
    """Return the paper's lam: the share of points in vertical lines, a full column of P points weighing P - 1.

    With nothing to divide by it is 0.
    """
    n_full = int(vertlines.numbers[-1]) if vertlines.longest == column else 0
    total, long_enough = vertlines.n_points - n_full, vertlines.at_least(v_min)
    return (long_enough.n_points - (n_full if long_enough.longest == column else 0)) / total if total else 0.0


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
    lines = lines_of(matrix, settings)
    return measures_of(lines, settings, permutation_test(matrix, lines, settings))


def measures_of(
    lines: Sequence[Lines], settings: Settings, tested: Significance | None = None
) -> list[dict[str, Value]]:
    """Return what :func:`per_band` does, of lines counted before and permutations made before, if any were."""
    return [beside_chance(measure(of_band, settings), of_band, settings, tested, k) for k, of_band in enumerate(lines)]


def lines_of(matrix: Fingerprint | Difference, settings: Settings) -> list[Lines]:
    """Check a matrix and count its lines in all bands, in the Theiler windows that its shape and the settings give."""
    refuse = settings.refuse_early(matrix)
    # what will be shuffled is needed whole anyway
    rows = matrix.values if settings.n_permutations(matrix.shape) else matrix.rows
    return count_lines(rows, settings.bands, *settings.theiler_windows(matrix.shape), refuse)


def measure(lines: Lines, settings: Settings) -> dict[str, Value]:
    """Return the measures of one band, named as in :func:`per_band`, without what they are to be read against."""
    row: dict[str, Value] = {
        "band_lo": lines.band.lo,
        "band_hi": lines.band.hi,
        "n_points": lines.n_points,
        "rr": lines.rate(settings.apart(lines.shape)),
    }
    if settings.convention == "paper":
        row["lam"] = paper_laminarity(lines.vertical_lengths, settings.shortest_vertical, lines.shape[0])
        row["ent"] = paper_entropy(lines.diagonal_lengths.at_least(settings.l_min))
        return row
    diaglines = lines.diagonal_lengths
    if settings.border == "kelo":
        main = border_of_main(lines.main, len(lines.diagonal)) if not lines.theiler and len(lines.main) else 0
        diaglines = Lengths.of(keep_longest(lines.diagonal, lines.border - main))
    return row | _of_diagonals(diaglines, lines, settings.l_min) | _of_columns(lines, settings.shortest_vertical)


def _of_diagonals(diaglines: Lengths, lines: Lines, l_min: int) -> dict[str, Value]:
    """Return what diagonal lines tell; DET is a share of all points, also of those in lines that KELO discards."""
    n_points, long_enough = lines.diagonal_lengths.n_points, diaglines.at_least(l_min)
    return {
        "det": long_enough.n_points / n_points if n_points else None,
        "l_mean": mean_length(long_enough),
        "l_max": diaglines.longest,
        "div": 1 / diaglines.longest if diaglines.longest else None,
        "entr": entropy(long_enough),
    }


def _of_columns(lines: Lines, v_min: int) -> dict[str, Value]:
    """Return what vertical lines and the gaps between them tell.

    LAM is the share of points in long enough vertical lines. A gap is counted in cells; one that the upper or lower
    end of the column cuts is no recurrence time. T2 is their mean, RTE the entropy of their lengths' distribution
    in nats; divided by the logarithm of the longest gap it is that of Kraemer et al.
    """
    every, gaps = lines.vertical_lengths, Lengths.of(lines.gaps)
    long_enough = every.at_least(v_min)
    return {
        "lam": long_enough.n_points / every.n_points if every.n_points else None,
        "tt": mean_length(long_enough),
        "v_max": every.longest,
        "v_entr": entropy(long_enough),
        "t2": mean_length(gaps),
        "t_max": gaps.longest,
        "rte": entropy(gaps),
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
