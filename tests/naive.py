"""The oracle: every measure as plain loops straight from its equation.

Nothing here is clever and nothing here imports the package, so a bug in the package cannot hide by being
shared. Counts are Python integers until the one division that ends each equation; sums of floats run in
ascending order of line length. A value that is not defined is ``None``.

Equation numbers are those of Ferreira, Cantareira, de Mello, Paulovich, "Neural network training
fingerprint", Journal of Visualization 25 (2022) 593-612.
"""

import math
from fractions import Fraction

import numpy as np

# --- Transitions -------------------------------------------------------------------------------------------


def transition(previous, current, n_classes, missing=None):
    """delta[m, n] = samples of class m in ``previous`` and of class n in ``current``; (C, C) int64.

    The diagonal holds the samples that stayed. A sample whose label is missing on either side is in no cell.
    """
    if len(previous) != len(current):
        raise ValueError("the two snapshots label different numbers of samples")
    delta = np.zeros((n_classes, n_classes), dtype=np.int64)
    for sample in range(len(previous)):
        m, n = int(previous[sample]), int(current[sample])
        if missing is not None and (m == missing or n == missing):
            continue
        # A negative label would otherwise count from the end of the row without a word.
        if not (0 <= m < n_classes and 0 <= n < n_classes):
            raise ValueError(f"sample {sample} has a label outside 0..{n_classes - 1}")
        delta[m, n] += 1
    return delta


def transitions(labels, n_classes, missing=None):
    """All P = T - 1 transitions of a (T, N) log: (P, C, C) int64; (0, C, C) for no or one snapshot."""
    n_transitions = max(len(labels) - 1, 0)
    deltas = np.zeros((n_transitions, n_classes, n_classes), dtype=np.int64)
    for i in range(n_transitions):
        deltas[i] = transition(labels[i], labels[i + 1], n_classes, missing)
    return deltas


def moved(delta):
    """S_i, the sum of delta's off-diagonal cells: the samples that changed class; 0 is a quiet transition."""
    total = 0
    for m in range(len(delta)):
        for n in range(len(delta)):
            if m != n:
                total += int(delta[m][n])
    return total


# --- Distances ---------------------------------------------------------------------------------------------


def distance_parts(delta_i, delta_j):
    """Numerator and denominator of Eq. 1, Python integers: sum |a - b| and sum (a + b), off the diagonal."""
    numerator = 0
    denominator = 0
    for m in range(len(delta_i)):
        for n in range(len(delta_i)):
            if m != n:
                a, b = int(delta_i[m][n]), int(delta_j[m][n])
                numerator += abs(a - b)
                denominator += a + b
    return numerator, denominator


def distance(delta_i, delta_j, normalize="flows", n_samples=None):
    """d_ij of Eq. 1: sum |delta_i - delta_j| / sum (delta_i + delta_j) over m != n; 0 where both are quiet.

    ``normalize='samples'`` divides by 2 N instead, with ``n_samples`` = N; ``'none'`` is the bare count.
    """
    numerator, denominator = distance_parts(delta_i, delta_j)
    if normalize == "flows":
        return 0.0 if denominator == 0 else numerator / denominator
    if normalize == "samples":
        return numerator / (2 * int(n_samples))
    if normalize == "none":
        return float(numerator)
    raise ValueError(f"unknown normalisation {normalize!r}")


def cross_distances(deltas_a, deltas_b, normalize="flows", n_samples=None):
    """Eq. 1 between every transition of run A and every transition of run B: (P_A, P_B) float64."""
    matrix = np.zeros((len(deltas_a), len(deltas_b)), dtype=np.float64)
    for i in range(len(deltas_a)):
        for j in range(len(deltas_b)):
            matrix[i, j] = distance(deltas_a[i], deltas_b[j], normalize, n_samples)
    return matrix


def distances(deltas, normalize="flows", n_samples=None):
    """D, the fingerprint: Eq. 1 between every two transitions of one run, both triangles computed; (P, P)."""
    return cross_distances(deltas, deltas, normalize, n_samples)


