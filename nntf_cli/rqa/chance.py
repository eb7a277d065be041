"""What LAM and DET are to be read against: the level expected of points that are as many but unconnected."""

from __future__ import annotations

import numpy as np

from nntf_cli.rqa.lines import Lines


def chance_of_lines(rate: float, shortest: int) -> float:
    """Return the share in lines expected of independent points that recur at ``rate``.

    1 - Σ_{k < shortest} k r^(k-1) (1 - r)^2, the level that LAM and DET are to be read against.
    """
    return 1.0 - sum(k * rate ** (k - 1) * (1.0 - rate) ** 2 for k in range(1, shortest))


def laminarity_chance(lines: Lines, v_min: int, distance: int = 1) -> float | None:
    """Return the laminarity to expect where nothing but the recurrence rate is known.

    In a band without the main diagonal that is :func:`chance_of_lines`. Where the main diagonal recurs, vertical
    lines run through it and chance is higher: there it is the mean of LAM over all permutations of the entries
    above the diagonal (mirrored below it), in closed form. The number of points is the same in each, and the
    chance that some cells of one column are set and others not is hypergeometric, so the expected number of
    points in lines shorter than v_min adds up exactly.

    Parameters
    ----------
    lines : Lines
        The band. If the matrix is not symmetric, all entries off the main diagonal are permuted.
    v_min : int
        Shortest vertical line.
    distance : int
        RR is that of cells so far from the main diagonal: 1 or ``lines.theiler``.

    Returns
    -------
    float or None
        None for a single cell.
    """
    rate = lines.rate(distance)
    if rate is None or lines.theiler_vertical or not lines.main.any():
        return None if rate is None else chance_of_lines(rate, v_min)
    n, both = len(lines.main), 2 if lines.symmetric() else 1
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
