"""One pass over the labels counts, for every class and snapshot, what all measures of classes are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nntf_cli import memory
from nntf_cli.kernels import choice, engine
from nntf_cli.model import LabelLog, Panel, Split
from nntf_cli.progress import task

#: What can be said of a class at a snapshot, and which of it only where true classes are known.
MEASURES = ("error", "share", "inflow", "outflow", "precision")
NEED_TRUE = ("error", "precision")

#: Counts of a snapshot and class while they are made, and 4-byte tables of them that exist at a time.
_N_COUNTS, _N_TABLES = 6, 8


@dataclass(frozen=True)
class ClassTally:
    """What became of each of C classes at each of T snapshots; all counts are samples, (T, C) int32.

    A missing label is not there: a sample without one is neither right nor wrong and counts for no share, and to get
    or to lose one is no arrival and no departure.
    """

    run: str
    source: str
    split: str
    n_samples: int
    step: np.ndarray  #: (T,) int64
    n_labelled: np.ndarray  #: (T,) int64: samples that have a label
    n_predicted: np.ndarray  #: predicted as the class
    inflow: np.ndarray  #: that came from another class since the snapshot before; 0 at the first
    outflow: np.ndarray  #: that went to another class since the snapshot before; 0 at the first
    n_true: np.ndarray | None = None  #: of the true class, and with a label; None where true classes are not known
    n_correct: np.ndarray | None = None  #: of these, predicted as such
    class_names: tuple[str, ...] | None = None

    @property
    def n_snapshots(self) -> int:
        """T."""
        return len(self.step)

    @property
    def n_classes(self) -> int:
        """C."""
        return self.n_predicted.shape[1]

    def measure(self, name: str, classes: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return one of ``MEASURES``, class by class.

        Parameters
        ----------
        name : str
            ``error``: of the samples of the class, the share predicted as another one. ``precision``: of those
            predicted as the class, the share of which it is the true class. ``share``: of all samples, those
            predicted as the class. ``inflow``, ``outflow``: samples.
        classes : ndarray of int or slice
            Which of them; all unless given.

        Returns
        -------
        ndarray of float64, shape (classes, T)
            ``nan`` where it is undefined: nothing to divide by, no snapshot before.
        """
        if name in ("inflow", "outflow"):
            moved = getattr(self, name)[:, classes].T.astype(np.float64)
            moved[:, :1] = np.nan
            return moved
        if name == "share":
            return _ratio(self.n_predicted[:, classes].T, self.n_labelled)
        assert self.n_true is not None
        assert self.n_correct is not None
        right = self.n_correct[:, classes].T
        if name == "precision":
            return _ratio(right, self.n_predicted[:, classes].T)
        n_true = self.n_true[:, classes].T
        return _ratio(n_true - right, n_true)

    def overall_error(self) -> np.ndarray:
        """Return the share of all samples with a label that are wrong, (T,) float64."""
        assert self.n_correct is not None
        return _ratio(self.n_labelled - self.n_correct.sum(axis=1, dtype=np.int64), self.n_labelled)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide once, in float64; 0 / 0 is undefined."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    return np.divide(part, whole, out=np.full(shape, np.nan), where=whole > 0)


def tally(log: LabelLog, split: str | None = None) -> ClassTally:
    """Count, for every class and snapshot, samples predicted, right, come and gone.

    Parameters
    ----------
    log : LabelLog
        Its labels are streamed once, and never held.
    split : str, optional
        Which samples; the only split, else ``train``, if not given.

    Returns
    -------
    ClassTally
        With ``n_true`` and ``n_correct`` where the split has true classes.

    Raises
    ------
    InputError
        Invalid labels.
    LimitError
        A table of all snapshots and classes does not fit into memory.
    """
    chosen = log.split(split)
    labels = chosen.labels
    n_labels = labels.n_samples * log.n_snapshots
    kernels = engine(choice.COST_PER_TALLIED * n_labels)
    counter = _Counter(kernels, chosen, log.n_snapshots, log.declared_classes or 0)
    with task(f"{log.source} ({chosen.name}): counting classes", n_labels) as done:
        for panel in labels.panels():
            counter.count(panel)
            done(panel.labels.size)
    return counter.finish(log, chosen)


class _Counter:
    """Collects six counts of every snapshot and class; :mod:`nntf_cli.kernels.vectorized_tally` says which."""

    def __init__(self, kernels: choice.Engine, split: Split, n_snapshots: int, n_classes: int) -> None:
        self._kernels, self._missing, self._n_snapshots = kernels, split.labels.missing, n_snapshots
        own = np.zeros(0, dtype=np.int64) if split.true is None else split.true
        n_classes = max(n_classes, int(own.max(initial=-1)) + 1)
        self._counts = np.zeros((_N_COUNTS, n_snapshots, 0), dtype=np.int32)
        self._make_room(n_classes)
        self._true = (own + 1).astype(np.int32)
        self._last = np.zeros(0, dtype=np.uint8)

    def _make_room(self, n_classes: int) -> None:
        width = n_classes + 1  # column 0 is the missing label
        known = self._counts.shape[2]
        if width <= known:
            return
        n_bytes = 4 * _N_TABLES * self._n_snapshots * width
        memory.require(n_bytes, f"counting {n_classes:,} classes at {self._n_snapshots:,} snapshots", "use --every")
        wider = np.zeros((_N_COUNTS, self._n_snapshots, width), dtype=np.int32)
        wider[:, :, :known] = self._counts
        self._counts = wider

    def count(self, panel: Panel) -> None:
        """Add what a panel shows; those below each other come one after the other."""
        self._make_room(panel.width)
        rows, first, counts = panel.labels, panel.row, self._counts
        true = self._true[panel.column : panel.column + rows.shape[1]]
        if first == 0:
            self._kernels.tally_first(rows[0], true, self._missing, counts[:, 0])
            self._last, rows, first = rows[0], rows[1:], 1
        if len(rows):
            part = counts[:, first : first + len(rows)]
            self._kernels.tally_changes(self._last, rows, true, self._missing, part)
            self._last = rows[-1].copy()  # the panel itself need not stay

    def finish(self, log: LabelLog, split: Split) -> ClassTally:
        """Add up over the snapshots."""
        self._make_room(log.n_classes)
        came, went, appeared, vanished, right, labelled = self._counts
        present = np.cumsum(came - went, axis=0, dtype=np.int32)
        for changes in (right, labelled):
            np.cumsum(changes, axis=0, dtype=np.int32, out=changes)
        came -= appeared
        went -= vanished
        came[:1] = 0
        knows = split.true is not None
        return ClassTally(
            run=log.name,
            source=log.source,
            split=split.name,
            n_samples=split.labels.n_samples,
            step=log.step,
            n_labelled=split.labels.n_samples - present[:, 0].astype(np.int64),
            n_predicted=present[:, 1:],
            inflow=came[:, 1:],
            outflow=went[:, 1:],
            n_true=labelled[:, 1:] if knows else None,
            n_correct=right[:, 1:] if knows else None,
            class_names=log.class_names,
        )
