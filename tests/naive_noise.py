"""The oracle of the noise floor: every way to split the moves of two transitions is counted, in whole numbers.

Like :mod:`naive`, this imports nothing of the package. A transition is a mapping from flow to number of moves.
"""

import math
from fractions import Fraction


def pooled(a, b):
    """c_k = a_k + b_k of every flow that moved in either."""
    return [a.get(flow, 0) + b.get(flow, 0) for flow in sorted(set(a) | set(b))]


def floor(a, b):
    """E d_ij, a Fraction: sum over flows of E|2 A - c|, A hypergeometric, over S_i + S_j; 0 where both are quiet."""
    s, total = sum(a.values()), sum(a.values()) + sum(b.values())
    expected = Fraction(0)
    for c in pooled(a, b):
        for x in range(c + 1):
            ways = math.comb(c, x) * math.comb(total - c, s - x) if s >= x else 0
            expected += Fraction(ways * abs(2 * x - c), math.comb(total, s))
    return expected / total if total else Fraction(0)


def numerators(a, b):
    """How many of the ways to choose S_i of the S_i + S_j moves give which sum |a_k - b_k|: {sum: ways}."""
    s = sum(a.values())
    ways = {(0, 0): 1}  # of (moves chosen, sum so far)
    for c in pooled(a, b):
        longer = {}
        for (chosen, total), number in ways.items():
            for x in range(min(c, s - chosen) + 1):
                key = chosen + x, total + abs(2 * x - c)
                longer[key] = longer.get(key, 0) + number * math.comb(c, x)
        ways = longer
    return {total: number for (chosen, total), number in ways.items() if chosen == s}


def deviation(a, b):
    """The standard deviation of d_ij over all ways to split the moves."""
    n = sum(a.values()) + sum(b.values())
    if n == 0:
        return 0.0
    ways = numerators(a, b)
    everything = sum(ways.values())
    mean = Fraction(sum(total * number for total, number in ways.items()), everything)
    square = Fraction(sum(total * total * number for total, number in ways.items()), everything)
    return math.sqrt(square - mean * mean) / n


def p_value(a, b):
    """Twice the smaller share of ways that give a sum at least, or at most, as large as the one seen."""
    seen = sum(abs(a.get(flow, 0) - b.get(flow, 0)) for flow in set(a) | set(b))
    ways = numerators(a, b)
    above = sum(number for total, number in ways.items() if total >= seen)
    below = sum(number for total, number in ways.items() if total <= seen)
    return min(1.0, float(2 * Fraction(min(above, below), sum(ways.values()))))


def benjamini_hochberg(p_values, level):
    """Which of the p-values are rejected: the smallest k, the largest of which is at most level k / m."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    n_rejected = 0
    for rank, k in enumerate(order, start=1):
        if p_values[k] <= level * rank / len(p_values):
            n_rejected = rank
    return {k for k in order[:n_rejected]}
