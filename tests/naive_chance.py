"""The oracle for chance, what recurs in shuffled matrices, as plain loops; it imports nothing of the package."""

import math
from fractions import Fraction

import numpy as np

from naive import line_share, vertical_lines


def chance(rr, l_min=2):
    """DET or LAM of unconnected points of density rr: 1 - sum_{k < l_min} k rr^(k-1) (1 - rr)^2."""
    if rr is None:
        return None
    in_short_lines = 0.0
    for k in range(1, l_min):
        in_short_lines += k * rr ** (k - 1) * (1 - rr) ** 2
    return 1 - in_short_lines


def shuffled(D, n, seed=0, nearest=None):
    """Yield ``n`` matrices whose entries with |i - j| >= ``nearest`` are shuffled, all others as in D.

    Symmetric: those above the main diagonal, mirrored. In C order, by one permutation after the other.
    """
    D = np.asarray(D)
    n_rows, n_columns = D.shape
    square = n_rows == n_columns
    symmetric = square and np.array_equal(D, D.T)
    nearest = int(square) if nearest is None else nearest
    everywhere = ((i, j) for i in range(n_rows) for j in range(n_columns))
    cells = [(i, j) for i, j in everywhere if abs(i - j) >= nearest and (j > i or not symmetric)]
    rng = np.random.Generator(np.random.PCG64(seed))
    for _ in range(n):
        result = D.copy()
        values = rng.permutation(np.array([D[i, j] for i, j in cells]))
        for (i, j), value in zip(cells, values, strict=True):
            result[i, j] = value
            if symmetric:
                result[j, i] = value
        yield result


def lam_chance_by_permutation(B, v_min=2, n=1000, seed=0):
    """Mean LAM of ``n`` random permutations of a symmetric B; None if nothing recurs.

    The number of points does not change, so no draw can be undefined.
    """
    if not np.any(B):
        return None
    return sum(line_share(vertical_lines(drawn), v_min) for drawn in shuffled(B, n, seed)) / n


def permutation_p(observed, permuted):
    """(1 + how many permuted values reach the observed one) / (1 + how many there are)."""
    return (1 + len([value for value in permuted if value >= observed])) / (1 + len(permuted))


def lam_chance_exact(B, v_min=2):
    """Limit of `lam_chance_by_permutation` for n to infinity, as the float64 nearest to the exact fraction.

    1 - E[points in lines < v_min] / n_points. The cells of a column mirror cells of the upper triangle that
    are all different, so of M such cells, K of them recurrent, a given choice of a recurrent and b empty ones
    has the probability C(M - a - b, K - a) / C(M, K).
    """
    size = len(B)
    if not np.any(B):
        return None
    M = size * (size - 1) // 2
    K = sum(int(B[i][j] != 0) for i in range(size) for j in range(i + 1, size))
    in_short_lines = Fraction(0)
    for column in range(size):
        for length in range(1, min(v_min - 1, size) + 1):
            for first in range(size - length + 1):
                must_recur = list(range(first, first + length))
                must_be_empty = [row for row in (first - 1, first + length) if 0 <= row < size]
                # The cell on the main diagonal is not drawn: it fits, or this line cannot occur.
                if column in must_recur and not B[column][column]:
                    continue
                if column in must_be_empty and B[column][column]:
                    continue
                a = len([row for row in must_recur if row != column])
                b = len([row for row in must_be_empty if row != column])
                if a <= K and b <= M - K:
                    in_short_lines += length * Fraction(math.comb(M - a - b, K - a), math.comb(M, K))
    return float(1 - in_short_lines / int(np.count_nonzero(B)))
