"""Every measure of classes as plain loops from its definition; imports nothing of nntf.

Labels are (T, N), ``missing`` the label that is none, ``true`` the (N,) true classes or None.
"""

import math


def tally(labels, n_classes, missing, true=None):
    """Return a dict of lists [t][c]; inflow and outflow of the first snapshot are None."""
    n_snapshots, n_samples = labels.shape
    counts = {
        name: [[0] * n_classes for _ in range(n_snapshots)]
        for name in ("n_true", "n_predicted", "n_correct", "inflow", "outflow")
    }
    for t in range(n_snapshots):
        for k in range(n_samples):
            now = int(labels[t, k])
            if now == missing:
                continue
            counts["n_predicted"][t][now] += 1
            if true is not None:
                counts["n_true"][t][int(true[k])] += 1
                if now == true[k]:
                    counts["n_correct"][t][now] += 1
            if t > 0 and labels[t - 1, k] != missing and labels[t - 1, k] != now:
                counts["inflow"][t][now] += 1
                counts["outflow"][t][int(labels[t - 1, k])] += 1
    for name in ("inflow", "outflow"):
        if n_snapshots:
            counts[name][0] = [None] * n_classes
    return counts


def measures(labels, n_classes, missing, true=None):
    """Return a list of rows, by class and then snapshot; None is undefined."""
    counts = tally(labels, n_classes, missing, true)
    rows = []
    for c in range(n_classes):
        for t in range(len(labels)):
            n_true, n_predicted, n_correct = (counts[name][t][c] for name in ("n_true", "n_predicted", "n_correct"))
            n_labelled = sum(1 for label in labels[t] if label != missing)
            rows.append(
                {
                    "class": c,
                    "snapshot": t,
                    "n_true": None if true is None else n_true,
                    "n_predicted": n_predicted,
                    "share": n_predicted / n_labelled if n_labelled else None,
                    "n_correct": None if true is None else n_correct,
                    "error": None if true is None or n_true == 0 else (n_true - n_correct) / n_true,
                    "precision": None if true is None or n_predicted == 0 else n_correct / n_predicted,
                    "inflow": counts["inflow"][t][c],
                    "outflow": counts["outflow"][t][c],
                }
            )
    return rows


def overall_error(labels, missing, true):
    """Return the share of samples with a label that are wrong, per snapshot; None where none has one."""
    errors = []
    for row in labels:
        known = [(int(label), int(own)) for label, own in zip(row, true, strict=True) if label != missing]
        errors.append(sum(label != own for label, own in known) / len(known) if known else None)
    return errors


def confusions(row, missing, true):
    """Return {(true, predicted): samples} of the wrong labels of one snapshot."""
    pairs = {}
    for label, own in zip(row, true, strict=True):
        if label != missing and label != own:
            pairs[int(own), int(label)] = pairs.get((int(own), int(label)), 0) + 1
    return pairs


def confusion_table(labels, rows, missing, true):
    """Return (true, predicted, counts) of one or two snapshots, most important first."""
    found = [confusions(labels[row], missing, true) for row in rows]
    cells = sorted({cell for pairs in found for cell in pairs})
    table = [(own, other, [pairs.get((own, other), 0) for pairs in found]) for own, other in cells]

    def importance(entry):
        own, other, counts = entry
        change = counts[-1] - counts[0] if len(counts) > 1 else counts[0]
        return -abs(change), -counts[-1], own, other

    return sorted(table, key=importance)


def spread(curves, clusters):
    """Return the sum of squared distances of curves to the mean of their cluster: what k-means makes small."""
    total = 0.0
    for cluster in set(clusters):
        members = [curve for curve, its in zip(curves, clusters, strict=True) if its == cluster]
        mean = [math.fsum(values) / len(members) for values in zip(*members, strict=True)]
        total += math.fsum((a - b) ** 2 for curve in members for a, b in zip(curve, mean, strict=True))
    return total
