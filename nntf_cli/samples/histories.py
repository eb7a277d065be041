"""Labels of every sample over time -> how often it changed, when it was learned, how often it was forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError, ParameterError
from nntf_cli.kernels import choice
from nntf_cli.kernels.choice import Engine, engine
from nntf_cli.kernels.vectorized_histories import FACTS
from nntf_cli.model import LabelLog
from nntf_cli.progress import task
from nntf_cli.samples.stacks import Stack, stacks
from nntf_cli.threads import for_each

#: What samples can be ordered by; those from ``n_forgotten`` on are known of true classes alone.
FIELDS = (
    "n_changes",
    "last_change",
    "n_classes_visited",
    "n_forgotten",
    "first_learned",
    "share_correct",
    "most_wrong_share",
)

#: Fields that are known without true classes, too.
WITHOUT_TRUE = FIELDS[:3]

#: Labels that make one piece of work, and those from which on several threads are worth it.
_WORK = 2**19
_WORTH_THREADS = 2**20


class Values(NamedTuple):
    """One value for each sample."""

    values: np.ndarray  #: (N,)
    defined: np.ndarray  #: (N,) bool


class Tally(NamedTuple):
    """How many samples ..."""

    never_learned: int  #: have labels, but never the correct one
    unforgettable: int  #: are learned and then never forgotten
    forgotten: int  #: are learned and forgotten at least once
    unlabelled: int  #: have no label at all


@dataclass(frozen=True)
class Histories:
    """What each of N samples went through in T snapshots.

    A missing label takes part in no transition, is neither right nor wrong and counts for no share: from the label
    before a gap to the one after it there is no change, and nothing is forgotten. Without true classes nothing is
    right or wrong.

    References
    ----------
    Toneva et al., "An empirical study of example forgetting during deep neural network learning", ICLR 2019. A
    forgetting event is theirs, with snapshots in place of presentations. Samples that are never learned, of which they
    say that they are forgotten infinitely often, have no event here and are told apart by ``never_learned``.
    """

    step: np.ndarray  #: (T,) int64
    facts: np.ndarray  #: (10, N): a row for each of the kernels' FACTS
    true: np.ndarray | None = None  #: (N,) int64
    ids: np.ndarray | None = None  #: (N,) int64 or str

    @property
    def n_samples(self) -> int:
        """N."""
        return self.facts.shape[1]

    def fact(self, name: str) -> np.ndarray:
        """Return one of the kernels' FACTS; -1 where there is no such snapshot or label."""
        row: np.ndarray = self.facts[FACTS.index(name)]
        return row

    def values(self, name: str) -> Values:
        """Return a measure of all samples.

        Parameters
        ----------
        name : str
            ``n_changes``, the transitions in which the label changed; ``last_change``, the step that the last of them
            arrives at; ``n_classes_visited``, distinct labels; ``final``, the last label. With true classes also
            ``n_forgotten``, the transitions from a correct label to a wrong one; ``first_learned``, the first step
            with a correct label; ``never_learned``; ``share_correct`` of the labels; ``most_wrong``, the most frequent
            wrong label (the lowest on ties), and ``most_wrong_share``, its share of the labels.

        Returns
        -------
        Values
            Undefined are steps and classes that there are not, shares of no label, and without true classes all
            that needs them.
        """
        known = np.full(self.n_samples, name in (*WITHOUT_TRUE, "final") or self.true is not None)
        labelled = known & (self.fact("n_present") > 0)
        if name in ("last_change", "first_learned"):
            row = self.fact(name)
            return Values(self.step[np.maximum(row, 0)], known & (row >= 0))
        if name in ("final", "most_wrong"):
            return Values(self.fact(name), known & (self.fact(name) >= 0))
        if name in ("share_correct", "most_wrong_share"):
            n = self.fact("n_correct" if name == "share_correct" else "n_most_wrong")
            return Values(n / np.maximum(self.fact("n_present"), 1), labelled)
        if name == "never_learned":
            return Values(self.fact("n_correct") == 0, labelled)
        return Values(self.fact(name), known)

    def order(self, field: str, among: np.ndarray | None = None, *, rising: bool = False) -> np.ndarray:
        """Return samples in order of a field.

        Parameters
        ----------
        field : str
            One of ``FIELDS``.
        among : ndarray of int64, optional
            Which samples; all if not given.
        rising : bool
            The smallest first instead of the largest.

        Returns
        -------
        ndarray of int64
            Their numbers; equal ones stay in order, and those without a value come last.

        Raises
        ------
        ParameterError
            There is no such field.
        """
        if field not in FIELDS:
            raise ParameterError(f"there is no field '{field}' to order by", f"one of {', '.join(FIELDS)}")
        chosen = np.arange(self.n_samples) if among is None else among
        values, defined = self.values(field)
        keys = values[chosen] if rising else -values[chosen]
        return chosen[np.lexsort((keys, ~defined[chosen]))]

    def of_classes(self, numbers: Sequence[int]) -> np.ndarray:
        """Return the samples whose true class is one of these."""
        assert self.true is not None
        return np.flatnonzero(np.isin(self.true, np.array(numbers, dtype=np.int64)))

    def tally(self, among: np.ndarray | None = None) -> Tally:
        """Return how many samples, of all or of those given, are never learned, unforgettable, forgotten, unlabelled.

        Each is one of these.
        """
        chosen = slice(None) if among is None else among
        labelled = self.fact("n_present")[chosen] > 0
        learned, forgotten = self.fact("n_correct")[chosen] > 0, self.fact("n_forgotten")[chosen] > 0
        kinds = (labelled & ~learned, learned & ~forgotten, forgotten, ~labelled)
        return Tally(*(int(np.count_nonzero(kind)) for kind in kinds))


