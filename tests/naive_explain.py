"""The oracle of ``nntf explain``: plain loops straight from what the README says; imports nothing of the package.

Flows are dicts {(from, to): samples}; D is whatever the other oracle computed.
"""

from fractions import Fraction


def movers(before, after, missing=None):
    """{(m, n): samples that moved from m to n, ascending}; who is missing on either side did not move."""
    found = {}
    for sample in range(len(before)):
        m, n = int(before[sample]), int(after[sample])
        if m != n and m != missing and n != missing:
            found.setdefault((m, n), []).append(sample)
    return found


def explain_one(before, after, missing=None):
    """[(m, n, count)], largest first, then by class."""
    flows = movers(before, after, missing)
    return sorted(((m, n, len(who)) for (m, n), who in flows.items()), key=lambda row: (-row[2], row[:2]))


def explain_pair(i, j):
    """[(m, n, count in I, in J, in common, same samples, difference)] of two (before, after, missing).

    Largest difference first, then most in common, then by class.
    """
    in_i, in_j = movers(*i), movers(*j)
    rows = []
    for flow in set(in_i) | set(in_j):
        first, second = in_i.get(flow, []), in_j.get(flow, [])
        a, b = len(first), len(second)
        same = sum(1 for sample in first if sample in second)
        rows.append((*flow, a, b, min(a, b), same, abs(a - b)))
    return sorted(rows, key=lambda row: (-row[6], -row[4], row[:2]))


def distance(rows, n_samples, normalize="flows"):
    """d_ij as a fraction, of the rows of `explain_pair`; 0 where nothing moved."""
    numerator = sum(row[6] for row in rows)
    denominator = {"flows": sum(row[2] + row[3] for row in rows), "samples": 2 * n_samples, "none": 1}[normalize]
    return Fraction(numerator, denominator) if denominator else Fraction(0)


def samples_behind(i, j, flows):
    """[(sample, m, n, "both" | "I" | "J")]: flow by flow in the order given, both first, then I, then J."""
    in_i, in_j = movers(*i), movers(*j)
    rows = []
    for flow in flows:
        first, second = in_i.get(flow, []), in_j.get(flow, [])
        rows += [(sample, *flow, "both") for sample in first if sample in second]
        rows += [(sample, *flow, "I") for sample in first if sample not in second]
        rows += [(sample, *flow, "J") for sample in second if sample not in first]
    return rows


# --- Loops -------------------------------------------------------------------------------------------------

UNIT = 2**36


def find_loops(D, quiet, within=0.5, margin=0.25, rounds=3):
    """[(first, last, period, mean distance, mean between)] in order of time; distances count in units of 2^-36."""
    P = len(D)

    def d(i, j):
        return UNIT if i in quiet or j in quiet else round(float(D[i][j]) * UNIT)

    stretches = []
    for p in range(2, P // rounds + 1):
        starts = []
        for i in range(P - 2 * p + 1):
            apart = sum(d(i + k, i + k + p) for k in range(p))
            nearer = [sum(d(i + k, i + k + q) for k in range(p)) for q in range(1, p)]
            if apart <= within * p * UNIT and all(apart < (1 - margin) * other for other in nearer):
                starts.append(i)
        while starts:
            first = last = starts.pop(0)
            while starts and starts[0] - last <= p:
                last = starts.pop(0)
            trimmed = _trim(d, first, last + 2 * p - 1, p, within, margin)
            if trimmed is not None and trimmed[1] - trimmed[0] + 1 >= rounds * p:
                stretches.append((*trimmed, p))
    return sorted(_apart([_measured(d, *one) for one in stretches]))


def _trim(d, first, last, p, within, margin):
    """Cut off both ends until a transition there is like the one p away, and less like those between."""
    begins, ends = [], []
    for i in range(first, last - p + 1):
        apart = d(i, i + p)
        if apart <= within * UNIT:
            if apart * (p - 1) < (1 - margin) * sum(d(i, i + q) for q in range(1, p)):
                begins.append(i)
            if apart * (p - 1) < (1 - margin) * sum(d(i + p - q, i + p) for q in range(1, p)):
                ends.append(i + p)
    return (begins[0], ends[-1]) if begins and ends else None


def _strength(first, last, p, mean, between):
    return (between - mean) * (last - first + 1 - p)


def _apart(loops):
    kept = []
    for loop in sorted(loops, key=lambda loop: (-_strength(*loop), loop[2], loop[0])):
        inside = [len(set(range(loop[0], loop[1] + 1)) & set(range(a, b + 1))) for a, b, *_ in kept]
        if all(2 * n < loop[1] - loop[0] + 1 for n in inside):
            kept.append(loop)
    return kept


def _measured(d, first, last, p):
    on = [d(i, i + p) for i in range(first, last - p + 1)]
    between = [d(i, i + q) for q in range(1, p) for i in range(first, last - q + 1)]
    return first, last, p, sum(on) / (UNIT * len(on)), sum(between) / (UNIT * len(between))


def steady_flows(transitions, first, last, p):
    """[(place, m, n, fewest)], largest first, and the share of moves that are steady; of {flow: samples} each."""
    rows, steady = [], 0
    for place in range(p):
        here = [transitions[i] for i in range(first + place, last + 1, p)]
        for m, n in set.intersection(*(set(flows) for flows in here)):
            fewest = min(len(flows[m, n]) for flows in here)
            rows.append((place, m, n, fewest))
            steady += fewest * len(here)
    moved = sum(len(who) for i in range(first, last + 1) for who in transitions[i].values())
    return sorted(rows, key=lambda row: (-row[3], row[:3])), steady / moved if moved else 0.0


def circuits(rows, most=5):
    """[(classes, count)], largest first: circuits taken out of the flows one after the other."""
    left = {}
    for _, m, n, count in rows:
        left[m, n] = left.get((m, n), 0) + count
    found = {}
    while left and len(found) < most:
        m, n = min(left, key=lambda flow: (-left[flow], flow))
        ways = list(_simple_ways(left, [n], m))
        if not ways:
            del left[m, n]
            continue
        width = max(_narrowest(left, way) for way in ways)
        way = min((way for way in ways if _narrowest(left, way) == width), key=lambda way: (len(way), way))
        taken = [(m, n), *zip(way, way[1:], strict=False)]
        amount = min(left[flow] for flow in taken)
        classes = [m, *way[:-1]]
        lowest = classes.index(min(classes))
        key = tuple(classes[lowest:] + classes[:lowest])
        found[key] = found.get(key, 0) + amount
        for flow in taken:
            left[flow] -= amount
            if left[flow] == 0:
                del left[flow]
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def _narrowest(left, way):
    return min(left[flow] for flow in zip(way, way[1:], strict=False))


def _simple_ways(left, way, end):
    if way[-1] == end:
        yield way
        return
    for m, n in left:
        if m == way[-1] and n not in way:
            yield from _simple_ways(left, [*way, n], end)
