"""Which classes a picture of transitions shows, and their flows; never a C x C matrix for large C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nntf_cli.model import Flows
from nntf_cli.wording import quantity

MOST_CLASSES = 25


@dataclass(frozen=True)
class ClassChoice:
    """The classes shown."""

    classes: np.ndarray  #: (K,) int64, increasing
    n_classes: int  #: of the log
    share: float  #: of all moves in the transitions drawn, those between two classes shown; 1 without any

    def note(self) -> str:
        """Return ``12 of 1,000 classes, 61% of the moves``; empty where all classes are shown."""
        if len(self.classes) == self.n_classes:
            return ""
        percent = f"{100 * self.share:.0f}%" if self.share in (0, 1) or self.share > 0.01 else "under 1%"
        return f"{len(self.classes):,} of {quantity(self.n_classes, 'class')}, {percent} of the moves"


def choose_classes(flows: Flows, chosen: Sequence[int]) -> ClassChoice:
    """Choose all classes where they are few, else those between which the largest flows run.

    Choosing the busiest classes instead would show nothing of a vocabulary: they rarely exchange samples.

    Parameters
    ----------
    flows : Flows
        All transitions.
    chosen : sequence of int
        Those that count.

    Returns
    -------
    ClassChoice
        At most ``MOST_CLASSES``; the lower classes where two flows are alike.
    """
    if flows.n_classes <= MOST_CLASSES:
        return ClassChoice(np.arange(flows.n_classes), flows.n_classes, 1.0)
    parts = [np.arange(flows.start[i], flows.start[i + 1]) for i in sorted(set(chosen))]
    part = np.concatenate(parts)
    before, after, count = flows.from_class[part], flows.to_class[part], flows.count[part]
    if len(part) == 0:
        return ClassChoice(np.arange(MOST_CLASSES), flows.n_classes, 1.0)
    shown = ends_of_largest(before, after, count)
    inside = np.isin(before, shown) & np.isin(after, shown)
    return ClassChoice(shown, flows.n_classes, float(count[inside].sum() / count.sum()))


def ends_of_largest(before: np.ndarray, after: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the classes at the ends of the largest flows, summed over transitions, as many as are shown."""
    pairs, index = np.unique(np.stack([before, after]).astype(np.int64), axis=1, return_inverse=True)
    totals = np.zeros(pairs.shape[1], dtype=np.int64)
    np.add.at(totals, index.ravel(), count)
    shown: set[int] = set()
    for k in np.argsort(-totals, kind="stable").tolist():
        ends = {int(pairs[0, k]), int(pairs[1, k])}
        if len(shown | ends) <= MOST_CLASSES:
            shown |= ends
        if len(shown) == MOST_CLASSES:
            break
    return np.array(sorted(shown), dtype=np.int64)


def flow_matrix(flows: Flows, i: int, choice: ClassChoice) -> np.ndarray:
    """Return δ_i between the classes shown, (K, K) int64; the diagonal is 0 where ``stayed`` is unknown."""
    classes = choice.classes
    part = slice(int(flows.start[i]), int(flows.start[i + 1]))
    before, after = flows.from_class[part].astype(np.int64), flows.to_class[part].astype(np.int64)
    inside = np.isin(before, classes) & np.isin(after, classes)
    delta = np.zeros((len(classes), len(classes)), dtype=np.int64)
    rows, columns = np.searchsorted(classes, before[inside]), np.searchsorted(classes, after[inside])
    delta[rows, columns] = flows.count[part][inside]
    if flows.stayed is not None:
        np.fill_diagonal(delta, flows.stayed[i][classes])
    return delta