def histories(log: LabelLog, split: str | None = None) -> Histories:
    """Follow every sample through all snapshots.

    Parameters
    ----------
    log : LabelLog
        Its labels are streamed, in several passes where they are stored snapshot by snapshot and are many.
    split : str, optional
        Which samples; the only split, else ``train``, if not given.

    Returns
    -------
    Histories
        40 bytes per sample, however many snapshots there are.

    Raises
    ------
    InputError
        There is no snapshot, or a label is invalid.
    LimitError
        Not even a few samples fit into memory.
    """
    chosen = log.split(split)
    source = chosen.labels
    if source.n_snapshots == 0:
        raise InputError("has no snapshot", "record one", where=log.source)
    n_labels = source.n_snapshots * source.n_samples
    kernels = engine(choice.COST_PER_FOLLOWED * n_labels)
    memory.require(
        4.0 * len(FACTS) * source.n_samples, "what became of each sample", memory.ELSEWHERE, where=log.source
    )
    facts = np.zeros((len(FACTS), source.n_samples), dtype=np.int32)
    true = np.full(source.n_samples, -1) if chosen.true is None else chosen.true
    with task(f"{log.source} ({chosen.name}): following samples", n_labels) as done:
        for stack in stacks(source):
            facts = _follow(kernels, stack, true, source.missing, facts)
            done(stack.labels.size)
    return Histories(log.step, facts, chosen.true, chosen.ids)


def _follow(kernels: Engine, stack: Stack, true: np.ndarray, missing: int, facts: np.ndarray) -> np.ndarray:
    """Enter what becomes of some samples; in a wider type if their classes need one."""
    first, labels, width = stack
    if width > np.iinfo(facts.dtype).max:
        facts = facts.astype(np.int64)
    each = max(1, _WORK // len(labels))

    def some(begin: int) -> None:
        part = slice(begin, begin + each)
        here = slice(first + begin, first + min(begin + each, labels.shape[1]))
        facts[:, here] = kernels.histories(labels[:, part], true[here], missing, width)

    for_each(some, range(0, labels.shape[1], each), None if labels.size > _WORTH_THREADS else 1)
    return facts


def labels_of(log: LabelLog, samples: np.ndarray, split: str | None = None) -> np.ndarray:
    """Return the labels of some samples, (T, len(samples)), in the order given."""
    source = log.split(split).labels
    chosen, place = np.unique(samples, return_inverse=True)
    picked: np.ndarray | None = None
    for panel in source.panels():
        first, last = np.searchsorted(chosen, [panel.column, panel.column + panel.labels.shape[1]])
        if picked is None:
            picked = np.empty((source.n_snapshots, len(chosen)), dtype=panel.labels.dtype)
        rows = slice(panel.row, panel.row + len(panel.labels))
        picked[rows, first:last] = panel.labels[:, chosen[first:last] - panel.column]
    assert picked is not None
    return picked[:, place]