def cross_hamming(labels_a, labels_b, missing_a=None, missing_b=None):
    """Samples whose label differs between snapshot i of A and snapshot j of B, both present; (T_A, T_B)."""
    matrix = np.zeros((len(labels_a), len(labels_b)), dtype=np.int64)
    for i in range(len(labels_a)):
        for j in range(len(labels_b)):
            if len(labels_a[i]) != len(labels_b[j]):
                raise ValueError("the two snapshots label different numbers of samples")
            for sample in range(len(labels_a[i])):
                a, b = int(labels_a[i][sample]), int(labels_b[j][sample])
                if (missing_a is not None and a == missing_a) or (missing_b is not None and b == missing_b):
                    continue
                if a != b:
                    matrix[i, j] += 1
    return matrix


def hamming(labels, missing=None):
    """Samples whose label differs between two snapshots of one run, both labels present; (T, T) int64."""
    return cross_hamming(labels, labels, missing, missing)


def difference(a, b):
    """Differentiation matrix of Eq. 2: D_A - D_B, entry by entry."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    matrix = np.zeros(a.shape, dtype=np.float64)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            matrix[i, j] = a[i, j] - b[i, j]
    return matrix


# --- Bands -------------------------------------------------------------------------------------------------


def paper_bands(width=0.05):
    """[(lo, hi)] of the paper convention: lo = round(i * width, 2), hi = lo + width; both ends closed.

    The float64 sum is kept as it falls: 0.35 + 0.05 is below 0.4 and 0.1 + 0.05 above 0.15.
    """
    n_bands = round(1 / width)
    if abs(n_bands * width - 1) > 1e-9 or abs(width * 100 - round(width * 100)) > 1e-9:
        raise ValueError("1/width must be a whole number and width a multiple of 0.01")
    bands = []
    for i in range(n_bands):
        lo = round(i * width, 2)
        bands.append((lo, lo + width))
    return bands


def standard_bands(n_bands=20, low=0.0, high=1.0):
    """[(lo, hi)] with edges i / n_bands, each the correctly rounded quotient; half-open, the last closed.

    Over a range other than [0, 1] the edges are low + (high - low) i / n_bands, also rounded once.
    """
    low, high = Fraction(low), Fraction(high)
    edges = [float(low + (high - low) * Fraction(i, n_bands)) for i in range(n_bands + 1)]
    return [(edges[i], edges[i + 1]) for i in range(n_bands)]


def exact_band(numerator, denominator, n_bands):
    """Index of the standard band of numerator / denominator, decided in integers: floor(n_bands * d)."""
    if denominator == 0:
        return 0  # d between two quiet transitions is 0
    return min(numerator * n_bands // denominator, n_bands - 1)


def recurrence(matrix, lo, hi, hi_closed):
    """B[i, j] = 1 where lo <= matrix[i, j] < hi, or <= hi if ``hi_closed``; int8."""
    matrix = np.asarray(matrix)
    binary = np.zeros(matrix.shape, dtype=np.int8)
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            value = float(matrix[i, j])
            if value >= lo and (value < hi or (hi_closed and value == hi)):
                binary[i, j] = 1
    return binary


def paper_recurrences(matrix, width=0.05):
    """B of each paper band, both ends closed: an entry may be in two bands, or in none."""
    return [recurrence(matrix, lo, hi, hi_closed=True) for lo, hi in paper_bands(width)]


def standard_recurrences(matrix, n_bands=20, edges="half-open", low=0.0, high=1.0):
    """B of each standard band: every entry of [low, high] is in exactly one.

    ``edges='closed'`` takes the bands of the paper convention of width 1 / n_bands, over [0, 1] only.
    """
    if edges == "closed":
        return paper_recurrences(matrix, 1 / n_bands)
    bands = standard_bands(n_bands, low, high)
    return [recurrence(matrix, lo, hi, hi_closed=(lo, hi) == bands[-1]) for lo, hi in bands]


# --- Lines -------------------------------------------------------------------------------------------------


def _runs(values):
    """Lengths of the uninterrupted runs of non-zero values, in the order in which they end."""
    lengths = []
    length = 0
    for value in values:
        if value:
            length += 1
        else:
            if length > 0:
                lengths.append(length)
            length = 0
    if length > 0:
        lengths.append(length)
    return lengths


def vertical_lines(B):
    """Lengths of all vertical lines, column by column, main diagonal kept."""
    n_rows, n_columns = np.shape(B)
    lengths = []
    for j in range(n_columns):
        lengths += _runs([B[i][j] for i in range(n_rows)])
    return lengths


def outside_theiler(B, theiler):
    """B without the points closer than ``theiler`` to the main diagonal."""
    n_rows, n_columns = np.shape(B)
    kept = np.zeros((n_rows, n_columns), dtype=bool)
    for i in range(n_rows):
        for j in range(n_columns):
            kept[i, j] = bool(B[i][j]) and abs(i - j) >= theiler
    return kept


def diagonals(B, theiler=0):
    """The diagonals j - i = offset with |offset| >= theiler, as (offset, values)."""
    n_rows, n_columns = np.shape(B)
    for offset in range(-(n_rows - 1), n_columns):
        if abs(offset) >= theiler:
            yield offset, [B[i][i + offset] for i in range(n_rows) if 0 <= i + offset < n_columns]


def diagonal_lines(B, main=True, theiler=0):
    """Lengths of all diagonal lines, over both triangles; ``main=False`` leaves out the cells i = j."""
    lengths = []
    for _, values in diagonals(B, theiler if main else max(theiler, 1)):
        lengths += _runs(values)
    return lengths


def border_lines(B, theiler=0):
    """Diagonal lines that touch the border of the matrix with either end, as (offset, length)."""
    found = []
    for offset, values in diagonals(B, theiler):
        lengths = _runs(values)
        if lengths and values[0]:
            found.append((offset, lengths[0]))
        if lengths and values[-1] and not (values[0] and len(lengths) == 1):
            found.append((offset, lengths[-1]))
    return found


def kelo(B, theiler=0):
    """Lengths of diagonal lines after KEep LOngest (Kraemer & Marwan 2019, lines that touch the border at one end too).

    Of the lines that touch the border the longest of each triangle of a symmetric matrix is kept, the two longest
    of another; lines on the main diagonal of a square matrix, where they are counted at all, are left alone.
    """
    n_rows, n_columns = np.shape(B)
    lengths = diagonal_lines(B, theiler=theiler)
    at_border = [(k, length) for k, length in border_lines(B, theiler) if k != 0 or n_rows != n_columns]
    for _, length in at_border:
        lengths.remove(length)
    if n_rows == n_columns and np.array_equal(B, np.transpose(B)):
        for side in (-1, 1):
            lengths += sorted(length for k, length in at_border if k * side > 0)[-1:]
    else:
        lengths += sorted(length for _, length in at_border)[-2:]
    return lengths


def white_gaps(B):
    """Lengths of the gaps between two recurrent points of a column: recurrence times of the second type."""
    n_rows, n_columns = np.shape(B)
    gaps = []
    for j in range(n_columns):
        points = [i for i in range(n_rows) if B[i][j]]
        gaps += [later - earlier - 1 for earlier, later in zip(points, points[1:], strict=False) if later > earlier + 1]
    return gaps


def line_counts(lengths, n):
    """Histogram of line lengths: entry v, of n + 1, is the number of lines v long; int64."""
    counts = np.zeros(n + 1, dtype=np.int64)
    for length in lengths:
        counts[length] += 1
    return counts


def line_share(lengths, l_min):
    """DET or LAM: sum_{l >= l_min} l h(l) / sum l h(l), the points in such lines; None where none recurs."""
    in_lines = sum(length for length in lengths if length >= l_min)
    everywhere = sum(lengths)
    return None if everywhere == 0 else in_lines / everywhere


def line_mean(lengths, l_min):
    """Mean length of the lines >= l_min: L or TT; None where there is none."""
    long_enough = [length for length in lengths if length >= l_min]
    return None if not long_enough else sum(long_enough) / len(long_enough)


def line_entropy(lengths, l_min):
    """ENTR or VENTR: -sum p ln p, p = h(l) / sum_{l >= l_min} h(l); None where there is no such line."""
    long_enough = [length for length in lengths if length >= l_min]
    if not long_enough:
        return None
    entropy = 0.0
    for length in sorted(set(long_enough)):
        p = long_enough.count(length) / len(long_enough)
        entropy -= p * math.log(p)
    return entropy


# --- Paper convention --------------------------------------------------------------------------------------


def paper_ent(B, l_min=2):
    """Ent: -sum p(v) ln(p(v) + 1e-8) over the lengths v >= l_min of all diagonals, main one included.

    p(v) = lines of length v / sum of the LENGTHS (not the number) of the lines >= l_min, so the p do not add
    up to 1. No line: 0.
    """
    long_enough = [length for length in diagonal_lines(B, main=True) if length >= l_min]
    total_length = sum(long_enough)
    entropy = 0.0
    for length in sorted(set(long_enough)):
        p = long_enough.count(length) / total_length
        entropy -= p * math.log(p + 1e-8)
    return entropy


def paper_lam(B, l_min=2):
    """Lam: sum_{v >= l_min} w(v) h(v) / sum_{v >= 1} w(v) h(v) over vertical lines; nothing recurs: 0.

    w(v) = v, but w(P) = P - 1 for a line as long as the whole column.
    """
    n_rows = len(B)
    in_lines = 0
    everywhere = 0
    for length in vertical_lines(B):
        weight = length - 1 if length == n_rows else length
        everywhere += weight
        if length >= l_min:
            in_lines += weight
    return 0.0 if everywhere == 0 else in_lines / everywhere


def select_lowest(lams, ents):
    """Index of the summary row's band, for lam and for ent: the lowest band with a value > 0; else None.

    The values are given band by band, lowest band first.
    """
    chosen = []
    for values in (lams, ents):
        index = None
        for i, value in enumerate(values):
            if value > 0:
                index = i
                break
        chosen.append(index)
    return tuple(chosen)


def select_max(lams, ents):
    """Index of the summary row's band by the rule of the authors' released code, for lam and for ent.

    Lam: the first band with the largest lam, so the first band of all if lam is 0 in each. Ent: the first
    band with the smallest ent that is > 0 and < 2; None if there is none.
    """
    of_lam = None
    for i, value in enumerate(lams):
        if of_lam is None or value > lams[of_lam]:
            of_lam = i
    of_ent = None
    for i, value in enumerate(ents):
        if 0 < value < 2 and (of_ent is None or value < ents[of_ent]):
            of_ent = i
    return of_lam, of_ent


# --- Standard convention -----------------------------------------------------------------------------------


def standard_measures(B, l_min=2, v_min=None, theiler=None, theiler_vertical=0, border="none"):
    """Recurrence quantification as Webber & Zbilut (1994) and Marwan et al. (2007) define it.

    n_points counts every recurrent entry, main diagonal included. RR, the diagonal lines and what is derived
    from them leave out the diagonals closer than ``theiler`` to the main one: by default the main diagonal of a
    square matrix, nothing of a rectangular one. Vertical lines leave out ``theiler_vertical``, by default nothing.

    Undefined values are None; the longest line of none is 0.
    """
    n_rows, n_columns = np.shape(B)
    v_min = l_min if v_min is None else v_min
    if theiler is None:
        theiler = 1 if n_rows == n_columns else 0
    n_points = n_counted = n_possible = 0
    for i in range(n_rows):
        for j in range(n_columns):
            n_points += bool(B[i][j])
            if abs(i - j) >= theiler:
                n_possible += 1
                n_counted += bool(B[i][j])

    diagonals = kelo(B, theiler) if border == "kelo" else diagonal_lines(B, theiler=theiler)
    kept = outside_theiler(B, theiler_vertical)
    verticals, gaps = vertical_lines(kept), white_gaps(kept)
    l_max = max(diagonals, default=0)
    in_lines = sum(length for length in diagonals if length >= l_min)
    return {
        "n_points": n_points,
        "rr": None if n_possible == 0 else n_counted / n_possible,
        "det": None if n_counted == 0 else in_lines / n_counted,
        "l_mean": line_mean(diagonals, l_min),
        "l_max": l_max,
        "div": None if l_max == 0 else 1 / l_max,
        "entr": line_entropy(diagonals, l_min),
        "lam": line_share(verticals, v_min),
        "tt": line_mean(verticals, v_min),
        "v_max": max(verticals, default=0),
        "v_entr": line_entropy(verticals, v_min),
        "t2": line_mean(gaps, 1),
        "t_max": max(gaps, default=0),
        "rte": line_entropy(gaps, 1),
    }
