"""The oracle for anomalies: DeepTracker's rules and their chances as plain loops; it imports nothing of the package.

Labels are (T, N), ``true`` is (N,) or None; with true classes what changes is whether a sample is correct, and it
counts for its true class. Without, it is the label, and a change counts for the class left or entered.
"""

import math
from fractions import Fraction


def sequence(labels, sample, true=None, missing=None):
    """a of one sample: correct (1) or wrong (0), or its label; None where the label is missing."""
    result = []
    for row in labels:
        label = int(row[sample])
        if missing is not None and label == missing:
            result.append(None)
        elif true is None:
            result.append(label)
        else:
            result.append(int(label == int(true[sample])))
    return result


def window_of(rule, j, k):
    """The snapshots that a rule looks at: j - k ... j to the left, j - 1 ... j + k - 1 to the right."""
    return range(j - k, j + 1) if rule == "left" else range(j - 1, j + k)


def fires(a, rule, j, k):
    """Whether a rule picks a sample at j; its window is known."""
    if rule == "left":
        return a[j] != a[j - 1] and all(a[i] == a[j - 1] for i in range(j - k, j))
    return a[j] != a[j - 1] and all(a[i] == a[j] for i in range(j, j + k))


def score(labels, n_classes, rule, k, true=None, missing=None):
    """(score, became wrong, samples that could have been picked) by (snapshot, class); None without any of these."""
    T, N = len(labels), len(labels[0])
    sequences = [sequence(labels, sample, true, missing) for sample in range(N)]
    table = {}
    for j in range(T):
        for c in range(n_classes):
            n_fired, n_lost, n_full = 0, 0, 0
            window = window_of(rule, j, k)
            for sample, a in enumerate(sequences):
                if window[0] < 0 or window[-1] >= T or any(a[i] is None for i in window):
                    continue
                fired = fires(a, rule, j, k)
                if true is not None:
                    belongs = could = int(true[sample]) == c
                elif rule == "left":
                    belongs = could = a[j - k] == c
                else:
                    belongs, could = a[j] == c, a[j - 1] != c
                n_full += could
                if fired and belongs:
                    n_fired += 1
                    n_lost += a[j] == 0
            table[j, c] = (n_fired, n_lost, n_full) if n_full else None
    return table


def rates(labels, c, true=None, missing=None):
    """(leaving, entering): changes of a class over the pairs of known labels in which there could have been one."""
    left = entered = could_leave = could_enter = 0
    for sample in range(len(labels[0])):
        a = sequence(labels, sample, true, missing)
        for x, y in zip(a, a[1:], strict=False):
            if x is None or y is None:
                continue
            if true is not None:
                if int(true[sample]) == c:
                    could_leave += 1
                    left += x != y
            elif x == c:
                could_leave += 1
                left += y != c
            else:
                could_enter += 1
                entered += y == c
    leaving = Fraction(left, could_leave) if could_leave else Fraction(0)
    if true is not None:
        return leaving, leaving
    return leaving, Fraction(entered, could_enter) if could_enter else Fraction(0)


def rate_chance(labels, n_classes, rule, k, true=None, missing=None):
    """(trials, probability) by (snapshot, class): a change, and k - 1 snapshots without."""
    scores = score(labels, n_classes, rule, k, true, missing)
    by_class = [rates(labels, c, true, missing) for c in range(n_classes)]
    table = {}
    for (j, c), found in scores.items():
        leaving, entering = by_class[c]
        change = leaving if rule == "left" else entering
        table[j, c] = (found[2], change * (1 - leaving) ** (k - 1)) if found else None
    return table


def share_chance(labels, n_classes, rule, k, true=None, missing=None):
    """(trials, probability) by (snapshot, class): what the rule picks there, and the class's share of all it picks."""
    scores = score(labels, n_classes, rule, k, true, missing)
    total = sum(found[0] for found in scores.values() if found)
    table = {}
    for (j, c), found in scores.items():
        at_step = sum(other[0] for (i, _), other in scores.items() if i == j and other)
        of_class = sum(other[0] for (_, d), other in scores.items() if d == c and other)
        table[j, c] = (at_step, Fraction(of_class, total) if total else Fraction(0)) if found else None
    return table


def tail(n_fired, trials, probability):
    """P(X >= n_fired) of a binomial X, exactly."""
    p = Fraction(probability)
    return sum((math.comb(trials, x) * p**x * (1 - p) ** (trials - x) for x in range(n_fired, trials + 1)), Fraction(0))


def benjamini_hochberg(ps, alpha):
    """Which p-values are discoveries: the i smallest, for the largest i with p_(i) <= alpha i / m."""
    limit = None
    for i, p in enumerate(sorted(ps), start=1):
        if p <= alpha * i / len(ps):
            limit = p
    return [limit is not None and p <= limit for p in ps]
