"""What became of each sample, as plain loops straight from the definitions; imports nothing of ours."""

import math


def history(labels, step, true=None, missing=None):
    """Sum up the labels of one sample, snapshot by snapshot; None for what there is not.

    ``step`` has the number of each snapshot. A missing label takes part in no transition.
    """
    present = [label for label in labels if label != missing]
    changes = [
        t
        for t in range(1, len(labels))
        if labels[t - 1] != missing and labels[t] != missing and labels[t - 1] != labels[t]
    ]
    found = {
        "n_changes": len(changes),
        "last_change": step[changes[-1]] if changes else None,
        "n_classes_visited": len(set(present)),
        "final": present[-1] if present else None,
        "n_forgotten": None,
        "first_learned": None,
        "never_learned": None,
        "share_correct": None,
        "most_wrong": None,
        "most_wrong_share": None,
    }
    if true is None:
        return found
    learned = [step[t] for t in range(len(labels)) if labels[t] != missing and labels[t] == true]
    found["n_forgotten"] = sum(1 for t in changes if labels[t - 1] == true)
    found["first_learned"] = learned[0] if learned else None
    if not present:
        return found
    found["never_learned"] = not learned
    found["share_correct"] = len(learned) / len(present)
    wrong = sorted(set(present) - {true})
    counts = [present.count(label) for label in wrong]
    if wrong:
        found["most_wrong"] = wrong[counts.index(max(counts))]
    found["most_wrong_share"] = max(counts, default=0) / len(present)
    return found


def toneva(correct):
    """Count the forgetting events of one sample as Algorithm 1 of Toneva et al. (ICLR 2019) does.

    ``correct`` has the accuracy on the sample, 0 or 1, each time it was presented; prev_acc is 0 before the first.
    Infinitely many for a sample that is never learned, as their experiments count those.
    """
    previous, forgotten = 0, 0
    for accuracy in correct:
        if previous > accuracy:
            forgotten += 1
        previous = accuracy
    return forgotten if any(correct) else math.inf


def unforgettable(correct):
    """Whether a sample is learned at some point and has no forgetting event."""
    return toneva(correct) == 0
