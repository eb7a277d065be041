"""Anomalies: scores that reach a threshold, given or set by what chance gives, the most important first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from nntf_cli.anomalies.changes import RULES, Changes, count_changes
from nntf_cli.anomalies.null import Chance, adjusted, chance, least_scores, tails
from nntf_cli.errors import ParameterError
from nntf_cli.model import LabelLog, Split

#: Windows that are tried where none is given: each about 1.6 times the one before, for neighbours see much the same.
WINDOWS = (2, 3, 5, 8, 13, 21, 34)

#: The window where it is neither given nor to be chosen.
WINDOW = 5


class Threshold(NamedTuple):
    """The least score of an anomaly."""

    value: float
    percent: bool  #: of the class's samples; else samples

    def least(self, sizes: np.ndarray) -> np.ndarray:
        """Return it in samples, int64, for classes of these sizes; at least 1 unless ``value`` is 0."""
        if not self.percent:
            return np.full(np.shape(sizes), math.ceil(self.value))
        share = Fraction(str(self.value)) / 100  # as it was written: 4.4 * 750 / 100 is more than 33 in float64
        different, place = np.unique(sizes, return_inverse=True)
        least = [max(math.ceil(share * size), int(share > 0)) for size in different.tolist()]
        return np.array(least, dtype=np.int64)[place].reshape(np.shape(sizes))

    def __str__(self) -> str:
        """Return ``10%`` or ``25``."""
        return f"{self.value:g}%" if self.percent else f"{self.value:g}"


#: The threshold where it is neither given nor to be set by chance.
THRESHOLD = Threshold(10, percent=True)


@dataclass(frozen=True)
class Settings:
    """What counts as an anomaly."""

    of: str | None = None  #: "correct" or "label": what changes; None takes "correct" where true classes are known
    window: int | None = None  #: k; None for ``WINDOW``, or with ``auto`` the best of ``WINDOWS``
    threshold: Threshold | None = None  #: None for ``THRESHOLD``, or with ``auto`` for none besides that of chance
    rules: tuple[str, ...] = RULES
    auto: bool = False  #: whether chance sets the threshold
    null: str = "rate"  #: or "share"; see :mod:`nntf_cli.anomalies.null`
    alpha: float = 0.05  #: with ``auto``: the false discovery rate

    def windows(self, n_snapshots: int) -> tuple[int, ...]:
        """Return the windows to try; those that at least half of the snapshots have in full."""
        if self.window is not None:
            return (self.window,)
        if not self.auto:
            return (min(WINDOW, n_snapshots - 1),)
        return tuple(k for k in WINDOWS if 2 * k < n_snapshots) or (min(WINDOWS[0], n_snapshots - 1),)


@dataclass(frozen=True)
class Anomalies:
    """Classes and snapshots whose score reaches its threshold, the most important first, and how they were found."""

    of: str  #: "correct" or "label"
    window: int  #: k
    tried: tuple[int, ...]  #: the windows among which it was chosen
    settings: Settings
    given: Threshold  #: of ``settings``, or the one in its place; 0 where there is none
    n_tests: int  #: scores there are with this window
    n_discoveries: int  #: those of them that chance does not give
    p_limit: float | None  #: with ``auto``: up to which p-value a score is one of them; None where there is no score
    snapshot: np.ndarray  #: (n,) int64
    class_: np.ndarray  #: (n,) int64
    rule: np.ndarray  #: (n,) int64, an index into ``RULES``
    size: np.ndarray  #: (n,) int64, samples of the class; -1 where there is no score
    score: np.ndarray  #: (n,) int64, samples that changed together
    lost: np.ndarray | None  #: (n,) int64, those of them that became wrong; None where classes are followed
    expected: np.ndarray  #: (n,) float64, the mean score by chance
    threshold: np.ndarray  #: (n,) int64, the least score of an anomaly of this class here
    p: np.ndarray  #: (n,) float64, how often chance gives such a score or a larger one
    p_adjusted: np.ndarray  #: (n,) float64, the same adjusted for all tests and windows


def find_anomalies(log: LabelLog, split: Split, settings: Settings) -> Anomalies:
    """Find the classes of which many samples change at once, after a rest (left rule) or before one (right rule).

    Parameters
    ----------
    log : LabelLog
        Its labels are streamed once, and once more if any is missing.
    split : Split
        Which samples.
    settings : Settings
        What counts as an anomaly. With ``auto``, of the windows tried the one with the most anomalies is taken; of
        several the shortest, which leaves the fewest snapshots without a score.

    Raises
    ------
    InputError
        Fewer than two snapshots; invalid labels; no true classes where ``settings.of`` needs them.
    ParameterError
        The window is longer than the log.
    LimitError
        The scores do not fit into memory.

    References
    ----------
    The rules: Liu, Cui, Jin, Guo & Qu, "DeepTracker", ACM TIST 10 (2018). How to choose k and the threshold is left
    open there.
    """
    if settings.window is not None and settings.window >= log.n_snapshots > 1:
        raise ParameterError(
            f"--window {settings.window} needs {settings.window + 1} snapshots, and there are {log.n_snapshots}",
            where=log.source,
        )
    true = split.true
    if settings.of == "correct":
        true = log.true_classes(split, "--of correct", "--of label")
    elif settings.of == "label":
        true = None
    tried = settings.windows(log.n_snapshots)
    changes = count_changes(log, split, tried, true)
    best, n_choices = tried[0], len(tried)
    if n_choices > 1:  # counted first and then made again: one of them is large enough
        best = max(tried, key=lambda window: _Tests(changes, window, settings, n_choices).n_anomalies)
    return _Tests(changes, best, settings, n_choices).anomalies(tried)


class _Tests:
    """The scores of one window, each with what chance gives."""

    def __init__(self, changes: Changes, window: int, settings: Settings, n_choices: int) -> None:
        self._changes, self._window, self._settings = changes, window, settings
        rules = settings.rules
        self._scores = np.stack([changes.scores(rule, window) for rule in rules])
        self._scored = np.stack([changes.full.of_rule(rule, window) for rule in rules]) > 0
        chances = [chance(changes, rule, window, settings.null) for rule in rules]
        self._chance = Chance(
            np.stack([one.trials for one in chances]),
            np.stack([np.broadcast_to(one.probability, one.trials.shape) for one in chances]),
        )
        self._p = tails(self._scores, self._chance)
        self._p_adjusted = np.ones_like(self._p)
        self._p_adjusted[self._scored] = adjusted(self._p[self._scored], n_choices)
        self._discovered = self._scored & (self._p_adjusted <= settings.alpha)
        self._given = settings.threshold or (Threshold(0, percent=False) if settings.auto else THRESHOLD)
        eligible = self._discovered if settings.auto else self._scored | (self._given.value == 0)
        self._passed = eligible & (self._scores >= self._given.least(self._sizes()))

    def _sizes(self) -> np.ndarray:
        return np.stack([self._changes.full.sizes(rule, self._window) for rule in self._settings.rules])

    @property
    def n_anomalies(self) -> int:
        """How many scores reach their threshold."""
        return int(np.count_nonzero(self._passed))

    def anomalies(self, tried: tuple[int, ...]) -> Anomalies:
        """Return what reaches its threshold, in order of importance."""
        n_tests, n_discoveries = (int(np.count_nonzero(one)) for one in (self._scored, self._discovered))
        p_limit = None
        if self._settings.auto and n_tests:
            p_limit = self._settings.alpha * max(1, n_discoveries) / (n_tests * len(tried))
        places = self._in_order(np.nonzero(self._passed))
        rule, snapshot, class_ = places
        chances = Chance(*(part[places] for part in self._chance))
        sizes = self._sizes()[places]
        threshold = self._given.least(sizes)
        if p_limit is not None:
            threshold = np.maximum(threshold, least_scores(chances, p_limit))
        lost = [self._changes.lost(name, self._window) for name in self._settings.rules]
        return Anomalies(
            of="correct" if self._changes.correct else "label",
            window=self._window,
            tried=tried,
            settings=self._settings,
            given=self._given,
            n_tests=n_tests,
            n_discoveries=n_discoveries,
            p_limit=p_limit,
            snapshot=snapshot,
            class_=class_,
            rule=np.array([RULES.index(name) for name in self._settings.rules])[rule],
            size=np.where(self._scored[places], sizes, -1),
            score=self._scores[places],
            lost=None if lost[0] is None else np.stack([one for one in lost if one is not None])[places],
            expected=chances.expected,
            threshold=threshold,
            p=self._p[places],
            p_adjusted=self._p_adjusted[places],
        )

    def _in_order(self, places: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """Return places with the most important first; where tails are too small to differ, by the excess."""
        rule, snapshot, class_ = places
        excess = self._scores[places] - self._chance.expected[places]
        order = np.lexsort((rule, class_, snapshot, -excess, self._p[places], ~self._scored[places]))
        return tuple(place[order] for place in places)
