"""What scores chance gives, and how many of many tests chance alone would let pass.

Under either null model a score is a binomial variable, so its upper tail has a closed form and nothing is drawn:

``rate``
    Every sample of a class changes with the same probability at every snapshot, independently: the rate q of the class
    over the whole log. A rule then picks a sample with the probability q (1 - q)^(k - 1): a change, and k - 1
    snapshots without one after it or before. It asks: do more samples of the class change here, after a rest or before
    one, than if all its changes were spread at random?
``share``
    Of the samples that a rule picks at a snapshot, each is of a class with the same probability at every snapshot:
    the share of the class in all that it picks in the log. Given the sums over classes and over snapshots, that is the
    independence of a contingency table. It asks: is it this class, more than the others at that moment? What shakes
    all classes alike, as the first epochs do, is no anomaly to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nntf_cli.anomalies.changes import Changes

NULLS = ("rate", "share")


class Chance(NamedTuple):
    """Binomial variables, one per class and snapshot."""

    trials: np.ndarray  #: (T, C) int64
    probability: np.ndarray  #: (T, C) or (C,) float64

    @property
    def expected(self) -> np.ndarray:
        """The mean scores, (T, C) float64."""
        return np.asarray(self.trials * self.probability)


def chance(changes: Changes, rule: str, window: int, null: str) -> Chance:
    """Return what scores chance gives.

    Parameters
    ----------
    changes : Changes
        Of all samples.
    rule : {"left", "right"}
    window : int
        k, one of ``changes.windows``.
    null : {"rate", "share"}
        See above.

    Notes
    -----
    Where classes are followed, ``rate`` has two rates for each: that of leaving it, q, and that of entering it, r. A
    left score is one of the samples in the class when the window began, with q (1 - q)^(k - 1); a right score one of
    those in others, with r (1 - q)^(k - 1). Rates are those of the log itself, so the tails are exact for a given rate
    and very nearly so for the one found.
    """
    full = changes.full.of_rule(rule, window)
    if null == "share":
        scores = changes.scores(rule, window)
        trials = np.where(full > 0, scores.sum(axis=1, keepdims=True), 0)
        return Chance(trials, _quotient(scores.sum(axis=0), scores.sum()))
    moving = changes.full.ending(1).sum(axis=0)
    leaving = _quotient(changes.scores("left", 0).sum(axis=0), moving)
    beginning = leaving
    if rule == "right" and changes.full.moving:
        beginning = _quotient(changes.scores("right", 0).sum(axis=0), moving.sum() - moving)
    return Chance(full, beginning * (1 - leaving) ** (window - 1))


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a / b, 0 where nothing is to be divided."""
    return np.asarray(np.divide(a, b, out=np.zeros(np.shape(a)), where=np.asarray(b) > 0))


def tails(scores: np.ndarray, chances: Chance) -> np.ndarray:
    """Return the probability of scores at least as large, float64, shape of ``scores``; 0 for less than 1e-308.

    P(X >= s) of a binomial X is the regularized incomplete beta function I_p(s, n - s + 1).
    """
    from scipy.special import betainc

    above = np.maximum(scores, 1)
    values = betainc(above, np.maximum(chances.trials - above + 1, 1), chances.probability)
    values = np.where(values < np.finfo(np.float64).tiny, 0.0, values)  # what is left of a number below has few digits
    return np.where(scores > 0, values, 1.0)


def least_scores(chances: Chance, p: float) -> np.ndarray:
    """Return the least score whose tail is at most ``p``, (T, C) int64; one more than there are trials if none is."""
    low, high = np.ones_like(chances.trials), chances.trials + 1
    while (low < high).any():
        middle = (low + high) // 2
        reached = (middle > chances.trials) | (tails(middle, chances) <= p)
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return np.asarray(high)


def adjusted(p: np.ndarray, n_choices: int = 1) -> np.ndarray:
    """Adjust p-values so that those up to alpha are discoveries of which chance made at most alpha on average.

    Benjamini & Hochberg (1995): the i-th smallest of m becomes the least of p_(l) m / l over l >= i; then all are
    multiplied by ``n_choices``, the number of windows from which one is chosen afterwards. The false discovery rate of
    each window alone is then at most alpha / n_choices, so whichever is chosen, it is at most alpha.

    Parameters
    ----------
    p : ndarray of float64, shape (m,)
    n_choices : int
        At least 1.
    """
    order = np.argsort(p, kind="stable")
    m = len(p)
    values = p[order] * (m / np.arange(1, m + 1))
    result = np.empty(m)
    result[order] = np.minimum.accumulate(values[::-1])[::-1]
    return np.minimum(result * n_choices, 1.0)
